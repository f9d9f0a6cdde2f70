"""One request on screen: who may do what, and what the page says afterwards."""

from datetime import UTC, datetime

import pytest
from streamlit.testing.v1 import AppTest

from core.governance.registry.write_back import WriteBack
from core.governance.rules.judgement import Judgement
from core.governance.rules.ledger.kept_decisions import kept_of
from core.governance.rules.requests import PromotionRequest, RequestStatus
from core.identity.people import Username
from core.store.people import STILE
from core.values.mlflow_entities import RunId
from tests.pages import watched
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
from tests.pages.training import Laboratory, predictions

LOADS = """\
  - id: {}
    side: data_engineering
    level: warning
    needs: [trial.loads]
    require: trial.loads.loads
"""


def open_drawer(app: AppTest, key: str) -> AppTest:
    return app.button(key=key).click().run()


def confirm(app: AppTest) -> AppTest:
    return app.button(key="decisions_confirm").click().run()


def test_the_page_says_what_the_request_waits_for(house: House) -> None:
    request = house.open(comment="Retrained on March to May.")

    app = house.visit("request", BEN, id=request.request_id)

    said = text_of(app)
    assert app.title[0].value == r"flight\-delay 1 → 2 as champion waits for both keys"
    assert "opened by Ana" in app.caption[0].value
    assert "Retrained on March to May" in said
    assert "**Good enough**" in said
    assert "**Ledger whole**" in said
    assert "key: **wanted**" in said


def test_the_author_is_refused_in_cores_words(house: House) -> None:
    request = house.open(by=ANA)
    app = house.visit("request", ANA, id=request.request_id)

    confirm(open_drawer(app, "decisions_turn_key_data_science"))

    assert "nobody vouches for their own work" in app.warning[0].value
    assert house.services.promotions.request(request.request_id).keys == ()


def test_a_scientist_turns_the_data_science_key(house: House) -> None:
    request = house.open()
    app = house.visit("request", BEN, id=request.request_id)

    open_drawer(app, "decisions_turn_key_data_science")
    app.text_area[0].set_value("Looks right.").run()
    confirm(app)

    (key,) = house.services.promotions.request(request.request_id).keys
    assert (key.person, key.side, key.comment) == (BEN, ORANGE, "Looks right.")
    assert "key turned by **Ben**" in text_of(app)
    assert app.title[0].value.endswith("waits for the data engineering key")


def test_the_drawer_shows_the_digest_and_before_the_last_key_the_plan(house: House) -> None:
    request = house.open()
    house.turn(request, BEN, ORANGE)
    digest = request.evidence.pinned_digest(BLUE)

    app = house.visit("request", EMIL, id=request.request_id)
    open_drawer(app, "decisions_turn_key_data_engineering")

    said = text_of(app)
    assert digest[:12] in said
    assert "this moves production" in said
    assert r"1 → 2; 1 flagged superseded" in said


def test_what_no_figure_says_is_ticked_before_the_key_turns(empty_house: House) -> None:
    empty_house.register()
    asked = "questions: [{id: lawful, side: data_science, asks: 'Is the <purpose> lawful?'}]"
    empty_house.publish(f"{POLICY}{asked}\n")
    request = empty_house.open()
    app = empty_house.visit("request", BEN, id=request.request_id)
    assert "to be attested with the key" in text_of(app)

    open_drawer(app, "decisions_turn_key_data_science")
    assert app.button(key="decisions_confirm").disabled
    app.checkbox[0].check().run()
    confirm(app)

    (key,) = empty_house.services.promotions.request(request.request_id).keys
    assert key.side is ORANGE
    assert "attested with the key" in text_of(app)
    assert "attesting lawful" in text_of(empty_house.visit("ledger", VERA))


def test_a_double_click_is_one_decision(house: House) -> None:
    request = house.open()
    app = house.visit("request", BEN, id=request.request_id)
    open_drawer(app, "decisions_comment")
    app.text_area[0].set_value("Why March?").run()
    drawer = app.session_state["decisions.drawer"]

    confirm(app)
    app.session_state["decisions.drawer"] = drawer  # the second click of the same drawn form
    app.run()
    app.text_area[0].set_value("Why March?").run()
    confirm(app)

    comments = house.services.promotions.request(request.request_id).comments
    assert [comment.text for comment in comments] == ["Why March?"]


@pytest.mark.parametrize("who", [VERA, ADA])
def test_who_holds_no_key_finds_a_sentence_instead_of_a_key(house: House, who: Username) -> None:
    request = house.open()

    app = house.visit("request", who, id=request.request_id)

    assert not any(key.startswith("decisions_turn_key") for key in keys_of(app))
    assert "Only someone with the data engineering key may turn it" in text_of(app)


def test_a_viewer_decides_nothing(house: House) -> None:
    request = house.open()

    app = house.visit("request", VERA, id=request.request_id)

    assert {key for key in keys_of(app) if key.startswith("decisions_")} <= {"decisions_verify"}


def test_after_the_last_key_the_page_says_pending_and_then_what_mlflow_confirmed(
    house: House,
) -> None:
    request = house.open()
    house.turn(request, BEN, ORANGE)
    app = house.visit("request", EMIL, id=request.request_id)

    confirm(open_drawer(app, "decisions_turn_key_data_engineering"))

    assert "**Pending.**" in text_of(app)
    assert "Promoted" not in text_of(app)

    house.work()
    app.run()

    said = text_of(app)
    assert r"Promoted. MLflow confirms champion \= 2" in said
    assert "Ledger entry" in said
    assert house.services.registry.aliases(MODEL) == {"champion": 2}


def test_a_promoted_request_says_where_its_decision_is_kept(house: House) -> None:
    request = house.promote()

    app = house.visit("request", VERA, id=request.request_id)

    kept = kept_of(house.services.store.entries(), request.request_id)
    assert kept is not None
    said = text_of(app).replace("\\", "")
    assert f"kept with the run: stile/decision-1.json, SHA-256 {kept.sha256[:12]}" in said
    assert f"/run?run_id={kept.run_id}&view=Artifacts" in said


def test_a_promoted_request_says_that_its_decision_is_not_kept_yet(house: House) -> None:
    request = house.open()
    house.turn(request, BEN, ORANGE)
    house.turn(request, EMIL, BLUE)
    services, at = house.services, datetime.now(UTC)
    WriteBack(services.promotions, holder="test", clock=lambda: at).run(request.request_id, at=at)

    app = house.visit("request", VERA, id=request.request_id)

    assert "◐ The decision is not kept with its run yet" in text_of(app)


def test_a_decision_that_cannot_be_kept_with_a_run_says_why(house: House) -> None:
    request = house.promote()
    with house.services.store.deciding() as record:
        body = {"request": request.request_id, "says": "The store may not be written.", "run": "r"}
        record.append("decision_not_kept", body, actor=STILE, at=datetime.now(UTC))

    app = house.visit("request", VERA, id=request.request_id)

    said = text_of(app).replace("\\", "")
    assert "○ The decision is not kept with a run: The store may not be written." in said


def test_a_failing_check_is_named_first_and_its_side_is_not_asked_for_a_key(house: House) -> None:
    house.register("air-time", losses=(0.5, 0.7))
    house.publish(
        "model: air-time\nalias: champion\nchecks:\n  - id: good-enough\n    side: data_science\n"
        "    level: blocking\n    needs: [run.metrics]\n"
        "    require: run.metrics['log_loss'] < 0.6\n"
    )
    request = house.open(model="air-time")

    app = house.visit("request", BEN, id=request.request_id)
    confirm(open_drawer(app, "decisions_turn_key_data_science"))

    said = text_of(app)
    assert "is held by “good enough”" in app.title[0].value
    assert "wanted**, once “Good enough” passes" in said
    assert "A key says “I vouch”" in app.warning[0].value


def test_rejecting_without_a_reason_is_refused_and_with_one_ends_the_request(house: House) -> None:
    request = house.open()
    app = house.visit("request", EMIL, id=request.request_id)

    confirm(open_drawer(app, "decisions_reject"))
    assert "Say why you reject it" in app.warning[0].value

    open_drawer(app, "decisions_reject")
    app.text_area[0].set_value("Too early.").run()
    confirm(app)

    assert house.services.promotions.request(request.request_id).status is RequestStatus.REJECTED
    assert "Too early" in text_of(app)


def test_changes_are_requested_and_refreshing_the_evidence_opens_it_again(house: House) -> None:
    request = house.open()
    app = house.visit("request", BEN, id=request.request_id)
    open_drawer(app, "decisions_request_changes")
    app.text_area[0].set_value("Score it on June.").run()
    confirm(app)
    assert "waits for the changes" in app.title[0].value

    confirm(open_drawer(app, "decisions_revise"))

    again = house.services.promotions.request(request.request_id)
    assert again.status is RequestStatus.OPEN
    assert BEN in again.authors


def test_old_evidence_is_verified_when_the_page_is_opened(house: House) -> None:
    request = house.open()
    with house.services.store.deciding() as record:
        record.save_verified(
            request.request_id, request.evidence, at=datetime(2026, 1, 1, tzinfo=UTC)
        )

    house.visit("request", BEN, id=request.request_id)

    verified_at = house.services.promotions.request(request.request_id).verified_at
    assert verified_at is not None
    assert verified_at > request.opened_at


def test_evidence_is_computed_only_when_it_is_opened(house: House) -> None:
    request = house.open()

    app = house.visit("request", BEN, id=request.request_id)

    assert len(app.dataframe) == 0


def test_a_request_that_is_not_there_is_said_in_a_sentence(house: House) -> None:
    app = house.visit("request", BEN, id=99)

    assert "There is no request 99" in text_of(app)


def test_an_address_without_a_number_leads_to_promotions(house: House) -> None:
    app = house.visit("request", BEN)

    assert app.title[0].value == "Which request?"


def test_hostile_names_and_comments_show_as_text(empty_house: House) -> None:
    hostile = "a **b** [c](evil.html) <script> $x$"
    empty_house.register(hostile, losses=(0.57, 0.53))
    request = empty_house.open(model=hostile, comment="![x](http://evil/x.png)")

    app = empty_house.visit("request", BEN, id=request.request_id)

    said = text_of(app)
    assert "](http://evil" not in said
    assert "**b**" not in said
    assert "](evil" not in said
    assert "<script>" not in said
    assert r"\!\[x\]\(http" in said


def test_what_stands_behind_the_comparison_is_a_click_away(empty_house: House) -> None:
    made = Laboratory.of(empty_house.services)
    door = empty_house.services.tracking.door
    door.write(lambda client: client.create_registered_model(MODEL))
    for name, noise in (("older", 0.4), ("newer", 0.1)):
        run_id = made.run(
            name, log_loss=noise, tags={"stile.holdout": "a" * 64, "mlflow.user": "ana"},
            files={"eval/predictions.parquet": predictions(noise=noise, origins=("JFK", "EWR")),
                   "model/MLmodel": b"{}"},
        )  # fmt: skip
        source = empty_house.services.tracking.run(RunId(run_id))
        door.write(
            lambda client, r=source: client.create_model_version(
                MODEL, f"{client.get_run(r.run_id).info.artifact_uri}/model", run_id=r.run_id
            )
        )
    empty_house.point(1)
    request = empty_house.open()

    app = empty_house.visit("request", BEN, id=request.request_id)
    heads = [expander.label for expander in app.expander]
    assert "Slices: 2 better\\." in heads

    app = empty_house.visit("request", BEN, id=request.request_id)
    app.session_state["request_weighed"] = True
    app.run()

    tables = [table.value for table in app.dataframe]
    assert list(tables[0]["loss"]) == ["log loss", "1 − AUC", "Brier score", "error rate"]
    assert set(tables[1]["slice"]) == {"origin JFK", "origin EWR"}
    assert list(tables[2]["model"]) == ["candidate", "champion"]


def test_todays_inputs_stand_beside_the_training_of_both_versions(house: House) -> None:
    watched.with_reference(house)
    watched.with_reference(house, version=2, warmer=9.0)
    watched.with_live_inputs(house)
    request = house.open()

    app = house.visit("request", BEN, id=request.request_id)
    said = text_of(app).replace("\\", "")
    app.session_state["request_drift"] = True
    app.run()

    assert "the candidate fits it better" in said
    table = app.dataframe[-1].value.set_index("input")
    assert table.loc["temp", "version 1"].endswith("▲")
    assert table.loc["temp", "gap"] < -0.1


def test_without_live_inputs_a_request_says_nothing_of_drift_that_it_does_not_know(
    house: House,
) -> None:
    request = house.open()

    said = text_of(house.visit("request", BEN, id=request.request_id)).replace("\\", "")

    assert "fits it better" not in said


def test_a_reason_that_several_checks_share_is_said_once(empty_house: House) -> None:
    empty_house.register()
    empty_house.publish(POLICY + "".join(LOADS.format(name) for name in ("loads", "loads-again")))
    request = empty_house.open()

    said = text_of(empty_house.visit("request", BEN, id=request.request_id)).replace("\\", "")

    assert said.count("Loading models is switched off.") == 1
    assert "Loads again" in said


def test_nobody_is_offered_a_key_before_every_file_is_hashed(house: House) -> None:
    door = house.services.tracking.door
    run_id = house.services.tracking.version(MODEL, 2).run_id
    large = house.services.settings.home / "weights.bin"
    with large.open("wb") as file:
        file.truncate(33_000_000)  # as many zeros: quickly read, and too many to hash at once
    door.write(lambda client: client.log_artifact(str(run_id), str(large)))
    request = house.open()

    app = house.visit("request", BEN, id=request.request_id)

    assert "**Files are being hashed.**" in text_of(app)
    assert "decisions_turn_key_data_science" not in keys_of(app)
    assert any("Hashing 0 of 1 files, 0 of 33 MB." in s for s in judged(house, request).held)

    house.work()
    app = house.visit("request", BEN, id=request.request_id)

    assert "being hashed" not in text_of(app)
    assert "decisions_turn_key_data_science" in keys_of(app)


def judged(house: House, request: PromotionRequest) -> Judgement:
    return house.services.promotions.judgement(request.request_id, at=datetime.now(UTC))
