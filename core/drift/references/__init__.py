"""What a version is compared with: found, offered, kept."""
