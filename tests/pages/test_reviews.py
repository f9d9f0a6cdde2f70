"""Approvals outside of their bounds, on screen: what was so, what is so, and the way to answer."""

from datetime import UTC, datetime

import pytest

from tests.pages.house import ADA, EMIL, MODEL, POLICY, VERA, House, keys_of, text_of
from tests.pages.watched import with_live_inputs, with_reference


@pytest.fixture
def decayed(empty_house: House) -> House:
    """A champion that was taken under governance, whose inputs drifted for a whole week."""
    house = empty_house
    house.register()
    house.publish(f"{POLICY}review: {{drift_windows: 1}}\n")
    with_reference(house)
    with_live_inputs(house, days=21, moved_from=11)
    house.work()
    at = datetime.now(UTC)
    house.services.answers.adopt_from_before(
        ADA, model=MODEL, alias="champion", reason="", idempotency_key="a form", at=at
    )
    assert house.services.reviews.look(at=datetime.now(UTC)) == ()
    return house


def test_a_decayed_approval_is_compared_and_confirmed_on_the_first_page(decayed: House) -> None:
    (due,) = decayed.services.reviews.due(MODEL)
    app = decayed.visit("overview", EMIL)
    title, table = app.title[0].value, app.dataframe[0].value

    app.button(key=f"answering_confirm_approval_{due.entry}").click().run()
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
