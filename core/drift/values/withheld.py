"""Why a column that was captured in another way on purpose cannot be counted. Pure."""

from enum import StrEnum


class Withheld(StrEnum):
    """What capture did to a column, so that it is *not evaluable* and never *missing*."""

    DROPPED = "dropped"
    HASHED_NUMBER = "hashed_number"
    OTHER_KEY = "other_key"

    @property
    def says(self) -> str:
        """The reason as a sentence."""
        match self:
            case Withheld.DROPPED:
                return "Dropped at capture: it is not in the inference log."
            case Withheld.HASHED_NUMBER:
                return "Hashed at capture: only texts can be compared by their hashes."
            case Withheld.OTHER_KEY:
                return "Hashed at capture with a key that is not here any more."
