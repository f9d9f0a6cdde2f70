"""What drift is made of: counts, windows and results, as frozen values. Pure."""
