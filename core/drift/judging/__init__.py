"""What is unusual: distances between counts, their levels, and verdicts. Pure."""
