"""What models did when they were tried, by the digests of their files: one trial per content."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine
from sqlmodel import Session

from core.store import mapping, transaction
from core.store.tables import TrialRow
from core.values.model_trial import (
    Latency,
    Limits,
    PairedTrial,
    SandboxPredictions,
    Trial,
    TrialOutcome,
)

_TRIED: Final = "candidate"
_IN_VAIN: Final = "in_vain"


@dataclass(frozen=True, slots=True)
class FailedTrial:
    """Why two contents could not be tried, and when that was found out."""

    says: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TrialRepository:
    """Bouts, each call a transaction of its own; no champion is the empty digest."""

    engine: Engine

    def get(self, candidate: str, champion: str) -> PairedTrial | None:
        """How these two contents did in turns, or None when nobody tried them yet."""
        with transaction.reading(self.engine) as session:
            document = _document(session, candidate, champion)
            return _bout(document) if _TRIED in document else None

    def in_vain(self, candidate: str, champion: str) -> FailedTrial | None:
        """Why these two could not be tried; None once they were."""
        with transaction.reading(self.engine) as session:
            found = _document(session, candidate, champion).get(_IN_VAIN)
            return found and FailedTrial(found["says"], datetime.fromisoformat(found["at"]))

    def put_in_vain(self, candidate: str, champion: str, says: str, *, at: datetime) -> None:
        """Keep why these two could not be tried, beside how they did before that."""
        with transaction.deciding(self.engine) as session:
            known = _document(session, candidate, champion)
            tried_at = datetime.fromisoformat(known["tried_at"]) if _TRIED in known else at
            document = {**known, _IN_VAIN: {"says": says, "at": at.isoformat()}}
            session.merge(_row(candidate, champion, document, tried_at))

    def put(self, candidate: str, champion: str, bout: PairedTrial) -> None:
        """Save how both models did."""
        document = asdict(bout) | {"tried_at": bout.tried_at.isoformat()}
        with transaction.deciding(self.engine) as session:
            session.merge(_row(candidate, champion, document, bout.tried_at))


def _row(
    candidate: str, champion: str, document: Mapping[str, Any], tried_at: datetime
) -> TrialRow:
    body = mapping.text_of(document)
    return TrialRow(candidate=candidate, champion=champion, body=body, tried_at=tried_at)


def _document(session: Session, candidate: str, champion: str) -> Mapping[str, Any]:
    """What is kept of these two: JSON that this module wrote itself, {} where nothing is."""
    row = session.get(TrialRow, (candidate, champion))
    return {} if row is None else json.loads(row.body)


def _bout(document: Mapping[str, Any]) -> PairedTrial:  # Any: JSON that this module wrote itself
    champion = document["champion"]
    return PairedTrial(
        candidate=_trial(document["candidate"]),
        champion=None if champion is None else _trial(champion),
        tried_at=datetime.fromisoformat(document["tried_at"]),
        machine=document["machine"],
        limits=_value(Limits, document["limits"]),
    )


def _trial(document: Mapping[str, Any]) -> Trial:  # Any: as above
    latency = document["latency"]
    return Trial(
        outcome=TrialOutcome(document["outcome"]),
        says=document["says"],
        load_s=document["load_s"],
        memory_mb=document["memory_mb"],
        example=_optional(SandboxPredictions, document["example"]),
        replayed=_optional(SandboxPredictions, document["replayed"]),
        latency=None
        if latency is None
        else _value(Latency, latency | {"rounds": tuple(latency["rounds"])}),
    )


def _optional(
    kind: type[SandboxPredictions], document: Mapping[str, Any] | None
) -> SandboxPredictions | None:
    return None if document is None else _value(kind, document)


def _value(kind: Any, document: Mapping[str, Any]) -> Any:  # Any: one of three dataclasses
    return kind(**{each.name: document[each.name] for each in fields(kind)})
