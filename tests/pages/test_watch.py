"""What moved around Stile, on screen: in red, with its answers, for those who may answer."""

from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from components.request import answer_drawers
from core.governance.registry.reconciler import ReconcilerDepth
from core.governance.rules import reviews
from core.governance.rules.requests import RequestPurpose, RequestStatus
from core.governance.use_cases import breaking_glass
from core.tracking.accounts import Account, Accounts
from core.tracking.bypass import Bypass
from core.values.mlflow_entities import RunId
from tests.pages.conftest import Enter, registered
from tests.pages.house import (
    ADA,
    ANA,
    BEN,
    BLUE,
    EMIL,
    MODEL,
    ORANGE,
    VERA,
    House,
    keys_of,
    text_of,
)

RESTORE, ADOPT = (f"answering_{kind}_{MODEL}_champion" for kind in ("restore", "adopt"))
BEFORE = f"answering_{answer_drawers.BEFORE}_{MODEL}_champion"


def move_around(house: House) -> None:
    house.work()
    house.promote()
    house.point(1)
    house.work()


@pytest.fixture
def moved(enter: Enter) -> House:
    """Version 2 was promoted with both keys, then somebody pointed champion at 1 again."""

    def furnish(house: House) -> None:
        registered(house)
        move_around(house)

    return enter("moved-around", furnish)


def confirm(app, text: str = ""):  # type: ignore[no-untyped-def]  # AppTest in, AppTest out
    if text:
        app.text_area[0].set_value(text).run()
    app.button(key="answering_confirm").click().run()
    assert not app.exception, app.exception
    return app


def test_an_ungoverned_move_is_told_with_both_answers(moved: House) -> None:
    app = moved.visit("overview", EMIL)

    said = text_of(app).replace("\\", "")
    assert "✕ ungoverned move" in said
    assert "points at version 1; the ledger put it at version 2" in said
    assert {RESTORE, ADOPT} <= keys_of(app)
    assert ":red[1 champion moved around Stile]" in app.title[0].value


def test_a_viewer_sees_it_and_may_answer_nothing(moved: House) -> None:
    app = moved.visit("overview", VERA)

    assert "ungoverned move" in text_of(app)
    assert not {RESTORE, ADOPT, "watch_look"} & keys_of(app)
    assert "Whoever holds a key of flight" in text_of(app)


def test_two_findings_of_one_alias_stand_on_one_page_each_with_its_answers(moved: House) -> None:
    run = next(v.run_id for v in moved.services.tracking.versions(MODEL) if v.version == 2)
    moved.services.tracking.door.write(
        lambda client: client.log_metric(run or RunId(""), "log_loss", 0.2)
    )
    moved.services.reconciler.look(ReconcilerDepth.EVIDENCE, at=datetime.now(UTC))

    app = moved.visit("versions", BEN, model=MODEL)

    text = text_of(app)
    assert "ungoverned move" in text
    assert "evidence mutated" in text
    assert {ADOPT, f"{ADOPT}_EVIDENCE_MUTATED"} <= keys_of(app)


def test_restore_by_click_puts_the_decision_back(house: House) -> None:
    move_around(house)  # here, because what was signed names the folder of the artifacts
    app = house.visit("overview", BEN)
    app.button(key=RESTORE).click().run()

    confirm(app, "Somebody tried something.")
    house.work()

    request = house.services.promotions.requests()[0]
    assert (request.purpose, request.status) == (RequestPurpose.RESTORE, RequestStatus.APPLIED)
    told = text_of(house.visit("request", BEN, id=request.request_id))
    assert told.count("key: not asked for; an earlier decision is issued again") == 2
    assert request.comment == "Somebody tried something."
    assert "ungoverned move" not in text_of(house.visit("overview", BEN))


def test_adopt_by_click_asks_for_two_keys_and_leads_to_the_request(moved: House) -> None:
    app = moved.visit("versions", ANA, model=MODEL)
    app.button(key=ADOPT).click().run()

    confirm(app, "It was an urgent fix.")

    request = moved.services.promotions.requests()[0]
    assert (request.purpose, request.status) == (RequestPurpose.ADOPT, RequestStatus.OPEN)
    assert f"[Continue](/request?id={request.request_id})" in text_of(app)
    page = text_of(moved.visit("request", BEN, id=request.request_id)).replace("\\", "")
    assert "was moved to 1 around Stile" in page
    assert "champion stays 1 and is adopted" in page


def test_an_adoption_without_a_reason_is_refused_in_cores_words(moved: House) -> None:
    app = moved.visit("overview", ANA)
    app.button(key=ADOPT).click().run()

    confirm(app)

    assert "Say why this version is adopted" in app.warning[0].value
    assert len(moved.services.promotions.requests()) == 1


def test_an_administrator_takes_a_champion_from_before_stile_under_governance(
    house: House,
) -> None:
    house.work()
    assert BEFORE not in keys_of(house.visit("overview", BEN))
    app = house.visit("overview", ADA)
    app.button(key=BEFORE).click().run()

    confirm(app)

    said = text_of(house.visit("overview", ADA))
    assert "all production moves governed" in said
    assert "took champion of" in said


def test_a_broken_glass_is_loud_until_somebody_else_has_reviewed_it(house: House) -> None:
    request = house.open()
    house.turn(request, BEN, ORANGE)
    app = house.visit("request", ADA, id=request.request_id)
    app.button(key=f"answering_{answer_drawers.GLASS}_{request.request_id}").click().run()
    confirm(app, "The old one answers nothing.")
    house.work()
    review = f"answering_{answer_drawers.REVIEW}_{request.request_id}"

    hers, his = house.visit("overview", ADA), house.visit("overview", EMIL)

    assert "GLASS BROKEN" in text_of(his)
    assert "The old one answers nothing" in text_of(his)
    assert review not in keys_of(hers)
    assert "GLASS BROKEN" in text_of(house.visit("request", VERA, id=request.request_id))
    his.button(key=review).click().run()
    confirm(his, "It was right.")
    assert "✕ GLASS BROKEN" not in text_of(house.visit("overview", EMIL))
    assert reviews.reviews_due(house.services.store.entries()) == ()


def test_a_review_that_waits_for_me_is_among_what_waits_for_me(house: House) -> None:
    request = house.open()
    breaking_glass.break_glass(
        house.services.store, ADA, request.request_id, reason="An outage.",
        idempotency_key="glass", at=datetime.now(UTC),
    )  # fmt: skip

    mine, hers, nobodys = (house.visit("overview", who) for who in (BEN, ADA, VERA))

    assert mine.title[0].value.startswith("1 thing waits for you")
    assert hers.title[0].value.startswith("Nothing waits for you")  # she broke it
    assert nobodys.title[0].value.startswith("Nothing waits for you")


def test_nobody_but_an_administrator_is_offered_the_glass(house: House) -> None:
    request = house.open()

    for person in (ANA, BEN, EMIL, VERA):
        app = house.visit("request", person, id=request.request_id)
        assert f"answering_{answer_drawers.GLASS}_{request.request_id}" not in keys_of(app)


def test_a_silent_watch_is_said_on_the_first_page(house: House) -> None:
    house.work()
    with house.services.store.deciding() as record:
        long_ago = datetime.now(UTC) - timedelta(hours=3)
        record.session.connection().exec_driver_sql(
            "UPDATE heartbeats SET at = ?", (long_ago.isoformat(timespec="microseconds"),)
        )

    app = house.visit("overview", VERA)

    assert any("Nobody has looked at the registry since" in w.value for w in app.warning)


def test_look_again_compares_everything_now(house: House) -> None:
    house.promote()
    house.point(1)
    app = house.visit("overview", BEN)

    app.button(key="watch_look").click().run()

    assert "ungoverned move" in text_of(app)


def test_hostile_names_stay_text(house: House) -> None:
    hostile = "[x](javascript) **bold** <b>"
    house.register(hostile)
    house.work()
    house.point(2, model=hostile)
    house.work()

    said = text_of(house.visit("overview", VERA))

    assert "ungoverned move" in said
    assert hostile not in said


def test_who_served_then(house: House) -> None:
    house.work()
    house.promote()
    intervals = house.services.store.entries()
    seen = next(e for e in intervals if e.kind == "alias_seen").time
    later = (datetime.now(UTC) - timedelta(milliseconds=1)).isoformat()

    first = house.visit("versions", VERA, model=MODEL, at="2020-01-01T00:00")
    now = house.visit("versions", VERA, model=MODEL, at=later)
    future = house.visit("versions", VERA, model=MODEL, at="2999-01-01")
    nonsense = house.visit("versions", VERA, model=MODEL, at="<b>")

    assert seen.year > 2020
    assert "Nobody knows which version of" in text_of(first)
    assert "answered at" in text_of(now)
    assert "has not come yet" in text_of(future)
    assert "names no moment" in text_of(nonsense)


def test_the_ledger_tells_what_was_seen_in_plain_words(moved: House) -> None:
    said = text_of(moved.visit("ledger", VERA)).replace("\\", "")

    assert "Stile began to look where the aliases stand" in said
    assert "for the first time: it points at 1" in said
    assert "moved around it: it pointed at 2 and now points at 1" in said


def test_both_keys_of_an_adoption_settle_it(moved: House) -> None:
    services = moved.services
    request = services.answers.ask_to_adopt(
        ANA, model=MODEL, alias="champion", reason="x", idempotency_key="a", at=datetime.now(UTC)
    )
    moved.turn(request, EMIL, BLUE)
    settled = moved.services.promotions.request(request.request_id)

    assert settled.status is RequestStatus.OPEN
    assert [key.person for key in settled.keys] == [EMIL]


def _way(found: object) -> None:
    from components.registry import reconciler_findings

    reconciler_findings.way(found)  # type: ignore[arg-type]  # its source runs alone, without our imports


def way(accounts: Accounts | None) -> AppTest:
    found = Bypass(False, "MLflow asks who one is.", "Leave MANAGE to Stile.", accounts)
    app = AppTest.from_function(_way, kwargs={"found": found}).run()
    assert not app.exception
    return app


def test_accounts_that_can_go_around_stile_are_counted_and_named_in_red() -> None:
    eve, admin = Account("eve_[x](y)", False, ("m", "n")), Account("admin", True, ("m", "n"))

    app = way(Accounts((admin, eve)))

    assert app.expander[0].label == ":red[✕] Who can go around Stile: 2 accounts"
    said = text_of(app)
    assert ":red[✕] **admin** every model: administrator of MLflow" in said
    assert "eve_[x](y)" not in said  # a name is foreign text
    assert "m, n" in said


def test_accounts_of_which_mlflow_does_not_tell_are_not_nobody() -> None:
    some = way(Accounts((Account("admin", True, ("m",)),), "For 2 others it is not known."))
    nobody_known = way(Accounts((), "For 2 others it is not known."))
    not_told = way(None)

    assert some.expander[0].label.endswith("Who can go around Stile: at least 1 account")
    assert "For 2 others it is not known" in text_of(some)
    assert nobody_known.expander[0].label == (
        "– Who can go around Stile: no other account that is known"
    )
    assert not_told.expander[0].label == "– Who can move an alias around Stile now?"
