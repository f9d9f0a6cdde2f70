"""A back-test as JSON: what is frozen as evidence of a policy request, printed and drawn. Pure."""

from core.governance.rules.policies.backtest import BackTest, BackTestCase, DecisionFlip
from core.values.canonical_json import JsonValue, utc_millis

SCHEMA: int = 1


def back_test_document(tested: BackTest) -> dict[str, JsonValue]:
    """Everything a back-test says, as canonical JSON can hold it."""
    return {
        "schema": SCHEMA,
        "model": tested.model,
        "alias": tested.alias,
        "draft": tested.draft_digest,
        "at": utc_millis(tested.at),
        "says": tested.says,
        "decisions": len(tested.cases),
        "held": len(tested.flipped(DecisionFlip.HELD)),
        "let_through": len(tested.flipped(DecisionFlip.LET_THROUGH)),
        "unknown": len(tested.flipped(DecisionFlip.UNKNOWN)),
        "stopped": sum(len(case.would_have_stopped) for case in tested.stopped),
        "set_after_every_result": bool(tested.cases),
        "cases": [_case(case) for case in tested.cases],
    }


def _case(case: BackTestCase) -> dict[str, JsonValue]:
    return {
        "request": case.request_id,
        "from": case.from_version,
        "to": case.to_version,
        "opened_by": case.opened_by,
        "opened_at": utc_millis(case.opened_at),
        "status": case.status.value,
        "purpose": case.purpose.value,
        "policy": case.policy_version,
        "then": case.then.value,
        "now": case.drafted.value,
        "flip": case.flip.value,
        "reasons": list(case.reasons),
        "trouble": list(case.trouble),
        "would_have_stopped": list(case.would_have_stopped),
        "bars_set_after_the_result": list(case.late_bars),
        "checks": [
            {
                "id": finding.check_id,
                "side": finding.side.value,
                "level": finding.level.value,
                "verdict": finding.verdict.value,
                "says": finding.says,
            }
            for finding in case.findings
        ],
    }
