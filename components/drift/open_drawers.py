"""The two drawers of what drift stands on: the reference, and the source."""

from components.drift import reference_drawer, source_drawer


def draw() -> None:
    """Draw the one that is open, if one is; called once, from the page itself."""
    reference_drawer.draw()
    source_drawer.draw()
