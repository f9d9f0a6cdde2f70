"""Where drift takes its rows and references from: who said so stands in the ledger."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.drift.references import reference_samples
from core.drift.references.offered_reference import Given
from core.drift.windows.profile_rows import KeptReference, Origin, attached_key
from core.errors import Refused
from core.governance.decisions.deciding import fingerprint_of
from core.governance.rules.requests import PromotionRequest, RequestId, RequestStatus
from core.identity.people import Username, require_inputs
from core.store.governance_store import GovernanceStore, Record
from core.store.people import STILE
from core.store.sources import SourceStore, StoredSource
from core.values.canonical_json import JsonValue

if TYPE_CHECKING:
    from core.drift.monitor import DriftMonitor
    from core.drift.sources.source_check import SourceCheck
    from core.drift.sources.source_description import Description
    from core.tracking.reader import TrackingReader

ADDED: Final = "source_added"
REMOVED: Final = "source_removed"
ATTACHED: Final = "reference_set"
DETACHED: Final = "reference_detached"
_DESCRIBE: Final = "say where a model's inference log is"
_ATTACH: Final = "attach a reference"
_DETACH: Final = "detach a reference"


@dataclass(frozen=True, slots=True)
class SourceProposal:
    """A description, what was found where it leads, and the source that it replaces, if any."""

    model: str
    checked: "SourceCheck"
    before: StoredSource | None = None


@dataclass(frozen=True, slots=True)
class ListedSource:
    """A source that was added, and its place in words."""

    source: StoredSource
    where: str


@dataclass(frozen=True, slots=True)
class SourcesAndReferences:
    """Whoever holds the data engineering key, or administers, says where drift is read from.

    An actor of None is the machine's own command line, which may only while nobody is there: who
    runs it makes the first administrator anyway. The same form again changes nothing more.
    """

    store: GovernanceStore
    tracking: "TrackingReader"
    drift: "DriftMonitor"
    described: SourceStore

    # looking

    def check(
        self, actor: Username | None, text: str, *, what: str, folder: Path, at: datetime
    ) -> SourceProposal:
        """What a description leads to, opened now by the server; nothing is kept.

        Raises
        ------
        Refused, Unavailable
            The actor may not have the server read files, the text holds a mistake, or it cannot be
            opened.
        """
        description = self._read(actor, text, what=what)
        checked = _opened(description, folder=folder, at=at)
        return SourceProposal(description.model, checked)

    def listed(self) -> tuple[ListedSource, ...]:
        """Every source that was added, by model."""
        return tuple(_listed(source) for source in self.described.all())

    def source_of(self, model: str) -> ListedSource | None:
        """The source of one model; None where its captured log is watched."""
        source = self.described.get(model)
        return None if source is None else _listed(source)

    def affected(self, model: str, version: int) -> tuple[PromotionRequest, ...]:
        """The undecided requests in whose evidence this version's reference stands."""
        waiting = [status for status in RequestStatus if status.is_waiting or status.is_in_flight]
        with self.store.reading() as record:
            return tuple(
                request
                for request in record.requests(model=model, statuses=waiting)
                if version in {request.to_version, request.from_version}
            )

    # deciding

    def add_source(
        self,
        actor: Username | None,
        text: str,
        *,
        what: str,
        folder: Path,
        form: str,
        at: datetime,
    ) -> SourceProposal:
        """What is watched from now on, in place of the captured log; it is opened first.

        Raises
        ------
        Refused, Unavailable
            The actor may not, the text holds a mistake, or what it describes cannot be used.
        """
        from core.drift.sources.source_description import place_of  # Ibis takes a while to import

        description = self._read(actor, text, what=what)
        checked = _opened(description, folder=folder, at=at)
        if not checked.usable:
            why = (*checked.broken, *checked.cannot, "it holds no row with a time.")[0]
            raise Refused(f"{what} describes a log that cannot be used: {why}")
        place = place_of(text, str(folder))
        source = StoredSource(
            description.model,
            place,
            text,
            folder=str(folder),
            added_by=actor or STILE,
            added_at=at,
        )
        replaced: list[StoredSource] = []

        def act(record: Record) -> int:
            before = record.sources.put(source)
            if before is not None:
                replaced.append(before)
            facts = {"model": source.model, "says": checked.where, "place": place}
            return record.append(ADDED, facts, actor=actor or STILE, at=at).seq

        parts = ("add_source", text, str(folder))
        self._once(actor, source.model, form, parts, act, to=_DESCRIBE, at=at)
        before = replaced[0] if replaced else None
        if before is not None and before.place != place:
            self.drift.forget_place(source.model, before.place)
        return SourceProposal(source.model, checked, before)

    def remove_source(self, actor: Username | None, model: str, *, form: str, at: datetime) -> None:
        """Remove the described source: the captured log of the model is watched again.

        What was counted of the source is not kept.

        Raises
        ------
        Refused
            Nobody added a source for the model, or the actor may not.
        """
        removed: list[StoredSource] = []

        def act(record: Record) -> int:
            was = record.sources.remove(model)
            if was is None:
                raise Refused(
                    f"No source was added for {model}: `source list` shows those there are."
                )
            removed.append(was)
            facts = {"model": model, "place": was.place}
            return record.append(REMOVED, facts, actor=actor or STILE, at=at).seq

        self._once(actor, model, form, ("remove_source", model), act, to=_DESCRIBE, at=at)
        for was in removed:
            self.drift.forget_place(model, was.place)

    def attach(
        self,
        actor: Username | None,
        model: str,
        version: int,
        given: Given,
        *,
        form: str,
        at: datetime,
    ) -> KeptReference:
        """The reference that the version is held against from now on, whatever its run logged.

        Raises
        ------
        Refused
            The actor may not, there is no such version, or what is given cannot be read.
        InsufficientData
            There is nothing in it that can be profiled.
        """
        self._allow(actor, model, to=_ATTACH)
        self.tracking.version(model, version)  # refuses one that is not there, before any reading
        offered = given.read(self.drift.references, model, at=at)
        reference, home, sample = offered.reference, self.drift.references.home, ""
        if offered.sample is not None:
            sample = reference_samples.keep(home, model, version, offered.sample)
        origin = Origin(
            given.says, actor or STILE, at, offered.days, place=offered.place, sample=sample
        )
        kept, stored = self.drift.references.attached(model, version, reference, origin, at=at)
        facts: Mapping[str, JsonValue] = {
            "model": model,
            "version": version,
            "says": given.says,
            "rows": reference.rows,
            "reference": kept.reference_id,
        }

        def act(record: Record) -> int:
            record.profiles.put(stored)
            return record.append(ATTACHED, facts, actor=actor or STILE, at=at).seq

        parts = ("attach_reference", model, str(version), given.says, kept.reference_id)
        try:
            self._once(actor, model, form, parts, act, to=_ATTACH, at=at)
        finally:  # of what was decided, by whichever form, and of nothing else
            decided = self.drift.references.origin_of(model, version)
            reference_samples.forget(home, model, version, but=decided.sample if decided else "")
        return kept

    def detach(
        self, actor: Username | None, model: str, version: int, *, form: str, at: datetime
    ) -> None:
        """Remove the attached reference: what the run logged is the reference again.

        Raises
        ------
        Refused
            No reference was attached, or the actor may not.
        """

        def act(record: Record) -> int:
            if not record.profiles.remove(model, attached_key(version)):
                raise Refused(f"No reference was attached to {model} {version}.")
            facts: Mapping[str, JsonValue] = {"model": model, "version": version}
            return record.append(DETACHED, facts, actor=actor or STILE, at=at).seq

        parts = ("detach_reference", model, str(version))
        self._once(actor, model, form, parts, act, to=_DETACH, at=at)
        reference_samples.forget(self.drift.references.home, model, version)

    # inside

    def _read(self, actor: Username | None, text: str, *, what: str) -> "Description":
        """The description, when the actor may say it of the model it names; nothing is opened."""
        from core.drift.sources.source_description import (
            read_description,  # Ibis takes a while to import
        )

        self._allow(actor, None, to=_DESCRIBE)
        description = read_description(text, what=what)
        self._allow(actor, description.model, to=_DESCRIBE)
        return description

    def _allow(self, actor: Username | None, model: str | None, *, to: str) -> None:
        """Check the person's rights: before anything is read, and once more when it is decided."""
        with self.store.reading() as record:
            require_of(record, actor, model, to=to)

    def _once(
        self,
        actor: Username | None,
        model: str,
        form: str,
        parts: tuple[str, ...],
        act: Callable[[Record], int],
        *,
        to: str,
        at: datetime,
    ) -> None:
        """Save what was decided and its ledger entry in one transaction, once for each form."""
        fingerprint = fingerprint_of(parts)
        with self.store.deciding() as record:
            require_of(record, actor, model, to=to)
            if actor is None:
                act(record)
            elif record.first_result(actor, form, fingerprint) is None:
                entry = RequestId(act(record))
                record.remember(actor, form, fingerprint, result=entry, at=at)


def require_of(record: Record, actor: Username | None, model: str | None, *, to: str) -> None:
    """Raise `Refused` unless the actor may act on live inputs; None only while nobody is there."""
    if actor is not None:
        require_inputs(record.person(actor), model, to=to)
    elif record.people():
        raise Refused(
            f"Say who does it: set STILE_TOKEN. Only someone with the data engineering key, or an "
            f"administrator, may {to}."
        )


def _listed(source: StoredSource) -> ListedSource:
    from core.drift.sources.source_description import read_description  # as above

    what = f"The source of {source.model}"
    return ListedSource(source, read_description(source.description, what=what).where.says)


def _opened(description: "Description", *, folder: Path, at: datetime) -> "SourceCheck":
    from core.drift.sources.source_check import check  # as above

    return check(description, folder, at=at)
