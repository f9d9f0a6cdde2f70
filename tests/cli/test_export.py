"""`export`: everything that was decided, verified by a script that knows nothing of Stile."""

import hashlib
import hmac
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from sqlalchemy import text

from core.bootstrap import open_services
from core.cli import export, run
from core.governance.ledger.export import VERIFIER
from core.governance.use_cases.breaking_glass import break_glass
from core.settings import load_settings
from core.store import transaction
from tests.mlflow_fixtures import *  # noqa: F403  fixtures are found by their names
from tests.pages.house import ADA, ANA, BEN, House

KEY = "the key of this ledger, sixteen"


@pytest.fixture(scope="module", params=["", KEY], ids=["plain", "sealed"])
def house(
    request: pytest.FixtureRequest, migrated_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """A house in which one version was promoted, one vetoed, and one let in by breaking glass."""
    home = tmp_path_factory.mktemp("house")
    shutil.copyfile(migrated_store, home / "mlflow.db")
    environment = {"STILE_HOME": str(home), "STILE_AUTH": "demo"}
    if request.param:
        environment["STILE_LEDGER_KEY"] = request.param
    house = House(open_services(load_settings(environment)))
    house.register(losses=(0.57, 0.53, 0.52))
    house.publish()
    house.promote()
    vetoed = house.open(3, by=ANA, comment="Better still \u2028 “quoted”.")
    house.services.promotions.reject(
        BEN, vetoed.request_id, text="No.", idempotency_key="no", at=vetoed.opened_at
    )
    broken = house.open(3, by=ANA, comment="All planes stand.")
    break_glass(
        house.services.store, ADA, broken.request_id, reason="The champion answers nonsense.",
        idempotency_key="glass", at=broken.opened_at,
    )  # fmt: skip
    house.work()
    house.open(1, by=ANA)  # still open: not a decision
    yield house
    house.services.store.engine.dispose()


@pytest.fixture
def stile(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.setenv("STILE_HOME", str(house.services.settings.home))
    monkeypatch.setenv("STILE_AUTH", "demo")
    if house.services.store.ledger_key:
        monkeypatch.setenv("STILE_LEDGER_KEY", KEY)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def command(*arguments: str) -> tuple[int, str, str]:
        app = typer.Typer()
        app.callback()(lambda: None)  # one command alone would lose its name
        export.register(app)
        capsys.readouterr()
        code = run(app, ["export", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


@pytest.fixture
def exported(stile: Callable[..., tuple[int, str, str]], tmp_path: Path) -> Path:
    folder = tmp_path / "the export"
    code, out, err = stile("--out", str(folder))
    assert code == 0, (out, err)
    return folder


def verify(folder: Path, *keys: str) -> tuple[int, str]:
    """What the script says in a Python that sees neither Stile nor its packages."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(folder / VERIFIER)],
        env={"LEDGER_KEYS": json.dumps(keys)},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def is_sealed(folder: Path) -> bool:
    return bool(read(folder / "export.json")["seal"])


def read(path: Path) -> Any:
    return json.loads(path.read_bytes())


def write(folder: Path, path: Path, document: Any, *, hide: bool = True) -> None:
    """Change a file, and as somebody would who wants to hide it, the table of contents too."""
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    path.write_bytes(content)
    told = read(folder / "export.json")
    if hide:
        told["files"][path.relative_to(folder).as_posix()] = hashlib.sha256(content).hexdigest()
        (folder / "export.json").write_text(json.dumps(told))


def test_an_export_holds_everything_and_is_whole(
    stile: Callable[..., tuple[int, str, str]], house: House, tmp_path: Path
) -> None:
    code, out, _ = stile("--out", str(tmp_path / "out"), "--json")

    told = json.loads(out)
    entries = house.services.store.entries()
    assert (code, told["ok"], told["entries"], told["head"]) == (
        0, True, len(entries), entries[-1].hash,
    )  # fmt: skip
    assert (told["bundles"], told["model_cards"]) == (3, 2)
    files = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")}
    assert files == {
        *("export.json", "ledger.jsonl", "anchors.json", VERIFIER),
        *("bundles/request-1.json", "bundles/request-2.json", "bundles/request-3.json"),
        *("model-cards/request-1.cdx.json", "model-cards/request-3.cdx.json"),
    }
    lines = (tmp_path / "out" / "ledger.jsonl").read_text("utf-8").split("\n")
    assert [json.loads(line)["hash"] for line in lines[:-1]] == [e.hash for e in entries]
    places = {anchor["place"] for anchor in read(tmp_path / "out" / "anchors.json")}
    assert places == {f"MLflow's tag on flight-delay{which}" for which in ("", " 2", " 3")}


def test_the_script_finds_nothing_in_an_honest_export(exported: Path) -> None:
    assert verify(exported, KEY) == (0, "Nothing is wrong.\n")
    assert verify(exported) == (0, "Nothing is wrong.\n")


def test_the_script_fits_on_a_screen_and_needs_the_standard_library_only() -> None:
    script = Path(export.exporting.__file__).parent / "standalone" / VERIFIER
    code = [line for line in script.read_text("utf-8").splitlines() if line.strip()]

    assert len(code) <= 70
    imported = {line.split()[1].split(".")[0] for line in code if "import " in line[:30]}
    assert imported <= sys.stdlib_module_names


@pytest.mark.parametrize("field", ["at", "actor", "kind", "body", "previous", "hash", "seq"])
def test_a_changed_line_of_the_ledger_is_found(exported: Path, field: str) -> None:
    lines = [json.loads(line) for line in ledger(exported)]
    lines[2][field] = 77 if field == "seq" else lines[2][field].replace("a", "b", 1) + " "
    write(exported, exported / "ledger.jsonl", as_lines(lines))

    code, says = verify(exported)

    assert code == 1
    assert says.startswith("entry 3: ")


def test_a_removed_line_and_a_cut_end_are_found(exported: Path) -> None:
    lines = [json.loads(line) for line in ledger(exported)]

    write(exported, exported / "ledger.jsonl", as_lines([*lines[:3], *lines[4:]]))
    assert verify(exported)[1].startswith("entry 4: ")
    write(exported, exported / "ledger.jsonl", as_lines(lines[:4]))
    assert "MLflow's tag on flight-delay" in verify(exported)[1]


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("evidence", lambda b: b["evidence"]["data_science"]["facts"].popitem()),
        ("evidence", lambda b: b["evidence"].pop("data_engineering")),
        ("verified", lambda b: b["verified"]["figures"][0].update(says="All is well.")),
        ("policy", lambda b: b["policy"].update(source=b["policy"]["source"] + "# harmless")),
        ("keys", lambda b: b["keys"][0].update(person="mallory")),
        ("findings", lambda b: b["findings"].update({"good-enough": "fail"})),
        ("plan", lambda b: b.update(plan="nothing at all")),
        ("request", lambda b: b["request"].update(number=99)),
    ],
)
def test_a_bundle_that_is_not_what_was_decided_is_found(
    exported: Path, part: str, change: Callable[[Any], object]
) -> None:
    path = exported / "bundles" / "request-1.json"
    bundle = read(path)
    change(bundle)
    write(exported, path, bundle)

    code, says = verify(exported)

    assert code == 1
    assert "request-1.json: " in says
    assert {"evidence": "digests"}.get(part, part) in says


def test_any_other_file_is_guarded_by_the_table_of_contents(exported: Path) -> None:
    card = exported / "model-cards" / "request-1.cdx.json"
    write(exported, card, {**read(card), "version": 2}, hide=False)

    assert "model-cards/request-1.cdx.json: missing, or changed" in verify(exported)[1]
    write(exported, card, read(card))  # and the table of contents by its seal, where there is one
    code, says = verify(exported, KEY)
    assert (code, "export.json: forged" in says) == (
        (1, True) if is_sealed(exported) else (0, False)
    )


def test_who_rewrites_the_whole_chain_without_the_key_is_found_out(exported: Path) -> None:
    lines = [json.loads(line) for line in ledger(exported)]
    lines[1]["actor"] = "mallory"
    link = lines[0]["hash"]
    for line in lines[1:]:
        line["previous"] = link
        content = {k: v for k, v in line.items() if k not in ("hash", "seal")}
        text_of = json.dumps(
            {**content, "domain": "stile-ledger-1"},
            sort_keys=True, ensure_ascii=False, separators=(",", ":"),
        )  # fmt: skip
        link = line["hash"] = hashlib.sha256(text_of.encode()).hexdigest()
        if line["seal"]:
            line["seal"] = hmac.new(b"a guess", link.encode(), "sha256").hexdigest()
    write(exported, exported / "ledger.jsonl", as_lines(lines))

    code, says = verify(exported, KEY)

    assert code == 1
    assert "remembers another entry" in says  # the anchors, in any case
    assert ("forged, its seal" in says) is is_sealed(exported)


def test_a_model_card_is_valid_cyclonedx_with_its_declarations(
    exported: Path, house: House
) -> None:
    text_of = (exported / "model-cards" / "request-1.cdx.json").read_text("utf-8")

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text_of) is None
    card = json.loads(text_of)
    model = card["metadata"]["component"]
    assert (model["type"], model["name"], model["version"]) == (
        "machine-learning-model", "flight-delay", "2",
    )  # fmt: skip
    metrics = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert {"type": "log_loss", "value": "0.53"} in metrics
    declared = card["declarations"]
    assert {a["bom-ref"] for a in declared["assessors"]} == {
        "key:data_science:ben", "key:data_engineering:emil",
    }  # fmt: skip
    assert [claim["predicate"] for claim in declared["claims"]] == [
        "good-enough: pass", "ledger-whole: pass",
    ]  # fmt: skip
    requirements = {r["bom-ref"] for r in card["definitions"]["standards"][0]["requirements"]}
    assert requirements == {
        line["requirement"] for a in declared["attestations"] for line in a["map"]
    }
    evidence = {e["bom-ref"] for e in declared["evidence"]}
    assert all(set(claim["evidence"]) <= evidence for claim in declared["claims"])
    assert "no compliance" in declared["affirmation"]["statement"]


def test_a_broken_glass_is_a_card_without_attestations(exported: Path) -> None:
    text_of = (exported / "model-cards" / "request-3.cdx.json").read_text("utf-8")

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text_of) is None
    assert json.loads(text_of)["declarations"]["attestations"] == []
    story = read(exported / "bundles" / "request-3.json")["story"]
    assert "The champion answers nonsense." in {line["text"] for line in story["comments"]}


def test_the_same_decision_gives_the_same_card(
    stile: Callable[..., tuple[int, str, str]], exported: Path, tmp_path: Path
) -> None:
    stile("--out", str(tmp_path / "again"))

    for name in ("bundles/request-1.json", "model-cards/request-1.cdx.json", "ledger.jsonl"):
        assert (tmp_path / "again" / name).read_bytes() == (exported / name).read_bytes()


def test_a_folder_with_something_in_it_is_refused(
    stile: Callable[..., tuple[int, str, str]], exported: Path
) -> None:
    code, out, err = stile("--out", str(exported))

    assert (code, out) == (1, "")
    assert "is not empty" in err
    assert verify(exported)[0] == 0


def test_a_broken_ledger_is_exported_as_it_is_and_ends_with_one(
    stile: Callable[..., tuple[int, str, str]], house: House, tmp_path: Path
) -> None:
    engine = house.services.store.engine
    guards = house.services.store.restore_guards
    try:
        with transaction.deciding(engine) as session:
            session.execute(text("DROP TRIGGER entries_no_update"))
            session.execute(text("UPDATE entries SET actor = 'eve' WHERE seq = 2"))

        code, out, _ = stile("--out", str(tmp_path / "out"), "--json")

        assert code == 1
        assert {f["flaw"] for f in json.loads(out)["findings"]} >= {"hash", "unguarded"}
        assert verify(tmp_path / "out")[1].startswith("entry 2: ")
    finally:
        with transaction.deciding(engine) as session:
            session.execute(text("UPDATE entries SET actor = 'ana' WHERE seq = 2"))
        guards()
    assert house.services.store.verify().ok


def ledger(folder: Path) -> list[str]:
    return (folder / "ledger.jsonl").read_text("utf-8").split("\n")[:-1]


def as_lines(lines: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()
