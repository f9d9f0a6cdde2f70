"""Figures of drift: what they draw, checked by their traces and axes, not by their looks."""

from dataclasses import replace

import numpy as np
import pytest

from components.figures.drift import (
    column_figures,
    performance_figures,
    quality_figures,
    windows_figures,
)
from core.drift.values.results import (
    ColumnDistribution,
    ColumnQuality,
    DriftVerdict,
    EstimatedMetric,
    EstimatedPerformance,
    Grain,
    Performance,
    WindowEstimate,
)
from tests.drift.test_history import a_column, a_report

STABLE, DRIFTING = DriftVerdict.STABLE, DriftVerdict.DRIFTING
WINDOWS = (
    a_report(0, STABLE, a_column("temp", 0.1), a_column("dest", 0.05)),
    a_report(1, DRIFTING, a_column("temp", 0.6), a_column("dest", None)),
)


def test_the_heat_map_has_a_row_a_column_and_marks_what_alerts() -> None:
    heat = windows_figures.heat_map(WINDOWS, ["temp", "dest"], "light").data[0]

    assert list(heat.y) == ["temp", "dest"]
    assert [list(row) for row in heat.text] == [["", "●"], ["", ""]]
    assert heat.z[1][1] is None  # not evaluable is a hole, not a zero


def test_a_numeric_distribution_is_drawn_per_unit_over_the_bins_that_have_rows() -> None:
    shown = ColumnDistribution(
        a_column("temp", 0.6),
        edges=np.array([-np.inf, 0.0, 10.0, 30.0, np.inf]),
        labels=(),
        reference=np.array([0.0, 0.5, 0.5, 0.0]),
        window=np.array([0.0, 0.0, 1.0, 0.0]),
    )

    reference, window = windows_figures.distribution(shown, "light").data

    assert list(reference.x) == [0.0, 10.0, 30.0]
    assert list(reference.y[:2]) == [0.05, 0.025]
    assert list(window.y[:2]) == [0.0, 0.05]


def test_outer_bins_without_an_end_are_drawn_as_wide_as_their_neighbour() -> None:
    shown = ColumnDistribution(
        a_column("temp", 0.6),
        edges=np.array([-np.inf, 0.0, 10.0, np.inf]),
        labels=(),
        reference=np.array([0.2, 0.6, 0.2]),
        window=np.array([0.2, 0.6, 0.2]),
    )

    reference, _ = windows_figures.distribution(shown, "dark").data

    assert list(reference.x) == [-10.0, 0.0, 10.0, 20.0]


def test_categories_are_ordered_by_how_much_they_moved() -> None:
    shown = ColumnDistribution(
        a_column("origin", 0.2),
        edges=np.array([]),
        labels=("EWR", "JFK", "unseen"),
        reference=np.array([0.5, 0.5, 0.0]),
        window=np.array([0.5, 0.2, 0.3]),
    )

    reference, _ = windows_figures.distribution(shown, "light").data

    assert list(reference.y)[-1] == "EWR"
    assert reference.orientation == "h"


def test_windows_without_labels_are_not_drawn_as_zero() -> None:
    windows = [
        Performance(WINDOWS[0].window, "log_loss", 0.55, 800, 900, half_width=0.02),
        Performance(WINDOWS[1].window, "log_loss", None, 0, 900, "No labels yet."),
    ]

    figure = performance_figures.performance(
        {3: windows, 5: ()}, {}, "light", version=3, metric="log_loss", baseline=0.5,
        grain=Grain.DAY,
    )  # fmt: skip

    (line,) = figure.data
    assert list(line.y) == [0.55]
    assert (line.name, line.line.dash) == ("version 3, labels", None)
    assert list(line.error_y.array) == [0.02]
    assert line.customdata[0][2] == "(0.530 to 0.570)"
    assert figure.layout.yaxis.title.text == "log loss (per day)"


def test_estimates_are_dashed_and_the_chosen_version_has_its_interval() -> None:
    promised = {
        number: EstimatedPerformance(
            "m", number,
            (WindowEstimate(WINDOWS[0].window, 900, {"auc": EstimatedMetric(0.7, 0.02)}, 0.0),
             WindowEstimate(WINDOWS[1].window, 20, {}, None, "20 scores are too few.")),
            {"auc": 0.72}, 5_000, None, "",
        )
        for number in (3, 5)
    }  # fmt: skip

    figure = performance_figures.performance(
        {}, promised, "dark", version=5, metric="auc", baseline=0.72, grain=Grain.DAY
    )

    three, band, five = figure.data
    assert (three.name, three.line.dash) == ("version 3, estimated", "dash")
    assert list(band.y) == pytest.approx([0.72, 0.68])
    assert list(five.y) == [0.7]


def test_marks_reach_past_the_last_window_and_their_words_stay_inside() -> None:
    first, after = WINDOWS[0].window.start, WINDOWS[-1].window.end

    figure = windows_figures.severity(
        WINDOWS, "light", marks=((first, "● 5 answers"), (after, "▲ champion 3 → 5"))
    )

    words = figure.data[1]
    assert list(words.text) == ["● 5 answers", "▲ champion 3 → 5"]
    assert list(words.textposition) == ["middle right", "middle left"]
    assert len(figure.layout.shapes) == 2


def test_distribution_functions_end_at_one_and_show_the_widest_gap() -> None:
    shown = ColumnDistribution(
        a_column("temp", 0.6),
        edges=np.array([-np.inf, 0.0, 10.0, 30.0, np.inf]),
        labels=(),
        reference=np.array([0.0, 0.5, 0.5, 0.0]),
        window=np.array([0.0, 0.0, 1.0, 0.0]),
    )

    reference, window, gap = column_figures.cumulative(shown, "dark", reference="3 Jul 2013").data

    assert (reference.name, window.name) == ("3 Jul 2013", "window")
    assert (reference.y[-1], window.y[-1]) == (1.0, 1.0)
    assert list(gap.x) == [10.0, 10.0]
    assert gap.name == "widest gap 0.50"


def test_the_category_that_changed_most_is_on_top_in_points() -> None:
    shown = ColumnDistribution(
        a_column("origin", 0.2),
        edges=np.array([]),
        labels=("EWR", "JFK", "unseen"),
        reference=np.array([0.5, 0.5, 0.0]),
        window=np.array([0.5, 0.1, 0.4]),
    )

    (bars,) = column_figures.changes(shown, "light").data

    assert list(bars.y)[-1] == "EWR"
    assert sorted(bars.x)[-1] == 40


def test_a_column_that_was_not_there_is_a_hole_in_the_picture_of_quality() -> None:
    good = ColumnQuality(900, missing=0.2, misfits=0.0, unseen=None, outside=0.5)
    windows = (
        a_report(0, STABLE, replace(a_column("temp", 0.1), quality=good)),
        a_report(1, STABLE, a_column("temp", 0.1)),
    )

    heat = quality_figures.shares(windows, ["temp"], lambda q: q.worst, "light").data[0]

    assert list(heat.z[0]) == [0.5, None]
    assert heat.customdata[0][0] == ["20.00% missing, 50.00% out of range"]
    assert heat.customdata[0][1] == ["not there"]


HOSTILE = "<a href='https://e.vil'>" + "x" * 500
SHOWN = "&lt;a href='https://e"


def test_names_and_values_from_a_log_are_drawn_as_text_of_bearable_length() -> None:
    numbers = ColumnDistribution(
        a_column(HOSTILE, 0.6),
        edges=np.array([0.0, 1.0, 2.0]),
        labels=(),
        reference=np.array([1.0, 0.0]),
        window=np.array([0.0, 1.0]),
    )
    values = replace(numbers, edges=np.array([]), labels=(HOSTILE, f"{HOSTILE}!"))
    report = a_report(0, DRIFTING, replace(a_column(HOSTILE, 0.6), quality=None))

    drawn = [
        windows_figures.distribution(numbers, "light").layout.xaxis.title.text,
        column_figures.cumulative(numbers, "light").layout.xaxis.title.text,
        *windows_figures.distribution(values, "light").data[0].y,
        *column_figures.changes(values, "light").data[0].y,
        *windows_figures.heat_map([report], [HOSTILE], "light").data[0].y,
        *quality_figures.shares([report], [HOSTILE], lambda q: q.worst, "light").data[0].y,
    ]

    assert all(text.startswith(SHOWN) and len(text) < 200 for text in drawn), drawn
    assert len(set(windows_figures.distribution(values, "light").data[0].y)) == 2


def test_names_that_are_numbers_stay_names() -> None:
    figure = windows_figures.heat_map([a_report(0, STABLE, a_column("10", 0.1))], ["10"], "light")

    assert figure.layout.yaxis.type == "category"


def test_the_heat_map_draws_the_inputs_it_is_given_and_no_others() -> None:
    heat = windows_figures.heat_map(WINDOWS, ["dest"], "light").data[0]

    assert list(heat.y) == ["dest"]
    assert len(heat.z) == 1
