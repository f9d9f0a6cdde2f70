"""What models did when they were tried, by the digests of their files: one trial per content."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from core.sandbox.trial import Answered, Bout, Latency, Limits, Outcome, Trial
from core.store import mapping, transaction
from core.store.tables import TrialRow


@dataclass(frozen=True, slots=True)
class TrialStore:
    """Bouts, each call a transaction of its own; no champion is the empty digest."""

    engine: Engine

    def get(self, candidate: str, champion: str) -> Bout | None:
        """How these two contents did in turns, or None when nobody tried them yet."""
        with transaction.reading(self.engine) as session:
            row = session.get(TrialRow, (candidate, champion))
            return None if row is None else _bout(json.loads(row.body))

    def put(self, candidate: str, champion: str, bout: Bout) -> None:
        """Nothing; afterwards this is how they did."""
        document = asdict(bout) | {"tried_at": bout.tried_at.isoformat()}
        row = TrialRow(
            candidate=candidate,
            champion=champion,
            body=mapping.text_of(document),
            tried_at=bout.tried_at,
        )
        with transaction.deciding(self.engine) as session:
            session.merge(row)


def _bout(document: Mapping[str, Any]) -> Bout:  # Any: JSON that this module wrote itself
    champion = document["champion"]
    return Bout(
        candidate=_trial(document["candidate"]),
        champion=None if champion is None else _trial(champion),
        tried_at=datetime.fromisoformat(document["tried_at"]),
        machine=document["machine"],
        limits=_value(Limits, document["limits"]),
    )


def _trial(document: Mapping[str, Any]) -> Trial:  # Any: as above
    latency = document["latency"]
    return Trial(
        outcome=Outcome(document["outcome"]),
        says=document["says"],
        load_s=document["load_s"],
        memory_mb=document["memory_mb"],
        example=_optional(Answered, document["example"]),
        replayed=_optional(Answered, document["replayed"]),
        latency=None
        if latency is None
        else _value(Latency, latency | {"rounds": tuple(latency["rounds"])}),
    )


def _optional(kind: type[Answered], document: Mapping[str, Any] | None) -> Answered | None:
    return None if document is None else _value(kind, document)


def _value(kind: Any, document: Mapping[str, Any]) -> Any:  # Any: one of three dataclasses
    return kind(**{each.name: document[each.name] for each in fields(kind)})
