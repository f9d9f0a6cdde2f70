"""The database is what the tables say, protected, and quick to start on."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from core.errors import LedgerBroken, Refused, Unavailable
from core.store import migrations, transaction
from core.store.migrations import append_only, immutable
from core.store.tables import LedgerRow


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return transaction.connect(f"sqlite:///{tmp_path / 'stile.db'}")


def test_the_newest_migration_is_the_one_the_quick_check_knows() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "newline")

    assert ScriptDirectory.from_config(config).get_current_head() == migrations.HEAD


def test_the_migrations_make_the_tables_of_the_program(engine: Engine) -> None:
    migrations.upgrade(engine)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        differences = compare_metadata(context, LedgerRow.metadata)
    assert differences == []


def test_upgrading_again_changes_nothing(engine: Engine) -> None:
    migrations.upgrade(engine)
    migrations.upgrade(engine)

    with transaction.reading(engine) as session:
        assert migrations.current(session.connection()) == migrations.HEAD


def test_a_database_of_a_newer_stile_is_refused(engine: Engine) -> None:
    migrations.upgrade(engine)
    with transaction.deciding(engine) as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(Refused, match="9999"):
        migrations.upgrade(engine)


def test_the_ledger_is_protected_after_all_migrations(engine: Engine) -> None:
    migrations.upgrade(engine)

    with transaction.reading(engine) as session:
        triggers = session.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        guards = {*append_only.SQLITE_TRIGGERS, *immutable.SQLITE_TRIGGERS}
        assert set(triggers.scalars()) == guards


def test_sqlite_keeps_what_it_committed(engine: Engine) -> None:
    migrations.upgrade(engine)

    with transaction.reading(engine) as session:
        connection = session.connection()
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2  # FULL
        assert connection.execute(text("PRAGMA recursive_triggers")).scalar() == 1


@pytest.mark.parametrize("url", ["mysql://x/y", "no address", "oracle://x"])
def test_another_database_is_refused_in_one_sentence(url: str) -> None:
    with pytest.raises(Refused):
        transaction.connect(url)


def test_a_database_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    engine = transaction.connect(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.db'}")

    with pytest.raises(Unavailable, match="nothing was decided"):
        migrations.upgrade(engine)


def test_what_the_ledger_refuses_is_told_apart_from_other_refusals(engine: Engine) -> None:
    migrations.upgrade(engine)
    insert = "INSERT INTO entries VALUES (1, 'p', 'h', '', '', 'a', 'k', '{}', '')"
    with transaction.deciding(engine) as session:
        session.execute(text(insert))

    with pytest.raises(LedgerBroken), transaction.deciding(engine) as session:
        session.execute(text("DELETE FROM entries"))
