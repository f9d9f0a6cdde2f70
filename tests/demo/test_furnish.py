"""What stands beside the trained models of the demonstration."""

from datetime import UTC, datetime
from pathlib import Path

from core.bootstrap import open_services
from core.demo.furnish import ADMINISTRATOR, publish_policies
from core.demo.policy_texts import policy_texts
from core.settings import load_settings


def test_rules_that_were_published_stand_when_a_release_brings_others(tmp_path: Path) -> None:
    settings = load_settings({"STILE_HOME": str(tmp_path), "STILE_AUTH": "demo"})
    promotions = open_services(settings).promotions
    former = next(text for text in policy_texts() if "model: air-time" in text)
    former = former.replace("approval_days: 7", "approval_days: 8")
    promotions.publish_policy(ADMINISTRATOR, former, datetime.now(UTC))

    publish_policies(settings)

    assert promotions.policy_for("air-time", "champion").validity.approval_days == 8
    assert promotions.policy_for("flight-delay", "champion").version == 1
