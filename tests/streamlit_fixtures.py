"""What tests of pages share: `from tests.streamlit_fixtures import *` in a conftest.py."""

from collections.abc import Iterator
from functools import cache

import pytest
from streamlit.components.v2 import manifest_scanner

__all__ = ["_installed_packages_are_read_once"]


@pytest.fixture(scope="session", autouse=True)
def _installed_packages_are_read_once() -> Iterator[None]:
    """Each AppTest looks for components in all installed packages: a third of a page's test.

    A server does it once, at its start; no package is installed while tests run.
    """
    with pytest.MonkeyPatch.context() as patch:
        once = cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", once)
        yield
