"""Settings: what may be set, what is refused, and that the README says so."""

from pathlib import Path

import pytest

from core.errors import Refused
from core.settings import PREFIX, Auth, Settings, load_settings

README = Path(__file__).parent.parent / "README.md"


def test_everything_follows_from_home(tmp_path: Path) -> None:
    settings = load_settings({"STILE_HOME": str(tmp_path)})

    assert settings.database_url == f"sqlite:///{tmp_path / 'stile.db'}"
    assert settings.mlflow_tracking_uri == f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert settings.is_embedded


def test_ones_own_tracking_server_is_named_without_its_password() -> None:
    settings = load_settings({"MLFLOW_TRACKING_URI": "https://ana:secret@mlflow.example:5000"})

    assert settings.tracking_name == "mlflow.example:5000"
    assert not settings.is_embedded


def test_an_unknown_setting_is_refused_by_name() -> None:
    with pytest.raises(Refused, match="STILE_AUHT"):
        load_settings({"STILE_AUHT": "demo"})


@pytest.mark.parametrize(
    ("name", "value"), [("STILE_AUTH", "password"), ("STILE_DEMO_DAY_SECONDS", "soon")]
)
def test_a_value_of_the_wrong_kind_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(Refused, match=name):
        load_settings({name: value})


def test_an_empty_setting_is_none() -> None:
    settings = load_settings({"STILE_HOME": "", "MLFLOW_TRACKING_URI": "", "STILE_AUTH": ""})

    assert settings == load_settings({})


def test_settings_cannot_be_changed_after_start() -> None:
    settings = load_settings({"STILE_AUTH": "demo"})

    with pytest.raises(Exception, match="frozen"):
        settings.auth = Auth.LOCAL  # type: ignore[misc]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_stands_in_the_readme(name: str) -> None:
    field = Settings.model_fields[name]
    variable = str(field.validation_alias or f"{PREFIX}{name.upper()}")

    assert f"`{variable}`" in README.read_text("utf-8")
