"""The two drawers of what drift stands on: the reference, and the source."""

from components import attaching, describing


def draw() -> None:
    """Draw the one that is open, if one is; called once, from the page itself."""
    attaching.draw()
    describing.draw()
