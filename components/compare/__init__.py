"""Widgets of the Compare page: who is compared, and what differs."""
