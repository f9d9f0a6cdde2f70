"""The ledger on screen: plain words, filters in the URL, and whether the chain is whole."""

import io
import zipfile

from core.tracking.mlflow_registry import MlflowRegistry
from tests.pages.house import ADA, MODEL, VERA, House, keys_of, text_of


def test_an_empty_ledger_says_what_becomes_entry_one(empty_house: House) -> None:
    app = empty_house.visit("ledger", VERA)

    assert app.title[0].value == "0 entries, chain whole"
    assert "Nothing has been decided yet" in text_of(app)


def test_a_promotion_reads_as_plain_words_newest_first(house: House) -> None:
    house.promote()

    app = house.visit("ledger", VERA)

    lines = [str(m.value) for m in app.markdown if " · " in str(m.value)]
    entries = len(house.services.store.entries())
    assert app.title[0].value == f"{entries} entries, chain whole"
    assert "is kept with its run as stile/decision-1.json" in lines[0].replace("\\", "")
    assert "is promoted: MLflow confirmed it" in lines[1].replace("\\", "")
    assert any("Emil turned the data engineering key on" in line for line in lines)
    assert "Ada published policy 1" in lines[-1]


def test_the_url_filters_by_person_and_by_kind(house: House) -> None:
    house.promote()

    app = house.visit("ledger", VERA, person=ADA, kind="policy_published")

    lines = [str(m.value) for m in app.markdown if " · " in str(m.value)]
    assert len(lines) == 1
    assert "Ada" in lines[0]


def test_one_entry_shows_its_hash_and_its_body(house: House) -> None:
    entry = house.services.store.entries()[0]

    app = house.visit("ledger", VERA, entry=1)

    assert entry.hash in app.code[0].value
    assert entry.previous in app.code[0].value
    assert app.json[0].value == entry.body


def test_clicking_a_number_puts_the_entry_into_the_url(house: House) -> None:
    app = house.visit("ledger", VERA)

    app.button(key="ledger_entry_1").click().run()

    assert app.query_params["entry"] == "1"


def test_the_ledger_is_compared_with_the_anchors_in_mlflow(house: House) -> None:
    app = house.visit("ledger", VERA)
    app.button(key="ledger_compare").click().run()
    assert "MLflow holds no anchor yet" in text_of(app)
    assert not app.success  # nothing was compared: that is no pass
    house.promote()

    app.button(key="ledger_compare").click().run()

    (kept,) = [e for e in house.services.store.entries() if e.kind == "decision_kept"]
    anchored = kept.seq - 1  # what is kept with the run is told after the anchors
    assert f"2 anchors in MLflow agree: nothing up to entry {anchored}" in text_of(app)
    registry = MlflowRegistry(house.services.tracking.door)
    registry.set_model_tag(MODEL, "stile.ledger_anchor", f"99:{'a' * 64}")
    app.button(key="ledger_compare").click().run()
    assert "remembers entry 99" in text_of(app)
    assert not app.success


def test_an_export_is_prepared_and_downloaded(house: House) -> None:
    house.promote()
    app = house.visit("ledger", VERA)
    assert "ledger_download" not in keys_of(app)

    app.button(key="ledger_prepare").click().run()

    assert not app.exception
    packed, exported, _ = app.session_state["ledger.export"]
    names = zipfile.ZipFile(io.BytesIO(packed)).namelist()
    assert {"ledger.jsonl", "verify_export.py", "bundles/request-1.json"} <= set(names)
    assert exported.findings == ()
    assert len(app.get("download_button")) == 1
