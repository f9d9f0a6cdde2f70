"""A back-test on screen: which decisions of the past would have gone otherwise, and why."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import pandas as pd
import streamlit as st

from components.runs import run_tables
from components.shell import frame, theme
from core.governance.rules.policies.bar_history import AFTER_THE_RESULT
from core.values.canonical_json import JsonValue

_FLIPS: Final = {
    "none": "as it was",
    "held": "✕ would have been held",
    "let_through": "▶ would have been let through",
    "unknown": "– cannot be judged",
}


def draw(document: Mapping[str, JsonValue], *, key: str) -> None:
    """Draw a back-test from its JSON: the sentence, the table, what is said about single cases."""
    cases = [case for case in _list(document.get("cases")) if isinstance(case, Mapping)]
    st.markdown(f"**Back-test.** {theme.plain(document.get('says', ''))}")
    if not cases:
        st.caption("Each decision of this alias becomes a line here, with its frozen evidence.")
        return
    table = back_test_table(cases)
    st.dataframe(
        table,
        hide_index=True,
        key=key,
        alt="Decisions of the past as they were and as the draft would have judged them",
        height=run_tables.height(len(table)),
        column_config={
            "decision": st.column_config.TextColumn(pinned=True, width="small"),
            "opened": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm"),
        },
    )
    for case in cases:
        said = [*_texts(case.get("reasons"))]
        said += [f"afterwards {trouble}" for trouble in _texts(case.get("trouble"))]
        if said:
            spared = " · :green[the draft would have spared it]" * bool(
                _texts(case.get("would_have_stopped"))
            )
            st.markdown(f"- Request {case.get('request')}: {theme.plain('; '.join(said))}{spared}")
    late = [case for case in cases if _texts(case.get("bars_set_after_the_result"))]
    for case in late:
        bars = ", ".join(_texts(case.get("bars_set_after_the_result")))
        st.markdown(
            f"- Request {case.get('request')}: :violet-badge[{AFTER_THE_RESULT}] "
            f"{theme.plain(bars)}"
        )
    st.caption(
        "Of every decision in this table the draft’s bars were set after the result: it was known "
        "when the draft was written."
    )


def back_test_table(cases: Sequence[Mapping[str, JsonValue]]) -> pd.DataFrame:
    """One line a decision: what was decided, what the draft would say, and each of its checks."""
    return pd.DataFrame([_line(case) for case in cases])


def _line(case: Mapping[str, JsonValue]) -> dict[str, object]:
    start = "–" if case.get("from") is None else str(case.get("from"))
    checks = {
        f"{check.get('id')} ({check.get('level')})": theme.verdict_text(str(check.get("verdict")))
        for check in _list(case.get("checks"))
        if isinstance(check, Mapping)
    }
    opened = datetime.fromisoformat(str(case.get("opened_at")))
    return {
        "decision": f"#{case.get('request')}  {start} → {case.get('to')}",
        "ended": str(case.get("status", "")).replace("_", " "),
        "draft": _FLIPS.get(str(case.get("flip")), str(case.get("flip"))),
        "then": theme.verdict_text(str(case.get("then"))),
        "now": theme.verdict_text(str(case.get("now"))),
        **checks,
        "judged by": f"policy {case.get('policy')}" if case.get("policy") else "built-in",
        "opened": opened.astimezone(frame.zone()).replace(tzinfo=None),
    }


def _list(value: JsonValue) -> Sequence[JsonValue]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _texts(value: JsonValue) -> list[str]:
    return [str(each) for each in _list(value)]
