"""How a model is watched: by which segments, and how often an alert may be false."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from core.drift.values.monitoring_choice import MOST_CUTS, MonitoringSettings
from core.errors import Refused
from core.governance.use_cases.sources_and_references import require_of
from core.identity.people import Username
from core.store.governance_store import GovernanceStore
from core.store.people import STILE

STATED: Final = "watch_stated"
LOWEST, HIGHEST = 0.001, 0.5


def state(
    store: GovernanceStore,
    actor: Username | None,
    model: str,
    stated: MonitoringSettings,
    *,
    able: Sequence[str],
    described: bool,
    at: datetime,
) -> MonitoringSettings:
    """How the model was watched before; an actor of None may only while nobody is there.

    `able` are the columns its rows can be cut by; `described` is True when the description of its
    source says by which they are, so that nothing else may.

    Raises
    ------
    Refused
        The actor has no data engineering key of the model, or a column or the rate cannot be used.
    """
    _check(model, stated, able, described)
    with store.deciding() as record:
        require_of(record, actor, model, to="say how a model is watched")
        before = record.watched.get(model)
        if stated != before:
            record.watched.put(model, stated)
            segments = None if stated.segments is None else list(stated.segments)
            facts = {"model": model, "segments": segments, "rate": stated.rate,
                     "says": in_words(stated)}  # fmt: skip
            record.append(STATED, facts, actor=actor or STILE, at=at)
    return before


def in_words(stated: MonitoringSettings) -> str:
    """How a model is watched, in a few words."""
    if stated.segments is None:
        cut = "segments by what matters most"
    else:
        cut = f"segments by {', '.join(stated.segments)}" if stated.segments else "no segments"
    return f"{cut}; {100 * stated.rate:.3g} % of windows without drift may alert"


def _check(model: str, stated: MonitoringSettings, able: Sequence[str], described: bool) -> None:
    if not LOWEST <= stated.rate <= HIGHEST:
        raise Refused(
            f"A rate of {stated.rate:g} cannot be kept: state a share of windows from {LOWEST} to"
            f" {HIGHEST}, such as 0.05."
        )
    if stated.segments is None:
        return
    if described:
        raise Refused(
            f"The description of {model}'s source says which segments are counted: change"
            " `segments:` there and add it again."
        )
    if len(stated.segments) > MOST_CUTS:
        raise Refused(f"Rows are cut by {MOST_CUTS} columns at most: leave some out.")
    unknown = [name for name in stated.segments if name not in able]
    if unknown:
        known = ", ".join(able) or "none"
        raise Refused(
            f"Rows of {model} cannot be cut by {unknown[0]}: choose among its categories of 2 to 60"
            f" levels in training ({known})."
        )
