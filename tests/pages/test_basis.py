"""What a version is held against and where its inputs are read, said and changed on the page."""

import io
import json
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.drift.references.offered_reference import FromWindow
from core.drift.values.results import Grain
from core.values.mlflow_entities import RunId
from tests.pages import watched
from tests.pages.conftest import Enter, moved_inputs
from tests.pages.house import ADA, BEN, BLUE, EMIL, MODEL, VERA, House, keys_of, text_of
from tests.pages.watched import SERVED, TRAINED, a_day

MOVED = SERVED + timedelta(days=14)


@pytest.fixture
def moved(enter: Enter) -> House:
    return enter("moved-inputs", moved_inputs)


def said(app: AppTest) -> str:
    return text_of(app).replace("\\", "")


def opened(house: House, drawer: str, *, model: str = MODEL) -> AppTest:
    """The Drift page with one of its drawers open, as the data engineer sees it."""
    app = house.visit("drift", EMIL, model=model)
    return app.button(key=f"basis_{drawer}").click().run()


def field(app: AppTest, kind: str, start: str) -> str:
    """The key of the one field of a drawer that begins so: the rest is its form."""
    (key,) = [each.key for each in app.get(kind) if each.key and each.key.startswith(start)]
    return str(key)


def training() -> pd.DataFrame:
    """Ten days like July's first ones."""
    return pd.concat([a_day(TRAINED + timedelta(days=i), 500 + i) for i in range(10)])


def kinds(house: House) -> list[str]:
    """What the ledger says of sources and references."""
    about = ("source_", "reference_")
    return [e.kind for e in house.services.store.entries() if e.kind.startswith(about)]


def test_the_page_says_what_the_version_is_held_against_and_where_inputs_come_from(
    moved: House,
) -> None:
    text = said(moved.visit("drift", VERA))

    assert "Held against]] what its run logged" in text
    assert "7,200 rows in 3 columns, 1 Jul to 29 Aug 2026" in text
    assert "Inputs from]] what is captured here" in text


def test_without_a_reference_the_page_offers_to_attach_one(house: House) -> None:
    watched.with_live_inputs(house)

    app = house.visit("drift", EMIL)

    assert "– nothing] the version has no reference" in said(app)
    assert {"basis_reference", "basis_source"} <= keys_of(app)


@pytest.mark.parametrize("who", [VERA, BEN])
def test_who_neither_engineers_nor_administers_reads_the_line_and_changes_nothing(
    moved: House, who: str
) -> None:
    assert not {key for key in keys_of(moved.visit("drift", who)) if key.startswith("basis_")}
    assert "basis_reference" in keys_of(moved.visit("drift", ADA))


def test_past_live_inputs_are_attached_and_removed_again(moved: House) -> None:
    app = opened(moved, "reference")
    assert "The history is counted again: 2,160 rows of 18 days" in said(app)
    first, last = (field(app, "date_input", f"attach_{which}") for which in ("first", "last"))
    app.date_input(key=first).set_value(MOVED.date())
    app.date_input(key=last).set_value(date(2026, 10, 17))

    app.button(key="basis_attach").click().run()

    kept = moved.services.drift.references.of(MODEL, 1, at=MOVED)
    assert kept is not None
    assert kept.origin is not None
    assert (kept.origin.says, kept.origin.set_by) == (
        "live inputs of 2026-10-15 to 2026-10-17",
        EMIL,
    )
    text = said(moved.visit("drift", VERA))
    assert "attached] **live inputs of 2026-10-15 to 2026-10-17**" in text
    assert "by Emil" in text
    assert "not what its run logged" in text

    app = opened(moved, "reference")
    app.button(key="basis_detach").click().run()

    kept = moved.services.drift.references.of(MODEL, 1, at=MOVED)
    assert kept is not None
    assert kept.origin is None
    assert kinds(moved) == ["reference_set", "reference_detached"]


def test_a_file_on_the_server_is_attached_and_history_is_judged_anew(house: House) -> None:
    watched.with_live_inputs(house)
    path = house.services.settings.home / "learnt.parquet"
    training().to_parquet(path, index=False)
    app = opened(house, "reference")
    app.segmented_control[-1].set_value("File on the server").run()
    app.text_input(key=field(app, "text_input", "attach_path")).set_value("learnt.parquet")

    app.button(key="basis_attach").click().run()

    reports = house.services.drift.timeline(MODEL, 1, Grain.DAY, at=MOVED + timedelta(days=9))
    assert len(reports) == 18
    assert reports[0].reference_rows == 1_200
    assert f"file {path}" in said(house.visit("drift", VERA))


def test_an_uploaded_csv_is_attached_under_its_name(moved: House) -> None:
    text = io.StringIO()
    training().to_csv(text, index=False)
    app = opened(moved, "reference")
    app.segmented_control[-1].set_value("Upload").run()
    app.file_uploader[0].upload("july [x](y).csv", text.getvalue().encode(), "text/csv")

    app.button(key="basis_attach").click().run()

    assert "uploaded file july [x](y).csv" in said(moved.visit("drift", VERA))
    assert list((moved.services.settings.home / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("broken.parquet", b"PAR1 and then nothing", "broken.parquet"),
        ("empty.csv", b"a,b\n", "empty.csv"),
    ],
)
def test_a_bad_file_is_one_sentence_in_the_drawer_and_nothing_is_lost(
    moved: House, name: str, content: bytes, why: str
) -> None:
    before = moved.services.drift.references.of(MODEL, 1, at=MOVED)
    app = opened(moved, "reference")
    app.segmented_control[-1].set_value("Upload").run()
    app.file_uploader[0].upload(name, content, "application/octet-stream")

    app.button(key="basis_attach").click().run()

    (error,) = app.error
    assert why in str(error.value).replace("\\", "")
    assert str(moved.services.settings.home) not in str(error.value).replace("\\", "")
    assert "basis_attach" in keys_of(app)  # the drawer is still there
    assert app.file_uploader[0].value.name == name
    assert moved.services.drift.references.of(MODEL, 1, at=MOVED) is before
    assert kinds(moved) == []


def test_the_drawer_says_which_requests_a_reference_changes(moved: House) -> None:
    request = moved.open(version=2)

    text = said(opened(moved, "reference"))

    assert f"**Request {request.request_id}**: its evidence then shows as changed" in text


YAML = """\
model: flight-delay
where: {files: rows/*.parquet}
columns: {event_time: at}
version: 1
"""


@pytest.fixture
def elsewhere(moved: House) -> House:
    """A log beside the captured one: three days of another place."""
    folder = moved.services.settings.home / "rows"
    folder.mkdir()
    days = [a_day(SERVED + timedelta(days=40 + i), 900 + i) for i in range(3)]
    pd.concat(days).rename(columns={"event_time": "at"}).to_parquet(folder / "a.parquet")
    return moved


def test_a_source_is_checked_added_shown_and_taken_back(elsewhere: House) -> None:
    app = opened(elsewhere, "source")
    yaml = field(app, "text_area", "describe_")
    app.text_area(key=yaml).set_value(YAML).run()
    assert "basis_add" not in keys_of(app)  # nothing is added unchecked

    app.button(key="basis_check").click().run()

    assert "360 rows in 3 days, 10 Nov to 12 Nov 2026" in said(app)
    assert "event time" in set(app.dataframe[-1].value["is"])
    assert kinds(elsewhere) == []

    app.button(key="basis_add").click().run()

    assert "described] **files rows/*.parquet**" in said(elsewhere.visit("drift", VERA))
    assert kinds(elsewhere) == ["source_added"]
    reports = elsewhere.services.drift.timeline(MODEL, 1, Grain.DAY, at=SERVED + timedelta(days=60))
    assert [report.rows for report in reports] == [120, 120, 120]

    app = opened(elsewhere, "source")
    assert "Watched now:** files rows/*.parquet" in said(app)
    app.button(key="basis_remove").click().run()

    assert "Inputs from]] what is captured here" in said(elsewhere.visit("drift", VERA))
    assert kinds(elsewhere) == ["source_added", "source_removed"]


def test_a_mistake_in_the_yaml_is_pointed_at_and_the_text_stays(elsewhere: House) -> None:
    app = opened(elsewhere, "source")
    yaml = field(app, "text_area", "describe_")
    wrong = YAML.replace("event_time", "evnt_time")
    app.text_area(key=yaml).set_value(wrong).run()

    app.button(key="basis_check").click().run()

    (error,) = app.error
    assert "The description, line 3: columns.evnt_time is not known here" in str(
        error.value
    ).replace("\\", "").replace("`", "")
    assert app.text_area(key=yaml).value == wrong
    assert "basis_add" not in keys_of(app)
    assert elsewhere.services.described.all() == ()


def test_what_was_checked_is_not_what_stands_there_after_another_word(elsewhere: House) -> None:
    app = opened(elsewhere, "source")
    yaml = field(app, "text_area", "describe_")
    app.text_area(key=yaml).set_value(YAML).run()
    app.button(key="basis_check").click().run()
    assert "basis_add" in keys_of(app)

    app.text_area(key=yaml).set_value(YAML.replace("version: 1", "version: 2")).run()

    assert "basis_add" not in keys_of(app)


def test_a_description_of_another_model_is_not_added_here(elsewhere: House) -> None:
    app = opened(elsewhere, "source")
    yaml = field(app, "text_area", "describe_")
    app.text_area(key=yaml).set_value(YAML.replace("flight-delay", "air-time")).run()

    app.button(key="basis_check").click().run()

    assert "It is about air-time: choose that model on the page" in said(app)
    assert "basis_add" not in keys_of(app)


def test_a_model_of_tensors_says_so_instead_of_asking_for_a_reference(house: House) -> None:
    found = next(v for v in house.services.tracking.versions(MODEL) if v.version == 1)
    inputs = json.dumps(
        [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3, 224, 224]}}]
    )
    document = json.dumps({"flavors": {}, "signature": {"inputs": inputs, "outputs": None}})
    house.services.tracking.door.write(
        lambda client: client.log_text(found.run_id or RunId(""), document, "model/MLmodel")
    )
    watched.with_live_inputs(house)

    text = said(house.visit("drift", VERA))

    assert "Drift is not evaluable." in text
    assert "takes tensors (float32 of shape -1 × 3 × 224 × 224), which are no table" in text
    assert "python -m core serve" not in text  # it is served: nothing is left to do


def test_the_request_says_that_its_candidate_is_held_against_what_somebody_attached(
    moved: House,
) -> None:
    watched.with_reference(moved, version=2)
    moved.services.drift.refresh(MODEL, at=datetime.now(UTC))
    request = moved.open(version=2)
    moved.turn(request, EMIL, BLUE)
    asked = FromWindow(MOVED.date(), date(2026, 10, 17))
    moved.services.sourcing.attach(ADA, MODEL, 2, asked, form="f", at=datetime.now(UTC))

    judged = moved.services.promotions.verify(request.request_id, at=datetime.now(UTC))
    text = said(moved.visit("request", BEN, id=request.request_id))

    assert judged.missing_keys[BLUE] == 1
    assert "reference that Ada attached on" in judged.held[0]
    assert "Version 2 is held against a reference that **Ada** attached on" in text
    assert "not what the run logged" in text
    assert "key turned by Emil, which no longer matches" in text
