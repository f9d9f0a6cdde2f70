"""What every use case of deciding shares."""
