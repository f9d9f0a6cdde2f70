"""Widgets of the Policies page."""
