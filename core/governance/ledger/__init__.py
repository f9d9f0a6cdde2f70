"""The append-only record: its chain, seals and anchors, and what leaves the house of it."""
