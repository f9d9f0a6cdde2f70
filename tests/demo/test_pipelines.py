"""What the models of the demonstration do on real flights."""

import numpy as np
import pandas as pd
import pytest

from core.demo import pipelines
from core.demo.flights import AIR_TIME, FLIGHT_DELAY, Task, months
from core.demo.plan import SPRING, WINTER, Family, PlannedRun, planned_runs

RUNS = {run.key: run for run in planned_runs(quick=False)}


def a_run(task: Task, family: Family) -> PlannedRun:
    return next(run for run in RUNS.values() if run.task == task and run.family is family)


@pytest.mark.parametrize("task", [FLIGHT_DELAY, AIR_TIME], ids=lambda task: task.name)
@pytest.mark.parametrize("family", list(Family))
def test_every_model_takes_raw_columns_and_draws_its_losses(
    table: pd.DataFrame, task: Task, family: Family
) -> None:
    train, valid = months(table, *WINTER, every=40), months(table, 4, 4, every=20)
    params = a_run(task, family).params

    fitted = pipelines.fit(task, family, params=params, train=train, valid=valid)

    predicted = pipelines.predict(task, fitted.pipeline, valid)
    assert predicted.shape == (len(valid),)
    assert len(fitted.train_loss) == len(fitted.valid_loss) > 5
    assert fitted.valid_loss[-1] == pytest.approx(
        pipelines.loss(task, valid[task.target], predicted)
    )


@pytest.mark.parametrize("family", list(Family))
def test_a_level_never_seen_and_missing_weather_are_still_answered(
    table: pd.DataFrame, family: Family
) -> None:
    train, valid = months(table, *WINTER, every=40), months(table, 4, 4, every=20)
    strange = valid.head(5).assign(dest="XXX", carrier="??", temp=np.nan, pressure=np.nan)
    params = a_run(FLIGHT_DELAY, family).params
    fitted = pipelines.fit(FLIGHT_DELAY, family, params=params, train=train, valid=valid)

    predicted = pipelines.predict(FLIGHT_DELAY, fitted.pipeline, strange)

    assert ((predicted >= 0) & (predicted <= 1)).all()


def test_importance_is_a_share_for_every_input(table: pd.DataFrame) -> None:
    train, valid = months(table, *WINTER, every=40), months(table, 4, 4, every=20)
    params = RUNS["boosting-02"].params
    fitted = pipelines.fit(FLIGHT_DELAY, Family.BOOSTING, params=params, train=train, valid=valid)

    shares = pipelines.importance(FLIGHT_DELAY, fitted.pipeline, train)

    assert tuple(shares) == FLIGHT_DELAY.inputs
    assert sum(shares.values()) == pytest.approx(1)
    assert min(shares.values()) >= 0


def test_the_champion_decays_by_june_and_retraining_helps(table: pd.DataFrame) -> None:
    june = months(table, 6, 6)
    losses = {}
    for key, span in (("boosting-09", WINTER), ("retrained-boosting-2", SPRING)):
        run = RUNS[key]
        assert run.train_months == span
        train = months(table, *span)
        fitted = pipelines.fit(run.task, run.family, params=run.params, train=train, valid=june)
        losses[key] = fitted.valid_loss[-1]

    assert losses["boosting-09"] == pytest.approx(0.570, abs=0.005)
    assert losses["retrained-boosting-2"] == pytest.approx(0.533, abs=0.005)
