"""One run on screen: its sentence, its numbers, its files."""

import pytest

from components.shell import frame
from tests.pages.house import MODEL, VERA, House, text_of
from tests.pages.training import FIGURE, Laboratory, picture, predictions


@pytest.fixture
def run_id(empty_house: House) -> str:
    """A run with one artifact of each kind."""
    return Laboratory.of(empty_house.services).run(
        "brisk-owl",
        params={"family": "hgb"},
        tags={"team": "delay"},
        curve=(0.6, 0.5, 0.45),
        log_loss=0.45,
        files={
            "plots/roc.png": picture(),
            "plots/roc.json": FIGURE.encode(),
            "eval/predictions.parquet": predictions(noise=0.1),
            "notes.txt": b"<script>alert(1)</script>",
            "report.html": b"<h1>Report</h1>",
            "model/model.pkl": b"\x80\x04never loaded",
        },
    )


def test_the_page_opens_with_what_became_of_the_run(house: House) -> None:
    version = house.services.tracking.version(MODEL, 1)
    assert version.run_id is not None

    app = house.visit("run", VERA, run_id=version.run_id)

    assert app.title[0].value.endswith(r"with log\_loss 0.5700; it is flight\-delay 1 (champion).")


def test_metrics_params_and_tags_stand_beside_each_other(empty_house: House, run_id: str) -> None:
    app = empty_house.visit("run", VERA, run_id=run_id)

    metrics, params, tags = (table.value for table in app.dataframe)
    assert dict(zip(metrics["metric"], metrics["value"], strict=True))["log_loss"] == "0.4500"
    assert params.to_dict("list") == {"param": ["family"], "value": ["hgb"]}
    assert "delay" in list(tags["value"])


def test_curves_are_drawn_for_metrics_with_steps(empty_house: House, run_id: str) -> None:
    app = empty_house.visit("run", VERA, run_id=run_id, view="Curves")

    assert app.multiselect(key="run_curves").value == ["valid_loss"]
    assert r"valid\_loss: 3 values" in text_of(app)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("notes.txt", "notes"),
        ("plots/roc.json", "roc"),
        ("plots/roc.png", "roc"),
        ("eval/predictions.parquet", "predictions"),
        ("report.html", "Shown in a sandbox"),
        ("model/model.pkl", "No preview for this kind of file"),
    ],
)
def test_every_kind_of_artifact_is_shown(
    empty_house: House, run_id: str, path: str, says: str
) -> None:
    app = empty_house.visit("run", VERA, run_id=run_id, view="Artifacts", path=path)

    assert says in text_of(app)
    assert list(app.info) == []


def test_text_is_shown_as_text(empty_house: House, run_id: str) -> None:
    app = empty_house.visit("run", VERA, run_id=run_id, view="Artifacts", path="notes.txt")

    assert app.code[0].value == "<script>alert(1)</script>"


def test_an_unknown_run_is_one_sentence(empty_house: House) -> None:
    app = empty_house.visit("run", VERA, run_id="no-such-run")

    assert len(app.info) == 1


def test_no_run_leads_to_all_runs(empty_house: House) -> None:
    app = empty_house.visit("run", VERA)

    assert app.title[0].value == "No run is chosen."
    assert frame.url("experiments") in text_of(app)


def test_a_run_without_data_says_how_to_log_it(empty_house: House, run_id: str) -> None:
    app = empty_house.visit("run", VERA, run_id=run_id, view="Data")

    assert "does not say which data it used" in text_of(app)
