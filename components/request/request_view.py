"""A request on screen: where it stands, what each side found, whose keys are turned."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import pandas as pd
import streamlit as st

from components.shell import frame, theme
from core.governance.rules.checks import Finding
from core.governance.rules.evidence import Evidence, EvidencePart, Figure
from core.governance.rules.judgement import Judgement, blocking
from core.governance.rules.policies.figure_catalogue import value_in_words
from core.governance.rules.policies.policy import CheckLevel, CheckVerdict
from core.governance.rules.requests import (
    PromotionRequest,
    RequestPurpose,
    RequestStatus,
    TurnedKey,
)
from core.identity.people import Side

DIGEST_SHOWN: Final = 12
_STATUS: Final[Mapping[RequestStatus, tuple[str, str]]] = {
    RequestStatus.OPEN: ("gray", "open"),
    RequestStatus.CHANGES_REQUESTED: ("violet", "changes requested"),
    RequestStatus.APPROVED: ("violet", "pending"),
    RequestStatus.APPLYING: ("violet", "pending"),
    RequestStatus.APPLIED: ("green", "✓ promoted"),
    RequestStatus.REJECTED: ("red", "✕ rejected"),
    RequestStatus.WITHDRAWN: ("gray", "withdrawn"),
    RequestStatus.EXPIRED: ("gray", "expired"),
    RequestStatus.CONFLICT: ("red", "✕ conflict"),
    RequestStatus.FAILED: ("red", "✕ failed"),
}
_PURPOSES: Final[Mapping[RequestPurpose, str]] = {
    RequestPurpose.PROMOTE: "",
    RequestPurpose.RESTORE: ", issued again,",
    RequestPurpose.ADOPT: ", adopted where it stands,",
    RequestPurpose.BREAK_GLASS: ", without its keys,",
    RequestPurpose.ROLLBACK: ", rolled back,",
}
_SIDE_HEAD: Final = {Side.DATA_SCIENCE: "DATA SCIENCE", Side.DATA_ENGINEERING: "DATA ENGINEERING"}


def names() -> Mapping[str, str]:
    """Everybody's name by username."""
    return {person.username: person.name for person in frame.services().people.list()}


def move(request: PromotionRequest) -> str:
    """The move that is asked for, as Markdown: “flight-delay 3 → 5”; what is adopted stays."""
    if request.purpose is RequestPurpose.ADOPT:
        return f"{theme.plain(request.model)} {request.to_version}"
    start = "" if request.from_version is None else f"{request.from_version} → "
    return f"{theme.plain(request.model)} {start}{request.to_version}"


def status_badge(request: PromotionRequest) -> str:
    """Where a request stands and what for, where that is not a promotion, as Markdown badges."""
    colour, word = _STATUS[request.status]
    if request.status is RequestStatus.APPLIED and request.purpose is not RequestPurpose.PROMOTE:
        word = "✓ confirmed"
    purpose = {
        RequestPurpose.PROMOTE: "",
        RequestPurpose.RESTORE: " :gray-badge[restore]",
        RequestPurpose.ADOPT: " :gray-badge[adoption]",
        RequestPurpose.BREAK_GLASS: " :red-badge[✕ glass broken]",
        RequestPurpose.ROLLBACK: " :gray-badge[rollback]",
    }[request.purpose]
    return f":{colour}-badge[{word}]{purpose}"


def headline(judged: Judgement) -> str:
    """The one sentence that answers whether this version should serve, as Markdown."""
    request = judged.request
    what = f"{move(request)} as {theme.plain(request.alias)}{_PURPOSES[request.purpose]}"
    match request.status:
        case RequestStatus.OPEN:
            return f"{what} {_waits(judged)}"
        case RequestStatus.CHANGES_REQUESTED:
            return f"{what} waits for the changes that were requested"
        case RequestStatus.APPROVED | RequestStatus.APPLYING:
            return f"{what} is decided and pending"
        case RequestStatus.APPLIED if request.purpose is not RequestPurpose.PROMOTE:
            return f"{what} is confirmed"
        case RequestStatus.APPLIED:
            return f"Promoted: {theme.plain(request.model)} {request.to_version} is " + theme.plain(
                request.alias
            )
        case RequestStatus.FAILED:
            return f"{what} is decided, but MLflow said no"
        case RequestStatus.CONFLICT:
            return f"{what} stopped: the alias or the facts had moved"
        case RequestStatus.REJECTED | RequestStatus.WITHDRAWN | RequestStatus.EXPIRED:
            return f"{what} {_STATUS[request.status][1].removeprefix('✕ ')}"


def _waits(judged: Judgement) -> str:
    unmet = blocking(judged.findings)
    owed = [side.label for side, count in judged.missing_keys.items() if count]
    if unmet:
        first = theme.plain(check_name(unmet[0].check_id).lower())
        more = f" and {len(unmet) - 1} more" if len(unmet) > 1 else ""
        return f"is held by “{first}”{more}"
    if len(owed) == 2:
        return "waits for both keys"
    if owed:
        return f"waits for the {owed[0]} key"
    return "has its keys and is held for the moment" if judged.held else "is ready"


def check_name(check_id: str) -> str:
    """A check's id as a name: “beats-champion” is “Beats champion”."""
    return check_id.replace("-", " ").capitalize()


def findings_of(judged: Judgement, side: Side) -> tuple[Finding, ...]:
    """One side's findings."""
    return tuple(finding for finding in judged.findings if finding.side is side)


def tally(findings: Sequence[Finding]) -> str:
    """How many checks that count passed, as Markdown: “3 of 3 checks ✓”."""
    counted = [finding for finding in findings if finding.level is CheckLevel.BLOCKING]
    passed = sum(finding.verdict is CheckVerdict.PASS for finding in counted)
    if not counted:
        return "no blocking check"
    failed = any(finding.verdict is CheckVerdict.FAIL for finding in counted)
    sign = " :green[✓]" if passed == len(counted) else " :red[✕]" if failed else ""
    return f"{passed} of {len(counted)} blocking checks{sign}"


def side_head(side: Side) -> str:
    """The coloured head of a side's card, as Markdown."""
    return f":{theme.SIDE_NAME[side]}[**● {_SIDE_HEAD[side]}**]"


def finding_rows(findings: Sequence[Finding], *, in_full: bool = False) -> None:
    """Draw findings: verdict, name, figures; the sentence where there is something to act on.

    What passed says it in one line, unless `in_full`; its sentence is then in the tooltip. A
    sentence that several neighbours share stands once, under the last of them.
    """
    if not findings:
        st.caption("The policy asks nothing of this side.")
    told = [f.says if in_full or f.verdict is not CheckVerdict.PASS else "" for f in findings]
    for finding, says, following in zip(findings, told, (*told[1:], ""), strict=False):
        level = (
            "" if finding.level is CheckLevel.BLOCKING else f" :gray-badge[{finding.level.value}]"
        )
        figures = " · ".join(theme.plain(text) for text in _figures_of(finding))
        with st.container(gap="xxsmall"):
            st.markdown(
                f"{theme.verdict_badge(finding.verdict)} "
                f"**{theme.plain(check_name(finding.check_id))}**{level} {figures}",
                help="  \n".join(theme.plain(_sourced(figure)) for figure in finding.figures)
                or None,
            )
            if says and says != following:
                st.caption(theme.plain(says))


def _figures_of(finding: Finding) -> tuple[str, ...]:
    """The figures of a finding that have a value; each named where there are several."""
    known = [figure for figure in finding.figures if figure.value is not None]
    if len(finding.figures) == 1:
        return tuple(figure_text(figure) for figure in known)
    return tuple(f"{figure.name.rpartition('.')[2]} {figure_text(figure)}" for figure in known)


def key_lines(
    judged: Judgement, side: Side, *, people: Mapping[str, str], at: datetime
) -> tuple[str, ...]:
    """The state of one side's keys, as Markdown lines: whose are turned, what is still wanted."""
    turned = [
        _turned(key, judged, people, at=at) for key in judged.request.keys if key.side is side
    ]
    owed = judged.missing_keys.get(side, 0)
    if judged.request.policy.keys.get(side, 0) == 0:
        return (*turned, "key: not asked for by this policy")
    if not turned and judged.request.purpose is RequestPurpose.ROLLBACK:
        return ("key: not asked for again; this side approved the version before",)
    if not turned and judged.request.purpose is RequestPurpose.RESTORE:
        return ("key: not asked for; an earlier decision is issued again",)
    if not owed or not judged.request.status.is_waiting:
        return tuple(turned) or ("key: never turned",)
    unmet = [f for f in blocking(judged.findings) if f.side is side]
    once = f", once “{theme.plain(check_name(unmet[0].check_id))}” passes" if unmet else ""
    count = "" if owed == 1 else f" {owed} more"
    return (*turned, f"key: **wanted**{count}{once}")


def _turned(key: TurnedKey, judged: Judgement, people: Mapping[str, str], *, at: datetime) -> str:
    who = theme.plain(people.get(key.person, key.person))
    own = " :gray-badge[author’s own]" if key.authors_own else ""
    said = f" “{theme.plain(key.comment)}”" if key.comment else ""
    if not key.counts:
        return f":gray[key turned by {who}, which no longer counts]"
    if judged.request.status.is_waiting and key.digest != judged.digests[key.side]:
        return f":red[✕] key turned by {who}, which no longer matches: the facts have changed since"
    if judged.request.status.is_waiting and at >= key.expires_at:
        return f":red[✕] key turned by {who}, which has expired"
    return f":green[✓] key turned by **{who}** {frame.clock(key.turned_at)}{own}{said}"


def figure_text(figure: Figure) -> str:
    """A figure's value for reading, with its interval and unit where it has them; not Markdown."""
    if figure.value is None:
        return ""
    of_what = figure.name.partition("comparison.")[2].replace("_", " ")
    named = f"{of_what} " if of_what and isinstance(figure.value, Mapping) else ""
    return f"{named}{value_in_words(figure)}" + (f" {figure.unit}" if figure.unit else "")


def _sourced(figure: Figure) -> str:
    source = f" from {figure.source}" if figure.source else ""
    says = f": {figure.says}" if figure.says else ""
    return f"{figure.name}{source}, read {frame.clock(figure.at)}{says}"


def evidence_table(evidence: Evidence, side: Side, part: EvidencePart) -> pd.DataFrame:
    """One side's pinned or live figures as a table of text."""
    return pd.DataFrame(
        [
            {
                "figure": figure.name,
                "status": figure.status.value.replace("_", " "),
                "value": value_in_words(figure),
                "unit": figure.unit,
                "what it means": figure.says,
                "source": figure.source,
                "read": figure.at,
            }
            for figure in evidence.of(side, part)
        ],
        columns=["figure", "status", "value", "unit", "what it means", "source", "read"],
    )


def evidence_detail(judged: Judgement, side: Side) -> None:
    """Draw a side's figures, pinned and live, inside an expander that computes only when open."""
    opened = st.expander(
        "Evidence in detail", key=f"request_evidence_{side.value}", on_change="rerun"
    )
    if not opened.open:
        return
    short = judged.digests[side][:DIGEST_SHOWN]
    with opened:
        for part, says in (
            (EvidencePart.PINNED, f"Pinned facts: what a key signs, as SHA-256 `{short}…`"),
            (EvidencePart.LIVE, "Live conditions: judged again at the moment of deciding"),
        ):
            table = evidence_table(judged.evidence, side, part)
            st.caption(says if len(table) else f"{says}: none")
            if len(table):
                st.dataframe(
                    table,
                    hide_index=True,
                    key=f"request_figures_{side.value}_{part.value}",
                    alt=f"{part.value} figures of {side.label}",
                    column_config={
                        "figure": st.column_config.TextColumn(pinned=True),
                        "read": st.column_config.DatetimeColumn(format="D MMM HH:mm:ss"),
                    },
                )
