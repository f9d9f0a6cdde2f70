"""What a row of windows says together."""

from datetime import UTC, datetime, timedelta

from core.drift.report.window_marks import ChampionMove, WindowMark, marks, moves
from core.drift.values.results import (
    AnswersByVersion,
    ColumnDrift,
    ColumnKind,
    DriftVerdict,
    Grain,
    Window,
    WindowReport,
)
from core.drift.values.window_history import (
    by_concern,
    column_history,
    drifting_since,
    newest_evaluable,
    on_one_axis,
)
from core.governance.rules.registry.production_timeline import Governed, ProductionInterval

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


def served(day: int, *versions: int, received: int | None = None) -> AnswersByVersion:
    newest = None if received is None else NOON + timedelta(hours=received)
    return AnswersByVersion(a_report(day, STABLE).window, dict.fromkeys(versions, 100), newest)


NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MOVE = ChampionMove(3, 5, NOON, request=1)


def test_a_champions_change_is_marked_where_rows_first_came_after_it() -> None:
    windows = (served(0, 3, received=-2), served(1, 3, received=1), served(2, 3, received=2))

    (mark,) = marks(windows, (MOVE,))

    assert mark == WindowMark(windows[1].window, 5, MOVE)


def test_a_change_since_which_nothing_came_has_no_window() -> None:
    (mark,) = marks((served(0, 3, received=-2), served(1, 3)), (MOVE,))

    assert mark.window is None


def test_a_deploy_is_where_a_version_answers_that_did_not_before() -> None:
    windows = (served(0, 3), served(1, 3, 5), served(2, 5), served(3, 3))

    found = marks(windows, ())

    assert [(m.window, m.version) for m in found] == [
        (windows[1].window, 5),
        (windows[3].window, 3),
    ]


def test_moves_are_where_an_alias_changed_and_say_who_moved_it() -> None:
    later = NOON + timedelta(hours=1)
    intervals = (
        ProductionInterval(None, None, NOON, Governed.UNKNOWN),
        ProductionInterval(3, NOON, NOON, Governed.UNKNOWN),
        ProductionInterval(5, NOON, later, Governed.GOVERNED, request=1),
        ProductionInterval(None, later, later, Governed.UNKNOWN),
        ProductionInterval(5, later, later, Governed.GOVERNED, request=1),
        ProductionInterval(4, later, None, Governed.UNGOVERNED),
    )

    assert moves(intervals) == (MOVE, ChampionMove(5, 4, later, None))


def test_a_window_of_another_decade_is_not_on_the_axis_of_the_others() -> None:
    found = (
        a_report(-10_000, UNKNOWN),
        a_report(-3, UNKNOWN),
        a_report(0, STABLE),
        a_report(5, UNKNOWN),
        a_report(9, DRIFTING),
        a_report(12, UNKNOWN),
        a_report(4_000, UNKNOWN),
    )

    assert on_one_axis(found) == found[1:6]
    assert on_one_axis(found[:2]) == found[:2]
