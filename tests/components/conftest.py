"""Components are drawn as pages are."""

from tests.streamlit_fixtures import *  # noqa: F403  fixtures are found by their names
