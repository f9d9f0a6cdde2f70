"""The engines that count, by name: this module imports none of them."""

from enum import StrEnum


class Engine(StrEnum):
    """Where a profile is computed."""

    DUCKDB = "duckdb"
    POSTGRES = "postgres"
    SPARK = "spark"
