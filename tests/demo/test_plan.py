"""Which runs the demonstration consists of."""

import pytest

from core.demo.flights import AIR_TIME, FLIGHT_DELAY, TASKS, Task
from core.demo.plan import CHAMPIONS, WINTER, Family, PlannedRun, planned_runs

FULL, QUICK = planned_runs(quick=False), planned_runs(quick=True)


def versions(runs: tuple[PlannedRun, ...], task: Task) -> list[int]:
    return [run.registers for run in runs if run.task == task and run.registers is not None]


def test_at_least_forty_runs_of_three_families_learn_from_winter() -> None:
    first = [run for run in FULL if run.task == FLIGHT_DELAY and run.is_first_round]

    assert len(first) >= 40
    assert {run.family for run in first} == set(Family)
    assert {(run.train_months, run.test_month) for run in first} == {(WINTER, 4)}


def test_a_key_names_one_run_only() -> None:
    assert len({run.key for run in FULL}) == len(FULL)


def test_no_run_is_trained_twice() -> None:
    trained = [
        (run.task.name, run.family, tuple(run.params.items()), run.train_months)
        for run in FULL
        if run.evaluates is None
    ]

    assert len(set(trained)) == len(trained)


@pytest.mark.parametrize("runs", [FULL, QUICK], ids=["full", "quick"])
def test_versions_come_in_order_and_the_retrained_ones_after_the_champion(
    runs: tuple[PlannedRun, ...],
) -> None:
    assert versions(runs, FLIGHT_DELAY) == [1, 2, 3, 4, 5]
    assert versions(runs, AIR_TIME) == [1, 2, 3]
    for run in runs:
        if run.registers is not None:
            assert run.is_first_round == (run.registers <= CHAMPIONS[run.task.name])


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize("runs", [FULL, QUICK], ids=["full", "quick"])
def test_the_champion_is_scored_on_the_candidates_flights(
    runs: tuple[PlannedRun, ...], task: Task
) -> None:
    (evaluation,) = [run for run in runs if run.task == task and run.evaluates is not None]
    (candidate,) = [
        run for run in runs if run.task == task and run.registers == max(versions(runs, task))
    ]

    assert evaluation.evaluates == CHAMPIONS[task.name]
    assert evaluation.test_month == candidate.test_month


def test_quick_is_a_small_part_of_the_full_plan() -> None:
    assert {run.key for run in QUICK} < {run.key for run in FULL}
    assert len(QUICK) <= 12
