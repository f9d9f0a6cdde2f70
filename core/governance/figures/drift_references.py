"""What drift is held against, as pinned figures: what a run logged, or what somebody attached."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from core.drift.windows.profile_rows import KeptReference
from core.errors import InsufficientData, Refused
from core.governance.rules.evidence import Evidence, Figure
from core.governance.rules.figure_writer import FigureWriter
from core.governance.rules.judgement import REFERENCES
from core.identity.people import Person
from core.values.canonical_json import JsonValue, utc_millis

if TYPE_CHECKING:
    from core.drift.monitor import DriftMonitor

OF_CANDIDATE, OF_CHAMPION = REFERENCES
_SOURCE: Final = "training reference"


def reference_figures(
    drift: "DriftMonitor",
    model: str,
    *,
    champion: int | None,
    candidate: int,
    people: Iterable[Person],
    frozen: Evidence | None,
    scribe: FigureWriter,
) -> tuple[Figure, ...]:
    """What the inputs of both versions are held against, by digest, and who attached it.

    None where the evidence was frozen before anybody asked: that nobody pinned it is no change.
    """
    if frozen is not None and frozen.figure(OF_CANDIDATE) is None:
        return ()
    names: Mapping[str, str] = {str(person.username): person.name for person in people}
    ours = _figure(OF_CANDIDATE, drift, model, candidate, names, scribe)
    if champion is None:
        return ours, scribe.absent(OF_CHAMPION, "There is no champion yet.", source=_SOURCE)
    return ours, _figure(OF_CHAMPION, drift, model, champion, names, scribe)


def _figure(
    name: str,
    drift: "DriftMonitor",
    model: str,
    version: int,
    names: Mapping[str, str],
    scribe: FigureWriter,
) -> Figure:
    try:
        kept = drift.references.of(model, version, at=scribe.at)
    except (Refused, InsufficientData) as error:
        return scribe.absent(name, str(error), source=_SOURCE)
    if kept is None:
        return scribe.absent(name, drift.references.why_none(model, version), source=_SOURCE)
    return scribe.known(name, _facts(kept), _says(version, kept, names), source=_SOURCE)


def _facts(kept: KeptReference) -> dict[str, JsonValue]:
    facts: dict[str, JsonValue] = {
        "logged_by_run": kept.origin is None,
        "digest": kept.reference_id,
        "rows": kept.reference.rows,
    }
    if kept.origin is not None:
        facts["attached_by"] = kept.origin.set_by
        facts["attached_at"] = utc_millis(kept.origin.set_at)
        facts["from"] = kept.origin.says
    return facts


def _says(version: int, kept: KeptReference, names: Mapping[str, str]) -> str:
    rows = f"{kept.reference.rows:,} rows"
    if kept.origin is None:
        return f"Version {version} is held against what its run logged, {rows}."
    who = names.get(kept.origin.set_by, kept.origin.set_by)
    day = kept.origin.set_at.date().isoformat()
    return (
        f"Version {version} is held against a reference that {who} attached on {day} "
        f"({kept.origin.says}, {rows}), not what its run logged."
    )
