"""The Drift page as people see it: what moved, since when, who served, what is wrong."""

from datetime import UTC, datetime

import pytest
from streamlit.testing.v1 import AppTest

from core.drift.multivariate.sample_tasks import SampleTask
from core.drift.values.results import Grain, MultivariateReport
from tests.pages import watched
from tests.pages.conftest import Enter, moved_inputs
from tests.pages.house import EMIL, MODEL, VERA, House, text_of

EWR_DAY, MOVED_DAY = "2026-10-03", "2026-10-16"


@pytest.fixture
def moved(enter: Enter) -> House:
    return enter("moved-inputs", moved_inputs)


def said(app: AppTest) -> str:
    return text_of(app).replace("\\", "")


def test_the_sentence_tells_duration_and_severity(moved: House) -> None:
    app = moved.visit("drift", VERA)

    title = str(app.title[0].value).replace("\\", "")
    assert "inputs drift, some on each of 4 days since 15 Oct 2026; severity" in title


def test_a_deploy_is_said_in_words(moved: House) -> None:
    assert "● version 2 first answered on 17 Oct 2026" in said(moved.visit("drift", VERA))


def test_a_change_of_champion_is_said_with_its_request(moved: House) -> None:
    moved.promote()

    text = said(moved.visit("drift", VERA, version=1))

    assert "▲ champion 1 → 2 by request 1" in text
    assert "no input has been received since" in text


def test_the_table_says_for_what_an_input_is_unusual_and_for_how_long(moved: House) -> None:
    table = moved.visit("drift", VERA).dataframe[-1].value.set_index("input")

    assert table.loc["temp", "unusual"] == "unusual for this season"
    assert table.loc["temp", "in a row"] == 4
    assert table.loc[watched.HOSTILE, "what moved"].startswith("missing 0.0% → 10.0%")


def test_two_windows_are_compared_with_each_other_and_the_url_keeps_both(moved: House) -> None:
    apart = moved.visit("drift", VERA, window=MOVED_DAY, against=EWR_DAY, column="temp")
    alike = moved.visit("drift", VERA, window=MOVED_DAY, against="2026-10-15", column="temp")

    table = apart.dataframe[-1].value.set_index("input")
    assert apart.query_params["against"] == EWR_DAY
    assert table.loc["temp", "unusual"] == "unusual for chance; season not known"
    assert alike.dataframe[-1].value.set_index("input").loc["temp", "distance"] < 0.4
    assert table.loc["temp", "distance"] > 0.8


def test_an_unknown_window_in_the_url_shows_the_newest(moved: House) -> None:
    app = moved.visit("drift", VERA, window="1999-01-01", against="nonsense")

    assert "window" not in app.query_params
    assert "against" not in app.query_params


def test_data_quality_names_the_worst_column_and_its_share(moved: House) -> None:
    text = said(moved.visit("drift", VERA, show="Data quality"))

    assert "inputs have such values; most: temp" in text
    assert "Rows by day: fewest 120" in text


def test_data_quality_without_anything_wrong_says_so(house: House) -> None:
    watched.with_reference(house)
    watched.with_live_inputs(house, days=6, moved_from=99)

    text = said(house.visit("drift", VERA, show="Data quality", wrong="unseen levels"))

    assert "No value is of an unseen level in 6 days of 3 inputs." in text


def test_predictions_drift_against_the_versions_own_first_days(moved: House) -> None:
    text = said(moved.visit("drift", VERA, show="Predictions", version=1))

    assert "drifting" in text
    assert "held against its own first 14 whole days, 1 Oct 2026 to 14 Oct 2026" in text


def test_predictions_of_a_version_that_hardly_answered_are_not_evaluable(moved: House) -> None:
    watched.with_reference(moved, version=2)

    text = said(moved.visit("drift", VERA, show="Predictions", version=2))

    assert "Prediction drift is not evaluable." in text
    assert "it has answered on 1 whole day:" in text


def test_without_live_inputs_the_page_says_what_to_do(house: House) -> None:
    watched.with_reference(house)

    text = said(house.visit("drift", VERA))

    assert "Drift is not evaluable." in text
    assert "python -m core serve" in text


def test_performance_is_told_by_version_with_its_interval(moved: House) -> None:
    watched.with_labels(moved)

    text = said(moved.visit("drift", VERA, show="Performance", version=1))

    assert "Log loss of version 1:" in text
    assert " ± " in text
    assert "rows taken as independent" in text


def test_performance_without_labels_or_hold_out_is_not_evaluable_and_says_what_to_log(
    moved: House,
) -> None:
    text = said(moved.visit("drift", VERA, show="Performance"))

    assert "Performance is not evaluable." in text
    assert "Its run logged no eval/predictions.parquet to calibrate its scores on" in text


def test_performance_is_estimated_before_any_label_arrives(moved: House) -> None:
    watched.with_hold_out(moved)

    app = moved.visit("drift", VERA, show="Performance", version=1)

    assert "estimated log loss" in str(app.title[0].value)
    assert "no labels yet" in str(app.title[0].value)
    assert "Log loss of version 1: estimated" in said(app)
    assert "0 of the 8 days with labels that are needed" in said(app)
    assert app.dataframe[-1].value["metric"].iloc[0] == "log loss"


def test_labels_that_contradict_the_estimates_are_a_warning(moved: House) -> None:
    watched.with_hold_out(moved)
    watched.with_labels(moved)  # by chance, whatever the score

    app = moved.visit("drift", VERA, show="Performance", version=1)

    assert "it does worse than its scores promise" in str(app.warning[0].value)
    assert "above" in str(app.title[0].value)


def test_all_inputs_together_are_looked_at_in_the_background_and_then_shown(moved: House) -> None:
    first = moved.visit("drift", VERA, show="All together", grain="week", window="2026-10-12")
    until_looked_at(moved, "2026-10-12")
    app = moved.visit("drift", VERA, show="All together", grain="week", window="2026-10-12")

    assert len(first.get("progress")) == 1
    assert "A classifier tells this window from training with an AUC of" in said(app)
    assert "Left out" not in said(app)


def test_too_few_rows_to_look_at_together_are_not_evaluable(moved: House) -> None:
    moved.visit("drift", VERA, show="All together", window=MOVED_DAY)
    until_looked_at(moved, MOVED_DAY, grain=Grain.DAY)

    text = said(moved.visit("drift", VERA, show="All together", window=MOVED_DAY))

    assert "120 rows are too few to tell two sides apart; 150 are needed" in text


def until_looked_at(house: House, day: str, *, grain: Grain = Grain.WEEK) -> MultivariateReport:
    """What was found, once the look in the background has ended."""
    of = house.services.drift
    window = next(
        r.window
        for r in of.timeline(MODEL, 1, grain, at=datetime.now(UTC))
        if r.window.start.date().isoformat() == day
    )
    return of.multivariate.look(MODEL, 1, window, at=datetime.now(UTC))


def test_the_segment_that_moved_is_named_with_what_its_scores_promise(moved: House) -> None:
    watched.with_hold_out(moved)
    week = {"show": "Segments", "grain": "week", "window": "2026-10-12"}
    first = moved.visit("drift", VERA, **week)
    window = until_looked_at(moved, "2026-10-12").window
    look = moved.services.drift.segments
    while isinstance(found := look.ask(MODEL, 1, window, "origin"), SampleTask):
        assert not found.failed
        until_looked_at(moved, "2026-10-12")  # the look goes on in the background

    app = moved.visit("drift", VERA, **week)

    assert len(first.get("progress")) == 1
    table = app.dataframe[-1].value.set_index("segment")
    assert set(table.index) == {"EWR", "JFK", "LGA"}
    assert "origin " in said(app)
    assert "moved most (severity" in said(app)
    assert all(" ± " in text for text in table["estimated log loss"])


def test_answers_are_judged_also_where_the_inputs_cannot_be(house: House) -> None:
    watched.with_live_inputs(house)  # and no reference

    text = said(house.visit("drift", VERA, version=1))

    assert "Drift is not evaluable." in text
    assert "held against its own first 14 whole days" in text


def test_a_column_that_alerts_by_its_missing_values_says_so_in_its_title(moved: House) -> None:
    text = said(moved.visit("drift", VERA, column=watched.HOSTILE))

    assert "unusual for this season: missing 0.0% → 10.0%; Kolmogorov-Smirnov" in text


def test_a_segment_has_windows_of_its_own_and_the_url_keeps_it(moved: House) -> None:
    app = moved.visit("drift", VERA)
    control = app.selectbox(key=f"drift_segment_{MODEL}_1")
    level = control.options[1]

    seen = moved.visit("drift", VERA, segment=level, version=1, grain="week")
    few = moved.visit("drift", VERA, segment=level, version=1)

    assert control.options[0] == "all"
    assert seen.query_params["segment"] == level
    assert level in str(seen.title[0].value).replace("\\", "")
    assert "Choose another segment, or weeks." in said(few)  # forty rows a day


def test_the_section_tells_what_every_counted_segment_did(moved: House) -> None:
    app = moved.visit("drift", VERA, show="Segments", version=1)

    table = app.dataframe[-1].value
    assert {"segment", "verdict", "inputs that alert"} <= set(table.columns)


def test_an_engineer_says_how_a_model_is_watched_and_a_viewer_only_sees_it(moved: House) -> None:
    app = moved.visit("drift", EMIL, version=1)
    app.number_input(key=f"drift_rate_{MODEL}").set_value(1.0)
    app.multiselect(key=f"drift_cuts_{MODEL}_1").set_value([])
    app.button(key=f"drift_watch_{MODEL}").click().run()
    viewer = moved.visit("drift", VERA, version=1)

    watched_now = moved.services.drift.watched(MODEL, 1, at=datetime.now(UTC))
    assert watched_now is not None
    assert (watched_now.cuts, watched_now.stated.rate) == ((), 0.01)
    assert "It is in the ledger" in said(app)
    assert [e.kind for e in moved.services.store.entries()][-1] == "watch_stated"
    assert not [b for b in viewer.button if b.key == f"drift_watch_{MODEL}"]
    assert "counted apart by **no column**" in said(viewer)
