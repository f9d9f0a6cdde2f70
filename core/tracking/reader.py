"""Reading experiments, runs, curves and the registry; every answer is one of our own values."""

import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from core.errors import Refused
from core.tracking.artifact_places import place_of_version
from core.tracking.client import MlflowDoor
from core.tracking.mlflow_objects import (
    as_logged,
    curve_of,
    registered_model_of,
    run_of,
    version_of,
)
from core.tracking.signature import MLMODEL, MOST_BYTES, parse_signature
from core.values.mlflow_entities import (
    Curve,
    Experiment,
    ExperimentId,
    ModelVersion,
    RegisteredModel,
    Run,
    RunId,
    Signature,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")

FIRST_PAGE: Final = 100
_PAGES: Final = (50, 1000)  # a thousand runs take a server 2.3 s, a busy one longer than we wait
_PAGE_S: Final = 1.0
_REGISTRY_PAGE: Final = 1000
_FEW_MODELS: Final = 5
_RUNS_A_BULK: Final = 100
_POINTS_A_CURVE: Final = 2500
_LONGEST_CHAIN: Final = 5
_BULK: Final = "/api/2.0/mlflow/metrics/get-history-bulk-interval"


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of a search for runs."""

    experiment_ids: tuple[ExperimentId, ...]
    filter_string: str
    order_by: tuple[str, ...]
    token: str | None


@dataclass(frozen=True, slots=True)
class TrackingReader:
    """Everything Stile reads from MLflow's tracking server and registry, but for artifacts."""

    door: MlflowDoor

    @property
    def host(self) -> str:
        """The server's name for a sentence, without credentials."""
        return self.door.host

    @property
    def tracking_uri(self) -> str:
        """The address the runs come from."""
        return self.door.tracking_uri

    def ping(self) -> None:
        """Ask MLflow whether it answers; raise `Unavailable` otherwise."""
        self.door.call(lambda client: client.search_experiments(max_results=1))

    def experiments(self) -> tuple[Experiment, ...]:
        """The experiments that were not deleted, newest first."""
        found = self._pages(
            lambda client, token: client.search_experiments(max_results=1000, page_token=token)
        )
        return tuple(Experiment(ExperimentId(e.experiment_id), e.name) for e in found)

    def runs(
        self,
        experiment_ids: Sequence[ExperimentId],
        *,
        filter_string: str = "",
        order_by: Sequence[str] = (),
        limit: int | None = None,
    ) -> Iterator[Run]:
        """The runs of these experiments that were not deleted, one by one as they are read."""
        pages = self.run_pages(
            experiment_ids, filter_string=filter_string, order_by=order_by, limit=limit
        )
        for page in pages:
            yield from page

    def run_pages(
        self,
        experiment_ids: Sequence[ExperimentId],
        *,
        filter_string: str = "",
        order_by: Sequence[str] = (),
        limit: int | None = None,
    ) -> Iterator[tuple[Run, ...]]:
        """The same in pages, each of as many runs as this server returns in about a second."""
        left = sys.maxsize if limit is None else limit
        token: str | None = None
        size = FIRST_PAGE
        while experiment_ids and left > 0:
            asked = SearchPage(tuple(experiment_ids), filter_string, tuple(order_by), token)
            began = time.monotonic()
            found = self._search(asked, min(size, left))
            yield tuple(run_of(each) for each in found)
            left -= len(found)
            token = found.token
            if not token:
                return
            size = next_page_size(size, took_s=time.monotonic() - began)

    def run(self, run_id: RunId) -> Run:
        """One run, with its metrics as they are now."""
        return run_of(self.door.run(run_id))

    def curves(self, run_ids: Sequence[RunId], metric: str) -> tuple[Curve, ...]:
        """The metric over the steps of each run that logged it, in the order of `run_ids`.

        Over HTTP a curve of more than 2,500 points arrives sampled, with its ends kept.
        """
        curves: list[Curve] = []
        for start in range(0, len(run_ids), _RUNS_A_BULK):
            part = run_ids[start : start + _RUNS_A_BULK]
            points = self._points_in_bulk(part, metric)
            if points is None:
                points = self._points_one_by_one(part, metric)
            curves += [
                curve_of(run_id, metric, points[run_id]) for run_id in part if points[run_id]
            ]
        return tuple(curves)

    def registered_models(self) -> tuple[RegisteredModel, ...]:
        """Every registered model with where its aliases point now, by name."""
        found = self._pages(
            lambda client, token: client.search_registered_models(
                max_results=_REGISTRY_PAGE, page_token=token
            )
        )
        return tuple(sorted((registered_model_of(m) for m in found), key=lambda m: m.name))

    def registered_model(self, model: str) -> RegisteredModel:
        """One registered model with where its aliases point now."""
        return registered_model_of(self.door.registered_model(model))

    def registered_among(self, names: Collection[str]) -> tuple[RegisteredModel, ...]:
        """Those of these models that are registered, by name: asked for singly while they are few.

        A list of hundreds takes MLflow as long as ten questions. Where none answers, the list says
        whether MLflow refused us or has none of them.
        """
        asked = sorted(name for name in names if _is_text(name))
        found = []
        for name in asked if len(asked) <= _FEW_MODELS else ():
            with suppress(Refused):  # not registered, or not any more
                found.append(self.registered_model(name))
        if found or not names:
            return tuple(found)
        return tuple(model for model in self.registered_models() if model.name in names)

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        """Every version of a model, newest first, aliases merged in from the model itself."""
        aliases = self.registered_model(model).aliases
        found = self._pages(
            lambda client, token: client.search_model_versions(
                f"name={_quoted(model)}", max_results=_REGISTRY_PAGE, page_token=token
            )
        )
        versions = (version_of(v, aliases) for v in found)
        return tuple(sorted(versions, key=lambda v: v.version, reverse=True))

    def all_versions(self, models: Iterable[RegisteredModel]) -> tuple[ModelVersion, ...]:
        """The versions of all these models, in a few questions however many there are.

        Aliases are those of `models`; versions of other models are left out.
        """
        aliases = {model.name: model.aliases for model in models}
        found = self._pages(
            lambda client, token: client.search_model_versions(
                max_results=_REGISTRY_PAGE, page_token=token
            )
        )
        versions = (version_of(v, aliases[v.name]) for v in found if v.name in aliases)
        return tuple(sorted(versions, key=lambda v: (v.model, -v.version)))

    def version(self, model: str, version: int) -> ModelVersion:
        """One version of a model, with the aliases that point at it now."""
        found = self.door.model_version(model, str(version))
        return version_of(found, dict.fromkeys(found.aliases, version))  # only a search omits them

    def signature(self, version: ModelVersion) -> Signature | None:
        """The signature of a version's model, read from its MLmodel file, or None without one."""
        place = place_of_version(self.door, self.origin(version))
        file = place.find(MLMODEL)
        if file is None:
            return None
        with place.fetched(file, max_bytes=MOST_BYTES) as local:
            return parse_signature(local.read_bytes())

    def origin(self, version: ModelVersion) -> ModelVersion:
        """The version whose bytes these are: itself, or the one it was copied from."""
        for _ in range(_LONGEST_CHAIN):
            name, _, number = version.source.removeprefix("models:/").rpartition("/")
            if not version.source.startswith("models:/") or not name or not number.isdecimal():
                return version
            version = self.version(name, int(number))
        raise Refused(f"{version.model} is a copy of a copy of a copy; register it from its run.")

    def _pages(self, page: Callable[["MlflowClient", str | None], Any]) -> Iterator[Any]:
        # Any: MLflow's paged list, whose items are translated where they are yielded.
        token: str | None = None
        while True:
            asked = token
            found = self.door.call(lambda client: page(client, asked))  # noqa: B023 called now
            yield from found
            token = found.token
            if not token:
                return

    def _search(self, page: "SearchPage", size: int) -> Any:  # Any: MLflow's paged list
        return self.door.call(
            lambda client: client.search_runs(
                list(page.experiment_ids),
                filter_string=page.filter_string,
                max_results=size,
                order_by=list(page.order_by),
                page_token=page.token,
            )
        )

    def _points_in_bulk(
        self, run_ids: Sequence[RunId], metric: str
    ) -> Mapping[RunId, list[tuple[int, int, float]]] | None:
        query = [("run_ids", str(run_id)) for run_id in run_ids]
        query += [("metric_key", metric), ("max_results", str(_POINTS_A_CURVE))]
        document = self.door.get_json(_BULK, query)
        if document is None:
            return None
        points: dict[RunId, list[tuple[int, int, float]]] = {run_id: [] for run_id in run_ids}
        for point in document.get("metrics", []):
            row = (int(point.get("step", 0)), int(point["timestamp"]), as_logged(point["value"]))
            points[RunId(point["run_id"])].append(row)
        return points

    def _points_one_by_one(
        self, run_ids: Sequence[RunId], metric: str
    ) -> Mapping[RunId, list[tuple[int, int, float]]]:
        return {run_id: self._points_of(run_id, metric) for run_id in run_ids}

    def _points_of(self, run_id: RunId, metric: str) -> list[tuple[int, int, float]]:
        found = self.door.call(lambda client: client.get_metric_history(run_id, metric))
        return [(int(m.step), int(m.timestamp), as_logged(m.value)) for m in found]


def next_page_size(size: int, *, took_s: float) -> int:
    """How many runs to ask for next, so that an answer takes about a second."""
    fewest, most = _PAGES
    fitting = size * min(2.0, _PAGE_S / max(took_s, 0.001))
    return max(fewest, min(most, int(fitting)))


def _is_text(name: str) -> bool:
    """False for what no request can carry: names of folders may hold any bytes."""
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def _quoted(name: str) -> str:
    for quote in ("'", '"'):
        if quote not in name:
            return f"{quote}{name}{quote}"
    raise Refused(f"MLflow cannot search for a model whose name has both kinds of quotes: {name}")
