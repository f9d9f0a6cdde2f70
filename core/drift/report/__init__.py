"""The drift of a model in words and on paper."""
