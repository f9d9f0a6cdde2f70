"""All inputs of a window at once: a classifier and a reconstruction, in the background."""
