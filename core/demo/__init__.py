"""The embedded demonstration, through the same doors as any user."""
