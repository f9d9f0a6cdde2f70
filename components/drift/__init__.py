"""Widgets of the Drift page."""
