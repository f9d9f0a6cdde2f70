"""What a request waits for before anyone decides: files being hashed, versions being tried."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import pandas as pd
import streamlit as st

from components.runs import run_tables
from components.shell import frame, theme
from core.governance.figures import trial_figures
from core.governance.figures.content_hashes import HashingProgress
from core.governance.rules.evidence import Evidence
from core.governance.rules.judgement import Judgement
from core.governance.rules.requests import PromotionRequest, RequestId
from core.identity.people import Role
from core.values.canonical_json import JsonValue
from core.values.mlflow_entities import ModelVersion, RunId

_ABSENT: Final = "–"


def watch(judged: Judgement) -> None:
    """Draw how far hashing is, or that both versions are tried; the page follows by itself."""
    request = judged.request
    if not request.status.is_waiting:
        return
    if is_hashing(judged):
        _hashing(request.request_id)
    elif _is_awaited(judged.evidence):
        _trying(request.request_id, request.verified_at)


def is_hashing(judged: Judgement) -> bool:
    """True while files are hashed: nobody can decide, so nothing offers it."""
    request = judged.request
    return request.status.is_waiting and bool(request.evidence.pending or judged.evidence.pending)


@st.fragment(run_every="2s", key="request_hashing")
def _hashing(request_id: RequestId) -> None:
    frame.require(Role.VIEWER)
    request = frame.services().promotions.request(request_id)
    with frame.services().store.reading() as record:
        pending = request.evidence.pending or record.verified(request_id).pending
    if not pending or not request.status.is_waiting:
        st.rerun()
    progress = frame.ask(lambda: _progress_of(request), keep_as=f"hashing {request_id}") or []
    with st.container(border=True, key="request_hashing_card", gap="xsmall"):
        st.markdown(
            ":violet[◐] **Files are being hashed.** Nobody decides before every one of them has a "
            "SHA-256 in the evidence; the worker is at it and this page follows."
        )
        for what, each in progress:
            if each.share == 1:
                st.caption(f"{what}: {theme.plain(each.says)}")
            elif each.problem:
                st.markdown(f":red[✕] {what}: {theme.plain(each.says)}")
            else:
                st.progress(each.share, text=f"{what}: {theme.plain(each.says)}")


def _progress_of(request: PromotionRequest) -> Sequence[tuple[str, HashingProgress]]:
    services = frame.services()
    hasher = services.sources.hasher
    if hasher is None:
        return ()
    version = services.tracking.version(request.model, request.to_version)
    places: list[tuple[str, RunId | ModelVersion]] = [("The model", version)]
    if version.run_id is not None:
        places.append(("The run", version.run_id))
    return [(what, hasher.progress(of)) for what, of in places]


@st.fragment(run_every="3s", key="request_trying")
def _trying(request_id: RequestId, drawn: datetime | None) -> None:
    frame.require(Role.VIEWER)
    if frame.services().promotions.request(request_id).verified_at != drawn:
        st.rerun()
    st.caption(
        ":violet[◐] The worker loads this version and the champion in a process with limits, to "
        "see whether they load, predict and how quickly; it takes about a minute."
    )


def _is_awaited(evidence: Evidence) -> bool:
    found = evidence.figure(trial_figures.LOADS)
    return found is not None and found.says == trial_figures.NOT_YET


def of_request(judged: Judgement) -> None:
    """Draw what candidate and champion did in the sandbox, in an expander that computes if open."""
    evidence = judged.evidence
    if all(_value(evidence, name) is None for name in trial_figures.NAMES):
        return
    opened = st.expander("Tried in a sandbox", key="request_tried", on_change="rerun")
    if not opened.open:
        return
    with opened:
        said = [
            f for f in evidence.figures if f.name in {trial_figures.LOADS, trial_figures.LATENCY}
        ]
        st.caption(f"In the {theme.plain(said[0].source)}, in turns, with one thread.")
        table = pd.DataFrame(_lines(evidence), columns=["", "candidate", "champion"])
        st.dataframe(
            table,
            hide_index=True,
            key="request_trial",
            alt="What both versions did in the sandbox",
            height=run_tables.height(len(table)),
        )
        for figure in said:
            st.caption(theme.plain(figure.says))


def _lines(evidence: Evidence) -> Sequence[tuple[str, str, str]]:
    loads, back = (
        _value(evidence, name) or {} for name in (trial_figures.LOADS, trial_figures.ROLLBACK)
    )
    example, live = (
        _value(evidence, name) for name in (trial_figures.PREDICTS, trial_figures.REPLAYED)
    )
    times, size = (
        _value(evidence, trial_figures.LATENCY) or {},
        _value(evidence, "model.size") or {},
    )
    batch = times.get("batch_rows")
    return [
        ("loads", _truth(loads.get("loads")), _truth(back.get("loads"))),
        (
            "loads within",
            _number(loads.get("seconds"), "s"),
            _number(loads.get("champion_seconds"), "s"),
        ),
        (
            "memory at most",
            _number(loads.get("memory_mb"), "MB"),
            _number(loads.get("champion_memory_mb"), "MB"),
        ),
        ("input example", _answers(example), _truth(back.get("predicts"))),
        ("live inputs", _answers(live), _ABSENT),
        (
            "one row, median",
            _number(times.get("median_ms"), "ms"),
            _number(times.get("champion_median_ms"), "ms"),
        ),
        (
            "one row, 95 % within",
            _number(times.get("p95_ms"), "ms"),
            _number(times.get("champion_p95_ms"), "ms"),
        ),
        (
            f"{batch:,} rows at once" if isinstance(batch, int) else "many rows at once",
            _number(times.get("batch_ms"), "ms"),
            _number(times.get("champion_batch_ms"), "ms"),
        ),
        ("size", _megabytes(size.get("bytes")), _megabytes(size.get("champion_bytes"))),
    ]


def _answers(value: Mapping[str, JsonValue] | None) -> str:
    if value is None:
        return "not evaluable"
    rows = value.get("rows")
    if not value.get("predicts"):
        return "✕ no predictions"
    if value.get("finite"):
        return f"✓ {rows} rows, all finite"
    return f"✕ {value.get('nan')} NaN, {value.get('infinite')} infinite in {rows} rows"


def _value(evidence: Evidence, name: str) -> Mapping[str, JsonValue] | None:
    figure = evidence.figure(name)
    value = None if figure is None else figure.value
    return value if isinstance(value, Mapping) and "pending" not in value else None


def _truth(value: JsonValue) -> str:
    return {True: "✓ yes", False: "✕ no"}[value] if isinstance(value, bool) else _ABSENT


def _number(value: JsonValue, unit: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _ABSENT
    return f"{theme.number(float(value), digits=3)} {unit}"


def _megabytes(value: JsonValue) -> str:
    return _number(value / 1e6, "MB") if isinstance(value, int | float) else _ABSENT
