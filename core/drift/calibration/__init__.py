"""What is unusual: alert levels learnt from how the reference differs from itself. Pure."""
