"""Runs side by side: what differs, and what did it buy?"""

import pytest

from tests.pages.house import MODEL, VERA, House, text_of
from tests.pages.training import FIGURE, Laboratory, predictions


@pytest.fixture
def pair(empty_house: House) -> tuple[str, str]:
    """Two runs that differ in one of two params, scored on the same rows."""
    made = Laboratory.of(empty_house.services)
    worse = made.run(
        "calm-elk", params={"family": "hgb", "depth": "3"}, curve=(0.6, 0.5), log_loss=0.50,
        auc=0.70, tags={"stile.holdout": "a" * 64},
        files={
            "eval/predictions.parquet": predictions(noise=0.4),
            "plots/roc.json": FIGURE.encode(),
        },
    )  # fmt: skip
    better = made.run(
        "brisk-owl", params={"family": "hgb", "depth": "8"}, curve=(0.6, 0.4), log_loss=0.40,
        auc=0.70, tags={"stile.holdout": "a" * 64},
        files={"eval/predictions.parquet": predictions(noise=0.1)},
    )  # fmt: skip
    return worse, better


def test_the_page_opens_with_what_differs_and_what_it_bought(
    empty_house: House, pair: tuple[str, str]
) -> None:
    app = empty_house.visit("compare", VERA, runs=",".join(pair))

    assert app.title[0].value == (
        r"brisk\-owl has the lowest log\_loss (0.4000), 0.100 better than calm\-elk ★; "
        "the runs differ in 1 of 2 params."
    )


def test_metrics_have_deltas_against_the_starred_baseline(
    empty_house: House, pair: tuple[str, str]
) -> None:
    app = empty_house.visit("compare", VERA, runs=",".join(pair), show="Metrics")

    row = app.dataframe[0].value.set_index("metric").loc["log_loss"]
    assert row["calm-elk ★"] == "0.5000"
    assert row["brisk-owl"] == "0.4000   ▼ −0.100 better"


def test_the_baseline_is_chosen_by_the_url(empty_house: House, pair: tuple[str, str]) -> None:
    app = empty_house.visit("compare", VERA, runs=",".join(pair), base=pair[1], show="Metrics")

    row = app.dataframe[0].value.set_index("metric").loc["log_loss"]
    assert row["calm-elk"] == "0.5000   ▲ +0.100 worse"


def test_the_baseline_can_be_moved_by_a_click(empty_house: House, pair: tuple[str, str]) -> None:
    app = empty_house.visit("compare", VERA, runs=",".join(pair))

    app.button(key=f"compare_base_{pair[1]}").click().run()

    assert app.query_params["base"] == pair[1]
    assert "**brisk\\-owl ★**" in text_of(app)


def test_differences_only_leaves_what_differs(empty_house: House, pair: tuple[str, str]) -> None:
    app = empty_house.visit("compare", VERA, runs=",".join(pair), diff="true")

    metrics, params = (table.value for table in app.dataframe[:2])
    assert "auc" not in list(metrics["metric"])
    assert list(params["param"]) == ["depth"]


def test_a_plot_that_a_run_did_not_log_is_said(empty_house: House, pair: tuple[str, str]) -> None:
    app = empty_house.visit("compare", VERA, runs=",".join(pair), show="Plots")

    assert "Not logged by this run." in text_of(app)


def test_the_difference_is_taken_row_by_row(empty_house: House, pair: tuple[str, str]) -> None:
    app = empty_house.visit("compare", VERA, runs=",".join(pair), show="Evaluation")

    table = app.dataframe[0].value.set_index("loss")
    assert list(table.index) == ["log loss", "Brier score", "1 − AUC", "error rate"]
    assert table.loc["log loss", "verdict"] == "✓ better"
    assert table.loc["log loss", "rows"] == "300"
    assert "The predictions have no slice columns" in text_of(app).replace("\\", "")
    assert "Calibration" in text_of(app)


def test_slices_show_where_it_was_bought(empty_house: House) -> None:
    made = Laboratory.of(empty_house.services)
    ids = [
        made.run(name, tags={"stile.holdout": "a" * 64}, log_loss=noise,
                 files={"eval/predictions.parquet": predictions(
                     noise=noise, origins=("JFK", "**EWR**"))})
        for name, noise in (("older", 0.4), ("newer", 0.1))
    ]  # fmt: skip

    app = empty_house.visit("compare", VERA, runs=",".join(ids), show="Evaluation")

    table = app.dataframe[1].value
    assert set(table["slice"]) == {"origin JFK", "origin **EWR**"}
    assert set(table["verdict"]) == {"✓ better"}
    assert "2 slices by log loss: 2 better" in text_of(app).replace("\\", "")


def test_candidates_that_are_not_on_the_page_are_counted_too(
    empty_house: House, pair: tuple[str, str]
) -> None:
    for number in range(3):
        Laboratory(empty_house.services, "0").run(
            f"tried-{number}", tags={"stile.holdout": "a" * 64}
        )

    app = empty_house.visit("compare", VERA, runs=",".join(pair), show="Evaluation")

    assert "widened for 4 candidates" in text_of(app)
    assert "Bonferroni" in text_of(app)


def test_runs_without_predictions_are_not_evaluable(empty_house: House) -> None:
    made = Laboratory.of(empty_house.services)
    ids = [made.run(name, log_loss=0.5) for name in ("a", "b")]

    app = empty_house.visit("compare", VERA, runs=",".join(ids), show="Evaluation")

    assert len(app.dataframe) == 0
    assert "not evaluable" in text_of(app)
    assert "no row\\-level predictions" in text_of(app)


def test_other_hold_outs_are_warned_of(empty_house: House, pair: tuple[str, str]) -> None:
    other = Laboratory(empty_house.services, "0").run(
        "odd", tags={"stile.holdout": "b" * 64}, log_loss=0.1
    )

    app = empty_house.visit("compare", VERA, runs=f"{pair[0]},{other}")

    assert app.title[0].value.startswith("These 2 runs were scored on different hold-outs")
    assert "of different rows" in app.warning[0].value
    numbers = app.dataframe[0].value.set_index("metric").loc["log_loss"]
    assert not [cell for cell in numbers if "better" in cell or "worse" in cell]


def test_a_champion_scored_anew_is_offered_for_a_fair_comparison(house: House) -> None:
    made = Laboratory.of(house.services)
    champion = house.services.tracking.version(MODEL, 1)
    house.services.tracking.door.write(
        lambda client: client.set_tag(champion.run_id, "stile.holdout", "a" * 64)
    )
    june = {"stile.holdout": "b" * 64}
    candidate = made.run("candidate", log_loss=0.5, tags=june)
    again = made.run("on june", log_loss=0.6, tags={**june, "stile.evaluates": f"{MODEL}/1"})

    app = house.visit("compare", VERA, runs=f"{champion.run_id},{candidate}")

    assert f"/compare?runs={again},{candidate}" in text_of(app)


def test_versions_are_compared_by_name_and_the_champion_is_the_baseline(house: House) -> None:
    app = house.visit("compare", VERA, versions=f"{MODEL}/2,{MODEL}/1", show="Metrics")

    said = text_of(app)
    assert r"flight\-delay 1 (champion)" in said
    assert app.dataframe[0].value.columns[2].endswith("★")
    assert app.dataframe[0].value.iloc[0, 2] == "0.5700"


def test_two_runs_of_one_name_are_two_columns(empty_house: House) -> None:
    made = Laboratory.of(empty_house.services)
    ids = [made.run("same", log_loss=x) for x in (0.1, 0.2)]

    app = empty_house.visit("compare", VERA, runs=",".join(ids), show="Metrics")

    assert {"same ★", "same (2)"} <= set(app.dataframe[0].value.columns)


@pytest.mark.parametrize("runs", ["", "one"])
def test_nothing_to_compare_leads_to_the_choice(empty_house: House, runs: str) -> None:
    app = empty_house.visit("compare", VERA, runs=runs)

    assert app.title[0].value == "Choose what to compare."
    assert "/experiments" in text_of(app)
