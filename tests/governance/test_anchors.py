"""Anchors in MLflow are foreign text: a hostile one is a finding, never an error."""

from datetime import UTC, datetime

import pytest

from core.governance.rules.ledger.anchors import anchor_findings
from core.governance.rules.ledger.entries import LedgerFlaw, append
from core.identity.people import Username
from core.values.mlflow_entities import ModelVersion, RegisteredModel

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
ENTRY = append(None, at=AT, actor=Username("ada"), kind="policy_published", body={"model": "m"})


def no_version(model: str, number: int) -> ModelVersion:
    raise AssertionError("no version was promoted")


@pytest.mark.parametrize("text", ["9" * 5_000 + ":x", "\u0663:x", "", ":", "-1:x", "seq"])
def test_an_anchor_that_cannot_be_one_was_altered(text: str) -> None:
    model = RegisteredModel("m", {}, tags={"stile.ledger_anchor": text})

    (finding,) = anchor_findings([ENTRY], [model], no_version)

    assert finding.flaw is LedgerFlaw.ANCHOR_MISMATCH


def test_the_anchor_of_the_head_agrees() -> None:
    model = RegisteredModel("m", {}, tags={"stile.ledger_anchor": f"{ENTRY.seq}:{ENTRY.hash}"})

    assert anchor_findings([ENTRY], [model], no_version) == ()
