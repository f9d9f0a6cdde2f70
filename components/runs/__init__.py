"""Widgets of runs: tables, numbers and artifacts."""
