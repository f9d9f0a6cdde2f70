"""Tables of runs: what is shown first, how it is written, what leaves as CSV."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from components.runs import run_tables


def runs(**columns: list[object]) -> pd.DataFrame:
    count = len(next(iter(columns.values())))
    fixed = {
        "run_id": [f"id{i}" for i in range(count)],
        "name": [f"run {i}" for i in range(count)],
        "status": ["FINISHED"] * count,
        "started_at": [datetime(2013, 1, 1 + i, tzinfo=UTC) for i in range(count)],
    }
    return pd.DataFrame(fixed | columns)


def test_a_page_speaks_of_the_loss_at_the_end_and_not_while_training() -> None:
    frame = runs(
        **{"metrics.valid_loss": [1, 2], "metrics.auc": [1, 2], "metrics.log_loss": [1, 2],
           "metrics.rows": [1, 2]}
    )  # fmt: skip

    assert run_tables.main_metric(frame) == "metrics.log_loss"
    assert run_tables.main_metric(frame, sorted_by="metrics.auc") == "metrics.auc"
    assert run_tables.ranked_metrics(frame)[-1] == "metrics.rows"


def test_no_metric_is_spoken_of_where_none_was_logged() -> None:
    assert run_tables.main_metric(runs(**{"params.a": ["1"]})) is None


def test_params_that_all_runs_share_are_not_shown_first() -> None:
    frame = runs(**{"params.same": ["1", "1", "1"], "params.own": ["a", "b", "b"]})

    assert "params.own" in run_tables.default_columns(frame)
    assert "params.same" not in run_tables.default_columns(frame)


def test_missing_values_sort_last_both_ways() -> None:
    frame = runs(**{"metrics.m": [2.0, None, 1.0]})

    for descending in (False, True):
        order = run_tables.ordered(frame, "metrics.m", descending=descending)["run_id"].tolist()
        assert order[-1] == "id1"


def test_groups_stay_together_when_sorted() -> None:
    frame = runs(**{"metrics.m": [1.0, 2.0, 3.0], "params.g": ["a", "b", "a"]})

    order = run_tables.ordered(frame, "metrics.m", descending=True, group="params.g")

    assert order["run_id"].tolist() == ["id2", "id0", "id1"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.39512, 0.5], "%.4f"), ([123.4, 5.5], "%.1f"), ([10.0, 20.0], "%.0f"), ([], "%.0f"),
        ([1e-9, 2e-9], "%.3e"), ([float("nan")], "%.0f"),
    ],
)  # fmt: skip
def test_a_column_has_about_four_significant_digits(values: list[float], expected: str) -> None:
    assert (
        run_tables.number_format(pd.Series(values, dtype="float64", name="metrics.m")) == expected
    )


def test_a_group_says_its_best_by_the_metrics_direction() -> None:
    frame = runs(**{"metrics.loss": [0.3, 0.1, 0.2], "params.g": ["a", "a", "b"]})

    table = run_tables.summary(frame, "params.g", "metrics.loss")

    assert table.to_dict("list") == {
        "group": ["a", "b"], "runs": [2, 1], "best": [0.1, 0.2], "median": [0.2, 0.2],
        "worst": [0.3, 0.2],
    }  # fmt: skip


def test_text_that_a_spreadsheet_would_run_leaves_as_text() -> None:
    frame = runs(**{"params.p": ["=HYPERLINK(1)", "-1"], "metrics.m": [-1.0, 2.0]})

    written = run_tables.exported(frame).decode()

    assert "'=HYPERLINK(1)" in written
    assert ",-1.0\n" in written or ",-1.0\r\n" in written
