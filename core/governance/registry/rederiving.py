"""The flag of every version of a model, derived again from the policy and the ledger."""

from collections.abc import Mapping
from typing import Final

from core.governance.checks import Finding, judge
from core.governance.registry.flags import BY_DEFAULT, Flag, flags
from core.governance.registry.observing import CHAMPION
from core.governance.registry.sightings import Chronicle, Decided
from core.governance.registry.timeline import position
from core.governance.requests import RequestId
from core.store.governance import Record
from core.tracking.values import ModelVersion, RegisteredModel

_NOBODY: Final = RequestId(0)


def derived_flags(
    record: Record,
    known: Chronicle,
    model: RegisteredModel,
    versions: Mapping[int, ModelVersion],
) -> Mapping[int, Flag] | None:
    """The flag of each version that deserves one; None while an alias stands where nobody put it.

    A version that serves behind one alias is not called superseded because of another.
    """
    decided = _decided(known, model.name)
    if any(model.aliases.get(alias) != each.version for alias, each in decided.items()):
        return None
    if any(record.occupied_by(model.name, alias, besides=_NOBODY) for alias in decided):
        return None
    findings = _findings(record, model.name)
    derived: dict[int, Flag] = {}
    for alias in sorted(decided or {CHAMPION}, key=lambda alias: (alias != CHAMPION, alias)):
        champion = model.aliases.get(alias)
        found = flags(
            versions,
            champion=champion,
            former_champions=record.served_before(model.name, alias) - {champion},
            findings=findings,
            champion_by_default=_by_default(record, decided.get(alias)),
        )
        for version, flag in found.items():
            derived.setdefault(version, flag)
    serving = {each.version for each in decided.values()}
    return {
        version: flag
        for version, flag in derived.items()
        if version not in serving or flag.kind == BY_DEFAULT
    }


def _decided(known: Chronicle, model: str) -> dict[str, Decided]:
    """The decision that stands for each alias of the model."""
    found = {alias: position(known, name, alias) for name, alias in known.points if name == model}
    return {
        alias: where.decided
        for alias, where in found.items()
        if where is not None and where.decided is not None
    }


def _by_default(record: Record, decided: Decided | None) -> bool:
    """True for a champion that was there before Stile, or that nothing was compared with."""
    if decided is None:
        return False
    if decided.request is None:
        return True
    request = record.request(RequestId(decided.request))
    signed = request if request.restores is None else record.request(request.restores)
    return signed.from_version is None


def _findings(record: Record, model: str) -> Mapping[int, tuple[Finding, ...]]:
    """What the last request about each version found."""
    newest: dict[int, tuple[Finding, ...]] = {}
    for request in record.requests(model=model):
        if request.to_version not in newest:
            newest[request.to_version] = judge(request.policy, record.verified(request.request_id))
    return newest
