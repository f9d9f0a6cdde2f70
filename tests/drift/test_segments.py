"""Segments: each against itself in training, and alerts that hold over all of them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from core.drift import sources
from core.drift.segments import moved_segments as segments
from core.drift.segments import segment_windows as segment_reading
from core.drift.values.results import DriftVerdict, SegmentReport, SegmentReports
from core.drift.windows import profile_rows
from core.errors import InsufficientData
from tests.drift.conftest import INPUTS, reference_of
from tests.drift.test_history import a_column, a_report

STABLE, DRIFTING, UNKNOWN = (
    DriftVerdict.STABLE, DriftVerdict.DRIFTING, DriftVerdict.NOT_EVALUABLE,
)  # fmt: skip


@pytest.fixture(scope="module")
def cut_by_origin(
    winter: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Path, Callable[..., Path], pd.DataFrame], SegmentReports]:
    path = tmp_path_factory.mktemp("learnt") / "inputs.parquet"
    few = winter.iloc[::6]
    reference = reference_of(few[["event_time", *INPUTS]], path)
    kept = profile_rows.KeptReference(reference, reference.reference_id, None)

    def look(home: Path, log_rows: Callable[..., Path], live: pd.DataFrame) -> SegmentReports:
        log_rows(live, "a.parquet", scores=[0.3] * len(live))
        log = sources.captured_log(home, "flight-delay")
        labels = sources.captured_labels(home, "flight-delay")
        return segment_reading.read(
            segment_reading.SegmentCut(
                "flight-delay",
                1,
                profile_rows.week_window(live["event_time"].iloc[0].date()),
                "origin",
            ),
            kept,
            segment_reading.SegmentSource(
                sources.RowsInFile(path), (log, log.parts()), (labels, ())
            ),
            None,
        )

    return look


@pytest.fixture
def week(winter: pd.DataFrame) -> pd.DataFrame:
    start = pd.Timestamp("2013-02-11", tz="UTC")
    inside = winter["event_time"].between(start, start + timedelta(days=7), inclusive="left")
    return winter[inside].iloc[::4].copy()


def test_only_the_segment_that_moved_drifts(
    cut_by_origin: Callable[..., SegmentReports],
    week: pd.DataFrame,
    tmp_path: Path,
    log_rows: Callable[..., Path],
) -> None:
    at_jfk = week["origin"] == "JFK"
    week.loc[at_jfk, "distance"] = week.loc[at_jfk, "distance"] + 3_000

    found = cut_by_origin(tmp_path, log_rows, week)

    assert found.segments[0].level == "JFK"
    assert "distance" in {c.name for c in found.segments[0].report.alerting}
    others = {c.name for s in found.segments[1:] for c in s.report.alerting}
    assert "distance" not in others
    assert sum(s.report.rows for s in found.segments) == len(week)
    assert all(s.report.reference_rows > 1_000 for s in found.segments)
    assert "origin JFK moved most" in found.says
    assert all(s.realised and s.realised.value is None for s in found.segments)


def test_rows_that_are_gone_are_not_evaluable(
    cut_by_origin: Callable[..., SegmentReports], week: pd.DataFrame, tmp_path: Path
) -> None:
    def nothing(*_: object, **__: object) -> None:
        """Nothing was captured."""

    with pytest.raises(InsufficientData, match="not at hand"):
        cut_by_origin(tmp_path, nothing, week)


def test_an_alert_holds_only_if_it_holds_over_all_segments() -> None:
    loud = replace(a_column("temp", 0.3), verdict=DRIFTING, statistics={"p_value": 0.02})
    quiet = replace(a_column("temp", 0.1), verdict=STABLE, statistics={"p_value": 0.6})
    sure = replace(loud, statistics={"p_value": 1e-6})

    one = segments.judged_together([a_report(0, DRIFTING, loud)])
    many = segments.judged_together(
        [a_report(0, DRIFTING, loud), *(a_report(0, STABLE, quiet) for _ in range(7))]
    )
    certain = segments.judged_together(
        [a_report(0, DRIFTING, sure), *(a_report(0, STABLE, quiet) for _ in range(7))]
    )

    assert one[0].verdict is DRIFTING
    assert many[0].verdict is STABLE
    assert many[0].columns[0].verdict is STABLE
    assert certain[0].verdict is DRIFTING


def test_segments_without_enough_rows_come_last_and_are_counted() -> None:
    small = SegmentReport("few", replace(a_report(0, UNKNOWN), severity=None))
    large = SegmentReport("many", replace(a_report(0, STABLE, a_column("temp", 0.1)), severity=0.1))

    order = segments.by_movement([small, large])

    assert [s.level for s in order] == ["many", "few"]
    assert "1 have too few rows" in segments.in_words("origin", order, 0)
    assert "No segment of origin" in segments.in_words("origin", [small], 0)
    assert "2 smaller levels" in segments.in_words("origin", order, 2)
