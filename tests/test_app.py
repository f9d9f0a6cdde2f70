"""The app as it is really served: a fresh server, its door, its pages, its look."""

import os
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from streamlit.testing.v1 import AppTest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from components.shell.door import COOKIE
from core.tracking.client import connect as mlflow_door
from tests.browser.driving import browser, settle
from tests.mlflow_fixtures import *  # noqa: F403  fixtures are found by their names
from tests.streamlit_fixtures import *  # noqa: F403  fixtures are found by their names

ROOT = Path(__file__).parent.parent
PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py") if path.stem != "__init__")


def start(home: Path, *, auth: str = "demo", port: int) -> "subprocess.Popen[str]":
    """`streamlit run app.py` on a port of the test's own."""
    return subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)],
        cwd=ROOT,
        env={**os.environ, "STILE_HOME": str(home), "STILE_AUTH": auth, "STILE_WORKER": "external"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def home(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an embedded MLflow and nothing in it."""
    folder = tmp_path_factory.mktemp("home")
    shutil.copyfile(migrated_store, folder / "mlflow.db")
    return folder


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[str]:
    """A fresh server that nobody has visited yet; its address."""
    port = free_port()
    process = start(home, port=port)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            assert process.poll() is None, process.stdout and process.stdout.read()
            try:
                if httpx.get(f"{address}/healthz").is_success:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)
        if process.stdout:
            process.stdout.close()


@pytest.fixture
def client(server: str) -> Iterator[httpx.Client]:
    """A browser without scripts, signed in as Ana."""
    with httpx.Client(base_url=server) as browsing:
        browsing.post("/login", data={"username": "ana"})
        assert COOKIE in browsing.cookies
        yield browsing


# The first test that visits: nothing may have run `st.navigation` on this server before.
@pytest.mark.browser
def test_a_cold_deep_link_arrives_with_path_and_query_inside_the_frame(server: str) -> None:
    with browser() as chromium:
        page = chromium.new_page(locale="en-GB")
        page.goto(f"{server}/run?run_id=no-such-run&view=Data")
        page.get_by_role("button", name="Emil").click()
        settle(page)

        assert page.url == f"{server}/run?run_id=no-such-run&view=Data"
        assert page.get_by_test_id("stSidebar").get_by_text("data engineering key").is_visible()
        assert page.get_by_test_id("stSidebarNavLink").count() >= 5


@pytest.mark.browser
def test_no_page_asks_anything_of_the_outside(server: str) -> None:
    with browser() as chromium:
        page = chromium.new_page()
        asked: list[str] = []
        refused: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: refused.append(message.text))
        page.goto(f"{server}/login")
        page.get_by_role("button", name="Vera").click()
        settle(page)
        for name in ("experiments", "compare"):
            page.goto(f"{server}/{name}")
            settle(page)

        ours = (server, server.replace("http", "ws"), "data:", "blob:")
        assert [url for url in asked if not url.startswith(ours)] == []
        assert [text for text in refused if "Content Security Policy" in text] == []
        assert any(url.endswith("/assets/inter-latin.woff2") for url in asked)


@pytest.mark.browser
def test_signing_out_ends_the_session_for_every_door(server: str) -> None:
    with browser() as chromium:
        page = chromium.new_page()
        page.goto(f"{server}/login")
        page.get_by_role("button", name="Vera").click()
        settle(page)
        token = {c["name"]: c["value"] for c in page.context.cookies()}[COOKIE]
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(f"{server}/login")

        again = httpx.get(f"{server}/experiments", cookies={COOKIE: token})

        assert again.status_code == 303
        assert COOKIE not in {c["name"] for c in page.context.cookies()}


HOSTILE = b"""<h1>Report</h1><script>
document.title = "scripts run";
try { document.title += document.cookie; } catch { document.title += ", cookies do not"; }
fetch("/healthz").catch(() => { document.title += ", nor the network"; });
</script>"""


@pytest.mark.browser
def test_a_foreign_page_reaches_neither_cookies_nor_the_network(server: str, home: Path) -> None:
    door = mlflow_door(f"sqlite:///{home / 'mlflow.db'}", "")
    experiment = door.write(
        lambda client: client.create_experiment("e", artifact_location=f"file://{home}/a")
    )
    run_id = door.write(lambda client: client.create_run(experiment)).info.run_id
    report = home / "a" / run_id / "artifacts" / "report.html"
    report.parent.mkdir(parents=True)
    report.write_bytes(HOSTILE)

    with browser() as chromium:
        page = chromium.new_page()
        page.goto(f"{server}/run?run_id={run_id}&view=Artifacts&path=report.html")
        page.get_by_role("button", name="Vera").click()
        settle(page)
        # The frame itself comes a moment after the page has settled.
        inside = page.wait_for_selector("iframe[src*='/artifact?']").content_frame()
        assert inside is not None
        inside.wait_for_function("document.title.includes('network')")

        assert inside.title() == "scripts run, cookies do not, nor the network"


def test_only_html_is_handed_to_the_sandbox(client: httpx.Client) -> None:
    assert client.get("/artifact?run_id=a&path=model.pkl").status_code == 404
    assert client.get("/artifact?run_id=no-such-run&path=../../x.html").status_code == 404


@pytest.mark.parametrize("page", ["", *PAGES])
def test_no_page_is_served_without_a_session(server: str, page: str) -> None:
    answer = httpx.get(f"{server}/{page}?model=a%2Fb&at=2")

    assert answer.status_code == 303
    assert answer.headers["location"] == f"/login?next=%2F{page}%3Fmodel%3Da%252Fb%26at%3D2"


@pytest.mark.parametrize(
    "path",
    ["/_stcore/host-config", "/_stcore/metrics", "/media/x", "/artifact?run_id=a&path=b.html"],
)
def test_nothing_behind_the_pages_is_served_without_a_session(server: str, path: str) -> None:
    assert httpx.get(f"{server}{path}").status_code == 403


def test_a_websocket_needs_a_live_session(server: str) -> None:
    address = server.replace("http", "ws") + "/_stcore/stream"

    with pytest.raises(InvalidStatus) as nobody:
        connect(address)
    with pytest.raises(InvalidStatus) as stranger:
        connect(address, additional_headers={"Cookie": f"{COOKIE}=made-up"})

    assert nobody.value.response.status_code == 403
    assert stranger.value.response.status_code == 403


def test_a_websocket_opens_for_a_live_session(server: str, client: httpx.Client) -> None:
    cookie = f"{COOKIE}={client.cookies[COOKIE]}"

    with connect(
        server.replace("http", "ws") + "/_stcore/stream",
        additional_headers={"Cookie": cookie, "Origin": server},
    ) as opened:
        assert opened.response is not None
        assert opened.response.status_code == 101


@pytest.mark.parametrize("path", ["/", "/login", "/assets/stile.svg", "/healthz"])
def test_every_answer_is_hardened(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers

    policy = headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_the_session_cookie_is_out_of_reach_of_scripts(server: str) -> None:
    answer = httpx.post(f"{server}/login", data={"username": "ana", "next": "/run?run_id=7"})

    cookie = answer.headers["set-cookie"]
    assert answer.headers["location"] == "/run?run_id=7"
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


def test_a_demonstration_is_refused_from_anywhere_else(server: str) -> None:
    for headers in (
        {"Host": "stile.example"},
        {"X-Forwarded-For": "203.0.113.9"},
        {"X-Real-IP": "203.0.113.9"},
    ):
        answer = httpx.get(f"{server}/login", headers=headers)

        assert answer.status_code == 403
        assert "only on the computer it runs on" in answer.text


def test_another_site_cannot_sign_people_in_or_out(server: str) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}

    came = httpx.post(f"{server}/login", data={"username": "ana"}, headers=foreign)
    went = httpx.post(f"{server}/logout", headers=foreign)
    old = httpx.post(f"{server}/login", data={"username": "a"}, headers={"Origin": "http://x.y"})

    assert [came.status_code, went.status_code, old.status_code] == [403, 403, 403]
    assert "set-cookie" not in came.headers


def test_a_sign_in_that_is_not_built_refuses_to_start_in_one_sentence(tmp_path: Path) -> None:
    process = start(tmp_path, auth="oidc", port=free_port())

    said, _ = process.communicate(timeout=60)

    assert process.returncode != 0
    assert "STILE_AUTH=oidc is not built yet" in said
    assert "Traceback" not in said


def test_streamlits_old_pages_mode_is_off_before_the_first_session() -> None:
    """When this fails: Streamlit renamed what `app.py` sets to keep pages/ from running alone.

    Look in `streamlit/runtime/pages_manager.py` for what decides on pages/ now, and set that.
    """
    code = (
        "import app; from streamlit.runtime.pages_manager import PagesManager as p; "
        "assert p.uses_pages_directory is False, p.uses_pages_directory; "
        "assert p('app.py').uses_pages_directory is False"
    )
    environment = {**os.environ, "STILE_AUTH": "demo"}

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES)
def test_a_page_run_without_the_app_draws_nothing(page: str) -> None:
    app = AppTest.from_file(str(ROOT / "pages" / f"{page}.py")).run()

    drawn = [*app.title, *app.markdown, *app.dataframe, *app.button, *app.caption]
    assert drawn == []


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_one_render_behind_its_tail(page: str) -> None:
    source = (ROOT / "pages" / f"{page}.py").read_text("utf-8")

    assert "\ndef render() -> None:\n" in source
    assert "    frame.require(Role." in source or "= frame.require(Role." in source
    assert source.endswith('    st.switch_page("app.py")\n')
    assert 'if __name__ == "__main__":  # cold deep link' in source
    assert 20 <= len(source.splitlines()) <= 120


def test_streamlit_is_configured_to_be_quiet_and_local() -> None:
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))

    assert config["server"]["address"] == "127.0.0.1"
    assert config["browser"]["gatherUsageStats"] is False
    assert config["client"]["showErrorDetails"] == "none"
    assert config["client"]["toolbarMode"] == "viewer"
    assert {"light", "dark"} <= config["theme"].keys()
    assert all(face["url"].startswith("/assets/") for face in config["theme"]["fontFaces"])
