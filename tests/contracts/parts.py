"""People, policy, evidence and partners for the contracts of governance; each says what matters."""

# ruff: noqa: ARG002  partners keep the signatures of their ports

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

from sqlalchemy import Engine

from core.errors import Refused, StileError, Unavailable
from core.governance.decisions.registry_port import Registry
from core.governance.rules.evidence import PENDING, Evidence, EvidencePart, Figure, FigureStatus
from core.governance.rules.ledger.entries import LedgerKey
from core.governance.rules.policies.policy import Policy
from core.governance.rules.requests import PromotionRequest
from core.governance.use_cases.promotion import Promotions
from core.identity.people import Person, Role, Side, Username
from core.store import mapping, transaction
from core.store.governance_store import GovernanceStore
from core.values.canonical_json import JsonValue
from core.values.mlflow_entities import ModelVersion, RunId

AT: Final = datetime(2026, 11, 20, 9, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)
MODEL: Final = "flight-delay"

ORANGE, BLUE = Side.DATA_SCIENCE, Side.DATA_ENGINEERING
ANA = Person(
    Username("ana"), "Ana", Role.MEMBER, frozenset({ORANGE}), mlflow_names=frozenset({"ana-laptop"})
)
BEN = Person(Username("ben"), "Ben", Role.MEMBER, frozenset({ORANGE}))
EVA = Person(Username("eva"), "Eva", Role.MEMBER, frozenset({BLUE}))
TOM = Person(Username("tom"), "Tom", Role.MEMBER, frozenset({ORANGE, BLUE}))
MIA = Person(Username("mia"), "Mia", Role.MEMBER)
VIC = Person(Username("vic"), "Vic", Role.VIEWER)
ADA = Person(Username("ada"), "Ada", Role.ADMINISTRATOR)
EVERYBODY: Final = (ANA, BEN, EVA, TOM, MIA, VIC, ADA)

POLICY: Final = """\
model: flight-delay
alias: champion
keys: {data_science: 1, data_engineering: 1}
checks:
  - id: good-enough
    side: data_science
    level: blocking
    needs: [loss]
    require: loss <= 0.6
  - id: fits-today
    side: data_engineering
    level: blocking
    needs: [drift]
    require: drift <= 0.2
  - id: fresh
    side: data_engineering
    level: warning
    needs: [age]
    require: age <= 3.0
"""


def figure(
    name: str,
    value: JsonValue,
    side: Side,
    part: EvidencePart = EvidencePart.PINNED,
    at: datetime = AT,
) -> Figure:
    known = FigureStatus.KNOWN if value is not None else FigureStatus.NOT_EVALUABLE
    return Figure(name, side, part, known, value, f"{name} as read", "a run", at)


@dataclass
class Facts:
    """An evidence source whose figures a test moves; the champion is read from the registry."""

    registry: Registry
    loss: float | None = 0.5
    files: str = "sha-of-files"
    hashing: bool = False
    drift: float | None = 0.1
    age: float = 1.0
    trained_by: str = "ana-laptop"
    verifications: int = 0
    fails_with: StileError | None = None

    def one_look(self) -> AbstractContextManager[None]:
        return nullcontext()

    def gather(
        self,
        *,
        model: str,
        alias: str,
        from_version: int | None,
        to_version: int,
        policy: Policy,
        people: Iterable[Person],
        at: datetime,
    ) -> Evidence:
        if self.fails_with is not None:
            raise self.fails_with
        champion = self.registry.aliases(model).get(alias)
        figures = (
            figure("loss", self.loss, ORANGE, at=at),
            figure("champion.version", champion, ORANGE, at=at),
            self._hashed(figure("files", self.files, BLUE, at=at)),
            figure("drift", self.drift, BLUE, EvidencePart.LIVE, at=at),
            figure("age", self.age, BLUE, EvidencePart.LIVE, at=at),
        )
        return Evidence(figures, gathered_at=at)

    def verify(
        self,
        frozen: Evidence,
        *,
        model: str,
        alias: str,
        from_version: int | None,
        to_version: int,
        policy: Policy,
        people: Iterable[Person],
        at: datetime,
    ) -> Evidence:
        self.verifications += 1
        return self.gather(
            model=model,
            alias=alias,
            from_version=from_version,
            to_version=to_version,
            policy=policy,
            people=people,
            at=at,
        )

    def _hashed(self, files: Figure) -> Figure:
        if not self.hashing:
            return files
        says = "Hashing 3 of 14 files, 120 of 480 MB."
        return replace(files, status=FigureStatus.NOT_EVALUABLE, value=dict(PENDING), says=says)

    def authors(self, model: str, version: int, people: Iterable[Person]) -> frozenset[Username]:
        return frozenset(p.username for p in people if self.trained_by in p.mlflow_names)


@dataclass
class Shelf:
    """A registry in memory, for tests in which MLflow is not what is tested."""

    versions: dict[int, ModelVersion] = field(default_factory=dict)
    pointing: dict[str, int] = field(default_factory=lambda: {"champion": 3})
    model_tags: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number in (1, 2, 3, 4, 5):
            self.versions[number] = ModelVersion(
                MODEL, number, RunId(f"run{number}"), f"models:/m-{number}", None, "READY", AT
            )

    def aliases(self, model: str) -> Mapping[str, int]:
        return dict(self.pointing)

    def version(self, model: str, number: int) -> ModelVersion:
        if model != MODEL or number not in self.versions:
            raise Refused(f"There is no version {number} of {model}.")
        return self.versions[number]

    def set_version_tags(self, model: str, number: int, tags: Mapping[str, str]) -> None:
        version = self.version(model, number)
        self.versions[number] = replace(version, tags={**version.tags, **tags})

    def set_alias(self, model: str, alias: str, number: int) -> None:
        self.pointing[alias] = self.version(model, number).version

    def set_model_tag(self, model: str, key: str, value: str) -> None:
        self.model_tags[key] = value


@dataclass
class Library:
    """The registry as copying needs it: every other model is a dev one; replies may be lost.

    `lost` says whether the next creation is lost on its way there (“before”) or back (“after”).
    """

    shelf: Shelf
    lost: str = ""

    def version(self, model: str, number: int, /) -> ModelVersion:
        known = self.shelf.version(MODEL, number)
        if model == MODEL:
            return known
        return replace(known, model=model, source=f"models:/{model}-{number}", tags={})

    def versions(self, model: str, /) -> tuple[ModelVersion, ...]:
        return tuple(self.shelf.versions.values())

    def create_version(
        self, model: str, /, *, source: str, run_id: str | None, tags: Mapping[str, str],
        description: str,
    ) -> int:  # fmt: skip
        lost, self.lost = self.lost, ""
        if lost == "before":
            raise Unavailable("No answer.")
        number = max(self.shelf.versions) + 1
        self.shelf.versions[number] = replace(
            self.shelf.versions[1], version=number, source=source, run_id=run_id, tags=tags
        )
        if lost == "after":
            raise Unavailable("No answer.")
        return number


@dataclass
class Office:
    """A store with people and a policy, its use cases, and the partners a test moves."""

    store: GovernanceStore
    shelf: Shelf
    facts: Facts
    promotions: Promotions
    _numbers: Iterator[int] = field(default_factory=count)

    def form(self) -> str:
        """A new idempotency key, as every drawn form carries one."""
        return f"form-{next(self._numbers)}"

    def open(
        self,
        actor: Person = ANA,
        version: int = 5,
        at: datetime = AT,
        *,
        alias: str = "champion",
    ) -> PromotionRequest:
        return self.promotions.open_request(
            actor.username,
            model=MODEL,
            version=version,
            alias=alias,
            comment="Retrained on March to May.",
            idempotency_key=self.form(),
            at=at,
        )

    def turn(
        self,
        request: PromotionRequest,
        person: Person,
        side: Side,
        *,
        at: datetime = AT + MINUTE,
        digest: str | None = None,
        attested: Collection[str] = (),
        seen_owed: int | None = None,
        form: str | None = None,
    ) -> PromotionRequest:
        number = request.request_id
        shown = self.promotions.judgement(number, at=at).digests[side]
        return self.promotions.turn_key(
            person.username,
            number,
            side=side,
            digest=digest or shown,
            comment="",
            attested=attested,
            seen_owed=seen_owed,
            idempotency_key=form or self.form(),
            at=at,
        )

    def both_keys(
        self, request: PromotionRequest, *, at: datetime = AT + MINUTE
    ) -> PromotionRequest:
        self.turn(request, BEN, ORANGE, at=at)
        return self.turn(request, EVA, BLUE, at=at)

    def kinds(self) -> list[str]:
        """What the ledger says happened to requests, in order."""
        return [e.kind for e in self.store.entries() if not e.kind.startswith("policy")]


def office(engine: Engine, *, policy: str = POLICY, key: LedgerKey | None = None) -> Office:
    store = GovernanceStore(engine, key)
    shelf = Shelf()
    facts = Facts(shelf)
    promotions = Promotions(store, shelf, facts)
    with transaction.deciding(engine) as session:  # nobody has turned a key that could be lost
        session.add_all(mapping.person_row(person) for person in EVERYBODY)
    promotions.publish_policy(ADA.username, policy, AT)
    return Office(store, shelf, facts, promotions)


@contextmanager
def nothing_recorded(office: Office) -> Iterator[None]:
    """Checks that the ledger is as long after as before."""
    before = office.store.entries()
    yield
    assert office.store.entries() == before
