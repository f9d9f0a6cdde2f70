"""The app's front door, in front of every byte Streamlit serves: who may come in, and how.

Everything but the sign-in page, our static files and the health probe needs a live session, on
HTTP and on the websocket alike. The gate in front of the pages (`frame.require`) and the rights
checked inside every core action stand behind this one; none of them replaces another.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

import streamlit
from anyio.to_thread import run_sync
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from components.shell import sign_in
from core.bootstrap import Services
from core.errors import Refused, Unavailable
from core.identity.people import Person, Username
from core.settings import Auth, Settings
from core.store.sessions import TIME_TO_LIVE
from core.values.mlflow_entities import RunId

COOKIE: Final = "stile_session"
ASSETS: Final = Path(__file__).parent / "assets"

_SERVED: Final = {
    "inter-latin.woff2": "font/woff2",
    "inter-latin-ext.woff2": "font/woff2",
    "sign-in.css": "text/css",
    "stile.svg": "image/svg+xml",
    "stile.png": "image/png",
}
_LARGEST_HTML: Final = 16_000_000
_SANDBOX: Final = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; frame-ancestors 'self'"
)
_OPEN: Final = frozenset({"/login", "/logout", "/healthz", "/favicon.png", "/_stcore/health"})
_OPEN_BELOW: Final = ("/assets/", "/static/")
_NOT_PAGES: Final = ("/_stcore/", "/media/", "/component/", "/artifact")
# Whoever reaches the port can write these; only a configured proxy may ever be believed.
_IDENTITY: Final = (
    b"remote-user", b"remote-name", b"remote-email", b"remote-groups", b"x-remote-",
    b"x-forwarded-user", b"x-forwarded-email", b"x-forwarded-groups",
    b"x-forwarded-preferred-username", b"x-forwarded-access-token", b"x-auth-request-",
    b"x-authenticated-", b"x-webauth-", b"x-stile-", b"x-user", b"x-email", b"cf-access-",
    b"x-goog-authenticated-user-", b"x-amzn-oidc-", b"x-ms-client-principal", b"x-ms-token-",
)  # fmt: skip


def refuse_unbuilt_sign_in(settings: Settings) -> None:
    """Raise `Refused` unless people can sign in the way the settings say."""
    if settings.auth is not Auth.DEMO:
        raise Refused(
            f"STILE_AUTH={settings.auth.value} is not built yet; start with STILE_AUTH=demo, "
            "which lets anyone on this computer sign in and nobody else."
        )


def safe_next(target: str | None) -> str:
    """`target` when it is a path of this site, else the first page."""
    if not target or not target.startswith("/") or target[1:2] in {"/", "\\"}:
        return "/"
    parts = urlsplit(target)
    hostile = parts.scheme or parts.netloc or any(ord(c) < 32 or c == "\\" for c in target)
    return "/" if hostile or parts.path.startswith(("/login", "/logout")) else target


def session_token(headers: Headers) -> str | None:
    """The opaque session token of a request's cookie, if there is one."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel and morsel.value else None


def content_security_policy() -> str:
    """The policy for every page; the one inline script of Streamlit's page is known by its hash."""
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text("utf-8")
    inline = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = " ".join(
        f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in inline
    )
    return (
        "default-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; "
        "connect-src 'self'; style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; "
        f"script-src 'self' {hashes} blob:; frame-src 'self'; frame-ancestors 'none'; "
        "object-src 'none'; base-uri 'self'; form-action 'self'"
    )


class Gate:
    """ASGI middleware: nothing passes without a live session; every answer is hardened."""

    def __init__(self, app: ASGIApp, *, settings: Settings, services: Callable[[], Services]):
        """Stand in front of `app`; the services are opened when the first request needs them."""
        self._app = app
        self._settings = settings
        self._services = services
        self._policy = content_security_policy()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it here."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        scope["headers"] = [
            (name, value)
            for name, value in scope["headers"]
            if not name.lower().startswith(_IDENTITY)
        ]
        try:
            refusal = await self._refusal(scope)
        except Unavailable as error:  # nobody is let in on a guess
            refusal = unavailable(None, error)
        if refusal is None:
            await self._app(scope, receive, partial(self._harden, scope, send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # before accept: HTTP 403
        else:
            await refusal(scope, receive, partial(self._harden, scope, send))

    async def _refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that may not pass, or None."""
        if self._settings.auth is Auth.DEMO and not _is_local(scope):
            return PlainTextResponse(
                "The demonstration's log-ins work only on the computer it runs on: open it there "
                "as http://localhost.\n",
                status_code=403,
            )
        path: str = scope["path"]
        if path in _OPEN or path.startswith(_OPEN_BELOW):
            return None
        if await run_sync(self._is_live, session_token(Headers(scope=scope))):
            return None
        if scope["type"] == "http" and scope["method"] == "GET" and not path.startswith(_NOT_PAGES):
            wanted = path + (
                f"?{scope['query_string'].decode('latin-1')}" * bool(scope["query_string"])
            )
            return RedirectResponse(f"/login?next={quote(safe_next(wanted), safe='')}", 303)
        return PlainTextResponse("Sign in first.\n", status_code=403)

    def _is_live(self, token: str | None) -> bool:
        if token is None:
            return False
        return self._services().sessions.person_of(token, datetime.now(UTC)) is not None

    async def _harden(self, scope: Scope, send: Send, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("Content-Security-Policy", self._policy)
            headers.setdefault("X-Frame-Options", "DENY")
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Referrer-Policy"] = "same-origin"
            headers["Cross-Origin-Opener-Policy"] = "same-origin"
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
            headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
            if scope["scheme"] == "https":
                headers["Strict-Transport-Security"] = "max-age=31536000"
        await send(message)


def unavailable(_request: Request | None, error: Exception) -> Response:
    """The answer while the governance database is away: one sentence, and that it is not final."""
    return PlainTextResponse(f"{error}\n", status_code=503, headers={"Retry-After": "5"})


def routes(services: Callable[[], Services]) -> list[Route]:
    """The routes of the HTTP half: sign in, sign out, our few files, the health probe."""
    return [
        Route("/login", partial(_login_page, services), methods=["GET"]),
        Route("/login", partial(_login, services), methods=["POST"]),
        Route("/logout", partial(_logout, services), methods=["POST"]),
        Route("/assets/{name}", _asset, methods=["GET"]),
        Route("/favicon.png", _favicon, methods=["GET"]),
        Route("/artifact", partial(_html_artifact, services), methods=["GET"]),
        Route("/healthz", _healthz, methods=["GET"]),
    ]


async def _login_page(services: Callable[[], Services], request: Request) -> Response:
    people = await run_sync(lambda: services().people.list())
    return sign_in.page(people, wanted=safe_next(request.query_params.get("next")))


async def _login(services: Callable[[], Services], request: Request) -> Response:
    if not _is_from_here(request):
        return PlainTextResponse("Sign in from Stile's own page.\n", status_code=403)
    form = await request.form(max_files=0, max_fields=8)
    username = Username(str(form.get("username", "")))
    wanted = safe_next(str(form.get("next", "")))
    known = await run_sync(lambda: _active(services(), username))
    if known is None:
        people = await run_sync(lambda: services().people.list())
        return sign_in.page(people, wanted=wanted, refusal="Nobody of that name can sign in.")
    token = await run_sync(
        lambda: services().sessions.create(known.username, datetime.now(UTC), TIME_TO_LIVE)
    )
    response = RedirectResponse(wanted, 303)
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(TIME_TO_LIVE.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


async def _logout(services: Callable[[], Services], request: Request) -> Response:
    if not _is_from_here(request):
        return PlainTextResponse("Sign out from Stile's own page.\n", status_code=403)
    token = session_token(request.headers)
    if token is not None:
        await run_sync(lambda: services().sessions.revoke(token, datetime.now(UTC)))
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return response


async def _html_artifact(services: Callable[[], Services], request: Request) -> Response:
    """A foreign HTML file in a sandbox: an origin of its own, no network, no cookies, no forms."""
    run_id = RunId(request.query_params.get("run_id", ""))
    path = request.query_params.get("path", "")
    if not path.lower().endswith((".html", ".htm")):
        return PlainTextResponse("Only HTML artifacts are shown here.\n", status_code=404)
    try:
        content = await run_sync(
            lambda: services().artifacts.read(run_id, path, max_bytes=_LARGEST_HTML)
        )
    except Refused as error:
        return PlainTextResponse(f"{error}\n", status_code=404)
    except Unavailable as error:
        return PlainTextResponse(f"{error}\n", status_code=503)
    return Response(
        content,
        media_type="text/html",
        headers={
            "Content-Security-Policy": _SANDBOX,
            "X-Frame-Options": "SAMEORIGIN",
            "Cache-Control": "no-store",
        },
    )


async def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _SERVED:
        return PlainTextResponse("No such file.\n", status_code=404)
    kept = {"Cache-Control": "public, max-age=604800"}
    return FileResponse(ASSETS / name, media_type=_SERVED[name], headers=kept)


async def _favicon(_request: Request) -> Response:
    return FileResponse(ASSETS / "stile.png", media_type="image/png")


async def _healthz(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


def _active(services: Services, username: Username) -> Person | None:
    return next((p for p in services.people.list() if p.username == username and p.active), None)


def _is_from_here(request: Request) -> bool:
    """True unless a browser says that another site made it send this."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        return site in {"same-origin", "none"}
    return origin is None or origin.partition("//")[2] == request.headers.get("host")


def _is_local(scope: Scope) -> bool:
    """True when both ends of the connection and the name used are this computer itself."""
    headers = Headers(scope=scope)
    ends = [end[0] for end in (scope.get("client"), scope.get("server")) if end]
    try:
        host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:  # a host that cannot be one
        return False
    forwarded = any(name in headers for name in ("forwarded", "x-forwarded-for", "x-real-ip"))
    return not forwarded and all(_is_loopback(end) for end in (*ends, host))


def _is_loopback(name: str) -> bool:
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
