"""A small house with everything real in it: MLflow on SQLite, the governance store, people."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from streamlit.testing.v1 import AppTest

from components.shell import state
from core.bootstrap import Services, work_of
from core.governance.rules.requests import PromotionRequest
from core.identity.people import Side, Username
from core.worker import WorkerRound, release, run_once

MODEL = "flight-delay"
POLICY = """\
model: flight-delay
alias: champion
checks:
  - id: good-enough
    side: data_science
    level: blocking
    needs: [run.metrics]
    require: run.metrics["log_loss"] < 0.6
  - id: ledger-whole
    side: data_engineering
    level: blocking
    needs: [ledger.verifies]
    require: ledger.verifies
"""
ORANGE, BLUE = Side.DATA_SCIENCE, Side.DATA_ENGINEERING
ANA, BEN, EMIL, VERA, ADA = map(Username, ("ana", "ben", "emil", "vera", "ada"))


def _page(name: str) -> None:
    from importlib import import_module

    import_module(f"pages.{name}").render()


@dataclass
class House:
    """The services of a test, and the short ways to use them."""

    services: Services
    forms: Iterator[int] = field(default_factory=lambda: count(1))

    def register(self, model: str = MODEL, *, losses: tuple[float, ...] = (0.57, 0.53)) -> None:
        """A model with one version a loss, trained by Ana; the first one is champion."""
        door = self.services.tracking.door
        experiment = door.write(
            lambda client: client.create_experiment(
                f"about {model}", artifact_location=f"file://{self.services.settings.home}/a"
            )
        )
        door.write(lambda client: client.create_registered_model(model))
        for loss in losses:
            run = door.write(
                lambda client: client.create_run(experiment, tags={"mlflow.user": "ana"})
            )
            number = run.info.run_id
            door.write(lambda client, n=number, x=loss: client.log_metric(n, "log_loss", x))
            door.write(lambda client, n=number: client.set_terminated(n))
            door.write(
                lambda client, r=run: client.create_model_version(
                    model, f"{r.info.artifact_uri}/model", run_id=r.info.run_id
                )
            )
        self.point(1, model=model)

    def point(self, version: int, *, model: str = MODEL) -> None:
        """Move the champion behind Stile's back."""
        self.services.tracking.door.write(
            lambda client: client.set_registered_model_alias(model, "champion", str(version))
        )

    def publish(self, policy: str = POLICY) -> None:
        self.services.promotions.publish_policy(ADA, policy, datetime.now(UTC))

    def open(
        self, version: int = 2, *, by: Username = ANA, model: str = MODEL, comment: str = "Better."
    ) -> PromotionRequest:
        return self.services.promotions.open_request(
            by,
            model=model,
            version=version,
            comment=comment,
            idempotency_key=f"form {next(self.forms)}",
            at=datetime.now(UTC),
        )

    def turn(self, request: PromotionRequest, by: Username, side: Side) -> PromotionRequest:
        number, at = request.request_id, datetime.now(UTC)
        digest = self.services.promotions.judgement(number, at=at).digests[side]
        return self.services.promotions.turn_key(
            by,
            number,
            side=side,
            digest=digest,
            comment="",
            idempotency_key=f"form {next(self.forms)}",
            at=at,
        )

    def work(self) -> WorkerRound:
        """One round of a worker, and what it does beside it; then it gives its lease back."""
        work = work_of(self.services)
        try:
            return run_once(work, at=datetime.now(UTC))
        finally:
            for beside in (work.prepare, work.keep):
                if beside is not None:
                    beside.wait()
            release(work)

    def promote(self, version: int = 2) -> PromotionRequest:
        """A version promoted with both keys and confirmed by MLflow."""
        request = self.open(version)
        self.turn(request, BEN, ORANGE)
        self.turn(request, EMIL, BLUE)
        self.work()
        return self.services.promotions.request(request.request_id)

    def visit(self, page: str, who: Username, **query: str | int) -> AppTest:
        """The page as this person sees it."""
        app = AppTest.from_function(_page, kwargs={"name": page}, default_timeout=30)
        now = datetime.now(UTC)
        app.session_state[state.TOKEN] = self.services.sessions.create(who, now)
        for name, value in query.items():
            app.query_params[name] = str(value)
        app.run()
        assert not app.exception, app.exception
        return app


def text_of(app: AppTest) -> str:
    """Everything a page says, as Markdown."""
    elements = [*app.title, *app.header, *app.subheader, *app.markdown, *app.caption]
    elements += [*app.info, *app.warning, *app.error, *app.success]
    return "\n".join(str(element.value) for element in elements)


def keys_of(app: AppTest) -> set[str]:
    """The keys of all buttons on a page."""
    return {button.key for button in app.button if button.key}
