"""What goes into an export and runs without Stile: the standard library only."""
