"""How tests are shared out among parallel workers."""

import pytest
from xdist.scheduler import LoadFileScheduling


class ByFile(LoadFileScheduling):
    """Whole files, as `--dist loadfile`, but the browser's files together: they share one stage."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "tests/browser" if file.startswith("tests/browser/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    return ByFile(config, log)
