"""How tests are shared out among parallel workers."""

from typing import Final

import pytest
from xdist.scheduler import LoadFileScheduling

SERVED: Final = (
    "tests/contracts/test_copying.py::test_a_reply",
    "tests/contracts/test_keeping.py::test_",
    "tests/contracts/test_unreliable_mlflow.py::",
    "tests/governance/test_over_http.py::",
    "tests/tracking/test_bypass.py::test_a_server_that_asks_nobody",
)
"""What asks a real `mlflow server`, beside the tests of tracking that say `http` in their name."""


class ByFile(LoadFileScheduling):
    """Whole files, as `--dist loadfile`, but together what shares something that is slow to make.

    The browser's files share one stage. A real MLflow server takes ten seconds of a processor to
    start: all that ask it are one worker's, so that the others start none.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        if file.startswith("tests/browser/"):
            return "tests/browser"
        if nodeid.startswith(SERVED) or (file.startswith("tests/tracking/") and "http" in nodeid):
            return "tests that ask a real MLflow server"
        return file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    return ByFile(config, log)
