"""Candidate against champion on the same rows: the statistics in the gate. Pure."""
