"""Models, versions and aliases on screen, and what the reconciler found."""
