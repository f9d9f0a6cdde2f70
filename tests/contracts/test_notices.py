"""Notifications against a real local server and a dead one, on every database."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sqlalchemy import Engine

from core.notify import Notifier
from tests.contracts.parts import ANA, AT, BEN, MINUTE, Office, office

DEAD = "json://someone:sesame@127.0.0.1:9/secret-path"  # the discard port: nobody listens
HOSTILE = "<!channel> @everyone [click](http://evil.example)\nbcc: all"


@dataclass
class Postbox:
    """A real HTTP server that keeps what it is sent, and may say no or never answer."""

    server: ThreadingHTTPServer
    taken: list[dict[str, str]] = field(default_factory=list)
    answer: int = 200
    asleep: threading.Event | None = None

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self.server.server_port}/hook?token=sesame"


@pytest.fixture
def postbox() -> Iterator[Postbox]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if box.asleep is not None:
                box.asleep.wait(20)
            if box.answer == 200:
                box.taken.append(json.loads(body))
            self.send_response(box.answer)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    box = Postbox(server)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield box
    server.shutdown()
    server.server_close()


class Notifying:
    """Each event at most once a target, retried, kept over restarts, and in nobody's way."""

    @pytest.fixture
    def here(self, engine: Engine) -> Office:
        return office(engine)

    def notifier(self, here: Office, *addresses: str, at: timedelta = timedelta()) -> Notifier:
        found = Notifier(here.store, ", ".join(addresses), public_url="https://stile.example/")
        found.begin(at=AT + at)
        return found

    def test_what_happened_before_it_was_switched_on_is_not_told(
        self, here: Office, postbox: Postbox
    ) -> None:
        here.open()
        notifier = self.notifier(here, postbox.address)

        assert notifier.round(at=AT) == ()
        assert postbox.taken == []

    def test_a_wanted_key_is_told_once_with_a_link(self, here: Office, postbox: Postbox) -> None:
        notifier = self.notifier(here, postbox.address)
        request = here.open()

        (tried,) = notifier.round(at=AT)
        again = notifier.round(at=AT + MINUTE)

        assert (tried.name, tried.problem, again) == ("JSON at 127.0.0.1", "", ())
        (told,) = postbox.taken
        assert told["title"] == "Stile: Key wanted"
        assert told["message"].startswith("Ana asked for flight-delay 3 → 5 as champion")
        assert told["message"].endswith(f"https://stile.example/request?id={request.request_id}")

    def test_who_restarts_goes_on_where_it_was(self, here: Office, postbox: Postbox) -> None:
        self.notifier(here, postbox.address)
        here.open()

        self.notifier(here, postbox.address).round(at=AT)
        self.notifier(here, postbox.address).round(at=AT + MINUTE)

        assert len(postbox.taken) == 1

    def test_a_target_that_says_no_is_tried_again_later_and_told_everything_once(
        self, here: Office, postbox: Postbox
    ) -> None:
        notifier = self.notifier(here, postbox.address)
        postbox.answer = 503
        request = here.open()
        (first,) = notifier.round(at=AT)
        assert notifier.round(at=AT + timedelta(seconds=9)) == ()  # not before its time
        here.promotions.reject(
            BEN.username, request.request_id, text="No.", idempotency_key=here.form(), at=AT
        )
        notifier.round(at=AT + timedelta(seconds=10))
        postbox.answer = 200

        (last,) = notifier.round(at=AT + timedelta(seconds=40))

        assert (first.problem, last.problem) == ("It did not take the message.", "")
        (told,) = postbox.taken
        assert told["title"] == "Stile: 2 things happened"
        assert "Key wanted" in told["message"]
        assert "rejected" in told["message"]
        (state,) = notifier.states()
        assert (state.attempts, state.problem) == (0, "")

    def test_a_dead_target_is_named_by_its_host_and_holds_up_no_other(
        self, here: Office, postbox: Postbox
    ) -> None:
        notifier = self.notifier(here, DEAD, postbox.address)
        here.open()

        dead, well = notifier.round(at=AT)

        assert (dead.problem, well.problem) == ("It did not take the message.", "")
        assert len(postbox.taken) == 1
        shown = f"{notifier!r} {notifier.states()} {notifier.targets}"
        assert "JSON at 127.0.0.1" in shown
        assert "sesame" not in shown
        assert "secret-path" not in shown

    def test_a_target_that_hangs_is_given_up_after_its_time_and_not_asked_twice_at_once(
        self, here: Office, postbox: Postbox
    ) -> None:
        notifier = replace(self.notifier(here, postbox.address), limit_s=0.2)
        postbox.asleep = threading.Event()
        here.open()

        (first,) = notifier.round(at=AT)
        (second,) = notifier.round(at=AT + MINUTE)
        postbox.asleep.set()

        assert first.problem == "It did not answer within 0.2 seconds."
        assert "still waited for" in second.problem

    def test_one_process_sends_at_a_time(self, here: Office, postbox: Postbox) -> None:
        one = self.notifier(here, postbox.address)
        other = replace(one, holder="another process")
        with here.store.deciding() as record:
            record.queue.lease("notices", holder="notifier", at=AT, until=AT + MINUTE)
        here.open()

        assert other.round(at=AT) == ()
        assert len(one.round(at=AT)) == 1

    def test_a_target_that_is_taken_away_and_put_back_is_told_of_nothing_in_between(
        self, here: Office, postbox: Postbox
    ) -> None:
        self.notifier(here, postbox.address)
        self.notifier(here)
        here.open()

        assert self.notifier(here, postbox.address).round(at=AT) == ()

    def test_foreign_text_pings_nobody(self, here: Office, postbox: Postbox) -> None:
        notifier = self.notifier(here, postbox.address)
        request = here.open()
        here.promotions.reject(
            BEN.username, request.request_id, text=HOSTILE, idempotency_key=here.form(), at=AT
        )

        notifier.round(at=AT)

        (told,) = postbox.taken
        assert not set("<>@[") & set(told["message"])
        assert "\nbcc" not in told["message"]

    def test_an_address_that_apprise_does_not_know_is_a_problem_and_no_crash(
        self, here: Office
    ) -> None:
        notifier = self.notifier(here, "carrierpigeon://sesame")
        here.open(ANA)

        (tried,) = notifier.round(at=AT)

        assert tried.name == "address 1"
        assert "none that apprise knows" in tried.problem


class TestNoticesOnSqlite(Notifying):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine


class TestNoticesOnPostgresql(Notifying):
    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("slack://TokenAAAA1/TokenBBBB1/abcdefghijklmnopqrstuvwx", "Slack"),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "Discord"),
        ("mailtos://user:sesame@mail.example.org", "E-Mail at mail.example.org"),
    ],
)
def test_a_token_in_the_place_of_a_host_is_not_shown(
    address: str, name: str, sqlite_engine: Engine
) -> None:
    (target,) = Notifier(office(sqlite_engine).store, address).targets

    assert target.name == name
