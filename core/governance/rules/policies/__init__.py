"""Policies as published and proposed: what they require, say and would have decided. Pure."""
