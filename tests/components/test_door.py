"""The door's own decisions: where a sign-in may lead, and what it takes from strangers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from components.shell.door import COOKIE, Gate, content_security_policy, safe_next, session_token
from core.bootstrap import Services
from core.errors import Unavailable
from core.settings import Auth, Settings


@pytest.mark.parametrize(
    "target", ["/run?run_id=7", "/", "/compare?runs=a,b&show=Metrics", "/versions?at=2013-07-01"]
)
def test_a_path_of_this_site_is_kept_with_its_query(target: str) -> None:
    assert safe_next(target) == target


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "run",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "/run\r\nSet-Cookie: a=b",
        "/a\\b",
        "/login?next=/login",
        "/logout",
    ],
)
def test_anything_else_leads_to_the_first_page(target: str | None) -> None:
    assert safe_next(target) == "/"


@given(st.text())
def test_no_target_leads_to_another_site(target: str) -> None:
    led = safe_next(target)

    assert led.startswith("/")
    assert led[1:2] not in {"/", "\\"}
    assert not any(ord(character) < 32 for character in led)


def test_a_session_token_is_read_from_its_cookie_alone() -> None:
    assert session_token(Headers({"cookie": f"other=1; {COOKIE}=abc"})) == "abc"
    assert session_token(Headers({"cookie": "other=1"})) is None
    assert session_token(Headers({})) is None
    assert session_token(Headers({"cookie": f"{COOKIE}="})) is None


def test_the_policy_knows_streamlits_own_inline_script_by_its_hash() -> None:
    scripts = content_security_policy().partition("script-src")[2].partition(";")[0]

    assert "'sha256-" in scripts


@pytest.mark.anyio
@pytest.mark.parametrize(
    "name", ["X-Forwarded-User", "Remote-User", "X-Auth-Request-Email", "X-Stile-User", "x-email"]
)
async def test_identity_headers_of_clients_do_not_reach_the_app(name: str) -> None:
    seen: list[tuple[bytes, bytes]] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.extend(scope["headers"])

    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    async def drop(_message: Message) -> None:
        return None

    gate = Gate(app, settings=Settings(auth=Auth.DEMO), services=_no_services)
    scope: Scope = {
        "type": "http", "method": "GET", "path": "/healthz", "query_string": b"", "scheme": "http",
        "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 80),
        "headers": [(b"host", b"localhost"), (name.encode(), b"ada"), (b"accept", b"*/*")],
    }  # fmt: skip
    await gate(scope, nothing, drop)

    assert seen == [(b"host", b"localhost"), (b"accept", b"*/*")]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def _no_services() -> Services:
    raise AssertionError("an open path asks nothing of the store")


async def _answered(gate: Gate, *, host: str, path: str) -> tuple[int, bytes]:
    """The status and body that a visitor with some session cookie gets."""
    sent: list[Message] = []

    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    async def keep(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", host.encode()), (b"cookie", f"{COOKIE}=abc".encode())]
    scope: Scope = {
        "type": "http", "method": "GET", "path": path, "query_string": b"", "scheme": "http",
        "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 80), "headers": headers,
    }  # fmt: skip
    await gate(scope, nothing, keep)
    return sent[0]["status"], sent[1]["body"]


async def _never(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise AssertionError("nobody is let in")


def _away() -> Services:
    raise Unavailable("The governance database does not answer; try again.")


@pytest.mark.anyio
async def test_a_database_that_is_away_is_one_sentence_and_lets_nobody_in() -> None:
    gate = Gate(_never, settings=Settings(auth=Auth.DEMO), services=_away)

    status, body = await _answered(gate, host="localhost", path="/")

    assert status == 503
    assert body == b"The governance database does not answer; try again.\n"


@pytest.mark.anyio
async def test_a_host_that_cannot_be_one_is_refused_like_a_strange_one() -> None:
    gate = Gate(_never, settings=Settings(auth=Auth.DEMO), services=_no_services)

    status, _ = await _answered(gate, host="[", path="/")

    assert status == 403
