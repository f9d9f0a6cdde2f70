"""What a judgement of before is worth today, and the flag that says so."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.governance.registry.last_judgement import is_beaten, last_judged
from core.governance.rules.evidence import Evidence, EvidencePart, Figure, FigureStatus
from core.governance.rules.policies.policy import Policy, default_policy
from core.governance.rules.registry.flags import RequestResult, VersionFlag, flags
from core.governance.rules.requests import PromotionRequest, RequestId, RequestStatus
from core.identity.people import Side, Username
from core.values.canonical_json import JsonValue

AT: Final = datetime(2026, 11, 20, 9, tzinfo=UTC)
POLICY: Final = default_policy("flight-delay", "champion")


def compared(name: str, low: float | None, *, margin: float = 0.01) -> Figure:
    value: JsonValue = None if low is None else {"low": low, "high": low + 0.1, "margin": margin}
    status = FigureStatus.NOT_EVALUABLE if low is None else FigureStatus.KNOWN
    return Figure(
        f"comparison.{name}", Side.DATA_SCIENCE, EvidencePart.PINNED, status, value, "", "a run", AT
    )


def evidence(*figures: Figure, at: datetime = AT) -> Evidence:
    return Evidence(figures, gathered_at=at)


def a_request(frozen: Evidence, *, policy: Policy = POLICY) -> PromotionRequest:
    return PromotionRequest(
        RequestId(1), "flight-delay", "champion", 3, 4, RequestStatus.REJECTED, Username("ana"), AT,
        AT + timedelta(days=14), "", policy, frozen, frozenset(), AT,
    )  # fmt: skip


def of(
    frozen: Evidence, now: Evidence | None = None, *, champion: int | None = 3,
    in_force: Policy | None = None, later: timedelta = timedelta(),
) -> RequestResult:  # fmt: skip
    return last_judged(
        a_request(frozen), now or frozen, champion=champion, in_force=in_force, at=AT + later
    )


@pytest.mark.parametrize(
    ("figures", "beaten"),
    [
        ((compared("log_loss", 0.02),), True),
        ((compared("log_loss", 0.02), compared("brier", -0.005)), True),
        ((compared("log_loss", 0.02), compared("brier", -0.05)), False),
        ((compared("log_loss", -0.005), compared("brier", -0.005)), False),
        ((compared("log_loss", 0.02), compared("brier", None)), False),
        ((compared("primary", 0.02),), False),
        ((), False),
    ],
)
def test_beaten_is_not_better_by_any_loss_and_worse_by_one(
    figures: tuple[Figure, ...], beaten: bool
) -> None:
    assert is_beaten(evidence(*figures)) is beaten
    assert of(evidence(*figures)).beaten_by == (3 if beaten else None)


@given(st.lists(st.floats(-1, 1) | st.none(), max_size=5))
def test_two_versions_never_beat_each_other(lows: list[float | None]) -> None:
    """Held the other way round, the interval turns: what was beaten does not beat in turn."""
    ours = evidence(*(compared(str(n), low) for n, low in enumerate(lows)))
    turned = evidence(
        *(compared(str(n), None if low is None else -(low + 0.1)) for n, low in enumerate(lows))
    )

    assert not (is_beaten(ours) and is_beaten(turned))


def test_a_judgement_goes_stale_with_the_facts_the_champion_the_rules_and_time() -> None:
    frozen = evidence(compared("log_loss", 0.02))

    assert of(frozen).stale == ""
    assert "Facts have changed" in of(frozen, evidence(compared("log_loss", 0.03))).stale
    assert "was version 3; now it is version 5" in of(frozen, champion=5).stale
    assert "no version" in of(frozen, champion=None).stale
    in_force = replace(POLICY, version=2)
    assert "policy 2 is in force now" in of(frozen, in_force=in_force).stale
    assert "days ago" in of(frozen, later=timedelta(days=400)).stale


def test_the_worst_that_is_known_of_a_version_is_its_flag() -> None:
    found = flags(
        [2, 3, 4],
        champion=5,
        judged={
            2: RequestResult(beaten_by=3, stale="Old."),
            3: RequestResult(beaten_by=9, stale="Old."),
            4: RequestResult(),
        },
    )

    assert {version: flag.kind for version, flag in found.items()} == {
        2: "dominated",
        3: "stale-evidence",  # the one that beat it is not registered any more
    }
    assert found[3] == VersionFlag("stale-evidence", "Old.")
