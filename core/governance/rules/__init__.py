"""What is decided, as pure functions of values: no I/O and no clock."""
