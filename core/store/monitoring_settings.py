"""How each model is watched, where somebody stated it: which segments, at which rate."""

import json
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlmodel import Session

from core.drift.values.monitoring_choice import MonitoringSettings
from core.store import transaction
from core.store.tables import WatchedRow


@dataclass(frozen=True, slots=True)
class MonitoringSettingsStore:
    """What was stated of models, each call a transaction of its own."""

    engine: Engine

    def get(self, model: str) -> MonitoringSettings:
        """How a model is watched; the default where nobody stated anything."""
        with transaction.reading(self.engine) as session:
            return stated_in(session, model)


@dataclass(frozen=True, slots=True)
class MonitoringSettingsRepository:
    """The same inside a decision's transaction."""

    session: Session

    def get(self, model: str) -> MonitoringSettings:
        """How a model is watched; the default where nobody stated anything."""
        return stated_in(self.session, model)

    def put(self, model: str, stated: MonitoringSettings) -> None:
        """Save how the model is watched."""
        row = self.session.get(WatchedRow, model)
        if row is None:
            row = WatchedRow(model=model, segments="", rate=0.0)
            self.session.add(row)
        row.segments = "" if stated.segments is None else json.dumps(list(stated.segments))
        row.rate = stated.rate
        self.session.flush()


def stated_in(session: Session, model: str) -> MonitoringSettings:
    """What was stated of a model; the default where nobody did."""
    row = session.get(WatchedRow, model)
    if row is None:
        return MonitoringSettings()
    return MonitoringSettings(tuple(json.loads(row.segments)) if row.segments else None, row.rate)
