"""An export holds every policy proposal, whatever became of it, and the script checks them."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from core.governance.ledger.export import VERIFIER, RecordExporter
from core.governance.rules.policies.proposals import PolicyRequest
from tests.contracts.parts import ANA, AT, BEN, BLUE, EVA, ORANGE, POLICY, office
from tests.contracts.test_policy_requests import LATER, Chamber

AFTER = AT + timedelta(days=15)


def a_draft(bar: str) -> str:
    return POLICY.replace("loss <= 0.6", f"loss <= {bar}")


def every_fate(here: Chamber) -> dict[str, PolicyRequest]:
    """A proposal for each end, and for each way to be still waiting."""
    policies, made = here.policies, {}
    for bar, fate in ((0.51, "published"), (0.52, "rejected"), (0.53, "withdrawn"),
                      (0.54, "expired")):  # fmt: skip
        made[fate] = here.propose(source=a_draft(str(bar)))
    here.turn(made["published"], BEN, ORANGE)  # signs the draft that is sent back
    here.send_back(made["published"])
    made["published"] = here.revise(made["published"])
    here.publish(made["published"])
    policies.reject(EVA.username, made["rejected"].number, text="No.", idempotency_key="r",
                    at=LATER)  # fmt: skip
    policies.withdraw(ANA.username, made["withdrawn"].number, idempotency_key="w", at=LATER)
    assert policies.settle_due(at=AFTER) == (made["expired"].number,)
    for bar, fate in ((0.55, "open"), (0.56, "sent back"), (0.57, "revised")):
        made[fate] = here.propose(source=a_draft(str(bar)))
    here.turn(made["open"], EVA, BLUE)
    here.send_back(made["sent back"])
    here.send_back(made["revised"])
    policies.revise(
        ANA.username, made["revised"].number, a_draft("0.4"), idempotency_key="v", at=LATER
    )
    return {fate: policies.request(each.number) for fate, each in made.items()}


class ExportedProposals:
    @pytest.fixture
    def here(self, engine: Engine) -> Chamber:
        return Chamber(office(engine))

    @pytest.fixture
    def fates(self, here: Chamber) -> dict[str, PolicyRequest]:
        return every_fate(here)

    @pytest.fixture
    def folder(self, here: Chamber, fates: dict[str, PolicyRequest], tmp_path: Path) -> Path:
        exporter = RecordExporter(here.office.store, lambda: (), here.office.shelf.version)
        told = exporter.to_folder(tmp_path / "out", at=AFTER, progress=lambda *_: None)
        assert told.bundles == len(fates)
        return tmp_path / "out"

    def test_each_is_there_with_its_draft_and_the_script_finds_nothing(
        self, folder: Path, fates: dict[str, PolicyRequest]
    ) -> None:
        held = {fate: bundle_of(folder, request) for fate, request in fates.items()}

        assert {fate: bundle["request"]["status"] for fate, bundle in held.items()} == {
            "published": "published", "rejected": "rejected", "withdrawn": "withdrawn",
            "expired": "expired", "open": "open", "sent back": "changes_requested",
            "revised": "open",
        }  # fmt: skip
        assert "loss <= 0.4" in held["revised"]["policy"]["source"]
        assert all("policy.back_test" in str(bundle["evidence"]) for bundle in held.values())
        assert verify(folder) == "Nothing is wrong.\n"


class EveryFateExported(ExportedProposals):
    """The keys of each, and what the script finds."""

    def test_the_keys_of_a_published_one_are_those_that_signed_its_last_draft(
        self, folder: Path, fates: dict[str, PolicyRequest]
    ) -> None:
        request = fates["published"]

        keys = bundle_of(folder, request)["keys"]

        assert {(key["person"], key["digest"]) for key in keys} == {
            (person.username, request.evidence.pinned_digest(side))
            for person, side in ((BEN, ORANGE), (EVA, BLUE))
        }
        assert len(keys) == 2
        assert len(request.keys) == 3  # the one on the draft before stays recorded

    def test_another_draft_or_another_back_test_is_found(
        self, folder: Path, fates: dict[str, PolicyRequest]
    ) -> None:
        changed = [
            fates[fate] for fate in ("published", "rejected", "open", "sent back", "revised")
        ]

        for request in changed:
            path = folder / "bundles" / f"policy-request-{request.number}.json"
            bundle = json.loads(path.read_bytes())
            bundle["policy"]["source"] += "# harmless\n"
            bundle["evidence"]["data_science"]["facts"].popitem()
            path.write_text(json.dumps(bundle))

        said = verify(folder)
        for request in changed:
            name = f"policy-request-{request.number}.json"
            assert f"{name}: policy is not what the ledger says" in said
            assert f"{name}: digests is not what the ledger says" in said


def bundle_of(folder: Path, request: PolicyRequest) -> Any:
    path = folder / "bundles" / f"policy-request-{request.number}.json"
    return json.loads(path.read_bytes())


def verify(folder: Path) -> str:
    """What the script says in a Python that sees neither Stile nor its packages."""
    command = [sys.executable, "-I", "-S", str(folder / VERIFIER)]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout


class TestExportedProposalsOnSqlite(EveryFateExported):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine


class TestExportedProposalsOnPostgresql(ExportedProposals):
    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine
