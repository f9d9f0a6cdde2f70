"""Serving a model with its inputs and predictions captured."""
