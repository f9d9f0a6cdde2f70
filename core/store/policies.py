"""Published policies as they stand in the store: every version, who published it and when."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from core.governance.bars import Published
from core.identity.people import Username
from core.store import mapping
from core.store.tables import PolicyRow


@dataclass(frozen=True, slots=True)
class PolicyShelf:
    """The policies inside one transaction."""

    session: Session

    def published(
        self, model: str | None = None, alias: str | None = None
    ) -> tuple[Published, ...]:
        """Published versions by model and alias, newest version first."""
        wanted = select(PolicyRow).order_by(
            col(PolicyRow.model), col(PolicyRow.alias), col(PolicyRow.version).desc()
        )
        if model is not None:
            wanted = wanted.where(PolicyRow.model == model)
        if alias is not None:
            wanted = wanted.where(PolicyRow.alias == alias)
        return tuple(
            Published(
                mapping.policy_value(row.document), Username(row.published_by), row.published_at
            )
            for row in self.session.exec(wanted)
        )
