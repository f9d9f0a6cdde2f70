"""The budgets, measured beside the real peers in one run."""
