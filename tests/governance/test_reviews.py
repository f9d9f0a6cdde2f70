"""When an approval is outside of its bounds, and what the ledger says is due."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.drift.values.results import DriftVerdict, Grain, Performance, Window, WindowReport
from core.governance.rules.policies.policy import CheckVerdict, ReviewBounds
from core.governance.rules.reviews import Approval, Decay, ReviewCause, decay
from tests.drift.test_history import DRIFTING, STABLE, UNKNOWN, a_report

MONDAY = datetime(2013, 7, 1, tzinfo=UTC)
APPROVED = datetime(2026, 8, 1, tzinfo=UTC)
WEEK = timedelta(weeks=1)


def weeks(*verdicts: DriftVerdict) -> tuple[WindowReport, ...]:
    return tuple(a_report(7 * week, verdict) for week, verdict in enumerate(verdicts))


def losses(*values: float) -> tuple[Performance, ...]:
    return tuple(
        Performance(
            Window(Grain.WEEK, MONDAY + n * WEEK, MONDAY + (n + 1) * WEEK),
            "log_loss", value, 500, 500, "", 0.01,
        )
        for n, value in enumerate(values)
    )  # fmt: skip


def found(
    approval: Approval | None = None,
    *,
    bounds: ReviewBounds | None = None,
    days: float = 1,
    reports: tuple[WindowReport, ...] = (),
    live: tuple[Performance, ...] = (),
) -> Decay:
    return decay(
        bounds or ReviewBounds(),
        approval or Approval(APPROVED, expected=0.5),
        version=3,
        reports=reports,
        weeks=live,
        at=APPROVED + timedelta(days=days),
    )


def test_a_young_approval_of_a_stable_champion_is_within_its_bounds() -> None:
    assert found(reports=weeks(STABLE, STABLE), live=losses(0.5, 0.5)).causes == frozenset()


def test_an_old_approval_is_outside_of_them() -> None:
    assert found(days=89.9).causes == frozenset()
    assert found(days=90).causes == {ReviewCause.AGE}
    assert "90 days old" in found(days=90).says


def test_two_whole_weeks_of_drift_in_a_row_are_outside() -> None:
    assert found(reports=weeks(DRIFTING, STABLE, DRIFTING)).causes == frozenset()
    assert found(reports=weeks(STABLE, DRIFTING, DRIFTING)).causes == {ReviewCause.DRIFT}


def test_weeks_that_were_looked_at_when_it_was_approved_do_not_count_again() -> None:
    seen = Approval(APPROVED, seen_until=weeks(DRIFTING, DRIFTING)[0].window.start + WEEK)

    assert found(seen, reports=weeks(DRIFTING, DRIFTING)).causes == frozenset()
    assert found(seen, reports=weeks(DRIFTING, DRIFTING, DRIFTING)).causes == {ReviewCause.DRIFT}


def test_a_loss_that_is_for_sure_worse_than_in_testing_is_outside() -> None:
    assert found(live=losses(0.53, 0.9)).causes == frozenset()  # the last week may still fill
    assert found(live=losses(0.56, 0.9)).causes == {ReviewCause.PERFORMANCE}


def test_what_cannot_be_judged_is_neither_calm_nor_due() -> None:
    nothing = found(reports=weeks(UNKNOWN, UNKNOWN))

    assert nothing.causes == frozenset()
    assert {line.verdict for line in nothing.compared[1:]} == {CheckVerdict.NOT_EVALUABLE}


def test_a_bound_that_is_switched_off_makes_nothing_due() -> None:
    never = ReviewBounds(None, None, None)

    assert found(
        bounds=never, days=5000, reports=weeks(*[DRIFTING] * 9), live=losses(0.9, 0.9)
    ).causes == frozenset()  # fmt: skip


@given(
    st.floats(0, 4000),
    st.lists(st.sampled_from([STABLE, DRIFTING, UNKNOWN]), max_size=8),
    st.lists(st.floats(0.01, 2), max_size=8),
)
def test_a_wider_bound_never_finds_more(
    days: float, verdicts: list[DriftVerdict], live: list[float]
) -> None:
    one, other = ReviewBounds(30, 1, 0.01), ReviewBounds(300, 4, 0.5)

    narrow, wide = (
        found(bounds=b, days=days, reports=weeks(*verdicts), live=losses(*live))
        for b in (one, other)
    )

    assert wide.causes <= narrow.causes
    assert len(wide.compared) == 3
