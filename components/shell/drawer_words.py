"""The words of a drawer whose only content is a text: written once, whatever it decides."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DrawerWords:
    """What a drawer and its two buttons say; `working` is said while slow work is done."""

    button: str
    title: str
    says: str
    label: str
    confirm: str
    success: str
    working: str = ""
    primary: bool = False
