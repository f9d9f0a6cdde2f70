"""Nobody decides before every file is hashed; what was hashed and tried comes back as it was."""

from datetime import timedelta
from typing import Final

import pytest
from sqlalchemy import Engine

from core.errors import Refused
from core.governance.registry.write_back import WriteBack
from core.governance.rules.requests import RequestStatus
from core.store.file_hashes import FileHashStore, HashedFile
from core.store.trials import TrialRepository
from core.values.model_trial import (
    Latency,
    Limits,
    PairedTrial,
    SandboxPredictions,
    Trial,
    TrialOutcome,
)
from tests.contracts.parts import AT, BEN, BLUE, EVA, MINUTE, ORANGE, Office, office

PLACE, OTHER = "a" * 64, "b" * 64
LATER: Final = AT + timedelta(hours=1)
TRIED: Final = Trial(
    TrialOutcome.TRIED,
    "",
    load_s=1.25,
    memory_mb=300.5,
    example=SandboxPredictions(3, 6, 1, 0),
    replayed=SandboxPredictions(500, says="ValueError: no such carrier"),
    latency=Latency(1.5, 2.5, 20, (1.4, 1.6), 30.0, 1000),
)
BOUT: Final = PairedTrial(TRIED, None, AT, "here (x86_64)", Limits())


class Hashing:
    @pytest.fixture
    def here(self, engine: Engine) -> Office:
        found = office(engine)
        found.facts.hashing = True
        return found

    # while files are hashed

    @pytest.mark.parametrize(("person", "side"), [(BEN, ORANGE), (EVA, BLUE)])
    def test_no_key_turns_before_every_file_is_hashed(
        self, here: Office, person: object, side: object
    ) -> None:
        request = here.open()

        with pytest.raises(Refused, match=r"every file is hashed.*Hashing 3 of 14 files, 120 of"):
            here.turn(request, person, side)  # type: ignore[arg-type]  # one of the pairs above

        assert here.kinds() == ["request_opened"]

    def test_the_request_says_first_what_it_waits_for(self, here: Office) -> None:
        request = here.open()

        held = here.promotions.judgement(request.request_id, at=AT).held

        assert held[0].endswith("Hashing 3 of 14 files, 120 of 480 MB.")
        assert not any("changed since" in sentence for sentence in held)

    def test_looking_again_while_it_goes_on_changes_no_fact(self, here: Office) -> None:
        request = here.open()
        before = request.evidence.pinned_digest(BLUE)

        here.promotions.verify(request.request_id, at=AT + MINUTE)

        now = here.promotions.request(request.request_id)
        assert now.evidence.pinned_digest(BLUE) == before
        assert here.kinds() == ["request_opened"]

    # once they are

    def test_the_hashes_complete_what_was_frozen_and_the_ledger_says_so(self, here: Office) -> None:
        request = here.open()
        here.facts.hashing = False

        here.promotions.verify(request.request_id, at=AT + MINUTE)

        now = here.promotions.request(request.request_id)
        found = now.evidence.figure("files")
        assert found is not None
        assert found.value == here.facts.files
        assert now.evidence.gathered_at == request.evidence.gathered_at
        assert here.kinds() == ["request_opened", "evidence_hashed"]
        entry = here.store.entries()[-1]
        assert entry.facts["digests"] == {
            side.value: now.evidence.pinned_digest(side) for side in (ORANGE, BLUE)
        }

    def test_then_both_keys_decide_as_ever(self, here: Office) -> None:
        request = here.open()
        here.facts.hashing = False
        here.promotions.verify(request.request_id, at=AT + MINUTE)

        decided = here.both_keys(request, at=AT + 2 * MINUTE)

        assert decided.status is RequestStatus.APPROVED

    def test_other_facts_that_moved_meanwhile_are_not_let_in_with_the_hashes(
        self, here: Office
    ) -> None:
        request = here.open()
        here.facts.hashing, here.facts.loss = False, 0.1

        judged = here.promotions.verify(request.request_id, at=AT + MINUTE)

        assert any("changed since" in sentence for sentence in judged.held)
        frozen = judged.request.evidence.figure("loss")
        assert frozen is not None
        assert frozen.value == 0.5

    # hashed again

    def test_files_that_are_hashed_again_hold_the_write_and_void_no_key(self, here: Office) -> None:
        here.facts.hashing = False
        request = here.open()
        decided = here.both_keys(request)
        assert decided.status is RequestStatus.APPROVED
        write = WriteBack(here.promotions, holder="worker", clock=lambda: AT + 3 * MINUTE)
        here.facts.hashing = True

        write.run_due(at=AT + 3 * MINUTE)

        assert here.shelf.pointing["champion"] == 3
        owed = here.promotions.owed(request.request_id)
        assert owed is not None
        assert "every file is hashed" in owed.problem
        here.facts.hashing = False
        write.run_due(at=AT + 60 * MINUTE)
        assert here.shelf.pointing["champion"] == 5

    # the stores

    def test_hashes_come_back_by_place_and_path(self, engine: Engine) -> None:
        store = FileHashStore(engine)
        hashed = HashedFile("c" * 64, 2**40, AT)

        store.put(PLACE, "model/weights.bin", hashed)
        store.put(OTHER, "x" * 3000, hashed)
        store.put(PLACE, "model/weights.bin", HashedFile("d" * 64, 7, LATER))

        assert store.known(PLACE) == {"model/weights.bin": HashedFile("d" * 64, 7, LATER)}
        assert store.known(OTHER) == {"x" * 3000: hashed}

    def test_hashes_of_files_that_are_gone_are_forgotten(self, engine: Engine) -> None:
        store = FileHashStore(engine)
        for path in ("a", "b"):
            store.put(PLACE, path, HashedFile("c" * 64, 1, AT))

        store.keep_only(PLACE, {"b"})

        assert set(store.known(PLACE)) == {"b"}

    def test_a_problem_is_told_until_a_file_is_hashed(self, engine: Engine) -> None:
        store = FileHashStore(engine)

        store.put_problem(PLACE, "The disk is full.", at=AT)

        assert store.problem(PLACE) == "The disk is full."
        store.put(PLACE, "a", HashedFile("c" * 64, 1, AT))
        assert store.problem(PLACE) == ""

    @pytest.mark.parametrize(
        "champion", [None, TRIED, Trial(TrialOutcome.NOT_LOADED, "It raised.")]
    )
    def test_trials_come_back_as_they_were(self, engine: Engine, champion: Trial | None) -> None:
        store = TrialRepository(engine)
        bout = PairedTrial(TRIED, champion, LATER, "here (x86_64)", Limits(seconds=3.5))

        store.put(PLACE, OTHER, BOUT)
        store.put(PLACE, OTHER, bout)

        assert store.get(PLACE, OTHER) == bout
        assert store.get(PLACE, "") is None


class TestOnSqlite(Hashing):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine


class TestOnPostgresql(Hashing):
    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine
