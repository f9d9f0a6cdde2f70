"""Policies on screen: read as sentences, compared, redrafted with lint, proposed, signed."""

from datetime import UTC, datetime

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.governance.rules.policies.proposals import PolicyRequest, PolicyStage
from core.identity.people import Username
from tests.pages.house import (
    ADA,
    ANA,
    BEN,
    BLUE,
    EMIL,
    MODEL,
    ORANGE,
    POLICY,
    VERA,
    House,
    keys_of,
    text_of,
)

STRICTER = POLICY.replace("< 0.6", "< 0.5")
TEXT = "policies_text_flight-delay_champion"


def propose(house: House, source: str = STRICTER, *, by: Username = ANA) -> PolicyRequest:
    return house.services.policies.propose(
        by, source, comment="Too lax.", idempotency_key=f"p {next(house.forms)}",
        at=datetime.now(UTC),
    )  # fmt: skip


def draft(app: AppTest, source: str) -> AppTest:
    return app.text_area(key=TEXT).set_value(source).run()


def confirm(app: AppTest) -> AppTest:
    return app.button(key="decisions_confirm").click().run()


def said(app: AppTest) -> str:
    return text_of(app).replace("\\", "")


def test_a_published_policy_reads_as_sentences_by_side(house: House) -> None:
    app = house.visit("policies", VERA)

    assert app.title[0].value.replace("\\", "") == (
        "flight-delay becomes champion by policy 1: 2 rules that must hold"
    )
    text = said(app)
    assert ":orange[**● DATA SCIENCE**]" in text
    assert ":blue[**● DATA ENGINEERING**]" in text
    assert "**Good enough** must hold" in text
    assert "run metrics log loss is below 0.6" in text
    assert "A promotion takes 1 data science key and 1 data engineering key" in text
    assert "High risk" in text
    assert "in force · by Ada" in text
    assert POLICY.strip() in [code.value for code in app.code]


def test_a_model_without_a_policy_shows_the_built_in_one_as_such(empty_house: House) -> None:
    empty_house.register()

    app = empty_house.visit("policies", VERA)

    assert "by the built-in policy" in app.title[0].value
    assert "Nobody has published a policy for it" in said(app)
    assert "**Files known** must hold" in said(app)


def test_with_neither_models_nor_policies_the_page_says_what_makes_one(empty_house: House) -> None:
    app = empty_house.visit("policies", VERA)

    assert app.title[0].value == "No model and no policy is there yet"


def test_the_first_policy_of_another_alias_can_be_written_here(house: House) -> None:
    house.services.tracking.door.write(
        lambda client: client.set_registered_model_alias(MODEL, "shadow", "1")
    )

    app = house.visit("policies", ADA, model=MODEL, alias="shadow", view="draft")

    assert r"flight\-delay becomes shadow by the built-in policy" in app.title[0].value
    assert "alias: shadow" in app.text_area[0].value


def test_two_versions_are_compared_in_words(house: House) -> None:
    request = propose(house)
    _turn(house, request)

    app = house.visit("policies", VERA, view="compare")

    assert "**1 difference**, 0 looser" in text_of(app)
    assert "▲ stricter" in text_of(app)
    assert "“good-enough” now wants: run metrics log loss is below 0.5. Before:" in said(app)

    app.selectbox(key="policies_before").set_value(0).run()
    assert app.query_params["before"] == "0"
    assert "“good-enough” is new" in said(app)


def test_an_older_version_can_be_read_and_is_said_to_be_old(house: House) -> None:
    _turn(house, propose(house))

    app = house.visit("policies", VERA, version=1)

    assert "Policy 1 is not in force any more; policy 2 is." in said(app)
    assert "is below 0.6" in said(app)


def test_lint_follows_the_draft(house: House) -> None:
    app = house.visit("policies", ANA, view="draft")
    assert "It says what policy 1 says" in said(app)

    draft(app, POLICY.replace('run.metrics["log_loss"] < 0.6', "nobody < 1"))
    text = said(app)
    assert "**Lint: 1 error**" in text
    assert "line 8, column 14" in text
    assert "undeclared reference to 'nobody'" in text
    assert "decisions_propose_policy" not in keys_of(app)

    draft(app, STRICTER)
    assert "**Lint: nothing to correct.**" in said(app)
    assert "▲ stricter" in said(app)
    assert "There is no decision of the past to try the draft on." in said(app)

    app.button(key="policies_reset").click().run()
    assert app.text_area(key=TEXT).value == POLICY


def test_a_draft_is_tried_on_the_past_and_proposed(house: House) -> None:
    house.promote()
    app = house.visit("policies", ANA, view="draft")

    draft(app, STRICTER)
    assert "1 of 1 decision would flip; 1 held" in said(app)
    assert app.dataframe[0].value["draft"].tolist() == ["✕ would have been held"]
    app.button(key="decisions_propose_policy").click().run()
    app.text_area[-1].set_value("Version 2 disappointed.").run()
    confirm(app)

    (request,) = house.services.policies.requests()
    assert (request.comment, request.back_test["held"]) == ("Version 2 disappointed.", 1)
    assert app.query_params["request"] == str(request.number)
    assert "Proposal 1 · flight-delay, champion: policy 1 → 2" in said(app)


def test_two_keys_publish_and_the_proposers_own_is_refused_in_cores_words(house: House) -> None:
    request = propose(house)
    where = {"view": "proposals", "request": request.number}

    app = house.visit("policies", ANA, **where)
    app.button(key="decisions_turn_policy_key_data_science").click().run()
    confirm(app)
    assert "nobody vouches for their own proposal" in app.warning[0].value

    app = house.visit("policies", BEN, **where)
    app.button(key="decisions_turn_policy_key_data_science").click().run()
    assert request.evidence.pinned_digest(ORANGE)[:12] in said(app)
    confirm(app)
    assert "key turned by **Ben**" in text_of(app)

    app = house.visit("policies", EMIL, **where)
    app.button(key="decisions_turn_policy_key_data_engineering").click().run()
    assert "The last key: policy 2 is in force at once" in said(app)
    confirm(app)
    assert "Policy 2 is in force." in said(app)
    assert house.services.promotions.policy_for(MODEL, "champion").version == 2


def test_what_lint_said_is_frozen_with_the_proposal(house: House) -> None:
    request = propose(house, POLICY.replace("ledger.verifies\n", "true || ledger.verifies\n"))

    text = said(house.visit("policies", BEN, view="proposals", request=request.number))

    assert "**Lint said 1 thing**" in text
    assert "“ledger-whole” is always true" in text


def test_an_authors_own_key_is_marked_in_the_drawer_and_on_the_page(empty_house: House) -> None:
    empty_house.register()
    empty_house.publish(f"{POLICY}authors_may_turn: [data_science]\n")
    request = empty_house.open(by=ANA)
    app = empty_house.visit("request", ANA, id=request.request_id)

    app.button(key="decisions_turn_key_data_science").click().run()
    assert ":gray-badge[author’s own]" in text_of(app)
    confirm(app)

    assert ":gray-badge[author’s own]" in text_of(app)
    assert "(the author's own)" in said(empty_house.visit("ledger", VERA))


def test_a_proposal_is_sent_back_and_revised(house: House) -> None:
    request = propose(house)
    app = house.visit("policies", EMIL, view="proposals", request=request.number)
    app.button(key="decisions_request_changes_policy").click().run()
    app.text_area[-1].set_value("Milder.").run()
    confirm(app)
    assert house.services.policies.request(request.number).stage is PolicyStage.CHANGES_REQUESTED

    mine = house.visit("policies", request.opened_by, view="proposals", request=request.number)
    mine.button(key="decisions_revise_policy").click().run()
    draft = next(area for area in mine.text_area if area.label == "Draft (YAML)")
    draft.set_value(f"{request.draft.source}# milder\nkeep_keys_when: []\n").run()
    confirm(mine)

    revised = house.services.policies.request(request.number)
    assert not mine.exception
    assert (revised.stage, "# milder" in revised.draft.source) == (PolicyStage.OPEN, True)


def test_a_proposal_is_rejected_with_a_reason(house: House) -> None:
    request = propose(house)
    app = house.visit("policies", EMIL, view="proposals", request=request.number)

    app.button(key="decisions_reject_policy").click().run()
    confirm(app)
    assert "Say why you reject it" in app.warning[0].value

    app.button(key="decisions_reject_policy").click().run()
    app.text_area[-1].set_value("Too strict.").run()
    confirm(app)
    assert house.services.policies.request(request.number).stage is PolicyStage.REJECTED
    assert "Too strict." in said(app)


def test_a_viewer_reads_and_decides_nothing(house: House) -> None:
    request = propose(house)

    app = house.visit("policies", VERA, view="proposals", request=request.number)
    assert not any(key.startswith("decisions_") for key in keys_of(app))
    app = house.visit("policies", VERA, view="draft")
    draft(app, STRICTER)
    assert "Only a member may propose a policy" in said(app)


def test_an_administrator_publishes_the_first_version(empty_house: House) -> None:
    empty_house.register()
    app = empty_house.visit("policies", ADA, view="draft")

    draft(app, POLICY)
    app.button(key="decisions_publish_policy").click().run()
    confirm(app)

    assert empty_house.services.promotions.policy_for(MODEL, "champion").source == POLICY
    assert "by policy 1" in app.title[0].value


def test_while_mlflow_is_away_published_policies_are_read_all_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # nobody listens there
    st.cache_data.clear()
    st.cache_resource.clear()

    app = house.visit("policies", VERA)

    assert app.title[0].value.startswith(r"flight\-delay becomes champion by policy 1")
    assert any("MLflow" in str(each.value) for each in app.warning)
    assert "**Good enough** must hold" in said(app)


def test_a_proposal_that_is_not_there_is_said_in_a_sentence(house: House) -> None:
    app = house.visit("policies", VERA, view="proposals", request=99)

    assert "There is no policy request 99" in said(app)


def test_a_proposal_waits_on_the_overview_of_who_holds_a_key(house: House) -> None:
    propose(house)

    assert "policy 1 → 2" in said(house.visit("overview", BEN))
    assert "policy 1 → 2** · your key" not in said(house.visit("overview", ANA))


def test_a_request_says_which_bars_were_set_after_the_result(house: House) -> None:
    request = house.open()  # the house publishes its policy after the runs

    text = said(house.visit("request", BEN, id=request.request_id))

    assert ":violet-badge[this bar was set after the result] “good enough”, “ledger whole”" in text
    assert "set **after the result**" in text


def test_the_ledger_tells_the_story_of_a_proposal(house: House) -> None:
    _turn(house, propose(house))

    text = said(house.visit("ledger", VERA))

    assert "Ana proposed policy 1 → 2 for champion of flight-delay: “Too lax.”" in text
    assert "Ben turned the data science key on policy 1 → 2" in text
    assert "Policy 1 → 2 for champion of flight-delay is published with Emil's key" in text


def test_hostile_texts_show_as_text(empty_house: House) -> None:
    hostile = "a **b** [c](evil.html) <script> $x$"
    empty_house.register(hostile)
    empty_house.services.promotions.publish_policy(
        ADA, POLICY.replace("model: flight-delay", f"model: '{hostile}'"), datetime.now(UTC)
    )
    source = STRICTER.replace("model: flight-delay", f"model: '{hostile}'").replace(
        "< 0.5", '< 0.5\n    says: "![x](http://evil/x.png) **y**"'
    )
    request = propose(empty_house, source)

    for query in ({}, {"view": "proposals"}, {"view": "proposals", "request": request.number}):
        text = text_of(empty_house.visit("policies", BEN, model=hostile, **query))
        assert "](http://evil" not in text
        assert "**b**" not in text
        assert "](evil" not in text
        assert "<script>" not in text


def _turn(house: House, request: PolicyRequest) -> None:
    for person, side in ((BEN, ORANGE), (EMIL, BLUE)):
        house.services.policies.turn_key(
            person, request.number, side=side, digest=request.evidence.pinned_digest(side),
            idempotency_key=f"t {next(house.forms)}", at=datetime.now(UTC),
        )  # fmt: skip
