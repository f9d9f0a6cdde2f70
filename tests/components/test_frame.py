"""What every page stands on, when things do not go well."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from components.shell import frame, state
from core.errors import InsufficientData, LedgerBroken, Refused, StileError, Unavailable
from core.identity.people import Username


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Services whose tracking server does not answer."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        monkeypatch.setenv("STILE_HOME", str(tmp_path))
        monkeypatch.setenv("STILE_AUTH", "demo")
        st.cache_data.clear()
        st.cache_resource.clear()
        yield
        frame.services().store.engine.dispose()
        st.cache_data.clear()
        st.cache_resource.clear()


def page(name: str) -> None:
    from importlib import import_module

    import_module(f"pages.{name}").render()


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("experiments", {}),
        ("run", {"run_id": "a"}),
        ("compare", {"runs": "a,b"}),
        ("compare", {"versions": "m/1,m/2"}),
    ],
)
def test_a_tracking_server_that_is_away_is_one_sentence_and_try_again(
    away: None, name: str, query: dict[str, str]
) -> None:
    app = AppTest.from_function(page, kwargs={"name": name}, default_timeout=30)
    token = frame.services().sessions.create(Username("vera"), datetime.now(UTC))
    app.session_state[state.TOKEN] = token
    for key, value in query.items():
        app.query_params[key] = value

    app.run()

    assert not app.exception
    assert len(app.warning) == 1
    assert "127\\.0\\.0\\.1" in app.warning[0].value
    assert app.button(key="frame_try_again").label == "Try again"


def asking() -> None:
    import streamlit as st

    from components.shell import frame
    from core.errors import Unavailable

    def question() -> str:
        if st.session_state.get("away"):
            raise Unavailable("MLflow does not answer.")
        return "forty runs"

    st.session_state["frame.warned"] = False
    st.write(frame.ask(question, keep_as="runs") or "nothing")


def test_what_was_there_is_kept_while_a_system_is_away() -> None:
    app = AppTest.from_function(asking).run()

    app.session_state["away"] = True
    app.run()

    assert app.markdown[0].value == "forty runs"
    assert "MLflow does not answer\\. Showing what it said at" in app.warning[0].value


def test_without_an_earlier_answer_nothing_is_made_up() -> None:
    app = AppTest.from_function(asking)
    app.session_state["away"] = True

    app.run()

    assert app.markdown[0].value == "nothing"


def performing(kind: str) -> None:
    import streamlit as st

    from components.shell import frame
    from core import errors

    def command() -> None:
        if kind != "none":
            raise getattr(errors, kind)("What happened. What to do.")

    st.session_state["kept"] = frame.perform(command, success="Recorded in the ledger.")
    frame.notice()


@pytest.mark.parametrize(
    "error", [Refused, Unavailable, InsufficientData, LedgerBroken, StileError]
)
def test_every_error_of_the_tree_becomes_a_sentence(error: type[StileError]) -> None:
    app = AppTest.from_function(performing, kwargs={"kind": error.__name__}).run()

    said = [*app.warning, *app.error]
    assert not app.exception
    assert [element.value for element in said] == ["What happened\\. What to do\\."]


def test_a_command_that_went_through_is_confirmed_once() -> None:
    app = AppTest.from_function(performing, kwargs={"kind": "none"}).run()

    assert app.success[0].value == "Recorded in the ledger\\."
    assert state.NOTICE not in app.session_state


def test_a_mistake_of_the_program_is_not_dressed_up_as_a_sentence() -> None:
    app = AppTest.from_function(performing, kwargs={"kind": "nonexistent"}).run()

    assert app.exception


def test_nobody_sees_a_page_without_a_session(away: None) -> None:
    app = AppTest.from_function(page, kwargs={"name": "experiments"}).run()

    assert app.title[0].value == "You are signed out."
    assert len(app.dataframe) == 0


def test_an_ended_session_ends_the_page_in_every_tab(away: None) -> None:
    sessions = frame.services().sessions
    token = sessions.create(Username("vera"), datetime.now(UTC))
    app = AppTest.from_function(page, kwargs={"name": "compare"}, default_timeout=30)
    app.session_state[state.TOKEN] = token
    assert app.run().title[0].value == "Choose what to compare."

    sessions.revoke(token, datetime.now(UTC))

    assert app.run().title[0].value == "You are signed out."


def test_an_address_holds_its_state() -> None:
    assert frame.url("compare", runs="a,b") == "/compare?runs=a,b"
    assert frame.url("versions", model="a/b c") == "/versions?model=a/b+c"
    assert frame.url("overview") == "/"
