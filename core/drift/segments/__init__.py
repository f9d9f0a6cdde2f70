"""Which part of the rows moved, and how the model does there."""
