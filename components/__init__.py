"""Widgets, caching and the viewer gate."""
