"""The flag of every version of a model, derived again from the policy and the ledger."""

from collections.abc import Mapping
from datetime import datetime

from core.governance.registry.last_judgement import last_judged
from core.governance.rules.registry.flags import BY_DEFAULT, RequestResult, VersionFlag, flags
from core.governance.rules.registry.production_timeline import LastKnownPosition, position
from core.governance.rules.registry.sightings import AliasDecision, AliasHistory
from core.governance.rules.requests import RequestId
from core.store.governance_store import Record
from core.values.mlflow_entities import CHAMPION, ModelVersion, RegisteredModel


def derived_flags(
    record: Record,
    known: AliasHistory,
    model: RegisteredModel,
    versions: Mapping[int, ModelVersion],
    *,
    at: datetime,
) -> Mapping[int, VersionFlag] | None:
    """The flag of each version that deserves one; None while an alias stands where nobody put it.

    A version that stands behind one alias is not called superseded because of another.
    """
    where = {alias: position(known, name, alias) for name, alias in known.points
             if name == model.name}  # fmt: skip
    decided = {a: p.decided for a, p in where.items() if p is not None and p.decided is not None}
    if any(model.aliases.get(alias) != each.version for alias, each in decided.items()):
        return None
    if any(record.occupied_by(model.name, alias) for alias in decided):
        return None
    judged = _judged(record, model, at=at)
    derived: dict[int, VersionFlag] = {}
    for alias in sorted({*decided, CHAMPION}, key=lambda alias: (alias != CHAMPION, alias)):
        champion = model.aliases.get(alias)
        found = flags(
            versions,
            champion=champion,
            former_champions=record.served_before(model.name, alias) - {champion},
            judged=judged,
            alias=alias,
            champion_by_default=_by_default(record, where.get(alias), judged, champion),
        )
        for version, flag in found.items():
            derived.setdefault(version, flag)
    serving = set(model.aliases.values())
    return {
        version: flag
        for version, flag in derived.items()
        if version not in serving or flag.kind == BY_DEFAULT
    }


def _by_default(
    record: Record,
    where: LastKnownPosition | None,
    judged: Mapping[int, RequestResult],
    champion: int | None,
) -> bool:
    """True for a champion that nobody judged, or that nothing was compared with."""
    if where is None or where.decided is None:
        has_moved = where is not None and (where.moved or where.version != champion)
        return champion is not None and champion not in judged and not has_moved
    decided: AliasDecision = where.decided
    if decided.request is None:
        return True
    request = record.request(RequestId(decided.request))
    signed = request if request.restores is None else record.request(request.restores)
    return signed.from_version is None


def _judged(record: Record, model: RegisteredModel, *, at: datetime) -> Mapping[int, RequestResult]:
    """What the last request about each version found, and what has become of that."""
    newest: dict[int, RequestResult] = {}
    for request in record.requests(model=model.name):
        if request.to_version not in newest:
            newest[request.to_version] = last_judged(
                request,
                record.verified(request.request_id),
                champion=model.aliases.get(request.alias),
                in_force=record.policy(model.name, request.alias),
                at=at,
            )
    return newest
