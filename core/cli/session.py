"""What a command begins with: the services, who acts, the key of its form, and its time."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from core.errors import Refused
from core.identity.people import Username
from core.settings import Auth, Settings, load_settings

if TYPE_CHECKING:
    from core.bootstrap import Services

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@dataclass(frozen=True)  # no slots: what is opened or looked up is kept
class Session:
    """One call of the command line.

    `user` is whom `--as` names. `form` is the idempotency key: the same one does nothing twice.
    """

    user: str = ""
    form: str = ""
    settings: Settings = field(default_factory=load_settings)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @cached_property
    def services(self) -> "Services":
        """Everything the program can do, opened at the first use."""
        from core.bootstrap import open_services  # for those commands only that need them

        return open_services(self.settings)

    @cached_property
    def actor(self) -> Username:
        """Who acts, with their rights as they are now.

        The owner of STILE_TOKEN; in the demonstration also whoever `--as` names.

        Raises
        ------
        Refused
            Nobody has proven who they are.
        """
        demonstration = self.settings.auth is Auth.DEMO
        if self.user and not demonstration:
            raise Refused(
                "--as works in the demonstration only (STILE_AUTH=demo); use STILE_TOKEN."
            )
        if self.user:
            return Username(self.user)
        if self.settings.token:  # an empty variable is none
            return self._owner_of_token(self.settings.token.get_secret_value())
        if demonstration:
            raise Refused("Say who does it: --as USER (one of the demonstration's log-ins).")
        raise Refused("Say who does it: set STILE_TOKEN, which `python -m core user token` issues.")

    @property
    def is_anonymous(self) -> bool:
        """True when nobody says who acts, which the demonstration never allows."""
        return self.settings.auth is not Auth.DEMO and not self.user and not self.settings.token

    @property
    def actor_or_operator(self) -> Username | None:
        """Who acts; None is whoever may run commands on this machine, and has no name."""
        return None if self.is_anonymous else self.actor

    def _owner_of_token(self, secret: str) -> Username:
        from core.governance.use_cases import access_tokens  # as above
        from core.store import migrations, transaction
        from core.store.governance_store import GovernanceStore

        engine = transaction.connect(self.settings.database_url)
        migrations.upgrade(engine)
        try:
            return access_tokens.owner_of(GovernanceStore(engine), secret, at=self.at)
        finally:
            engine.dispose()


def session(user: str = "", idempotency_key: str = "") -> Session:
    """The session of one call; without a key of their own, two calls are two forms."""
    return Session(user, idempotency_key or f"cli-{uuid4()}")
