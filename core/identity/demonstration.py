"""The five people of the demonstration; they exist only with `STILE_AUTH=demo`."""

from typing import Final

from core.identity.people import Person, Role, Side, Username

DEMO_PEOPLE: Final[tuple[Person, ...]] = (
    Person(
        Username("ana"),
        "Ana",
        Role.MEMBER,
        keys=frozenset({Side.DATA_SCIENCE}),
        mlflow_names=frozenset({"ana"}),  # the name under which the demonstration trains
    ),
    Person(Username("ben"), "Ben", Role.MEMBER, keys=frozenset({Side.DATA_SCIENCE})),
    Person(Username("emil"), "Emil", Role.MEMBER, keys=frozenset({Side.DATA_ENGINEERING})),
    Person(Username("vera"), "Vera", Role.VIEWER),
    Person(Username("ada"), "Ada", Role.ADMINISTRATOR),
)
