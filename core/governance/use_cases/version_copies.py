"""Copying a version into another registered model, dev into prod, and asking for it there.

The copy is made first and serves nothing: no alias points at it. The request is about the copy
itself, under the rules and keys of the model it was copied into, so what the keys sign is what will
serve, also when the model it came from is tidied away.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import uuid4

from core.errors import Refused, Unavailable
from core.governance.decisions.deciding import require_whole, said_text
from core.governance.rules.requests import PromotionRequest
from core.governance.use_cases.promotion import Promotions
from core.identity.people import Role, Username, require_role
from core.store.governance_store import GovernanceStore, Record
from core.values.canonical_json import JsonValue
from core.values.mlflow_entities import CHAMPION, ModelVersion
from core.values.tag_names import OURS, TAG_COPIED_FROM, TAG_REGISTERED_BY

COPIED: Final = "version_copied"
_KEPT: Final = frozenset({TAG_REGISTERED_BY})
_LEASE: Final = timedelta(seconds=30)


class RegistryCopies(Protocol):
    """The registry as copying needs it; a creation whose reply was lost may have happened."""

    def version(self, model: str, number: int, /) -> ModelVersion:
        """The version; `Refused` when there is none."""
        ...

    def versions(self, model: str, /) -> tuple[ModelVersion, ...]:
        """Every version of a model; `Refused` when there is no such model."""
        ...

    def create_version(
        self,
        model: str,
        /,
        *,
        source: str,
        run_id: str | None,
        tags: Mapping[str, str],
        description: str,
    ) -> int:
        """The number of a new version; its tags are there from the first moment."""
        ...


@dataclass(frozen=True, slots=True)
class VersionCopies:
    """The use cases of copying. Actors are usernames; their rights are read when they act."""

    promotions: Promotions
    shelves: RegistryCopies

    @property
    def store(self) -> GovernanceStore:
        """Where decisions are."""
        return self.promotions.store

    def request_copy(
        self,
        actor: Username,
        *,
        from_model: str,
        version: int,
        model: str,
        alias: str = CHAMPION,
        comment: str,
        idempotency_key: str,
        at: datetime,
    ) -> PromotionRequest:
        """A request on `model` for its copy of a version of `from_model`, made if it is not there.

        However often it is tried, and whatever replies were lost, there is one copy and one entry
        of it in the ledger; the same form again returns the same request.
        """
        said_text(comment)
        if model == from_model:
            raise Refused(f"{model} {version} is there already; ask for it without copying.")
        with self.store.reading() as record:
            require_role(record.person(actor), Role.MEMBER, to="copy a version")
            require_whole(record)
        origin = self.shelves.version(from_model, version)
        if origin.status != "READY":
            raise Refused(f"{from_model} {version} is {origin.status} in MLflow; it cannot serve.")
        number = self._copied(origin, model, at=at)
        with self.store.deciding() as record:
            _tell(record, origin, model, number, actor=actor, at=at)
        return self.promotions.open_request(
            actor, model=model, version=number, alias=alias, comment=comment,
            idempotency_key=idempotency_key, at=at,
        )  # fmt: skip

    def _copied(self, origin: ModelVersion, model: str, *, at: datetime) -> int:
        """The number of the one copy; looked for before, and after a reply that was lost."""
        found = self._find(origin, model)
        if found is not None:
            return found
        name, holder = f"copy:{model}", str(uuid4())
        with self.store.deciding() as record:
            if not record.queue.lease(name, holder=holder, at=at, until=at + _LEASE):
                raise Unavailable(
                    f"Somebody is copying into {model} at this moment; try again in half a minute."
                )
        try:
            found = self._find(origin, model)  # whoever held the lease before may have made it
            return self._create(origin, model) if found is None else found
        finally:
            with self.store.deciding() as record:
                record.queue.release(name, holder=holder)

    def _create(self, origin: ModelVersion, model: str) -> int:
        try:
            return self.shelves.create_version(
                model,
                source=origin.source,
                run_id=origin.run_id,
                tags=_tags(origin),
                description=origin.description,
            )
        except Unavailable:
            found = self._find(origin, model)
            if found is None:
                raise
            return found

    def _find(self, origin: ModelVersion, model: str) -> int | None:
        """The oldest copy of that version; a model of the same name made anew has other bytes."""
        copies = [
            each.version
            for each in self.shelves.versions(model)
            if each.tags.get(TAG_COPIED_FROM) == _named(origin)
            and (each.source, each.run_id) == (origin.source, origin.run_id)
        ]
        return min(copies, default=None)


def _named(origin: ModelVersion) -> str:
    return f"{origin.model}/{origin.version}"


def _tags(origin: ModelVersion) -> dict[str, str]:
    """The origin's tags without those that record decisions about it, and where it came from."""
    kept = {k: v for k, v in origin.tags.items() if not k.startswith(OURS) or k in _KEPT}
    return {**kept, TAG_COPIED_FROM: _named(origin)}


def _tell(
    record: Record, origin: ModelVersion, model: str, number: int, *, actor: Username, at: datetime
) -> None:
    """Tell the ledger, once, where the version came from."""
    told = any(
        entry.kind == COPIED
        and (entry.facts.get("model"), entry.facts.get("version")) == (model, number)
        for entry in record.entries()
    )
    if told:
        return
    body: Mapping[str, JsonValue] = {
        "model": model,
        "version": number,
        "from_model": origin.model,
        "from_version": origin.version,
        "run": origin.run_id,
        "source": origin.source,
    }
    record.append(COPIED, body, actor=actor, at=at)
