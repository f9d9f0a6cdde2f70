"""All settings of the program: one frozen value, read once at start from environment or `.env`."""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import Refused

PREFIX: Final = "STILE_"


class Auth(StrEnum):
    """How people sign in. Only the demonstration's log-ins are built so far."""

    LOCAL = "local"
    OIDC = "oidc"
    PROXY = "proxy"
    DEMO = "demo"


class Worker(StrEnum):
    """Who runs the worker: the app, as its child, or somebody with `python -m core worker`."""

    EMBEDDED = "embedded"
    EXTERNAL = "external"


class Settings(BaseSettings):
    """What an installation may decide. A test checks that each field is in the README's table."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    home: Path = Path(".stile")
    database_url: str = ""
    mlflow_tracking_uri: str = Field(default="", validation_alias="MLFLOW_TRACKING_URI")
    mlflow_registry_uri: str = Field(default="", validation_alias="MLFLOW_REGISTRY_URI")
    mlflow_timeout_s: float = Field(default=4.0, gt=0, le=60)
    auth: Auth = Auth.LOCAL
    proxy_secret: SecretStr | None = None
    token: SecretStr | None = None
    ledger_key: SecretStr | None = None
    ledger_former_keys: SecretStr | None = None
    allow_model_loading: bool = False
    trial_seconds: float = Field(default=120.0, gt=0, le=3600)
    trial_memory_mb: int = Field(default=4096, ge=512)
    log_retention_days: int = Field(default=400, ge=1)
    notify_urls: SecretStr | None = None
    public_url: str = Field(default="", pattern=r"^(https?://\S+)?$")
    worker: Worker = Worker.EMBEDDED
    demo_day_seconds: float = Field(default=20.0, gt=0)

    @model_validator(mode="after")
    def _fill_in_what_follows_from_home(self) -> "Settings":
        home = self.home.expanduser().resolve()
        derived = {
            "home": home,
            "database_url": self.database_url or f"sqlite:///{home / 'stile.db'}",
            "mlflow_tracking_uri": self.mlflow_tracking_uri or f"sqlite:///{home / 'mlflow.db'}",
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)  # frozen for everyone else
        return self

    @property
    def is_embedded(self) -> bool:
        """True when MLflow is the SQLite file under `home`, with nothing to install or start."""
        return self.mlflow_tracking_uri == f"sqlite:///{self.home / 'mlflow.db'}"

    @property
    def tracking_name(self) -> str:
        """The tracking server as people know it, without credentials."""
        if self.is_embedded:
            return "embedded MLflow"
        parts = urlsplit(self.mlflow_tracking_uri)
        return parts.netloc.rpartition("@")[2] or parts.path.rpartition("/")[2]


def load_settings(
    environ: Mapping[str, str] | None = None, *, over: Mapping[str, str] | None = None
) -> Settings:
    """The settings of this process, from `.env` and the environment (which wins).

    `over` are variables that a command's own options set, above everything else.

    Raises
    ------
    Refused
        A `STILE_` variable is not known, or a value is not of its kind; the message names it.
    """
    given = {**(_environment() if environ is None else environ), **(over or {})}
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    unknown = sorted(name for name in given if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise Refused(
            f"{', '.join(unknown)}: no such setting. The settings are listed in the README."
        )
    values = {
        str(field.validation_alias or name): given[variable]
        for name, field in Settings.model_fields.items()
        # An empty one is as good as none: STILE_HOME= would else mean the folder one stands in.
        if given.get(variable := str(field.validation_alias or f"{PREFIX}{name.upper()}"))
    }
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "a setting"
        variable = name if name.startswith("MLFLOW_") else f"{PREFIX}{name.upper()}"
        raise Refused(f"{variable}: {first['msg']}. The README lists what it may be.") from error


def _environment() -> dict[str, str]:
    from_file = {k: v for k, v in dotenv_values(".env").items() if v is not None}
    return {**from_file, **os.environ}
