"""Distances between a reference and a window. Pure."""
