"""The rules: policies as published and proposed, what they ask, say and would have decided."""
