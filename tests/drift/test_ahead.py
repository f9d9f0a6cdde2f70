"""The worker looks ahead at all inputs together: once, for a bounded time, in nobody's way."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from core.drift.look_ahead import LONGEST, MultivariateLookAhead
from core.drift.references.offered_reference import FromWindow
from core.drift.values.results import Grain
from core.drift.windows import profile_rows
from tests.drift.attached import AT, MODEL, Place
from tests.mlflow_fixtures import MlflowStore

WEEK = profile_rows.week_window(date(2026, 11, 2))


@pytest.fixture
def place(mlflow_store: MlflowStore, engine: Engine, tmp_path: Path) -> Place:
    """Eight days of live inputs, held against the first two of them."""
    here = Place(tmp_path, engine, mlflow_store)
    here.attach(FromWindow(date(2026, 11, 2), date(2026, 11, 3)))
    here.drift.refresh(MODEL, at=AT)
    return here


def ahead(place: Place, *, seconds: float = 0.0) -> MultivariateLookAhead:
    """One whose clock moves on by so many seconds whenever somebody looks at it."""
    passed = iter(range(10_000))

    def clock() -> datetime:
        return AT + timedelta(seconds=seconds * next(passed))

    return MultivariateLookAhead(place.drift, lambda: [(MODEL, 1), ("nobody knows it", 3)], clock)


def test_the_newest_week_and_day_are_known_before_anybody_asks(place: Place) -> None:
    assert ahead(place).look(AT) == ()

    newest = place.drift.timeline(MODEL, 1, Grain.DAY, at=AT)[-1].window
    assert place.drift.multivariate.known(MODEL, 1, WEEK) is not None
    assert place.drift.multivariate.known(MODEL, 1, newest) is not None


def test_a_look_that_takes_too_long_is_given_up_and_said(place: Place) -> None:
    slow = ahead(place, seconds=LONGEST.total_seconds())

    (says,) = slow.look(AT)

    assert f"took longer than {LONGEST.total_seconds():.0f} s" in says
    assert place.drift.multivariate.known(MODEL, 1, WEEK) is None


def test_what_failed_is_not_tried_again_within_the_hour(place: Place) -> None:
    slow = ahead(place, seconds=LONGEST.total_seconds())
    slow.look(AT)  # the week
    slow.look(AT)  # the day

    assert slow.look(AT) == ()
