"""Widgets of promotion requests: opened, read, decided and reviewed."""
