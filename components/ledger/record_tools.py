"""What one can do with the whole ledger: hold it against MLflow's anchors, and take it along."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Final

import streamlit as st

from components.shell import frame, theme
from core.errors import StileError
from core.governance.ledger.export import VERIFIER, ExportSummary, RecordExporter
from core.governance.rules.ledger.anchors import anchor_findings, anchors_kept
from core.governance.rules.ledger.entries import LedgerFinding
from core.governance.rules.policies.published_record import altered_findings

_COMPARED: Final = "ledger.compared"
_EXPORT: Final = "ledger.export"


def draw() -> None:
    """Draw the two buttons, and what the last click on each found in this session."""
    with st.container(horizontal=True, vertical_alignment="center"):
        compare = st.button(
            "Compare with MLflow",
            key="ledger_compare",
            icon=":material/anchor:",
            help="Does MLflow remember the same entries? A chain alone misses a cut-off end. And "
            "are the stored policies those that were published?",
        )
        prepare = st.button(
            "Prepare an export",
            key="ledger_prepare",
            icon=":material/folder_zip:",
            help="Entries, evidence bundles, anchors, model cards, and a script that verifies "
            "them without Stile.",
        )
        place = st.empty()
    if compare:
        _compare()
    if prepare:
        _prepare()
    _say_compared()
    if _EXPORT in st.session_state:
        with place:
            _download(*st.session_state[_EXPORT])


def _compare() -> None:
    services = frame.services()
    st.session_state.pop(_COMPARED, None)
    try:
        with st.spinner("Reading the anchors in MLflow…"):
            models = services.tracking.registered_models()  # first: an anchor is never the newer
            entries = services.store.entries()
            version = cache(services.tracking.version)
            with services.store.reading() as record:
                altered = altered_findings(record.policy_shelf.published(), entries)
            found = (*altered, *anchor_findings(entries, models, version))
            anchors = anchors_kept(entries, models, version)
    except StileError as error:
        st.error(theme.plain(error), icon=":material/error:")
        return
    newest = max((anchor.seq for anchor in anchors), default=0)
    st.session_state[_COMPARED] = (len(anchors), newest, found)


def _say_compared() -> None:
    compared: tuple[int, int, Sequence[LedgerFinding]] | None = st.session_state.get(_COMPARED)
    if compared is None:
        return
    anchors, newest, found = compared
    if not anchors and not found:
        st.info(
            "MLflow holds no anchor yet: the first promotion writes one.",
            icon=":material/anchor:",
        )
    elif not found:
        says = "1 anchor in MLflow agrees" if anchors == 1 else f"{anchors} anchors in MLflow agree"
        st.success(
            f"{says}: nothing up to entry {newest:,} was cut off or rewritten since.",
            icon=":material/anchor:",
        )
    for finding in found:
        st.error(theme.plain(finding.says), icon=":material/link_off:")


def _prepare() -> None:
    services = frame.services()
    st.session_state.pop(_EXPORT, None)
    exporter = RecordExporter(
        services.store, services.tracking.registered_models, services.tracking.version
    )
    bar = st.progress(0.0)
    try:
        packed, exported = exporter.to_zip(
            at=datetime.now(UTC), progress=lambda share, doing: bar.progress(share, f"{doing}…")
        )
    except StileError as error:
        st.error(theme.plain(error), icon=":material/error:")
    else:
        st.session_state[_EXPORT] = (packed, exported, datetime.now(UTC))
    bar.empty()


def _download(packed: bytes, exported: ExportSummary, made_at: datetime) -> None:
    found = len(exported.findings)
    size = f"{len(packed) / 1e6:,.1f} MB" if len(packed) >= 1e6 else f"{len(packed) / 1e3:,.0f} kB"
    noted = f", {found} finding{'s' * (found > 1)} noted in it" if found else ""
    st.download_button(
        f"Download {size}",
        packed,
        file_name=f"stile-ledger-{made_at:%Y-%m-%d-%H%M}.zip",
        mime="application/zip",
        key="ledger_download",
        icon=":material/download:",
        type="primary",
        on_click="ignore",
        help=f"{exported.entries:,} entries, {exported.bundles} bundles, {exported.model_cards} "
        f"model cards{noted}. Unpacked, `python -I {VERIFIER}` verifies it.",
    )
