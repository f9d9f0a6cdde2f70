"""The reconciler against a real MLflow: what it finds, what it tells the ledger, what it mends."""

from datetime import timedelta

import pytest
from mlflow import MlflowClient
from sqlalchemy import Engine, text

from core.errors import Unavailable
from core.governance.decisions.deciding import about
from core.governance.registry.reconciler import Reconciler, ReconcilerDepth
from core.governance.rules.registry.production_timeline import (
    WATCH_TOLERANCE,
    AliasNow,
    Governed,
    position,
    production,
)
from core.governance.rules.registry.reconciliation import RegistryAnswer, RegistryProblem, answers
from core.governance.rules.registry.sightings import chronicle
from core.store import transaction
from core.store.people import STILE
from core.tracking.reader import TrackingReader
from core.values.tag_names import TAG_ANCHOR, TAG_DECISION, TAG_FLAG
from tests.contracts.moments import Moments
from tests.contracts.parts import ADA, ANA, MINUTE, MODEL, POLICY
from tests.contracts.watched import Stage, stage
from tests.mlflow_fixtures import MlflowStore


class Reconciling:
    """What is found and told to the ledger: on every database."""

    @pytest.fixture
    def here(self, engine: Engine, mlflow_shelf: MlflowStore, moments: Moments) -> Stage:
        return stage(engine, mlflow_shelf, moments)

    # watching

    def test_a_champion_from_before_stile_is_seen_once_and_is_no_finding(self, here: Stage) -> None:
        first, second = here.look(), here.look()

        assert (first.findings, second.findings) == ((), ())
        assert first.observed == ((MODEL, "champion"),)
        assert second.observed == ()
        (seen,) = here.entries("alias_seen")
        assert (seen.facts["from"], seen.facts["to"], seen.facts["first"]) == (None, 3, True)
        assert len(here.entries("watch_began")) == 1

    def test_mutated_evidence_of_the_promotion_that_stands_is_found(self, here: Stage) -> None:
        here.promote()
        assert here.look().findings == ()
        here.office.facts.loss = 0.99

        (known,) = here.look().findings

        assert known.finding.trouble is RegistryProblem.EVIDENCE_MUTATED
        assert "data science: loss" in known.finding.says
        here.office.facts.loss = 0.5
        assert here.look().findings == ()
        assert len(here.entries("finding_opened")) == len(here.entries("finding_closed")) == 1

    def test_nothing_is_told_to_a_broken_ledger_and_the_time_counts_as_unwatched(
        self, here: Stage
    ) -> None:
        here.promote()
        last = here.look().at
        self.break_ledger(here)
        before = here.office.store.entries()
        here.point(4)

        look = here.look()

        assert {RegistryProblem.LEDGER_BEHIND, RegistryProblem.UNGOVERNED_MOVE} <= here.troubles(
            look
        )
        assert here.office.store.entries() == before
        with here.office.store.reading() as record:
            assert record.watch.last() == last

    def break_ledger(self, here: Stage) -> None:
        """Change an entry as somebody with all rights on the database would."""
        engine = here.office.store.engine
        with transaction.deciding(engine) as session:
            if engine.dialect.name == "sqlite":
                session.execute(text("DROP TRIGGER entries_no_update"))
            else:
                session.execute(text("ALTER TABLE entries DISABLE TRIGGER USER"))
            session.execute(text("UPDATE entries SET actor = 'eve' WHERE seq = 1"))


class EveryFinding(Reconciling):
    """Each finding, and what is told to the ledger."""

    def test_a_silence_of_the_watch_is_told_and_is_unknown_on_the_time_line(
        self, here: Stage
    ) -> None:
        here.promote()
        here.look()
        last = here.look().at
        at = here.look(by=timedelta(hours=8)).at

        (resumed,) = here.entries("watch_resumed")
        assert resumed.facts["last_seen"] == last.isoformat()
        intervals = production(
            here.office.store.entries(),
            model=MODEL,
            alias="champion",
            stands=AliasNow(5, at + MINUTE),
            watched_until=at,
        )
        kinds = [(i.version, i.standing) for i in intervals[-3:]]
        assert kinds == [
            (5, Governed.GOVERNED),
            (None, Governed.UNKNOWN),
            (5, Governed.GOVERNED),
        ]

    # findings

    def test_an_ungoverned_move_is_found_and_dated(self, here: Stage) -> None:
        here.promote()
        last = here.look().at
        here.point(4)

        look = here.look()

        (known,) = look.findings
        assert (known.finding.trouble, known.finding.version) == (
            RegistryProblem.UNGOVERNED_MOVE,
            4,
        )
        assert "the ledger put it at version 5" in known.finding.says
        seen = here.entries("alias_seen")[-1]
        assert (seen.facts["from"], seen.facts["to"]) == (5, 4)
        assert seen.facts["last_seen"] == last.isoformat()
        assert here.look().findings == look.findings

    def test_a_write_that_waits_is_found_and_gone_once_it_is_done(self, here: Stage) -> None:
        here.look()
        here.office.both_keys(here.office.open(at=here.later()), at=here.later())
        early = here.look(ReconcilerDepth.ALIASES, by=timedelta(seconds=20))
        late = here.look(ReconcilerDepth.ALIASES, by=timedelta(seconds=20))

        here.write()

        assert early.findings == ()
        assert here.troubles(late) == {RegistryProblem.WRITE_PENDING}
        assert here.look().findings == ()

    # mending

    def test_flags_are_derived_again_and_mended(self, here: Stage) -> None:
        here.look()
        here.promote()
        here.client.delete_model_version_tag(MODEL, "3", TAG_FLAG)
        here.client.set_model_version_tag(MODEL, "5", TAG_FLAG, "dominated")
        here.client.set_model_version_tag(MODEL, "1", TAG_FLAG, "failed:made-up")

        look = here.look()

        assert set(look.repaired) == {(MODEL, 3), (MODEL, 5), (MODEL, 1)}
        flags = {v.version: v.tags.get(TAG_FLAG, "") for v in here.tracking.versions(MODEL)}
        assert flags == {1: "", 2: "", 3: "superseded", 4: "", 5: ""}
        assert here.look().repaired == ()

    def test_a_first_champion_that_was_set_while_stile_watched_is_an_ungoverned_move(
        self, here: Stage
    ) -> None:
        here.point(None)
        last = here.look().at
        here.point(4)

        look = here.look()

        (known,) = look.findings
        assert known.finding.trouble is RegistryProblem.UNGOVERNED_MOVE
        assert "before, there was none" in known.finding.says
        (seen,) = here.entries("alias_seen")
        facts = [seen.facts[name] for name in ("from", "to", "first", "last_seen")]
        assert facts == [None, 4, False, last.isoformat()]
        assert here.look().findings == look.findings
        intervals = production(
            here.office.store.entries(),
            model=MODEL,
            alias="champion",
            stands=AliasNow(4, here.now + MINUTE),
            watched_until=here.now,
        )
        assert [(i.version, i.standing) for i in intervals] == [
            (None, Governed.UNKNOWN),
            (4, Governed.UNGOVERNED),
        ]

    def test_a_model_that_came_with_a_champion_while_stile_watched_is_an_ungoverned_move(
        self, here: Stage, mlflow_shelf: MlflowStore
    ) -> None:
        here.look()
        here.client.create_registered_model("air-time")
        here.client.create_model_version("air-time", f"{mlflow_shelf.artifacts}/air")
        here.client.set_registered_model_alias("air-time", "champion", "1")

        (known,) = here.look().findings

        assert (known.finding.trouble, known.finding.model) == (
            RegistryProblem.UNGOVERNED_MOVE,
            "air-time",
        )

    def test_a_first_champion_that_was_set_in_a_silence_may_be_from_before(
        self, here: Stage
    ) -> None:
        here.point(None)
        here.look()
        here.point(4)

        look = here.look(by=WATCH_TOLERANCE + timedelta(seconds=1))

        assert look.findings == ()
        assert here.entries("alias_seen")[0].facts["first"] is True

    def test_what_stands_in_another_registry_was_there_before_stile_looked_at_it(
        self, here: Stage, mlflow_store: MlflowStore
    ) -> None:
        here.look()
        elsewhere = MlflowClient(mlflow_store.uri)
        elsewhere.create_registered_model("air-time")
        elsewhere.create_model_version("air-time", f"{mlflow_store.artifacts}/air")
        elsewhere.set_registered_model_alias("air-time", "champion", "1")
        there = Reconciler(here.office.promotions, TrackingReader(mlflow_store.door()))

        look = there.look(ReconcilerDepth.ALIASES, at=here.later())

        assert "air-time" not in {known.finding.model for known in look.findings}
        assert {e.facts["first"] for e in here.entries("alias_seen")} >= {True}

    @pytest.mark.parametrize("watched", [False, True])
    def test_another_alias_is_from_before_unless_its_policy_was_there_when_stile_looked(
        self, here: Stage, watched: bool
    ) -> None:
        here.look()
        shadow = POLICY.replace("alias: champion", "alias: shadow")
        here.office.promotions.publish_policy(ADA.username, shadow, here.now)
        if watched:
            here.look(by=MINUTE)
        here.point(4, alias="shadow")

        found = here.troubles(here.look())

        assert found == ({RegistryProblem.UNGOVERNED_MOVE} if watched else set())

    def test_a_first_champion_that_is_taken_away_again_leaves_its_interval_and_no_finding(
        self, here: Stage
    ) -> None:
        here.point(None)
        here.look()
        here.point(4)
        here.look()
        here.point(None)

        assert here.look().findings == ()
        assert [e.facts["to"] for e in here.entries("alias_seen")] == [4, None]

    def test_a_vanished_alias_is_found(self, here: Stage) -> None:
        here.promote()
        here.look()
        here.point(None)

        (known,) = here.look().findings

        assert known.finding.trouble is RegistryProblem.ALIAS_VANISHED
        assert here.entries("alias_seen")[-1].facts["to"] is None

    def test_a_deleted_version_is_found_with_its_alias(self, here: Stage) -> None:
        here.promote()
        here.look()
        here.client.delete_model_version(MODEL, "5")

        look = here.look()

        assert here.troubles(look) >= {RegistryProblem.VERSION_DELETED}
        assert [e.facts["trouble"] for e in here.entries("finding_opened")] == ["version deleted"]

    @pytest.mark.parametrize("tag", [TAG_DECISION, "stile.digest.data_science"])
    def test_a_tag_that_was_taken_away_or_changed_is_found(self, here: Stage, tag: str) -> None:
        here.promote()
        here.client.delete_model_version_tag(MODEL, "5", tag)
        here.client.set_model_version_tag(MODEL, "5", "stile.request_id", "99")

        (known,) = here.look().findings

        assert known.finding.trouble is RegistryProblem.TAG_STRIPPED
        assert f"{tag} gone" in known.finding.says
        assert "stile.request_id changed" in known.finding.says

    def test_a_version_behind_two_aliases_tells_of_its_newest_decision(self, here: Stage) -> None:
        other = POLICY.replace("alias: champion", "alias: challenger")
        here.office.promotions.publish_policy(ADA.username, other, here.now)
        for alias in ("champion", "challenger"):
            request = here.office.open(version=5, alias=alias, at=here.later())
            here.office.both_keys(request, at=here.later())
            here.write()

        assert here.look().findings == ()

        here.client.delete_model_version_tag(MODEL, "5", TAG_DECISION)
        (known,) = here.look().findings
        assert (known.finding.trouble, known.finding.alias) == (
            RegistryProblem.TAG_STRIPPED,
            "challenger",
        )

    def test_an_anchor_that_remembers_more_than_the_ledger_is_found(self, here: Stage) -> None:
        here.promote()
        here.client.set_registered_model_tag(MODEL, TAG_ANCHOR, f"99:{'a' * 64}")

        (known,) = here.look().findings

        assert known.finding.trouble is RegistryProblem.LEDGER_BEHIND
        assert "remembers entry 99" in known.finding.says

    def test_a_version_behind_one_alias_is_not_superseded_behind_another(self, here: Stage) -> None:
        here.office.promotions.publish_policy(
            ADA.username, POLICY.replace("alias: champion", "alias: staging"), here.later()
        )
        for version in (3, 4):
            request = here.office.promotions.open_request(
                ANA.username, model=MODEL, version=version, alias="staging", comment="",
                idempotency_key=here.office.form(), at=here.later(),
            )  # fmt: skip
            here.office.both_keys(request, at=here.later())
            here.write()
        after_the_write = {
            v.version: v.tags.get(TAG_FLAG, "") for v in here.tracking.versions(MODEL)
        }

        here.look()

        tags = {v.version: v.tags.get(TAG_FLAG, "") for v in here.tracking.versions(MODEL)}
        assert after_the_write[3] == ""
        assert tags == {1: "", 2: "", 3: "", 4: "", 5: ""}

    def test_what_was_judged_beside_another_champion_is_stale(self, here: Stage) -> None:
        here.office.open(version=2, at=here.later())
        before = here.look()
        here.promote()

        here.look()

        flags = {v.version: v.tags.get(TAG_FLAG, "") for v in here.tracking.versions(MODEL)}
        assert before.repaired == ((MODEL, 3),)  # a champion that nobody has ever judged
        assert flags == {1: "", 2: "stale-evidence", 3: "superseded", 4: "", 5: ""}


class More(EveryFinding):
    """What is watched, and what is no finding."""

    def test_looking_again_and_again_writes_nothing_more(self, here: Stage) -> None:
        here.promote()
        here.look()
        before = here.office.store.entries()

        for _ in range(3):
            here.look()

        assert here.office.store.entries() == before

    def test_a_silence_within_tolerance_is_none(self, here: Stage) -> None:
        here.look()
        here.look(by=WATCH_TOLERANCE)

        assert here.entries("watch_resumed") == []

    def test_what_stile_wrote_itself_is_never_called_ungoverned(self, here: Stage) -> None:
        here.look()
        here.promote()

        look = here.look()

        assert look.findings == ()
        assert len(here.entries("alias_seen")) == 1

    def test_a_move_that_is_being_written_is_not_called_ungoverned(self, here: Stage) -> None:
        here.look()
        request = here.office.both_keys(here.office.open(at=here.later()), at=here.later())
        with here.office.store.deciding() as record:
            record.append("apply_intended", about(request), actor=STILE, at=here.now)
        here.point(5)

        look = here.look(ReconcilerDepth.ALIASES, by=timedelta(seconds=1))

        assert look.findings == ()
        assert len(here.entries("alias_seen")) == 1

    def test_a_move_of_a_champion_nobody_decided_about_is_found_too(self, here: Stage) -> None:
        here.look()
        here.point(4)

        (known,) = here.look().findings

        assert known.finding.trouble is RegistryProblem.UNGOVERNED_MOVE
        assert "it was first seen at version 3" in known.finding.says

    def test_a_deleted_model_takes_everything_with_it_and_is_found(self, here: Stage) -> None:
        here.promote()
        here.look()
        here.client.delete_registered_model(MODEL)

        assert here.troubles(here.look()) == {
            RegistryProblem.ALIAS_VANISHED,
            RegistryProblem.VERSION_DELETED,
        }

    def test_evidence_of_a_version_that_does_not_serve_is_not_watched(self, here: Stage) -> None:
        here.office.open(at=here.later())
        here.office.facts.loss = 0.99

        assert here.look().findings == ()

    def test_a_silent_inference_log_leaves_what_was_found_before(self, here: Stage) -> None:
        here.promote()
        here.office.facts.loss = 0.99
        here.look()
        here.office.facts.fails_with = Unavailable("The inference log did not answer.")

        look = here.look()

        assert look.problems == ("The inference log did not answer.",)
        assert here.troubles(look) == {RegistryProblem.EVIDENCE_MUTATED}

    def test_a_version_that_failed_its_policy_is_flagged_with_the_check(self, here: Stage) -> None:
        here.office.facts.loss = 0.9
        here.office.open(at=here.later())

        here.look()

        tags = here.tracking.version(MODEL, 5).tags
        assert tags[TAG_FLAG] == "failed:good-enough"

    def test_no_flag_is_touched_while_somebody_elses_version_serves(self, here: Stage) -> None:
        here.promote()
        here.look()
        here.point(4)

        assert here.look().repaired == ()

    # what may be answered

    def test_answers_never_include_to_ignore(self, here: Stage) -> None:
        here.promote()
        decided = position(chronicle(here.office.store.entries()), MODEL, "champion")
        assert decided is not None
        here.point(4)
        (moved,) = here.look().findings

        both = answers(moved.finding, decided.decided, deleted=False)
        only_adopt = answers(moved.finding, decided.decided, deleted=True)

        assert both == {RegistryAnswer.RESTORE, RegistryAnswer.ADOPT}
        assert only_adopt == {RegistryAnswer.ADOPT}

    def test_other_models_and_aliases_nobody_asked_about_do_not_matter(
        self, here: Stage, mlflow_shelf: MlflowStore
    ) -> None:
        client = MlflowClient(mlflow_shelf.uri)
        client.create_registered_model("air-time")
        client.create_model_version("air-time", f"{mlflow_shelf.artifacts}/air")
        here.point(2, alias="shadow")

        here.look()
        here.point(4, alias="shadow")

        assert here.look().findings == ()
        assert {e.facts["alias"] for e in here.entries("alias_seen")} == {"champion"}


class TestReconcilingOnSqlite(More):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine


class TestReconcilingOnPostgresql(Reconciling):
    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine
