"""Windows as counts over fixed bins: how they are made, kept, caught up with and forgotten."""
