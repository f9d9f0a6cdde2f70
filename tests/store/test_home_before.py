"""A home of the version before opens: what was decided, signed and counted is as it was.

`home_before/home.tar.xz` was written on 1 December 2026 by the version whose last migration is
0006: three promotion requests, a proposed policy, a ledger of 19 entries, live inputs of twelve
days that were counted and judged. `facts.json` is what that version said of it.
"""

import json
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from core.bootstrap import Services, open_services
from core.drift.values.results import Grain
from core.identity.people import Side
from core.settings import load_settings
from tests.homes import move_home

MODEL: Final = "flight-delay"
BEFORE: Final = Path(__file__).parent / "home_before"
WHERE_IT_WAS: Final = "/srv/stile"
AT: Final = datetime(2026, 12, 1, 15, tzinfo=UTC)
FACTS: Final[dict[str, Any]] = json.loads((BEFORE / "facts.json").read_text("utf-8"))


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with tarfile.open(BEFORE / "home.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    move_home(WHERE_IT_WAS, tmp_path)
    given = {"STILE_HOME": str(tmp_path), "STILE_AUTH": "demo"}
    services = open_services(load_settings(over=given))
    yield services
    services.store.engine.dispose()


def test_its_ledger_verifies(services: Services) -> None:
    report = services.store.verify()

    assert report.findings == ()
    assert report.head == FACTS["head"]
    assert len(services.store.entries()) == FACTS["entries"]


def test_what_keys_signed_has_the_same_digests(services: Services) -> None:
    requests = {
        str(request.request_id): {
            "status": request.status.value,
            "evidence": request.evidence.digest,
            "pinned": {side.value: request.evidence.pinned_digest(side) for side in Side},
            "keys": [key.digest for key in request.keys],
        }
        for request in services.promotions.requests()
    }

    assert requests == FACTS["requests"]
    (proposed,) = services.policies.requests()
    assert proposed.evidence.digest == FACTS["policy_request"]


def test_its_windows_are_not_counted_again_and_are_judged_as_before(services: Services) -> None:
    done = services.drift.refresh(MODEL, at=AT)
    reports = services.drift.timeline(MODEL, 1, Grain.DAY, at=AT)

    assert (done.windows, done.files, done.problems) == (0, 0, ())
    judged = [
        [r.window.start.isoformat(), r.rows, r.verdict.value, pytest.approx(r.severity)]
        for r in reports
    ]
    assert judged == FACTS["windows"]
