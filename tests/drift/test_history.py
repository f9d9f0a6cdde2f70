"""What a row of windows says together."""

from datetime import UTC, datetime, timedelta

from core.drift.history import by_concern, column_history, drifting_since, newest_evaluable
from core.drift.report import (
    ColumnDrift,
    ColumnKind,
    DriftVerdict,
    Grain,
    Window,
    WindowReport,
)

STABLE, DRIFTING, UNKNOWN = DriftVerdict.STABLE, DriftVerdict.DRIFTING, DriftVerdict.NOT_EVALUABLE
FIRST = datetime(2013, 7, 1, tzinfo=UTC)


def a_column(name: str, distance: float | None, importance: float = 0.5) -> ColumnDrift:
    verdict = DRIFTING if distance and distance > 0.2 else STABLE
    return ColumnDrift(
        name, ColumnKind.NUMERIC, importance, distance, 0.2, verdict, {}, 0.0, 0.0
    )  # fmt: skip


def a_report(day: int, verdict: DriftVerdict, *columns: ColumnDrift) -> WindowReport:
    start = FIRST + timedelta(days=day)
    return WindowReport(
        model="m",
        version=1,
        window=Window(Grain.DAY, start, start + timedelta(days=1)),
        rows=900,
        reference_rows=80_000,
        columns=columns,
        severity=None,
        alerting_share=None,
        verdict=verdict,
        says="",
        newest_received_at=None,
    )


def reports(*verdicts: DriftVerdict) -> tuple[WindowReport, ...]:
    return tuple(a_report(day, verdict) for day, verdict in enumerate(verdicts))


def test_drift_lasts_since_the_first_of_an_unbroken_run() -> None:
    since = drifting_since(reports(DRIFTING, STABLE, DRIFTING, DRIFTING))

    assert since is not None
    assert since.start == FIRST + timedelta(days=2)


def test_a_window_without_a_verdict_breaks_no_run() -> None:
    since = drifting_since(reports(STABLE, DRIFTING, UNKNOWN, DRIFTING, UNKNOWN))

    assert since is not None
    assert since.start == FIRST + timedelta(days=1)


def test_a_stable_newest_window_ends_the_run() -> None:
    assert drifting_since(reports(DRIFTING, STABLE)) is None


def test_no_windows_are_no_verdict() -> None:
    assert newest_evaluable(()) is None
    assert drifting_since(()) is None
    assert newest_evaluable(reports(UNKNOWN)) is None


def test_columns_are_ordered_by_what_moved_in_what_matters() -> None:
    windows = (
        a_report(0, STABLE, a_column("b", 0.9, 0.01), a_column("a", 0.1, 0.9)),
        a_report(1, STABLE, a_column("c", None, 0.9), a_column("a", 0.1, 0.9)),
    )

    assert by_concern(windows) == ("a", "b", "c")


def test_a_columns_history_has_only_the_windows_that_know_it() -> None:
    windows = (a_report(0, STABLE), a_report(1, STABLE, a_column("a", 0.1)))

    assert [window.start for window in column_history(windows, "a")] == [FIRST + timedelta(days=1)]
