"""Colours, badges and number formats: each meaning has one look on every page.

Orange is data science and blue is data engineering; runs, verdicts and drift use neither.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias
from zlib import crc32

import plotly.graph_objects as go

from core.identity.people import Side
from core.values import wording

Mode: TypeAlias = Literal["light", "dark"]
BadgeColour: TypeAlias = Literal["green", "red", "violet", "gray", "orange", "blue"]

SIDE_NAME: Final[Mapping[Side, Literal["orange", "blue"]]] = {
    Side.DATA_SCIENCE: "orange",
    Side.DATA_ENGINEERING: "blue",
}
SIDE_COLOUR: Final[Mapping[Mode, Mapping[Side, str]]] = {
    "light": {Side.DATA_SCIENCE: "#C2410C", Side.DATA_ENGINEERING: "#1D4ED8"},
    "dark": {Side.DATA_SCIENCE: "#FB923C", Side.DATA_ENGINEERING: "#60A5FA"},
}
# Teal, magenta, olive, violet, brown, cyan, rose, slate: told apart also by the colour-blind.
RUN_COLOURS: Final[Mapping[Mode, tuple[str, ...]]] = {
    "light": (
        "#0F766E", "#BE185D", "#6B7A00", "#7C3AED", "#92400E", "#0891B2", "#F0568C", "#475569",
    ),
    "dark": (
        "#2DD4BF", "#F472B6", "#BCCB3F", "#A78BFA", "#D6A072", "#67E8F9", "#FDA4AF", "#A3B1C6",
    ),
}  # fmt: skip
DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash", "solid", "dash", "dot")
# Strength of drift and other amounts: one scale from pale to strong, never red against green.
STRENGTH: Final[Mapping[Mode, tuple[str, ...]]] = {
    "light": ("#F8FAFC", "#DDD3EC", "#B199D0", "#7C5CAB", "#4A2A7A", "#331A5C"),
    "dark": ("#141C31", "#33275C", "#5A3F8B", "#8B6CB8", "#C5ABE2", "#E6D6F7"),
}
INK: Final[Mapping[Mode, str]] = {"light": "#0F172A", "dark": "#E8EDF4"}
QUIET: Final[Mapping[Mode, str]] = {"light": "#475569", "dark": "#A9B6C9"}
LINE: Final[Mapping[Mode, str]] = {"light": "#E2E8F0", "dark": "#293548"}
GROUND: Final[Mapping[Mode, str]] = {"light": "#FFFFFF", "dark": "#080C17"}
VERDICT_COLOUR: Final[Mapping[Mode, Mapping[str, str]]] = {
    "light": {"pass": "#15803D", "fail": "#B91C1C", "inconclusive": "#7C3AED"},
    "dark": {"pass": "#4ADE80", "fail": "#F87171", "inconclusive": "#A78BFA"},
}
# The words of checks and of drift together: a sign, the word, a colour.
VERDICTS: Final[Mapping[str, tuple[str, str, BadgeColour]]] = {
    "pass": ("✓", "pass", "green"),
    "fail": ("✕", "fail", "red"),
    "inconclusive": ("≈", "inconclusive", "violet"),
    "not_evaluable": ("–", "not evaluable", "gray"),
    "stable": ("✓", "stable", "green"),
    "drifting": ("▲", "drifting", "violet"),
    "better": ("✓", "better", "green"),
    "not_worse": ("✓", "not worse", "green"),
    "worse": ("✕", "worse", "red"),
}
_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]()#+\-.!|~:$<>&\"'=^@/])")
# What turns the direction of the text that follows it, or is no character at all.
_UNSEEN: Final = re.compile("[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_LABEL: Final = 32  # characters of a name beside a chart: more would leave no room for the chart


def plain(foreign: object) -> str:
    """Foreign text for a place that reads Markdown: shown as it is, never as a link or a colour."""
    return _MARKDOWN.sub(r"\\\1", _one_line(foreign))


def brief(foreign: object, *, most: int = 120) -> str:
    """Foreign text in one line of bearable length, its middle left out."""
    text = _one_line(foreign)
    return text if len(text) <= most else f"{text[: most - most // 3 - 1]}…{text[-(most // 3) :]}"


def drawn(foreign: object, *, most: int = 120) -> str:
    """Foreign text for a chart, which reads a little HTML: shown as it is, in bearable length."""
    text = brief(foreign, most=most)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def drawn_each(foreign: Iterable[object]) -> list[str]:
    """Names for the axis of a chart: no two are the same, or the chart would take them for one."""
    shown: dict[str, int] = {}
    for name in (drawn(each, most=_LABEL) for each in foreign):
        number, unlike = 1, name
        while unlike in shown:
            number += 1
            unlike = f"{name} ({number})"
        shown[unlike] = number
    return list(shown)


def _one_line(foreign: object) -> str:
    return _UNSEEN.sub("�", " ".join(str(foreign).split()))


def verdict_badge(verdict: str) -> str:
    """A verdict as Markdown: sign, word and colour; takes a `StrEnum` member or its value."""
    sign, word, colour = VERDICTS.get(str(verdict), ("–", str(verdict).replace("_", " "), "gray"))
    return f":{colour}-badge[{sign} {plain(word)}]"


def verdict_text(verdict: str) -> str:
    """A verdict for a table cell: sign and word."""
    sign, word, _ = VERDICTS.get(str(verdict), ("–", str(verdict).replace("_", " "), "gray"))
    return f"{sign} {word}"


def side_badge(side: Side) -> str:
    """One side of the wall as Markdown, in its colour."""
    return f":{SIDE_NAME[side]}-badge[● {side.label}]"


def side_dots(sides: Iterable[Side]) -> str:
    """A dot for each side a person holds the key of, in the order of the wall."""
    held = set(sides)
    return " ".join(f":{SIDE_NAME[side]}[●]" for side in Side if side in held)


def run_slots(run_ids: Sequence[str]) -> dict[str, int]:
    """The place of each run in the palette: by its id, moved on only when taken by one before."""
    count = len(RUN_COLOURS["light"])
    taken: dict[str, int] = {}
    for run_id in run_ids:
        slot = crc32(run_id.encode()) % count
        while slot in taken.values() and len(taken) < count:
            slot = (slot + 1) % count
        taken[run_id] = slot
    return taken


def run_colours(run_ids: Sequence[str], mode: Mode) -> dict[str, str]:
    """One colour a run, the same on every page that shows the same runs in the same order."""
    return {run_id: RUN_COLOURS[mode][slot] for run_id, slot in run_slots(run_ids).items()}


number = wording.significant
percent = wording.percent
signed = wording.signed
span = wording.span


def ago(moment: datetime, *, at: datetime) -> str:
    """How long before `at` something was."""
    passed = at - moment
    if passed < timedelta(seconds=5):
        return "just now"
    return f"{span(passed).split(' ')[0]} {span(passed).split(' ')[1]} ago"


def day(moment: datetime) -> str:
    """A date in words, with the year only when it is not the present one's neighbour's business."""
    return f"{moment.astimezone(UTC):%-d %b %Y}"


def template(mode: Mode) -> go.layout.Template:
    """The look of every chart: quiet grid, our font, room for titles and no more."""
    axis = {
        "gridcolor": LINE[mode],
        "linecolor": LINE[mode],
        "zerolinecolor": LINE[mode],
        "tickfont": {"color": QUIET[mode], "size": 12},
        "title": {"font": {"color": QUIET[mode], "size": 12}, "standoff": 8},
        "automargin": True,
    }
    return go.layout.Template(
        layout={
            "font": {"family": "Inter, sans-serif", "size": 13, "color": INK[mode]},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": list(RUN_COLOURS[mode]),
            "margin": {"l": 8, "r": 8, "t": 16, "b": 8},
            "xaxis": axis,
            "yaxis": axis,
            # On paper that lets through, Plotly makes a grey block of it.
            "modebar": {
                "bgcolor": "rgba(0,0,0,0)",
                "color": QUIET[mode],
                "activecolor": INK[mode],
            },
            "hoverlabel": {"font": {"family": "Inter, sans-serif", "size": 12}},
            "legend": {"orientation": "h", "y": -0.2, "font": {"color": QUIET[mode]}},
            "colorscale": {
                "sequential": [
                    [i / (len(STRENGTH[mode]) - 1), colour]
                    for i, colour in enumerate(STRENGTH[mode])
                ]
            },
        }
    )
