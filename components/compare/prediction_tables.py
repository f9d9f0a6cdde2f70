"""What row-level predictions say, as tables: by loss, by slice, calibration, groups."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import pandas as pd
import streamlit as st

from components.runs import run_tables
from components.shell import theme
from core.governance.comparison.row_pairing import word_of
from core.governance.figures.comparison_verdicts import (
    CALIBRATION_CANDIDATE,
    CALIBRATION_CHAMPION,
    GAPS,
    PREFIX,
    PRIMARY,
    SLICES,
)
from core.governance.rules.evidence import Evidence, FigureStatus
from core.governance.rules.judgement import Judgement
from core.values.canonical_json import JsonValue

ABSENT: Final = "–"
_WORST_FIRST: Final = ("worse", "inconclusive", "not_worse", "better")
_NAMES: Final = {
    "slice": st.column_config.TextColumn(pinned=True),
    "loss": st.column_config.TextColumn(pinned=True),
    "difference": st.column_config.TextColumn(
        alignment="right", help="The candidate's mean loss less the champion's: ▼ is better"
    ),
    "interval": st.column_config.TextColumn(
        alignment="right", help="95 %, widened for how many candidates and slices were looked at"
    ),
    "rows": st.column_config.TextColumn(alignment="right"),
    "champion": st.column_config.TextColumn(alignment="right", help="mean loss"),
    "candidate": st.column_config.TextColumn(alignment="right", help="mean loss"),
    "baseline": st.column_config.TextColumn(alignment="right", help="mean loss"),
    "this run": st.column_config.TextColumn(alignment="right", help="mean loss"),
    "rows to tell": st.column_config.TextColumn(
        alignment="right", help="About how many rows would end an inconclusive answer"
    ),
}


def by_loss(values: Iterable[Mapping[str, JsonValue]], *, first: str = "champion") -> pd.DataFrame:
    """One line for each loss that was compared; `first` heads the column of the other model."""
    lines = [{"loss": word_of(str(value.get("loss", ""))), **_line(value)} for value in values]
    return _table(lines, "loss").rename(columns={"champion": first})


def by_slice(values: Iterable[JsonValue], *, first: str = "champion") -> pd.DataFrame:
    """One line a slice, worst verdicts first, then by number of rows."""
    parts = [value for value in values if isinstance(value, Mapping)]
    parts.sort(key=lambda part: (_rank(part), -_whole(part.get("rows"))))
    lines = [
        {"slice": f"{part.get('column', '')} {part.get('value', '')}", **_line(part)}
        for part in parts
    ]
    return _table(lines, "slice").rename(columns={"champion": first})


def calibration(values: Mapping[str, JsonValue]) -> pd.DataFrame:
    """One line a model: how far its forecasts are off, and the line of truth over forecast."""
    return pd.DataFrame(
        [
            {
                "model": name,
                "off by": _with_interval(value, "ece" if "ece" in value else "bias"),
                "slope (1 is right)": _with_interval(value, "slope"),
                "intercept (0 is right)": _with_interval(value, "intercept"),
            }
            for name, value in values.items()
            if isinstance(value, Mapping)
        ]
    )


def gaps(values: Iterable[JsonValue]) -> pd.DataFrame:
    """One line a slice column: its worst group, its best, and how far they lie apart."""
    return pd.DataFrame(
        [
            {
                "groups by": str(value.get("column", "")),
                "worst": str(value.get("worst", "")),
                "best": str(value.get("best", "")),
                "gap": _number(value.get("gap")),
                "interval": _interval(value),
                "groups": _number(value.get("groups")),
                "too small": _number(value.get("too_small")),
            }
            for value in values
            if isinstance(value, Mapping)
        ]
    )


def draw(table: pd.DataFrame, *, key: str, alt: str, most: int = 18) -> None:
    """Draw one of these tables, its verdicts in their colours."""
    if table.empty:
        return
    st.dataframe(
        table,
        hide_index=True,
        key=key,
        alt=alt,
        height=run_tables.height(len(table), most=most),
        placeholder=ABSENT,
        column_config={name: _NAMES[name] for name in table.columns if name in _NAMES},
    )


def of_request(judged: Judgement) -> None:
    """Draw what stands behind the comparison of a request, in an expander that computes if open."""
    evidence = judged.evidence
    slices = evidence.figure(SLICES)
    if slices is None or slices.status is FigureStatus.NOT_EVALUABLE:
        known = [name for name in (CALIBRATION_CANDIDATE, GAPS) if _value(evidence, name)]
        if not known and not _compared(evidence):
            return
        head = "Against the champion, row by row"
    else:
        head = f"Slices: {theme.plain(slices.says.partition(': ')[2])}"
    opened = st.expander(head, key="request_weighed", on_change="rerun")
    if not opened.open:
        return
    with opened:
        _of_evidence(evidence)


def _of_evidence(evidence: Evidence) -> None:
    compared = _compared(evidence)
    if compared:
        st.caption(_basis(compared[0]))
        table = by_loss(compared).drop(columns="rows")  # the line above says them
        draw(table, key="request_losses", alt="Candidate against champion by loss")
    slices = evidence.figure(SLICES)
    if slices is not None:
        st.markdown("**By slice**")
        parts = _items(slices.value)
        if parts:
            draw(by_slice(parts), key="request_slices", alt="Candidate against champion by slice",
                 most=12)  # fmt: skip
        else:
            st.caption(theme.plain(slices.says))
    believed = {
        name: value
        for name, figure in (
            ("candidate", CALIBRATION_CANDIDATE),
            ("champion", CALIBRATION_CHAMPION),
        )
        if isinstance(value := _value(evidence, figure), Mapping)
    }
    if believed:
        st.markdown("**Can its forecasts be believed?**")
        draw(calibration(believed), key="request_calibration", alt="Calibration of both versions")
    if groups := _items(_value(evidence, GAPS)):
        st.markdown("**Gaps between the candidate’s groups**")
        draw(gaps(groups), key="request_gaps", alt="Gaps between groups")


def _compared(evidence: Evidence) -> list[Mapping[str, JsonValue]]:
    """The comparisons by each loss, the one that speaks for the task first."""
    found = [
        figure.value
        for figure in evidence.figures
        if figure.name.startswith(PREFIX)
        and figure.name != PRIMARY
        and isinstance(figure.value, Mapping)
    ]
    first = _value(evidence, PRIMARY)
    loss = first.get("loss") if isinstance(first, Mapping) else None
    return sorted(found, key=lambda value: value.get("loss") != loss)


def _basis(value: Mapping[str, JsonValue]) -> str:
    rows, tried = _whole(value.get("rows")), _whole(value.get("candidates"))
    others = f"{tried} candidates were tried on them" if tried > 1 else "one candidate was tried"
    how = {"max-statistic": ": max-statistic", "bonferroni": ": Bonferroni"}
    return (
        f"The same {rows:,} held-out rows; {others}{how.get(str(value.get('correction')), '')}. "
        f"Margin {theme.number(_float(value.get('margin')))}."
    )


def _value(evidence: Evidence, name: str) -> JsonValue:
    figure = evidence.figure(name)
    return None if figure is None else figure.value


def _items(value: JsonValue) -> Sequence[JsonValue]:
    return value if isinstance(value, list | tuple) else ()


def _line(value: Mapping[str, JsonValue]) -> dict[str, str]:
    difference = _float(value.get("difference"))
    return {
        "verdict": theme.verdict_text(str(value.get("verdict", "not_evaluable"))),
        "difference": ABSENT if difference is None else theme.signed(difference),
        "interval": _interval(value),
        "rows": f"{_whole(value.get('rows')):,}",
        "champion": _number(value.get("champion")),
        "candidate": _number(value.get("candidate")),
        "rows to tell": _about(value.get("rows_to_tell")),
    }


def _table(lines: Sequence[Mapping[str, str]], head: str) -> pd.DataFrame:
    table = pd.DataFrame(lines, columns=[head, *_line({})])
    if (table["rows to tell"] == ABSENT).all():
        table = table.drop(columns="rows to tell")
    return table


def _with_interval(value: Mapping[str, JsonValue], name: str) -> str:
    middle, low, high = (_float(value.get(key)) for key in (name, f"{name}_low", f"{name}_high"))
    if middle is None or low is None or high is None:
        return ABSENT
    ends = " to ".join(theme.number(end, digits=3) for end in (low, high))
    return f"{theme.number(middle, digits=3)} ({ends})"


def _interval(value: Mapping[str, JsonValue]) -> str:
    ends = [_float(value.get(name)) for name in ("low", "high")]
    if any(end is None for end in ends):
        return "too few rows"
    return " to ".join(theme.number(end, digits=3) for end in ends)


def _rank(part: Mapping[str, JsonValue]) -> int:
    verdict = str(part.get("verdict"))
    if part.get("difference") is None:
        return len(_WORST_FIRST)
    return _WORST_FIRST.index(verdict) if verdict in _WORST_FIRST else len(_WORST_FIRST)


def _about(value: JsonValue) -> str:
    return theme.number(_float(value), digits=2) if value is not None else ABSENT


def _number(value: JsonValue) -> str:
    return theme.number(_float(value))


def _float(value: JsonValue) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _whole(value: JsonValue) -> int:
    return int(value) if isinstance(value, int | float) else 0
