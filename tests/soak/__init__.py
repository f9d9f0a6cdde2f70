"""What takes long: run before a release, its figures noted."""
