"""Experiments on screen: which run should I look at?"""

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.house import VERA, House, text_of
from tests.pages.training import Laboratory


@pytest.fixture
def laboratory(empty_house: House) -> Laboratory:
    """Three runs of two families; one failed before it was scored."""
    made = Laboratory.of(empty_house.services)
    made.run("calm-elk", params={"family": "hgb", "depth": "3"}, log_loss=0.40, auc=0.74)
    made.run("shy-wren", params={"family": "rf", "depth": "8"}, log_loss=0.44, auc=0.70)
    made.run("red-kite", params={"family": "rf", "depth": "4"}, status="FAILED")
    return made


def shown(app: AppTest) -> list[str]:
    return list(app.dataframe[-1].value["name"])


def test_the_page_opens_with_the_answer(empty_house: House, laboratory: Laboratory) -> None:
    app = empty_house.visit("experiments", VERA)

    assert app.title[0].value == r"calm\-elk has the lowest log\_loss of 3 runs: 0.4000 (1 failed)."
    assert shown(app) == ["calm-elk", "shy-wren", "red-kite"]
    assert app.caption[0].value.startswith("3 of 3 runs")


def test_the_filter_of_the_url_is_mlflows_grammar(
    empty_house: House, laboratory: Laboratory
) -> None:
    app = empty_house.visit(
        "experiments", VERA, q="metrics.log_loss > 0.41 and params.family = 'rf'"
    )

    assert shown(app) == ["shy-wren"]
    assert app.caption[0].value.startswith("1 of 3 runs")


def test_a_filter_that_cannot_be_read_says_where_and_keeps_the_runs(
    empty_house: House, laboratory: Laboratory
) -> None:
    app = empty_house.visit("experiments", VERA, q="metrics.log_loss <")

    assert "Showing all runs" in app.warning[0].value
    assert len(shown(app)) == 3


def test_a_name_that_no_run_has_is_pointed_at(empty_house: House, laboratory: Laboratory) -> None:
    app = empty_house.visit("experiments", VERA, q="metrics.logloss < 1")

    assert "metrics.logloss" in text_of(app).replace("\\", "")


def test_nothing_that_passes_is_a_designed_state(
    empty_house: House, laboratory: Laboratory
) -> None:
    app = empty_house.visit("experiments", VERA, q="metrics.log_loss < 0.01")

    assert app.title[0].value == "None of 3 runs passes the filter."
    assert "No run passes this filter." in text_of(app)


def test_sort_and_columns_come_from_the_url(empty_house: House, laboratory: Laboratory) -> None:
    app = empty_house.visit(
        "experiments", VERA, sort="params.depth", order="descending", chart="Parallel"
    )

    assert shown(app) == ["shy-wren", "red-kite", "calm-elk"]


def test_ticked_runs_are_in_the_url_and_go_to_compare(
    empty_house: House, laboratory: Laboratory
) -> None:
    app = empty_house.visit("experiments", VERA)
    key = app.dataframe[-1].key
    assert key is not None
    ids = list(laboratory.services.index.table([laboratory.experiment_id]).frame["run_id"])  # type: ignore[list-item]

    app.session_state[key] = {"selection": {"rows": [0, 1], "columns": [], "cells": []}}
    app.run()

    picked = str(app.query_params["picked"]).split(",")
    assert len(picked) == 2
    assert set(picked) <= set(ids)
    assert app.button(key="experiments_compare").label == "Compare (2)"
    assert not app.button(key="experiments_compare").disabled


def test_a_ticked_run_that_the_filter_hides_stays_ticked(
    empty_house: House, laboratory: Laboratory
) -> None:
    everything = laboratory.services.index.table([laboratory.experiment_id]).frame  # type: ignore[list-item]
    elk = everything.set_index("name").loc["calm-elk", "run_id"]

    app = empty_house.visit("experiments", VERA, q="shy", picked=elk)

    assert shown(app) == ["shy-wren"]
    assert app.query_params["picked"] in (elk, [elk])


def test_grouping_says_the_best_of_each_group(empty_house: House, laboratory: Laboratory) -> None:
    app = empty_house.visit("experiments", VERA, group="params.family")

    groups = app.dataframe[0].value
    assert list(groups["group"]) == ["hgb", "rf"]
    assert list(groups["runs"]) == [1, 2]


def test_hostile_names_are_only_names(empty_house: House) -> None:
    made = Laboratory.of(empty_house.services, name="x")
    made.run("![](http://evil.example/x.png) <img src=x onerror=alert(1)>", loss=0.1)

    app = empty_house.visit("experiments", VERA)

    assert r"\!\[\]\(http" in app.title[0].value
    assert "<img" not in app.title[0].value.replace(r"\<", "")


def test_an_empty_server_says_what_would_be_here(empty_house: House) -> None:
    empty_house.services.tracking.door.write(lambda client: client.delete_experiment("0"))

    app = empty_house.visit("experiments", VERA)

    assert app.title[0].value == "There is no experiment yet."


def large() -> None:
    import pandas as pd
    import streamlit as st

    from components.runs import run_tables

    count = 2_500
    runs = pd.DataFrame(
        {
            "run_id": [f"id{i}" for i in range(count)],
            "name": [f"run {i}" for i in range(count)],
            "metrics.m": range(count),
        }
    )
    picked = run_tables.pick_runs(runs, ["metrics.m"], picked=("id7", "id2400"), pinned=())
    st.write(",".join(picked))


def test_thousands_of_runs_come_in_pages_and_ticks_on_others_stay() -> None:
    app = AppTest.from_function(large)
    app.query_params["page"] = "3"

    app.run()

    assert not app.exception
    assert list(app.dataframe[0].value["name"].iloc[[0, -1]]) == ["run 2000", "run 2499"]
    assert app.markdown[0].value == "id7,id2400"
