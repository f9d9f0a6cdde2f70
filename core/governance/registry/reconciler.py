"""The reconciler: what the registry really says, held against what the ledger knows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from core.errors import Refused, StileError
from core.governance.decisions.deciding import signed_request
from core.governance.decisions.partners import DecisionPartners
from core.governance.registry.alias_watch import decisions, kept, observe
from core.governance.registry.derived_flags import derived_flags
from core.governance.rules.judgement import changed_facts
from core.governance.rules.ledger.entries import LedgerEntry
from core.governance.rules.ledger.kept_decisions import KeptDecision, kept_of
from core.governance.rules.registry import reconciliation
from core.governance.rules.registry.reconciliation import (
    RegistryAnswer,
    RegistryFinding,
    RegistryProblem,
    answers,
    disagrees,
)
from core.governance.rules.registry.sightings import (
    TOLD,
    Alias,
    AliasDecision,
    AliasHistory,
    chronicle,
)
from core.governance.rules.requests import RequestId
from core.store.governance_store import GovernanceStore
from core.store.people import STILE
from core.store.registry_watch import LOOK, KnownFinding
from core.tracking.own_files import kept_with_run
from core.values.canonical_json import JsonValue
from core.values.mlflow_entities import ModelVersion, RegisteredModel, RunId
from core.values.tag_names import TAG_ANCHOR, TAG_LEDGER_HEAD

if TYPE_CHECKING:
    from core.tracking.reader import TrackingReader

_IN_THE_LEDGER: Final = frozenset(
    {
        RegistryProblem.VERSION_DELETED,
        RegistryProblem.TAG_STRIPPED,
        RegistryProblem.EVIDENCE_MUTATED,
        RegistryProblem.RECORD_ALTERED,
    }
)


class ReconcilerDepth(IntEnum):
    """How far a look goes; each one includes those before it."""

    ALIASES = 1  # one call for all models: where every alias points
    VERSIONS = 2  # two calls a governed model: versions, tags, anchors, flags
    EVIDENCE = 3  # every pinned fact of the promotions that stand, read and hashed again


@dataclass(frozen=True, slots=True)
class ReconcilerReport:
    """What one look found. `findings` are all that stand unanswered, also from looks before.

    `observed` are the aliases whose value the ledger did not know, `repaired` the versions whose
    flag was written again, `problems` the sentences of what did not answer.
    """

    at: datetime
    findings: tuple[KnownFinding, ...]
    observed: tuple[Alias, ...] = ()
    repaired: tuple[tuple[str, int], ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnansweredFinding:
    """A finding that stands, when it was found first, and what people may answer."""

    finding: RegistryFinding
    found_at: datetime
    answers: frozenset[RegistryAnswer]


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Looks at the registry; writes only observations, findings and flags, never an alias."""

    partners: DecisionPartners
    tracking: "TrackingReader"

    @property
    def store(self) -> GovernanceStore:
        """Where decisions, observations and findings are."""
        return self.partners.store

    def unanswered(self, model: str | None = None) -> tuple[UnansweredFinding, ...]:
        """The findings that stand, of one model or of all, as the last look left them."""
        with self.store.reading() as record:
            known = record.watch.findings()
            if not known:
                return ()
            decided = dict(decisions(chronicle(record.entries(TOLD))))
        deleted = {
            (each.finding.model, each.finding.alias)
            for each in known
            if each.finding.trouble is RegistryProblem.VERSION_DELETED
        }
        found = []
        for each in known:
            about = (each.finding.model, each.finding.alias)
            may = answers(each.finding, decided.get(about), deleted=about in deleted)
            found.append(UnansweredFinding(each.finding, each.found_at, may))
        return tuple(each for each in found if model in {None, each.finding.model})

    def watched_until(self) -> datetime | None:
        """When somebody last looked where the aliases stand; None when nobody ever did."""
        with self.store.reading() as record:
            return record.watch.last()

    def look(self, depth: ReconcilerDepth, *, at: datetime) -> ReconcilerReport:
        """The registry compared with the ledger, as deep as asked.

        Raises
        ------
        Unavailable
            MLflow or the governance database did not answer: nothing was observed, and the time
            until somebody looks again is unknown.
        """
        with self.store.reading() as record:
            head = record.head()
        models = {model.name: model for model in self.tracking.registered_models()}
        with self.store.deciding() as record:
            observed = observe(
                record,
                models,
                newer_than=head.seq if head else 0,
                registry=self.tracking.door.registry_uri,
                at=at,
            )
        repaired: tuple[tuple[str, int], ...] = ()
        problems: list[str] = []
        if depth >= ReconcilerDepth.VERSIONS:
            repaired = self._look_at_versions(models, problems, at=at)
        if depth >= ReconcilerDepth.EVIDENCE:
            self._look_at_evidence(models, problems, at=at)
        with self.store.reading() as record:
            findings = record.watch.findings()
        return ReconcilerReport(at, findings, observed, repaired, tuple(problems))

    # what the versions carry

    def _look_at_versions(
        self, models: Mapping[str, RegisteredModel], problems: list[str], *, at: datetime
    ) -> tuple[tuple[str, int], ...]:
        entries = self.store.entries()
        known = chronicle(entries)
        found: list[RegistryFinding] = []
        repaired: list[tuple[str, int]] = []
        shelves: dict[str, Mapping[int, ModelVersion]] = {}
        for model in self._governed(known):
            try:
                shelves[model] = self._versions(model, models)
                repaired += self._repair_flags(model, models, shelves[model], known, at=at)
            except StileError as error:
                problems.append(str(error))
        unread: set[Alias] = set()
        standing = decisions(known)
        told = reconciliation.told_by_tags(standing)
        for (model, alias), decided in standing:
            if model not in shelves:
                unread.add((model, alias))
                continue
            kept_there = None if decided.request is None else kept_of(entries, decided.request)
            findings = self._of_one(model, alias, decided, models, shelves[model], kept_there)
            of_tags = RegistryProblem.TAG_STRIPPED
            found += [f for f in findings if f.trouble is not of_tags or (model, alias) in told]
        found += _behind_findings(entries, models, shelves)
        with self.store.reading() as record:
            broken = record.ledger_problem()
        found += [RegistryFinding(RegistryProblem.LEDGER_BEHIND, "", "", broken)] if broken else []
        self._keep(reconciliation.OF_THE_VERSIONS, found, unread, at=at)
        with self.store.deciding() as record:
            record.watch.beat(LOOK, at=at)
        return tuple(repaired)

    def _governed(self, known: AliasHistory) -> tuple[str, ...]:
        """The models that people have decided or asked about."""
        with self.store.reading() as record:
            asked = record.watch.models_asked_for()
        return tuple(sorted(asked | {model for (model, _), _ in decisions(known)}))

    def _versions(
        self, model: str, models: Mapping[str, RegisteredModel]
    ) -> Mapping[int, ModelVersion]:
        if model not in models:
            return {}
        return {version.version: version for version in self.tracking.versions(model)}

    def _of_one(
        self,
        model: str,
        alias: str,
        decided: AliasDecision,
        models: Mapping[str, RegisteredModel],
        versions: Mapping[int, ModelVersion],
        kept_there: KeptDecision | None,
    ) -> Iterable[RegistryFinding]:
        deleted = reconciliation.of_the_version(model, alias, decided, versions=versions)
        if deleted is not None:
            yield deleted
        version = versions.get(decided.version or 0)
        if version is None or decided.request is None:
            return
        with self.store.reading() as record:
            request = record.request(RequestId(decided.request))
            decision = record.decision(request.request_id)
            owed = record.queue.of(request.request_id) is not None
        if owed:  # its tags are still being written
            return
        tags = models[model].tags
        finding = reconciliation.of_the_tags(
            request, decision, version=version, model_tags=tags, kept=kept_there
        )
        if finding is not None:
            yield finding

    def _repair_flags(
        self,
        model: str,
        models: Mapping[str, RegisteredModel],
        versions: Mapping[int, ModelVersion],
        known: AliasHistory,
        *,
        at: datetime,
    ) -> list[tuple[str, int]]:
        if model not in models:
            return []
        with self.store.reading() as record:
            derived = derived_flags(record, known, models[model], versions, at=at)
        if derived is None:
            return []
        repairs = reconciliation.flag_repairs(versions.values(), derived)
        for number, tags in repairs.items():
            self.partners.registry.set_version_tags(model, number, tags)
        return [(model, number) for number in repairs]

    # what the keys signed

    def _look_at_evidence(
        self, models: Mapping[str, RegisteredModel], problems: list[str], *, at: datetime
    ) -> None:
        found: list[RegistryFinding] = []
        unread: set[Alias] = set()
        entries = self.store.entries()
        for (model, alias), decided in decisions(chronicle(entries)):
            if decided.request is None or model not in models:
                continue
            try:
                found += self._altered(kept_of(entries, decided.request))
                found += self._mutated(RequestId(decided.request), at=at)
            except Refused:  # the version is gone, which is a finding of its own
                continue
            except StileError as error:
                problems.append(str(error))
                unread.add((model, alias))
        self._keep(reconciliation.OF_THE_EVIDENCE, found, unread, at=at)

    def _altered(self, kept_there: KeptDecision | None) -> Iterable[RegistryFinding]:
        if kept_there is None or not kept_there.sha256:
            return ()
        with self.store.reading() as record:
            request = record.request(RequestId(kept_there.request))
        door, run_id = self.tracking.door, RunId(kept_there.run_id)
        try:
            found = kept_with_run(door, run_id, kept_there.path)
        except Refused:  # the run is gone, or its store is closed to us: what was kept is not there
            found = None
        finding = reconciliation.of_the_record(request, kept_there, found=found)
        return () if finding is None else (finding,)

    def _mutated(self, number: RequestId, *, at: datetime) -> Iterable[RegistryFinding]:
        with self.store.reading() as record:
            request = record.request(number)
            signed = signed_request(record, request)
            people = record.people()
        if not signed.evidence.figures:  # adopted from before Stile: nobody signed any fact
            return ()
        now = self.partners.verified_now(signed, people, at=at)
        changed = reconciliation.lasting(changed_facts(signed.evidence, now))
        finding = reconciliation.of_the_evidence(request, changed)
        return () if finding is None else (finding,)

    def _keep(
        self,
        looked_for: frozenset[RegistryProblem],
        found: list[RegistryFinding],
        unread: Iterable[Alias],
        *,
        at: datetime,
    ) -> None:
        """Remember what was found; what is new or gone is told to the ledger, where it is whole."""
        with self.store.deciding() as record:
            found += kept(record, looked_for, frozenset(unread))
            difference = record.watch.replace(looked_for, found, at=at)
            news = [("finding_opened", finding) for finding in difference.new]
            news += [("finding_closed", finding) for finding in difference.gone]
            news = [(kind, f) for kind, f in news if f.trouble in _IN_THE_LEDGER]
            if not news or record.ledger_problem():  # nothing is built upon a broken ledger
                return
            for kind, finding in news:
                record.append(kind, _body_of(finding), actor=STILE, at=at)


def _behind_findings(
    entries: tuple[LedgerEntry, ...],
    models: Mapping[str, RegisteredModel],
    shelves: Mapping[str, Mapping[int, ModelVersion]],
) -> Iterable[RegistryFinding]:
    for name, model in models.items():
        tags = [model.tags.get(TAG_ANCHOR, "")]
        tags += [v.tags.get(TAG_LEDGER_HEAD, "") for v in shelves.get(name, {}).values()]
        wrong = next((text for text in tags if text and disagrees(entries, text)), None)
        if wrong is not None:
            yield reconciliation.of_the_ledger(name, wrong, newest=len(entries))


def _body_of(finding: RegistryFinding) -> Mapping[str, JsonValue]:
    return {
        "model": finding.model,
        "alias": finding.alias,
        "version": finding.version,
        "request": finding.request,
        "trouble": finding.trouble.value,
        "says": finding.says,
    }
