"""Where the registry and the ledger disagree, as values, and what may be answered. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from core.governance.rules.judgement import TAG_DIGEST, digests_of
from core.governance.rules.ledger.entries import LedgerEntry
from core.governance.rules.ledger.kept_decisions import KeptDecision
from core.governance.rules.registry.flags import VersionFlag
from core.governance.rules.registry.production_timeline import LastKnownPosition
from core.governance.rules.registry.sightings import Alias, AliasDecision
from core.governance.rules.requests import PromotionRequest
from core.values.mlflow_entities import ModelVersion
from core.values.tag_names import (
    TAG_ANCHOR,
    TAG_BUNDLE,
    TAG_DECISION,
    TAG_FLAG,
    TAG_FLAG_REASON,
    TAG_LEDGER_HEAD,
    TAG_POLICY,
    TAG_REQUEST,
)

_SHOWN: Final = 3
_DIGITS: Final = 18  # a tag is foreign text; no ledger has more entries


class RegistryProblem(StrEnum):
    """What the reconciler can find, in the words of the screen."""

    UNGOVERNED_MOVE = "ungoverned move"
    ALIAS_VANISHED = "alias vanished"
    VERSION_DELETED = "version deleted"
    EVIDENCE_MUTATED = "evidence mutated"
    TAG_STRIPPED = "tag stripped"
    RECORD_ALTERED = "record altered"
    WRITE_PENDING = "write pending"
    LEDGER_BEHIND = "ledger behind its anchor"


class RegistryAnswer(StrEnum):
    """What people may answer; there is no answer that ignores a finding."""

    RESTORE = "restore"
    ADOPT = "adopt"


OF_THE_ALIAS: Final = frozenset({RegistryProblem.UNGOVERNED_MOVE, RegistryProblem.ALIAS_VANISHED})
OF_THE_QUEUE: Final = frozenset({RegistryProblem.WRITE_PENDING})
OF_THE_VERSIONS: Final = frozenset(
    {RegistryProblem.VERSION_DELETED, RegistryProblem.TAG_STRIPPED, RegistryProblem.LEDGER_BEHIND}
)
OF_THE_EVIDENCE: Final = frozenset(
    {RegistryProblem.EVIDENCE_MUTATED, RegistryProblem.RECORD_ALTERED}
)


@dataclass(frozen=True, slots=True)
class RegistryFinding:
    """One disagreement: which alias of which model, the version it is about, and a sentence.

    `request` is the promotion that stands, where there is one. `alias` is empty for what concerns
    a whole model.
    """

    trouble: RegistryProblem
    model: str
    alias: str
    says: str
    version: int | None = None
    request: int | None = None

    @property
    def key(self) -> tuple[RegistryProblem, str, str]:
        """By which the same finding is known again."""
        return self.trouble, self.model, self.alias


def answers(
    finding: RegistryFinding, decided: AliasDecision | None, *, deleted: bool
) -> frozenset[RegistryAnswer]:
    """What may be answered: `decided` is the decision that stands, `deleted` when its version is.

    A decision whose evidence was mutated cannot be issued again: its keys signed other facts.
    Where nothing stands, nothing can be adopted.
    """
    restorable = decided is not None and not deleted
    match finding.trouble:
        case RegistryProblem.UNGOVERNED_MOVE:
            return frozenset(
                {RegistryAnswer.ADOPT, *({RegistryAnswer.RESTORE} if restorable else ())}
            )
        case (
            RegistryProblem.ALIAS_VANISHED
            | RegistryProblem.TAG_STRIPPED
            | RegistryProblem.RECORD_ALTERED
        ):
            return frozenset({RegistryAnswer.RESTORE} if restorable else ())
        case RegistryProblem.EVIDENCE_MUTATED:
            return frozenset({RegistryAnswer.ADOPT})
        case (
            RegistryProblem.VERSION_DELETED
            | RegistryProblem.WRITE_PENDING
            | RegistryProblem.LEDGER_BEHIND
        ):
            return frozenset()


def of_the_alias(
    model: str, alias: str, position: LastKnownPosition, *, stands: int | None
) -> RegistryFinding | None:
    """What is wrong with where an alias stands, seen from what the ledger knows; else None.

    An alias that nobody ever decided about and that did not move is unknown, which is no finding.
    """
    decided = position.decided
    if decided is not None and stands == decided.version:
        return None
    if decided is None and position.first == stands and (stands is None or not position.moved):
        return None
    request = None if decided is None else decided.request
    wanted = position.first if decided is None else decided.version
    put = "it was first seen" if decided is None else "the ledger put it"
    if stands is None:
        says = (
            f"{alias} of {model} is gone from MLflow; {put} at version {wanted}. "
            "Restore it, or ask for another version."
        )
        return RegistryFinding(RegistryProblem.ALIAS_VANISHED, model, alias, says, wanted, request)
    if position.first is None and decided is None:
        says = (
            f"{alias} of {model} points at version {stands}; before, there was none. "
            "Somebody set it around Stile: adopt what stands with two keys, or take it away."
        )
    else:
        where = "nowhere" if wanted is None else f"at version {wanted}"
        says = (
            f"{alias} of {model} points at version {stands}; {put} {where}. "
            "Somebody moved it around Stile: restore it, or adopt what stands with two keys."
        )
    return RegistryFinding(RegistryProblem.UNGOVERNED_MOVE, model, alias, says, stands, request)


def of_the_version(
    model: str,
    alias: str,
    decided: AliasDecision,
    *,
    versions: Mapping[int, ModelVersion],
) -> RegistryFinding | None:
    """The finding that the version that was decided on is not in the registry any more, or None."""
    if decided.version is None or decided.version in versions:
        return None
    says = (
        f"Version {decided.version} of {model}, which was decided to be {alias}, was deleted from "
        "MLflow. It cannot be restored: ask for another version."
    )
    return RegistryFinding(
        RegistryProblem.VERSION_DELETED, model, alias, says, decided.version, decided.request
    )


def told_by_tags(standing: Iterable[tuple[Alias, AliasDecision]]) -> frozenset[Alias]:
    """The aliases whose decision the tags of its version tell: a version has room for one.

    Where several aliases stand at a version it is the newest decision, written over the others.
    """
    newest: dict[tuple[str, int | None], tuple[datetime, Alias]] = {}
    for alias, decided in standing:
        version = alias[0], decided.version
        newest[version] = max(newest.get(version, (decided.at, alias)), (decided.at, alias))
    return frozenset(alias for _, alias in newest.values())


def of_the_tags(
    request: PromotionRequest,
    decision: str,
    *,
    version: ModelVersion,
    model_tags: Mapping[str, str],
    kept: KeptDecision | None = None,
) -> RegistryFinding | None:
    """The finding that tags of a decision were taken away or changed in the registry, or None."""
    digests = digests_of(request.evidence)
    expected = {
        TAG_REQUEST: str(request.request_id),
        TAG_DECISION: decision,
        TAG_POLICY: f"{request.policy.version}:{request.policy.digest}",
        **{TAG_DIGEST[side]: digest for side, digest in digests.items()},
        **({TAG_BUNDLE: kept.tag} if kept is not None and kept.sha256 else {}),
    }
    gone = [name for name in (*expected, TAG_LEDGER_HEAD) if name not in version.tags]
    gone += [TAG_ANCHOR] if TAG_ANCHOR not in model_tags else []
    changed = [n for n, text in expected.items() if n not in gone and version.tags[n] != text]
    if not gone and not changed:
        return None
    parts = [_listed(gone, "gone"), _listed(changed, "changed")]
    says = (
        f"Tags that record the decision on {request.model} {request.to_version} are not as Stile "
        f"wrote them: {'; '.join(part for part in parts if part)}. Restore writes them again."
    )
    return RegistryFinding(
        RegistryProblem.TAG_STRIPPED,
        request.model,
        request.alias,
        says,
        request.to_version,
        request.request_id,
    )


def of_the_record(
    request: PromotionRequest, kept: KeptDecision, *, found: str | None
) -> RegistryFinding | None:
    """The finding that the decision kept with the run is gone or altered; `found` its SHA-256."""
    if found == kept.sha256:
        return None
    what = "is gone from its run" if found is None else "is not what Stile wrote"
    says = (
        f"The decision on {request.model} {request.to_version}, kept as {kept.path}, {what}. "
        "The ledger still has it; restore writes it again."
    )
    return RegistryFinding(
        RegistryProblem.RECORD_ALTERED,
        request.model,
        request.alias,
        says,
        request.to_version,
        request.request_id,
    )


def of_the_evidence(request: PromotionRequest, changed: Iterable[str]) -> RegistryFinding | None:
    """The finding that pinned facts are not what the keys signed, or None when they are."""
    names = tuple(changed)
    if not names:
        return None
    says = (
        f"Facts that the keys of request {request.request_id} signed have changed since "
        f"({_listed(names, 'changed')}). The version that serves is not the one that was judged: "
        "adopt it over fresh evidence, or promote another."
    )
    return RegistryFinding(
        RegistryProblem.EVIDENCE_MUTATED,
        request.model,
        request.alias,
        says,
        request.to_version,
        request.request_id,
    )


def lasting(changed: Iterable[str]) -> tuple[str, ...]:
    """The changed facts without the one that every promotion changes: who is champion now."""
    return tuple(name for name in changed if not name.endswith(": champion.version"))


def of_the_queue(request: PromotionRequest, problem: str) -> RegistryFinding:
    """The finding that a decision waits for MLflow."""
    why = f" The last answer was: {problem}" if problem else " No worker has tried it yet."
    says = (
        f"Request {request.request_id} is decided and MLflow has not wholly been told: "
        f"{request.model} {request.to_version} as {request.alias}.{why}"
    )
    return RegistryFinding(
        RegistryProblem.WRITE_PENDING,
        request.model,
        request.alias,
        says,
        request.to_version,
        request.request_id,
    )


def disagrees(entries: Sequence[LedgerEntry], anchor: str) -> bool:
    """True when the anchor (“number:hash”) remembers an entry that this ledger does not have."""
    seq, _, digest = anchor.partition(":")
    if not (seq.isascii() and seq.isdecimal() and len(seq) <= _DIGITS):
        return True
    number = int(seq)
    return not 1 <= number <= len(entries) or entries[number - 1].hash != digest


def of_the_ledger(model: str, anchor: str, *, newest: int) -> RegistryFinding:
    """The finding that MLflow remembers another ledger than this one."""
    seq = anchor.partition(":")[0][:_DIGITS]
    says = (
        f"An anchor in MLflow's tags on {model} remembers entry {seq} of the ledger, which ends at "
        f"{newest} here: entries are missing or were rewritten, or the tag was. Compare with "
        "`python -m core verify-ledger --anchors mlflow`, and restore the ledger from a backup."
    )
    return RegistryFinding(RegistryProblem.LEDGER_BEHIND, model, "", says)


def flag_repairs(
    versions: Iterable[ModelVersion], derived: Mapping[int, VersionFlag]
) -> Mapping[int, Mapping[str, str]]:
    """The tags to write so that every version carries the flag it deserves, and no other."""
    repairs: dict[int, Mapping[str, str]] = {}
    for version in versions:
        flag = derived.get(version.version, VersionFlag("", ""))
        wanted = {TAG_FLAG: flag.kind, TAG_FLAG_REASON: flag.reason}
        if any(version.tags.get(name, "") != text for name, text in wanted.items()):
            repairs[version.version] = wanted
    return repairs


def _listed(names: Iterable[str], word: str) -> str:
    found = list(names)
    if not found:
        return ""
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"{', '.join(found[:_SHOWN])}{more} {word}"
