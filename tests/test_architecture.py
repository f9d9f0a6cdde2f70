"""The shape of the code, as tests: who may import what, and what every page must look like."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCREEN = {"streamlit", "plotly"}
FOREIGN = {"mlflow", "sqlmodel", "sqlalchemy", "duckdb", "ibis"}

# folder or file -> top-level imports that may never stand in it
FORBIDDEN: dict[str, set[str]] = {
    "core": {"streamlit", "components", "pages", "app"},
    "components": {*FOREIGN, "pages"},
    "components/figures": {"streamlit"},
    "pages": {*FOREIGN, "plotly"},
}

# a foreign world -> the only places that may talk to it
DOORS: dict[str, tuple[str, ...]] = {
    "mlflow": ("core/tracking", "core/demo", "core/live/serve", "core/sandbox"),
    "sqlmodel": ("core/store", "core/bootstrap"),
    "sqlalchemy": ("core/store", "core/bootstrap"),
    "alembic": ("core/store",),
    "duckdb": ("core/drift/sources",),
    "plotly": ("core/demo", "components"),
}

PURE = (
    *(
        f"core/governance/{m}.py"
        for m in ("aliases", "evidence", "checks", "requests", "judgement", "reviews")
    ),
    *(
        f"core/governance/policies/{m}.py"
        for m in [
            *("policy", "rules", "strict_yaml", "bars", "catalogue", "lint", "words", "margins"),
            *("backtest", "backtest_document", "proposals", "record", "questions"),
        ]
    ),
    *(
        f"core/governance/comparison/{m}.py"
        for m in [
            *("paired", "pairing", "losses", "resampling", "slices", "reliability"),
            *("baseline", "verdicts", "weighing"),
        ]
    ),
    *(
        f"core/governance/ledger/{m}.py"
        for m in ("entries", "chain", "anchors", "bundles", "model_card", "telling", "news")
    ),
    *(
        f"core/governance/registry/{m}.py"
        for m in ("flags", "timeline", "sightings", "reconciling", "conflicts")
    ),
    "core/governance/gathering/figures.py",
    *(
        f"core/drift/counting/{m}.py"
        for m in (
            "counts",
            "rebase",
            "captured",
            "withheld",
        )
    ),
    *(
        f"core/drift/judging/{m}.py"
        for m in (
            "statistics",
            "calibration",
            "assessment",
            "support",
            "exact",
            "levels",
            "replicas",
            "measuring",
            "hours",
        )
    ),
    *(
        f"core/drift/{m}.py"
        for m in (
            "report",
            "alerts",
        )
    ),
    *(
        f"core/drift/telling/{m}.py"
        for m in (
            "history",
            "sketch",
            "paper",
            "beside",
        )
    ),
    *(
        f"core/drift/outcomes/{m}.py"
        for m in (
            "estimated",
            "promise",
        )
    ),
    *(
        f"core/drift/together/{m}.py"
        for m in (
            "judged",
            "encoding",
            "reconstruction",
            "classifier",
        )
    ),
    *(f"core/drift/segments/{m}.py" for m in ("moved", "family", "choosing")),
    "core/identity/people.py",
)
IMPURE = {"os", "pathlib", "time", "socket", "subprocess", "requests", "httpx", "logging", "random"}
IMPURE_CORE = {"core.store", "core.tracking.client", "core.tracking.reader", "core.bootstrap"}


def sources(folder: str) -> list[Path]:
    """Every Python file below a folder of the project."""
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Every module a file imports, wherever the statement stands."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_imports_point_inwards(folder: str) -> None:
    wrong = [
        f"{relative(path)} imports {name}"
        for path in sources(folder)
        for name in imports(path)
        if name.split(".")[0] in FORBIDDEN[folder]
    ]

    assert wrong == []


@pytest.mark.parametrize("world", DOORS)
def test_each_foreign_world_has_its_doors(world: str) -> None:
    wrong = [
        f"{relative(path)} imports {name}"
        for folder in ("core", "components", "pages")
        for path in sources(folder)
        for name in imports(path)
        if name.split(".")[0] == world
        and not any(relative(path).startswith(door) for door in DOORS[world])
    ]

    assert wrong == []


def test_the_pure_ring_knows_no_outside_world() -> None:
    wrong = [
        f"{name} imports {module}"
        for name in PURE
        for module in imports(ROOT / name)
        if module.split(".")[0] in IMPURE | FOREIGN
        or any(module.startswith(part) for part in IMPURE_CORE)
    ]

    assert wrong == []


def test_the_pure_ring_reads_no_clock() -> None:
    wrong = [
        f"{name}:{node.lineno}"
        for name in PURE
        for node in ast.walk(ast.parse((ROOT / name).read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}
    ]

    assert wrong == []


def test_no_foreign_text_is_drawn_as_html_and_nothing_is_unpickled() -> None:
    banned = ("unsafe_allow_html=True", "pickle.load", "joblib.load")
    wrong = [
        f"{relative(path)}: {phrase}"
        for folder in ("core", "components", "pages")
        for path in sources(folder)
        for phrase in banned
        if phrase in path.read_text("utf-8").replace(" ", "")
    ]

    assert wrong == []


def test_no_file_outgrows_a_reader() -> None:
    long = {
        relative(path): lines
        for folder in ("core", "components", "pages")
        for path in sources(folder)
        if (lines := len(path.read_text("utf-8").splitlines())) > 500
    }

    assert long == {}


def test_every_part_that_runs_by_itself_asks_first_who_is_looking() -> None:
    """The gate checks a websocket once, when it opens; a session may end long before it closes."""
    careless = []
    for path in [*sources("pages"), *sources("components")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            timed = any("run_every" in ast.unparse(d) for d in node.decorator_list)
            if timed and "frame.require(" not in ast.unparse(node) and node.name not in HARMLESS:
                careless.append(f"{relative(path)}: {node.name}")

    assert careless == []


HARMLESS = {"_tracking_health"}  # a dot and a clock, in the frame itself
