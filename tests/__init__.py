"""The manual: names are sentences."""
