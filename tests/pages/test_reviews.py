"""Approvals outside of their bounds, on screen: what was so, what is so, and the way to answer."""

from datetime import UTC, datetime

import pytest
from streamlit.testing.v1 import AppTest

from core.governance.rules.requests import RequestPurpose, RequestStatus
from core.governance.rules.reviews import DUE, Review
from core.store.people import STILE
from tests.pages.conftest import Enter
from tests.pages.house import ADA, ANA, BEN, EMIL, MODEL, POLICY, VERA, House, keys_of, text_of
from tests.pages.watched import with_live_inputs, with_reference


def decay(house: House) -> None:
    house.register()
    house.publish(f"{POLICY}review: {{drift_windows: 1}}\n")
    with_reference(house)
    with_live_inputs(house, days=21, moved_from=11)
    house.work()
    house.services.answers.adopt_from_before(
        ADA,
        model=MODEL,
        alias="champion",
        reason="",
        idempotency_key="a form",
        at=datetime.now(UTC),
    )
    assert house.services.reviews.look(at=datetime.now(UTC)) == ()


@pytest.fixture
def decayed(enter: Enter) -> House:
    """A champion that was taken under governance, whose inputs drifted for a whole week."""
    return enter("decayed", decay)


def test_a_decayed_approval_is_compared_and_confirmed_on_the_first_page(decayed: House) -> None:
    (due,) = decayed.services.reviews.due(MODEL)
    app = decayed.visit("overview", EMIL)
    title, table = app.title[0].value, app.dataframe[0].value

    app.button(key=f"answering_review_approval_{due.entry}").click().run()
    app.text_area[0].set_value("Summer; the retraining is under way.").run()
    app.button(key="answering_confirm").click().run()

    assert ":violet[1 approval due for review]" in title
    assert list(table["what"]) == ["age of the approval", "drift of the inputs",
                                   "live performance"]  # fmt: skip
    assert list(table["verdict"]) == ["✓ pass", "✕ fail", "– not evaluable"]
    assert decayed.services.reviews.due() == ()
    decayed.services.reviews.look(at=datetime.now(UTC))
    assert decayed.services.reviews.due() == ()  # the weeks that were there are looked at
    assert decayed.services.tracking.registered_model(MODEL).aliases["champion"] == 1


def test_a_viewer_sees_it_on_versions_and_may_answer_nothing(decayed: House) -> None:
    app = decayed.visit("versions", VERA, model=MODEL)

    said = text_of(app)
    assert "◷ review due" in said
    assert "Nothing is demoted by itself" in said
    assert not any(key.startswith("answering_") for key in keys_of(app))


def age(house: House) -> None:
    """Approved and served; here, because what was signed names the folder of the artifacts."""
    house.promote(2)
    house.promote(1)
    body = {"model": MODEL, "alias": "champion", "version": 1, "request": 2, "causes": ["age"]}
    with house.services.store.deciding() as record:
        record.append(DUE, {**body, "says": "Age of the approval: 91 days old."}, actor=STILE,
                      at=datetime.now(UTC))  # fmt: skip


@pytest.fixture
def aged(house: House) -> Review:
    """A champion approved after another one, and an approval that the worker found too old."""
    age(house)
    (due,) = house.services.reviews.due()
    return due


def review(house: House, due: Review, who: str, page: str, way: str) -> AppTest:
    """The drawer as this person sees it once they have chosen what follows."""
    app = house.visit(page, who, **({"model": MODEL} if page == "versions" else {}))  # type: ignore[arg-type]  # a Username is a str
    app.button(key=f"answering_review_approval_{due.entry}").click().run()
    app.radio[0].set_value(way).run()
    assert not app.exception
    return app


def answer(app: AppTest) -> AppTest:
    next(box for box in app.text_area).set_value("The inputs have moved for good.").run()
    app.button(key="answering_confirm").click().run()
    assert not app.exception
    return app


@pytest.mark.parametrize("page", ["overview", "versions"])
def test_another_version_is_asked_for_from_the_review(
    house: House, aged: Review, page: str
) -> None:
    app = review(house, aged, EMIL, page, "Ask for another version")
    assert "if it comes to nothing, the review is due again" in text_of(app)

    answer(app)

    asked = house.services.promotions.requests()[0]
    assert (asked.to_version, asked.opened_by, asked.status) == (2, EMIL, RequestStatus.OPEN)
    assert f"[Continue](/request?id={asked.request_id})" in text_of(app)
    assert house.services.reviews.due() == ()
    assert "◷ review due" not in text_of(house.visit(page, VERA))


def test_a_review_is_answered_with_a_rollback_whose_plan_is_shown_first(
    house: House, aged: Review
) -> None:
    app = review(house, aged, EMIL, "overview", "Roll back")
    assert "champion 1 → 2; 1 flagged superseded" in text_of(app)
    assert "what you sign" in text_of(app)

    answer(app)
    house.work()

    back = house.services.promotions.requests()[0]
    assert (back.purpose, back.restores) == (RequestPurpose.ROLLBACK, 1)
    assert house.services.tracking.registered_model(MODEL).aliases["champion"] == 2
    assert house.services.reviews.due() == ()


def test_nothing_is_answered_without_words_and_nothing_by_an_author(
    house: House, aged: Review
) -> None:
    app = review(house, aged, BEN, "overview", "Ask for another version")
    app.button(key="answering_confirm").click().run()
    assert "Say what the review found" in app.warning[0].value

    author = answer(review(house, aged, ANA, "overview", "Ask for another version"))

    assert "nobody vouches for their own work" in author.warning[0].value
    assert [due.entry for due in house.services.reviews.due()] == [aged.entry]
    assert len(house.services.promotions.requests()) == 2


def test_no_way_back_is_offered_where_nothing_was_approved_before(decayed: House) -> None:
    (due,) = decayed.services.reviews.due(MODEL)
    app = decayed.visit("overview", EMIL)

    app.button(key=f"answering_review_approval_{due.entry}").click().run()

    assert app.radio[0].options == ["Confirm it", "Ask for another version"]
