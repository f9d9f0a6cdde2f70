"""What every page stands on: the door, the frame, readings, state and looks."""
