"""Profiles, statistics, calibration and windows of live inputs."""
