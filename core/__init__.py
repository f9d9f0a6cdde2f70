"""Everything true without a screen."""
