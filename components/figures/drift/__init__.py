"""Figures of drift, from values."""
