"""One look for one meaning."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.figures.metric_direction import Direction, best, direction, verdict
from components.shell import theme
from core.identity.people import Side

ORANGE_AND_BLUE = {colour for mode in theme.SIDE_COLOUR.values() for colour in mode.values()}


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_runs_never_take_the_colours_of_the_two_sides(mode: theme.Mode) -> None:
    assert len(set(theme.RUN_COLOURS[mode])) == 8
    assert not ORANGE_AND_BLUE & set(theme.RUN_COLOURS[mode])


@given(st.lists(st.text(min_size=1), min_size=1, max_size=8, unique=True))
def test_up_to_eight_runs_have_eight_colours(run_ids: list[str]) -> None:
    colours = theme.run_colours(run_ids, "light")

    assert len(set(colours.values())) == len(run_ids)


def test_a_run_keeps_its_colour_in_other_company_unless_it_is_taken() -> None:
    alone = theme.run_colours(["a"], "light")["a"]

    assert theme.run_colours(["a", "b", "c"], "light")["a"] == alone


@pytest.mark.parametrize(
    "hostile",
    ["[x](http://e.vil)", "![](http://e.vil)", ":red[x]", "$x$", "*b*", "`c`", "<b>", "# h"],
)
def test_foreign_text_is_shown_and_not_read_as_markdown(hostile: str) -> None:
    shown = theme.plain(hostile)

    for mark in "[]()!:$*`<>#":
        assert f"{mark}" not in shown.replace(f"\\{mark}", "")


def test_line_breaks_cannot_start_a_new_block() -> None:
    assert theme.plain("a\n\n# b") == "a \\# b"


def test_foreign_text_cannot_turn_the_direction_of_what_follows_it() -> None:
    assert theme.plain("\u202egpj") == "�gpj"
    assert theme.drawn("\u2066a\u2069 \x1b") == "�a� �"


def test_foreign_text_in_a_chart_is_shown_and_not_read_as_html() -> None:
    assert theme.drawn("<a href='http://e.vil'>&") == "&lt;a href='http://e.vil'&gt;&amp;"


def test_long_names_keep_their_ends_and_no_two_of_them_become_one() -> None:
    first, second = "mean_of_" + "x" * 200 + "_7d", "mean_of_" + "x" * 201 + "_7d"

    assert theme.brief(first, most=20) == "mean_of_xxxxx…xxx_7d"
    assert len(set(theme.drawn_each([first, second, "short"]))) == 3
    assert theme.drawn_each(["short"]) == ["short"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.39512345, "0.3951"), (12345.678, "12,346"), (42, "42"), (0.0, "0"), (-0.5, "−0.5000"),
        (None, "–"), (math.nan, "–"), (math.inf, "∞"), (-math.inf, "−∞"), (0.00001234, "1.234e−05"),
    ],
)  # fmt: skip
def test_numbers_have_the_digits_that_matter(value: float | None, shown: str) -> None:
    assert theme.number(value) == shown


def test_a_difference_has_a_sign_and_an_arrow() -> None:
    assert theme.signed(-0.0371) == "▼ −0.0371"
    assert theme.signed(0.5) == "▲ +0.500"
    assert theme.signed(0) == "± 0"


def test_spans_and_ages_are_said_in_their_largest_units() -> None:
    now = datetime(2013, 7, 1, tzinfo=UTC)

    assert theme.span(timedelta(seconds=7)) == "7 s"
    assert theme.span(timedelta(hours=2, minutes=5)) == "2 h 5 min"
    assert theme.ago(now - timedelta(days=3, hours=4), at=now) == "3 d ago"
    assert theme.ago(now, at=now) == "just now"


def test_every_verdict_has_a_sign_and_a_word_beside_its_colour() -> None:
    assert theme.verdict_badge("pass") == ":green-badge[✓ pass]"
    assert theme.verdict_badge("fail") == ":red-badge[✕ fail]"
    assert theme.verdict_badge("inconclusive") == ":violet-badge[≈ inconclusive]"
    assert theme.verdict_badge("not_evaluable") == ":gray-badge[– not evaluable]"
    assert theme.side_dots({Side.DATA_ENGINEERING, Side.DATA_SCIENCE}) == ":orange[●] :blue[●]"


@pytest.mark.parametrize(
    ("metric", "way"),
    [
        ("log_loss", Direction.LOWER), ("valid.rmse", Direction.LOWER),
        ("auc_loss", Direction.LOWER),
        ("brier_score", Direction.LOWER), ("ROC AUC", Direction.HIGHER), ("f1", Direction.HIGHER),
        ("score", Direction.UNKNOWN), ("glossary", Direction.UNKNOWN),
    ],
)  # fmt: skip
def test_a_direction_is_claimed_only_where_the_name_gives_it_away(
    metric: str, way: Direction
) -> None:
    assert direction(metric) is way


def test_better_and_worse_follow_the_direction() -> None:
    assert verdict("log_loss", -0.1) == "better"
    assert verdict("auc", -0.1) == "worse"
    assert verdict("score", -0.1) == ""
    assert verdict("auc", 0.0) == ""
    assert verdict("auc", math.nan) == ""
    assert best("log_loss") == "lowest"


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_a_charts_toolbar_is_no_block_over_the_chart(mode: theme.Mode) -> None:
    bar = theme.template(mode).layout.modebar

    assert bar.bgcolor == "rgba(0,0,0,0)"
    assert (bar.color, bar.activecolor) == (theme.QUIET[mode], theme.INK[mode])
