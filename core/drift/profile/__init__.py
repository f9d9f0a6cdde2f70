"""Windows as counts over fixed bins: one Ibis expression, the same on every engine."""
