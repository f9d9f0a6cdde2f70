"""What the reconciler remembers between two looks: when it last looked, and what it found."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session, select

from core.governance.rules.registry.reconciliation import RegistryFinding, RegistryProblem
from core.store.tables import HeartbeatRow, RegistryFindingRow, RequestRow

WATCH: Final = "registry watch"
LOOK: Final = "registry look"


@dataclass(frozen=True, slots=True)
class KnownFinding:
    """A finding and when it was found first."""

    finding: RegistryFinding
    found_at: datetime


@dataclass(frozen=True, slots=True)
class RegistryWatchRepository:
    """Heartbeats and registry findings, inside one transaction."""

    session: Session

    def last(self, name: str = WATCH) -> datetime | None:
        """When somebody last did this work; None when nobody ever did."""
        row = self.session.get(HeartbeatRow, name)
        return None if row is None else row.at

    def beat(self, name: str = WATCH, *, at: datetime) -> None:
        """Note that the work was done at `at`, unless a later time is known."""
        row = self.session.get(HeartbeatRow, name)
        if row is None:
            self.session.add(HeartbeatRow(name=name, at=at))
        elif at > row.at:
            row.at = at
        self.session.flush()

    def models_asked_for(self) -> frozenset[str]:
        """The models that somebody ever opened a request for."""
        return frozenset(self.session.exec(select(RequestRow.model).distinct()))

    def findings(self) -> tuple[KnownFinding, ...]:
        """What was found and not answered, by model."""
        rows = self.session.exec(select(RegistryFindingRow))
        known = (_known(row) for row in rows)
        return tuple(sorted(known, key=lambda k: (k.finding.model, k.finding.alias, k.found_at)))

    def replace(
        self,
        looked_for: Iterable[RegistryProblem],
        found: Iterable[RegistryFinding],
        *,
        at: datetime,
    ) -> "FindingsChange":
        """What is new and what is gone, now that `found` is all there is of what was looked for."""
        wanted = frozenset(looked_for)
        now: Mapping[tuple[RegistryProblem, str, str], RegistryFinding] = {f.key: f for f in found}
        before = {k.finding.key: k for k in self.findings() if k.finding.trouble in wanted}
        for row in self.session.exec(select(RegistryFindingRow)).all():
            if RegistryProblem(row.trouble) in wanted:
                self.session.delete(row)
        self.session.flush()
        for key, finding in now.items():
            self.session.add(_row(finding, before[key].found_at if key in before else at))
        self.session.flush()
        return FindingsChange(
            new=tuple(finding for key, finding in now.items() if key not in before),
            gone=tuple(known.finding for key, known in before.items() if key not in now),
        )


@dataclass(frozen=True, slots=True)
class FindingsChange:
    """What a look found that the one before had not, and what it did not find again."""

    new: tuple[RegistryFinding, ...]
    gone: tuple[RegistryFinding, ...]


def _known(row: RegistryFindingRow) -> KnownFinding:
    finding = RegistryFinding(
        trouble=RegistryProblem(row.trouble),
        model=row.model,
        alias=row.alias,
        says=row.says,
        version=row.version,
        request=row.request_id,
    )
    return KnownFinding(finding, row.found_at)


def _row(finding: RegistryFinding, found_at: datetime) -> RegistryFindingRow:
    return RegistryFindingRow(
        trouble=finding.trouble.value,
        model=finding.model,
        alias=finding.alias,
        version=finding.version,
        request_id=finding.request,
        says=finding.says,
        found_at=found_at,
    )
