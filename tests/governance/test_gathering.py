import json
from dataclasses import replace
from datetime import timedelta
from typing import cast

import numpy as np
import pytest

from core.drift.values.results import Grain
from core.errors import Refused
from core.governance.figures import trial_figures
from core.governance.rules.checks import judge, overall
from core.governance.rules.evidence import Evidence, EvidencePart, Figure, FigureStatus
from core.governance.rules.ledger.entries import ChainReport, LedgerFinding, LedgerFlaw
from core.governance.rules.policies.policy import CheckVerdict, default_policy, parse_policy
from core.identity.people import ModelKey, Person, Role, Side, Username
from core.store.mapping import evidence_text, evidence_value
from core.values.mlflow_entities import RunId
from tests.governance.scene import (
    ANA,
    AT,
    MODEL,
    NEWER,
    POLICY,
    Scene,
    predictions,
)

TRIED = trial_figures.NAMES
LATER = {*TRIED, "online.loss", "drift.together"}  # what a trial, labels or a long look bring
PREDICTIONS = "eval/predictions.parquet"


def figure(evidence: Evidence, name: str) -> Figure:
    found = evidence.figure(name)
    assert found is not None, name
    return found


def value(evidence: Evidence, name: str) -> dict[str, object]:
    return cast("dict[str, object]", figure(evidence, name).value)  # maps, in these tests


def run_of(scene: Scene, version: int) -> RunId:
    run_id = scene.sources.tracking.version(MODEL, version).run_id
    assert run_id is not None
    return run_id


def changed_sides(before: Evidence, after: Evidence) -> set[Side]:
    return {side for side in Side if before.pinned_digest(side) != after.pinned_digest(side)}


# what is gathered


def test_a_retrained_version_that_fits_today_better_passes_its_policy(seen: Scene) -> None:
    findings = judge(POLICY, seen.gather())

    assert overall(findings) is CheckVerdict.PASS
    assert "log loss against the champion" in findings[0].says
    assert "on 600 rows, corrected for 4 candidates (Bonferroni): better." in findings[0].says


def test_the_comparison_uses_the_evaluation_run_and_counts_the_candidates(seen: Scene) -> None:
    found = value(seen.gather(), "comparison.log_loss")

    assert found["verdict"] == "better"
    assert (found["rows"], found["candidates"], found["correction"]) == (600, 4, "bonferroni")
    assert found["holdout"] == NEWER
    champion = cast("dict[str, dict[str, str]]", found["inputs"])["champion"]
    assert champion["run"] != run_of(seen, 1)


def test_every_figure_of_the_protocol_is_there_on_its_side_and_part(seen: Scene) -> None:
    evidence = seen.gather()

    assert {f.name for f in evidence.of(Side.DATA_SCIENCE, EvidencePart.PINNED)} == {
        "artifacts.run",
        "authors",
        "baseline",
        "calibration.candidate",
        "calibration.champion",
        "candidate",
        "champion.version",
        "comparison.auc",
        "comparison.brier",
        "comparison.error",
        "comparison.log_loss",
        "comparison.primary",
        "group_gaps",
        "holdout.digest",
        "policy.version",
        "run.metrics",
        "run.params",
        "slices",
    }
    assert {f.name for f in evidence.of(Side.DATA_ENGINEERING, EvidencePart.PINNED)} == {
        "artifacts.model",
        "candidate",
        "champion.version",
        "dependencies",
        "drift.frozen",
        "lineage",
        "model.size",
        "policy.version",
        "reference.candidate",
        "reference.champion",
        "signature.declared",
    }
    assert {f.name for f in evidence.of(Side.DATA_ENGINEERING, EvidencePart.LIVE)} == {
        "age.data",
        "age.evidence",
        "age.training",
        "drift.alert",
        "drift.candidate",
        "drift.champion",
        "drift.together",
        "freshness",
        "ledger.verifies",
        "production",
        "signature.inputs",
        *TRIED,
    }
    assert {f.name for f in evidence.of(Side.DATA_SCIENCE, EvidencePart.LIVE)} == {
        "keys.independent",
        "online.loss",
    }
    assert all(f.says.endswith(".") for f in evidence.figures)
    assert {f.status for f in evidence.figures if f.name not in LATER} == {FigureStatus.KNOWN}


def test_a_metric_that_is_not_finite_is_left_out_and_named(seen: Scene) -> None:
    metrics = figure(seen.gather(), "run.metrics")

    assert metrics.value == {"log_loss": 0.4}
    assert "not finite: broken" in metrics.says


def test_both_versions_are_judged_on_the_same_window(seen: Scene) -> None:
    evidence = seen.gather()

    ours, theirs = value(evidence, "drift.candidate"), value(evidence, "drift.champion")
    assert ours["window"] == theirs["window"] == value(evidence, "drift.frozen")["window"]
    assert cast("float", ours["severity"]) < cast("float", theirs["severity"])


def test_freshness_is_the_age_of_what_was_received_last(seen: Scene) -> None:
    assert value(seen.gather(), "freshness")["age_hours"] == 24.0


def test_authors_are_known_by_their_mlflow_names(seen: Scene) -> None:
    evidence = seen.gather()

    assert figure(evidence, "authors").value == ["ana-laptop"]
    assert value(evidence, "keys.independent")["authors"] == ["ana"]


def test_an_author_nobody_answers_to_makes_independence_not_evaluable(seen: Scene) -> None:
    nobody = replace(ANA, mlflow_names=frozenset())

    found = figure(seen.gather(people=(nobody,)), "keys.independent")

    assert found.status is FigureStatus.NOT_EVALUABLE
    assert "ana-laptop" in found.says


def test_two_people_with_one_mlflow_name_are_both_authors(seen: Scene) -> None:
    ben = Person(Username("ben"), "Ben", Role.MEMBER, mlflow_names=frozenset({"ana-laptop"}))

    found = value(seen.gather(people=(ANA, ben)), "keys.independent")

    assert found["authors"] == ["ana", "ben"]


def test_a_broken_ledger_is_said_and_no_pass(seen: Scene) -> None:
    flaw = LedgerFinding(LedgerFlaw.HASH, 3, "Entry 3 was changed.")
    sources = replace(seen.sources, ledger=lambda: ChainReport(5, "0" * 64, (flaw,)))

    found = figure(replace(seen, sources=sources).gather(), "ledger.verifies")

    assert (found.value, found.says) == (False, "Entry 3 was changed.")


def test_without_a_champion_there_is_nothing_to_compare_with(seen: Scene) -> None:
    evidence = seen.gather(1, from_version=None)

    assert figure(evidence, "comparison.log_loss").says == (
        "There is no champion to compare with yet."
    )
    assert figure(evidence, "drift.champion").status is FigureStatus.NOT_EVALUABLE


def test_the_built_in_policy_can_be_passed_by_a_first_version(seen: Scene) -> None:
    policy = default_policy(MODEL, "champion")

    findings = judge(policy, seen.gather(1, from_version=None, policy=policy))

    assert overall(findings) is CheckVerdict.PASS


def test_a_loss_that_is_needed_and_does_not_fit_is_not_evaluable(seen: Scene) -> None:
    policy = parse_policy(POLICY.source.replace("log_loss", "squared_error"), version=1)

    evidence = seen.gather(policy=policy)

    assert judge(policy, evidence)[0].verdict is CheckVerdict.NOT_EVALUABLE
    assert "squared error" in figure(evidence, "comparison.squared_error").says


def test_a_version_that_is_not_there_is_refused(seen: Scene) -> None:
    with pytest.raises(Refused):
        seen.gather(77)


def test_stored_and_read_back_evidence_is_the_same(seen: Scene) -> None:
    evidence = seen.gather()

    assert evidence_value(evidence_text(evidence)) == evidence


def test_lineage_says_what_is_missing_to_make_the_version_again(seen: Scene) -> None:
    found = value(seen.gather(), "lineage")

    assert (found["complete"], found["missing"]) == (False, ["dataset digest", "seed"])
    assert (found["git_commit"], found["packages"]) == ("0123456789abcdef", 3)


def test_dependencies_and_size_are_held_against_the_champion(growing: Scene) -> None:
    run_id = growing.log_run(tags={"stile.holdout": NEWER})
    version = growing.register(run_id, requirements="NumPy==2.5\nscikit_learn==1.9.1\nlightgbm\n")

    evidence = growing.gather(version)

    found = value(evidence, "dependencies")
    assert found["changed"] == {"numpy": "2.4.6 → 2.5"}
    assert (found["added"], found["removed"]) == ({"lightgbm": "any"}, {})
    assert "numpy 2.4.6 → 2.5, lightgbm is new" in figure(evidence, "dependencies").says
    assert cast("float", value(evidence, "model.size")["ratio"]) > 1


def test_what_a_version_learnt_from_ends_before_the_newest_live_window(seen: Scene) -> None:
    found = value(seen.gather(), "age.data")

    assert str(found["learnt_until"]).startswith("2013-03-30")
    assert found["days"] == pytest.approx(100, abs=15)


def test_the_age_of_evidence_counts_from_its_freezing(live_scene: Scene) -> None:
    frozen = live_scene.gather()

    assert value(frozen, "age.evidence")["days"] == 0.0
    assert value(live_scene.verify(frozen), "age.evidence")["days"] == pytest.approx(
        1 / 24, abs=1e-3
    )


def test_nobody_knows_how_a_champion_came_there_before_stile(seen: Scene) -> None:
    found = value(seen.gather(), "production")

    assert (found["standing"], found["governed"], found["version"]) == ("unknown", False, 1)


def test_two_people_beside_the_author_make_independent_keys_possible(seen: Scene) -> None:
    def holder(name: str, *sides: Side) -> Person:
        return Person(Username(name), name, Role.MEMBER, frozenset(sides))

    ben, emil = holder("ben", Side.DATA_SCIENCE), holder("emil", Side.DATA_ENGINEERING)
    both = holder("zoe", *Side)

    def possible(*people: Person) -> object:
        return value(seen.gather(people=(ANA, *people)), "keys.independent")["possible"]

    assert possible(ben, emil) is True
    assert possible(both) is False
    assert possible(both, ben) is True
    assert possible(ben) is False
    for model, makes in ((MODEL, True), ("another-model", False)):
        key = ModelKey(Side.DATA_ENGINEERING, model)
        ines = Person(Username("ines"), "Ines", Role.MEMBER, model_keys=frozenset({key}))
        assert possible(ben, ines) is makes


def test_an_absolute_floor_holds_only_over_a_metric_that_is_there(seen: Scene) -> None:
    def verdict(rule: str) -> CheckVerdict:
        policy = parse_policy(
            "model: flights\nalias: champion\nchecks:\n  - {id: floor, side: data_science, "
            f"level: blocking, needs: [run.metrics], require: '{rule}'}}\n",
            version=1,
        )
        return judge(policy, seen.gather(policy=policy))[0].verdict

    assert verdict("run.metrics.log_loss <= 0.5") is CheckVerdict.PASS
    assert verdict("run.metrics.log_loss <= 0.3") is CheckVerdict.FAIL
    assert verdict("run.metrics.auc >= 0.7") is CheckVerdict.NOT_EVALUABLE
    assert verdict("run.metrics.broken <= 0.5") is CheckVerdict.NOT_EVALUABLE


def test_when_all_rivals_logged_their_rows_the_correction_is_the_max_statistic(
    growing: Scene,
) -> None:
    holdout = {"stile.holdout": "e" * 64}
    version = a_version(growing, tags=holdout, tables={PREDICTIONS: predictions(0.2, seed=5)})
    growing.log_run(
        tags={**holdout, "stile.evaluates": f"{MODEL}/1"},
        tables={PREDICTIONS: predictions(2.0, seed=6)},
    )
    for seed in (7, 8):
        growing.log_run(tags=holdout, tables={PREDICTIONS: predictions(0.5, seed=seed)})

    found = value(growing.gather(version), "comparison.log_loss")

    assert (found["candidates"], found["correction"]) == (3, "max-statistic")
    assert 1.0 < cast("float", found["independent"]) <= 3.0


def test_a_hold_out_named_in_capital_letters_still_counts(growing: Scene) -> None:
    holdout = "f0" * 32
    version = a_version(growing, tags={"stile.holdout": holdout.upper()})
    growing.log_run(
        tags={"stile.holdout": holdout, "stile.evaluates": f"{MODEL}/1"},
        tables={PREDICTIONS: predictions(2.0, seed=6)},
    )
    growing.log_run(tags={"stile.holdout": holdout.upper()})

    assert value(growing.gather(version), "comparison.log_loss")["candidates"] == 2


def test_without_a_champion_a_version_is_held_against_one_answer_for_all(growing: Scene) -> None:
    evidence = growing.gather(a_version(growing), from_version=None)

    assert value(evidence, "baseline")["verdict"] == "better"
    assert value(evidence, "calibration.candidate")["rows"] == 600
    assert figure(evidence, "slices").status is FigureStatus.NOT_EVALUABLE
    assert {each["column"] for each in cast("list[dict[str, str]]", figure(
        evidence, "group_gaps").value)} == {"origin"}  # fmt: skip


def test_a_champion_that_cuts_other_slices_makes_them_not_evaluable(growing: Scene) -> None:
    holdout = {"stile.holdout": "c1" * 32}
    version = a_version(growing, tags=holdout)
    other = predictions(2.0, seed=6)
    other.loc[0, "slice_origin"] = "LGA"
    growing.log_run(tags={**holdout, "stile.evaluates": f"{MODEL}/1"}, tables={PREDICTIONS: other})

    evidence = growing.gather(version)

    assert value(evidence, "comparison.log_loss")["verdict"] == "better"
    assert "into different slices" in figure(evidence, "slices").says


# what is missing


def a_version(scene: Scene, **options: object) -> int:
    defaults = {
        "tags": {"stile.holdout": NEWER},
        "tables": {PREDICTIONS: predictions(0.2, seed=4)},
    }
    run_id = scene.log_run(**{**defaults, **options})  # type: ignore[arg-type]  # per key
    return scene.register(run_id)


def test_predictions_on_other_rows_are_not_compared(growing: Scene) -> None:
    version = a_version(growing, tables={PREDICTIONS: predictions(0.2, rows=590, seed=4)})

    found = figure(growing.gather(version), "comparison.log_loss")

    assert found.status is FigureStatus.NOT_EVALUABLE
    assert "590 of 600 and 590 are in common" in found.says


def test_other_true_values_for_the_same_rows_are_not_compared(growing: Scene) -> None:
    frame = predictions(0.2, seed=4)
    frame.loc[0, "y_true"] = 1 - frame.loc[0, "y_true"]
    version = a_version(growing, tables={PREDICTIONS: frame})

    found = figure(growing.gather(version), "comparison.log_loss")

    assert "different true values" in found.says


def test_a_row_predicted_twice_is_not_compared(growing: Scene) -> None:
    frame = predictions(0.2, seed=4)
    frame.loc[1, "row_id"] = frame.loc[0, "row_id"]
    version = a_version(growing, tables={PREDICTIONS: frame})

    assert "predicted twice" in figure(growing.gather(version), "comparison.log_loss").says


@pytest.mark.parametrize("tag", [None, "not a digest' or 1=1", "ab"])
def test_without_a_holdout_digest_nobody_can_count_the_candidates(
    growing: Scene, tag: str | None
) -> None:
    version = a_version(growing, tags={} if tag is None else {"stile.holdout": tag})

    evidence = growing.gather(version)

    assert "stile.holdout" in figure(evidence, "comparison.log_loss").says
    assert figure(evidence, "holdout.digest").status is FigureStatus.NOT_EVALUABLE


def test_a_champion_that_was_not_scored_there_asks_for_an_evaluation_run(growing: Scene) -> None:
    version = a_version(growing, tags={"stile.holdout": "c" * 64})

    found = figure(growing.gather(version), "comparison.log_loss")

    assert "stile.evaluates = flights/1" in found.says


def test_all_inputs_together_are_a_condition_once_somebody_has_looked(live_scene: Scene) -> None:
    before = figure(live_scene.gather(), "drift.together")
    window = live_scene.sources.drift.timeline(MODEL, 2, Grain.WEEK, at=AT)[-1].window
    live_scene.sources.drift.multivariate.look(MODEL, 2, window, at=AT)

    after = figure(live_scene.gather(), "drift.together")

    assert before.status is FigureStatus.NOT_EVALUABLE
    assert "Nobody has looked yet" in before.says
    assert after.status is FigureStatus.INCONCLUSIVE  # July's 29 days have four weeks, not eight
    found = cast("dict[str, float]", after.value)
    assert 0.5 < found["auc_low"] < found["auc"] < found["auc_high"] <= 1.0
    assert after.part is EvidencePart.LIVE


TENSORS = {
    "inputs": json.dumps(
        [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 28, 28]}}]
    ),
    "outputs": json.dumps([{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]),
}


def test_a_model_that_takes_tensors_is_not_evaluable_in_so_many_words(growing: Scene) -> None:
    version = growing.register(growing.log_run(), signature=TENSORS)

    evidence = growing.gather(version)

    for name in ("drift.candidate", "drift.frozen", "reference.candidate", "signature.inputs"):
        found = figure(evidence, name)
        assert found.status is FigureStatus.NOT_EVALUABLE
        assert "takes tensors (float32 of shape -1 × 28 × 28), which are no" in found.says
    assert figure(evidence, "signature.declared").status is FigureStatus.KNOWN
    assert overall(judge(POLICY, evidence)) is CheckVerdict.NOT_EVALUABLE


def test_a_run_without_predictions_reference_or_signature_is_not_evaluable(growing: Scene) -> None:
    run_id = growing.log_run(tags={"stile.holdout": NEWER})
    version = growing.register(run_id, signature=None, requirements=None)

    evidence = growing.gather(version)

    absent = {f.name for f in evidence.figures if f.status is FigureStatus.NOT_EVALUABLE}
    assert absent == {
        "age.data",
        "baseline",
        "calibration.candidate",
        "calibration.champion",
        "comparison.log_loss",
        "comparison.primary",
        "group_gaps",
        "slices",
        "dependencies",
        "drift.candidate",
        "drift.frozen",
        "reference.candidate",
        "signature.declared",
        "signature.inputs",
        *LATER,
    }
    assert {f.verdict for f in judge(POLICY, evidence)} == {CheckVerdict.NOT_EVALUABLE}
    assert "reference/inputs.parquet" in figure(evidence, "drift.candidate").says


def test_predictions_that_are_no_table_are_not_evaluable(growing: Scene) -> None:
    version = a_version(growing, tables={})
    growing.client.log_text(run_of(growing, version), "not parquet", PREDICTIONS)

    found = figure(growing.gather(version), "comparison.log_loss")

    assert found.status is FigureStatus.NOT_EVALUABLE


def test_a_regression_is_compared_by_squared_error(growing: Scene) -> None:
    def numbers(noise: float, seed: int):  # type: ignore[no-untyped-def]  # a frame
        frame = predictions(noise, seed=seed).drop(columns="y_score")
        truth = np.random.default_rng(0).normal(size=len(frame))
        own = np.random.default_rng(seed).normal(size=len(frame))
        return frame.assign(y_true=truth, y_pred=truth + noise * own)

    holdout = {"stile.holdout": "d" * 64}
    version = a_version(growing, tags=holdout, tables={PREDICTIONS: numbers(0.1, 5)})
    growing.log_run(
        tags={**holdout, "stile.evaluates": f"{MODEL}/1"}, tables={PREDICTIONS: numbers(0.9, 6)}
    )

    evidence = growing.gather(version)

    assert value(evidence, "comparison.squared_error")["verdict"] == "better"
    assert value(evidence, "comparison.primary")["loss"] == "squared_error"
    assert value(evidence, "comparison.absolute_error")["verdict"] == "better"


def test_live_inputs_that_lack_a_column_do_not_conform(live_scene: Scene) -> None:
    live_scene.log_live_inputs(days=11, columns=("temp",))

    found = value(live_scene.gather(), "signature.inputs")

    assert found["conforms"] is False
    assert found["missing"] == ["carrier"]


# what is verified later


def test_verified_later_unchanged_facts_have_the_same_digests(live_scene: Scene) -> None:
    frozen = live_scene.gather()

    now = live_scene.verify(frozen)

    assert changed_sides(frozen, now) == set()
    assert now.gathered_at == AT + timedelta(hours=1)
    assert value(now, "freshness")["age_hours"] == 25.0


def test_candidates_tried_later_do_not_change_what_was_signed(scene: Scene) -> None:
    frozen = scene.gather()
    for _ in range(3):
        scene.log_run(tags={"stile.holdout": NEWER})

    now = scene.verify(frozen)

    assert changed_sides(frozen, now) == set()
    assert value(scene.gather(), "comparison.log_loss")["candidates"] == 7


def test_new_live_inputs_move_live_conditions_and_no_key(live_scene: Scene) -> None:
    frozen = live_scene.gather()
    live_scene.log_live_inputs(days=20)
    live_scene.sources.drift.refresh(MODEL, at=AT)

    now = live_scene.verify(frozen)

    assert changed_sides(frozen, now) == set()
    assert value(now, "drift.candidate")["window"] != value(frozen, "drift.candidate")["window"]
    assert value(now, "drift.frozen") == value(frozen, "drift.frozen")


def test_a_metric_changed_after_the_fact_changes_the_data_science_digest(scene: Scene) -> None:
    frozen = scene.gather()
    scene.client.log_metric(run_of(scene, 2), "log_loss", 0.1)

    assert changed_sides(frozen, scene.verify(frozen)) == {Side.DATA_SCIENCE}


def test_changed_predictions_are_compared_again(scene: Scene) -> None:
    frozen = scene.gather()
    scene.log_table(run_of(scene, 2), PREDICTIONS, predictions(6.0, seed=9))

    now = scene.verify(frozen)

    assert changed_sides(frozen, now) == {Side.DATA_SCIENCE}
    assert value(now, "comparison.log_loss")["verdict"] == "worse"


def test_predictions_of_the_champion_that_changed_are_noticed_too(scene: Scene) -> None:
    frozen = scene.gather()
    inputs = cast("dict[str, dict[str, str]]", value(frozen, "comparison.log_loss")["inputs"])
    scene.log_table(inputs["champion"]["run"], PREDICTIONS, predictions(0.1, seed=9))

    assert changed_sides(frozen, scene.verify(frozen)) == {Side.DATA_SCIENCE}


def test_a_model_file_replaced_in_place_changes_what_both_keys_sign(scene: Scene) -> None:
    frozen = scene.gather()
    scene.client.log_text(run_of(scene, 2), "other weights", "model/weights.bin")

    assert changed_sides(frozen, scene.verify(frozen)) == set(Side)  # it is a file of the run, too


def test_another_champion_changes_what_both_keys_sign(scene: Scene) -> None:
    frozen = scene.gather()
    version = a_version(scene)
    scene.client.set_registered_model_alias(MODEL, "champion", str(version))

    assert changed_sides(frozen, scene.verify(frozen)) == set(Side)


def test_what_stile_writes_itself_changes_no_digest(scene: Scene) -> None:
    frozen = scene.gather()
    scene.client.log_text(run_of(scene, 2), "{}", "stile/evidence.json")
    scene.client.set_model_version_tag(MODEL, "2", "stile.flag", "superseded")
    scene.client.set_tag(run_of(scene, 2), "stile.note", "seen")

    assert changed_sides(frozen, scene.verify(frozen)) == set()


def test_a_registrar_named_later_is_an_author(scene: Scene) -> None:
    frozen = scene.gather()
    scene.client.set_model_version_tag(MODEL, "2", "stile.registered_by", "emil")

    now = scene.verify(frozen)

    assert figure(now, "authors").value == ["ana-laptop", "emil"]
    assert changed_sides(frozen, now) == {Side.DATA_SCIENCE}
    assert figure(now, "keys.independent").status is FigureStatus.NOT_EVALUABLE


def test_a_deleted_version_is_refused_when_verified(scene: Scene) -> None:
    frozen = scene.gather()
    scene.client.delete_model_version(MODEL, "2")

    with pytest.raises(Refused):
        scene.verify(frozen)


def test_an_open_alert_is_evidence_and_no_look_is_not_evaluable(seen: Scene) -> None:
    alert = value(seen.gather(), "drift.alert")
    first = figure(seen.gather(from_version=None), "drift.alert")
    nobody = figure(seen.gather(from_version=2, to_version=1), "drift.alert")

    assert alert == {"open": True, "acknowledged": False, "days": 0.0, "subjects": ["inputs"]}
    assert first.status is FigureStatus.NOT_EVALUABLE
    assert nobody.status is FigureStatus.KNOWN  # the alert is open, whoever is champion


def test_where_no_window_of_the_champion_was_judged_calm_is_not_known(scene: Scene) -> None:
    alert = figure(scene.gather(), "drift.alert")

    assert alert.status is FigureStatus.NOT_EVALUABLE
    assert "No window" in alert.says
