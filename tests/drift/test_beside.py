"""One window as two versions see it: what differs comes first, and the sentence says who fits."""

from dataclasses import replace

import pytest

from core.drift.report import two_versions
from core.drift.values.results import DriftVerdict, WindowReport
from tests.drift.test_history import a_column, a_report

STABLE, DRIFTING = DriftVerdict.STABLE, DriftVerdict.DRIFTING


def seen_by(version: int, severity: float | None, **distances: float) -> WindowReport:
    columns = [
        replace(a_column(name, d), verdict=DRIFTING if d > 0.5 else STABLE)
        for name, d in distances.items()
    ]
    return replace(a_report(0, DRIFTING, *columns), version=version, severity=severity)


def test_what_alerts_for_one_version_only_comes_first_then_the_widest_gap() -> None:
    candidate = seen_by(5, 0.1, temp=0.3, dest=0.1, seats=0.9, pressure=0.2, new=0.1)
    champion = seen_by(3, 0.2, temp=0.4, dest=0.1, seats=0.9, pressure=0.7)

    found = two_versions.inputs(candidate, champion)

    assert [b.name for b in found] == ["pressure", "temp", "seats", "dest", "new"]
    assert found[1].gap == pytest.approx(-0.1)
    assert found[-1].champion is None


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        (0.15, 0.18, "fits it better"),
        (0.30, 0.18, "fits it worse"),
        (0.181, 0.18, "both fit it alike"),
    ],
)
def test_the_sentence_says_which_version_fits(ours: float, theirs: float, said: str) -> None:
    assert said in two_versions.in_words(seen_by(5, ours, temp=0.3), seen_by(3, theirs, temp=0.4))


def test_without_a_champion_or_a_verdict_nothing_is_claimed() -> None:
    silent = replace(seen_by(5, None), says="12 rows are too few.")

    assert "no champion" in two_versions.in_words(seen_by(5, 0.1, temp=0.3), None)
    assert two_versions.in_words(silent, None).endswith("cannot be told: 12 rows are too few.")
