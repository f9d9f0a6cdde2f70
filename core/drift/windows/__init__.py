"""Counted windows: where their rows are, how they are kept and brought up to date."""
