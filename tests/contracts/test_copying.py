"""dev into prod: one copy and one request, whatever replies are lost and whoever is killed."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from mlflow import MlflowClient
from sqlalchemy import Engine

from core.errors import Refused, StileError, Unavailable
from core.governance.registry.write_back import WriteBack
from core.governance.rules.requests import PromotionRequest, RequestStatus
from core.governance.use_cases.promotion import Promotions
from core.governance.use_cases.version_copies import COPIED, VersionCopies
from core.tracking.client import MlflowDoor
from core.tracking.mlflow_registry import MlflowRegistry
from core.values.tag_names import TAG_COPIED_FROM
from tests.contracts.elsewhere import KEY, Place, at_once, killed, place_of
from tests.contracts.parts import ANA, AT, MINUTE, MODEL, VIC, Office, office
from tests.contracts.unreliable import PATIENCE_S, Fault, Proxy, proxy_before
from tests.mlflow_fixtures import MlflowStore

DEV = "flight-delay-dev"
CREATE = "POST /api/2.0/mlflow/model-versions/create"
HOUR = timedelta(hours=1)


def two_models(store: MlflowStore) -> MlflowClient:
    """A dev model with two versions, and a prod model whose first one is champion."""
    client = MlflowClient(store.uri)
    for model, versions in ((DEV, 2), (MODEL, 1)):
        client.create_registered_model(model)
        for number in range(1, versions + 1):
            client.create_model_version(
                model, f"{store.artifacts}/{model}/{number}", description="Retrained.",
                tags={"owner": "ana", "stile.flag": "superseded", "stile.request_id": "9"},
            )  # fmt: skip
    client.set_registered_model_alias(MODEL, "champion", "1")
    return client


def ask(copies: VersionCopies, *, form: str, at: datetime, version: int = 2) -> PromotionRequest:
    return copies.request_copy(
        ANA.username,
        from_model=DEV,
        version=version,
        model=MODEL,
        comment="It did well in dev.",
        idempotency_key=form,
        at=at,
    )


def copies_of(client: MlflowClient, version: int) -> list[int]:
    """The numbers of the copies that prod really holds."""
    found = client.search_model_versions(f"name='{MODEL}'")
    return sorted(
        int(v.version) for v in found if v.tags.get(TAG_COPIED_FROM) == f"{DEV}/{version}"
    )


def over(here: Office, registry: MlflowRegistry) -> VersionCopies:
    here.facts.registry = registry
    here.promotions = replace(here.promotions, registry=registry)
    return VersionCopies(here.promotions, registry)


class Copying:
    """Over a real MLflow, on every database."""

    @pytest.fixture
    def client(self, mlflow_store: MlflowStore) -> MlflowClient:
        return two_models(mlflow_store)

    @pytest.fixture
    def here(self, engine: Engine) -> Office:
        return office(engine, key=KEY)

    def test_a_copy_is_asked_for_under_the_rules_and_keys_of_where_it_goes(
        self, here: Office, client: MlflowClient, mlflow_store: MlflowStore
    ) -> None:
        copies = over(here, MlflowRegistry(mlflow_store.door()))

        request = ask(copies, form="form", at=AT)
        again = ask(copies, form="form", at=AT)
        alias = client.get_model_version_by_alias(MODEL, "champion").version
        here.both_keys(request)
        clock = AT + 2 * MINUTE
        WriteBack(here.promotions, holder="w", clock=lambda: clock).run_due(at=clock)

        assert again.request_id == request.request_id
        assert (request.model, request.from_version, request.to_version) == (MODEL, 1, 2)
        assert request.policy.version == 1
        assert int(alias) == 1  # nothing serves the copy before the keys are turned
        assert int(client.get_model_version_by_alias(MODEL, "champion").version) == 2
        version = client.get_model_version(MODEL, "2")
        assert (version.source, version.description) == (
            f"{mlflow_store.artifacts}/{DEV}/2",
            "Retrained.",
        )
        assert (version.tags["owner"], version.tags[TAG_COPIED_FROM]) == ("ana", f"{DEV}/2")
        assert "stile.flag" not in version.tags or not version.tags["stile.flag"]
        assert version.tags["stile.request_id"] == "1"
        (told,) = [entry for entry in here.store.entries() if entry.kind == COPIED]
        assert (told.facts["from_model"], told.facts["from_version"]) == (DEV, 2)
        assert (told.actor, told.facts["version"]) == ("ana", 2)

    def test_killed_at_any_step_there_is_one_copy_one_entry_and_one_request(
        self, engine: Engine, here: Office, client: MlflowClient, mlflow_store: MlflowStore
    ) -> None:
        place, now, effect, met = place_of(engine, mlflow_store), AT, 0, True
        while met:
            effect += 1
            task = partial(ask_from, form=f"form {effect}", at=now)
            version = 1 + effect % 2
            if copies_of(client, version):  # made anew, so that each step is met by a first copy
                version = register(client, mlflow_store, effect)

            met = killed(place, partial(task, version=version), effect=effect)
            now += MINUTE
            request = ask(
                over(here, MlflowRegistry(mlflow_store.door())),
                form=f"form {effect}", at=now, version=version,
            )  # fmt: skip

            assert copies_of(client, version) == [request.to_version], effect
            told = [e for e in here.store.entries() if e.kind == COPIED]
            assert [e.facts["from_version"] for e in told].count(version) == 1
            asked = [e for e in here.store.entries() if e.kind == "request_opened"]
            assert [e.facts["to"] for e in asked].count(request.to_version) == 1
        assert effect > 5  # lease, copy, given back, told, opened
        assert here.store.verify().ok

    def test_processes_that_copy_at_once_make_one_copy(
        self, engine: Engine, here: Office, client: MlflowClient, mlflow_store: MlflowStore
    ) -> None:
        place = place_of(engine, mlflow_store)

        at_once(partial(in_a_process, place, f"form {n}") for n in range(4))
        with suppress(Refused):  # where another one of them was the first to ask
            ask(over(here, MlflowRegistry(mlflow_store.door())), form="form 0", at=AT + HOUR)

        assert copies_of(client, 2) == [2]
        assert [e.kind for e in here.store.entries()].count(COPIED) == 1
        assert [e.kind for e in here.store.entries()].count("request_opened") == 1


def ask_from(
    promotions: Promotions, registry: MlflowRegistry, *, form: str, at: datetime, version: int
) -> PromotionRequest:
    return ask(VersionCopies(promotions, registry), form=form, at=at, version=version)


def in_a_process(place: Place, form: str) -> str:
    registry = MlflowRegistry(place.door())
    try:
        return ask(VersionCopies(place.promotions(), registry), form=form, at=AT).status.value
    except StileError as error:
        return str(error)


def register(client: MlflowClient, store: MlflowStore, number: int) -> int:
    made = client.create_model_version(DEV, f"{store.artifacts}/{DEV}/again{number}")
    return int(made.version)


class TestCopyingOnSqlite(Copying):
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        return sqlite_engine

    def test_what_cannot_be_copied_is_refused_and_leaves_nothing(
        self, here: Office, client: MlflowClient, mlflow_store: MlflowStore
    ) -> None:
        copies = over(here, MlflowRegistry(mlflow_store.door()))
        before = here.store.entries()
        copy = partial(
            copies.request_copy, from_model=DEV, version=2, comment="", idempotency_key="f", at=AT
        )

        for who, model in ((VIC, MODEL), (ANA, DEV), (ANA, "nobody-registered-it")):
            with pytest.raises(Refused):
                copy(who.username, model=model)
        with pytest.raises(Refused):
            copies.request_copy(
                ANA.username, from_model=DEV, version=7, model=MODEL, comment="",
                idempotency_key="f", at=AT,
            )  # fmt: skip

        assert here.store.entries() == before
        assert copies_of(client, 2) == []

    def test_a_copy_outlives_the_version_it_came_from(
        self, here: Office, client: MlflowClient, mlflow_store: MlflowStore
    ) -> None:
        request = ask(over(here, MlflowRegistry(mlflow_store.door())), form="form", at=AT)
        client.delete_registered_model(DEV)

        here.both_keys(request)
        clock = AT + 2 * MINUTE
        (written,) = WriteBack(here.promotions, holder="w", clock=lambda: clock).run_due(at=clock)

        assert written.status is RequestStatus.APPLIED

    def test_who_copies_turns_no_key_of_it_and_waits_for_another_copy(
        self, here: Office, client: MlflowClient, mlflow_store: MlflowStore
    ) -> None:
        copies = over(here, MlflowRegistry(mlflow_store.door()))
        with here.store.deciding() as record:
            record.queue.lease(f"copy:{MODEL}", holder="another", at=AT, until=AT + MINUTE)

        with pytest.raises(Unavailable, match="at this moment"):
            ask(copies, form="form", at=AT)
        request = ask(copies, form="form", at=AT + HOUR)

        assert ANA.username in request.authors
        assert copies_of(client, 2) == [2]


class TestCopyingOnPostgresql(Copying):
    @pytest.fixture
    def engine(self, postgresql_engine: Engine) -> Engine:
        return postgresql_engine


@dataclass
class Wire:
    """Copies made through a proxy that fails, and the server behind it as it really is."""

    copies: VersionCopies
    here: Office
    proxy: Proxy
    direct: MlflowClient


@pytest.fixture
def wire(
    sqlite_engine: Engine, mlflow_server: MlflowStore, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Wire]:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    direct = MlflowClient(mlflow_server.uri)
    run = direct.create_run("0").info
    for model in (DEV, MODEL):
        direct.create_registered_model(model)
    direct.create_model_version(MODEL, f"{run.artifact_uri}/prod", run.run_id)
    direct.set_registered_model_alias(MODEL, "champion", "1")
    for number in range(12):
        direct.create_model_version(DEV, f"{run.artifact_uri}/{number}", run.run_id)
    with proxy_before(mlflow_server.uri) as proxy:
        here = office(sqlite_engine)
        door = MlflowDoor(proxy.uri, "", timeout_s=PATIENCE_S, pause_s=0.0)
        yield Wire(over(here, MlflowRegistry(door)), here, proxy, direct)
    for model in (DEV, MODEL):
        direct.delete_registered_model(model)


@pytest.mark.parametrize(
    "fault", [Fault.DROPS_THE_REPLY, Fault.SAYS_503_AFTER, Fault.HANGS_AFTER, Fault.REFUSES]
)
def test_a_reply_lost_while_copying_makes_no_second_copy(wire: Wire, fault: Fault) -> None:
    with wire.proxy.failing(fault, CREATE), suppress(Unavailable):
        ask(wire.copies, form="form", at=AT)
    assert wire.proxy.met

    request = ask(wire.copies, form="form", at=AT + HOUR)

    assert copies_of(wire.direct, 2) == [request.to_version]
    assert [e.kind for e in wire.here.store.entries()].count("request_opened") == 1
    assert [e.kind for e in wire.here.store.entries()].count(COPIED) == 1


def test_a_reply_lost_at_any_step_makes_no_second_copy(wire: Wire) -> None:
    version, met = 0, True
    while met:
        version += 1
        with wire.proxy.failing(Fault.DROPS_THE_REPLY, version), suppress(Unavailable):
            ask(wire.copies, form=f"form {version}", at=AT, version=version)
        met = bool(wire.proxy.met)

        request = ask(wire.copies, form=f"form {version}", at=AT + HOUR, version=version)

        assert copies_of(wire.direct, version) == [request.to_version]
    assert version > 5
