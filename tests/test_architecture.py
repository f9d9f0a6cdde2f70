"""The shape of the code, as tests: who may import what, and what every page must look like."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
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
    "mlflow": ("core/tracking", "core/demo", "core/inference/serve", "core/sandbox"),
    "sqlmodel": ("core/store", "core/bootstrap"),
    "sqlalchemy": ("core/store", "core/bootstrap"),
    "alembic": ("core/store",),
    "duckdb": ("core/drift/sources",),
    "plotly": ("core/demo", "components"),
}

# from the ground up: a module may import from its own layer and from those above it in this list
LAYERS = (
    *("core/errors", "core/values", "core/throttle", "core/glossary", "core/settings"),
    *("core/child_processes", "core/background_task", "core/read_cache", "core/identity"),
    *("core/tracking", "core/inference", "core/sandbox"),
    *("core/drift/values", "core/drift/statistics", "core/drift/calibration"),
    *("core/governance/comparison", "core/governance/rules", "core/store"),
    *("core/drift/profile", "core/drift/sources", "core/drift/windows", "core/drift/performance"),
    *("core/drift/references", "core/drift/forgetting", "core/drift/live_counts"),
    *("core/drift/counted_windows", "core/drift/multivariate", "core/drift/segments"),
    *("core/drift/hour_matching", "core/drift/window_judge", "core/drift/window_detail"),
    *("core/drift/table_comparison", "core/drift/monitor", "core/drift/look_ahead"),
    "core/drift/report",
    *("core/governance/figures", "core/governance/decisions", "core/governance/ledger"),
    *("core/governance/registry", "core/governance/use_cases"),
    *("core/notify", "core/worker", "core/bootstrap", "core/embedded_worker"),
    *("core/demo", "core/cli", "core/__main__"),
    *("components/shell", "components/figures", "components/runs", "components/compare"),
    *("components/request", "components/drift", "components/registry"),
    *("components/ledger", "components/policies", "pages", "app"),
)

PURE_FOLDERS = (
    *("core/values", "core/governance/rules", "core/governance/comparison"),
    *("core/drift/values", "core/drift/statistics", "core/drift/calibration"),
)
IMPURE = {"os", "pathlib", "time", "socket", "subprocess", "requests", "httpx", "logging", "random"}
IMPURE_CORE = ("core.store", "core.tracking", "core.inference", "core.sandbox", "core.bootstrap")
PURE_OF_AN_IMPURE_PACKAGE = {"core.inference.personal_columns", "core.inference.log_table"}


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


def module_name(path: Path) -> str:
    return relative(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


MODULES = {
    module_name(path): path
    for path in [*sources("core"), *sources("components"), *sources("pages"), ROOT / "app.py"]
}


def imported_modules(path: Path) -> set[str]:
    """The modules of the project that a file imports, wherever the statement stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in MODULES else node.module or "")
    return (found & MODULES.keys()) - {module_name(path)}


def layer_of(name: str) -> int | None:
    """The place of a module in `LAYERS`; None for packages that only hold others."""
    path = name.replace(".", "/")
    matching = [part for part in LAYERS if path == part or path.startswith(part + "/")]
    return LAYERS.index(max(matching, key=len)) if matching else None


def test_every_module_has_a_layer_and_every_layer_a_module() -> None:
    without = [
        name
        for name, path in MODULES.items()
        if layer_of(name) is None and path.name != "__init__.py"
    ]

    assert without == []
    assert [
        part for part in LAYERS if not (ROOT / part).is_dir() and not (ROOT / f"{part}.py").exists()
    ] == []


def test_the_drawing_shows_these_layers() -> None:
    page = (ROOT / "docs" / "internals.md").read_text("utf-8")
    drawing = page.split("```text")[1].split("```")[0].splitlines()
    drawn = [
        word
        for line in reversed(drawing)
        for word in line.split()
        if word in {"pages", "app"} or word.startswith(("core/", "components/"))
    ]

    assert tuple(drawn) == LAYERS


def test_no_arrow_runs_upwards() -> None:
    upwards = {
        f"{name} imports {other}"
        for name, path in MODULES.items()
        for other in imported_modules(path)
        if (here := layer_of(name)) is not None
        and (there := layer_of(other)) is not None
        and there > here
    }

    assert upwards == set()


def test_no_circle_of_imports_stands_anywhere() -> None:
    """Also within a package, and also through imports inside functions."""
    arrows = {name: imported_modules(path) for name, path in MODULES.items()}

    TopologicalSorter(arrows).prepare()  # raises CycleError, with the circle


def pure_modules() -> list[Path]:
    """All of the pure folders, and elsewhere each module whose docstring calls it pure."""
    return [
        path
        for name, path in MODULES.items()
        if any(relative(path).startswith(f"{folder}/") for folder in PURE_FOLDERS)
        or name == "core.identity.people"
        or "Pure" in (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n")[0]
    ]


def test_the_pure_ring_knows_no_outside_world() -> None:
    wrong = [
        f"{relative(path)} imports {module}"
        for path in pure_modules()
        for module in imports(path)
        if module.split(".")[0] in IMPURE | FOREIGN
        or (module.startswith(IMPURE_CORE) and module not in PURE_OF_AN_IMPURE_PACKAGE)
    ]

    assert wrong == []


def test_the_pure_ring_reads_no_clock() -> None:
    wrong = [
        f"{relative(path)}:{node.lineno}"
        for path in pure_modules()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}
    ]

    assert wrong == []


def test_no_module_name_stands_twice() -> None:
    """Commands, pages and repositories are called like their subject; their package says more."""
    by_name: dict[str, list[str]] = {}
    for path in MODULES.values():
        if not relative(path).startswith(SUBJECT_IN_ANOTHER_ROLE) and path.stem != "__init__":
            by_name.setdefault(path.stem, []).append(relative(path))

    assert {name: paths for name, paths in by_name.items() if len(paths) > 1} == {}


def test_no_public_class_name_means_two_things() -> None:
    by_name: dict[str, list[str]] = {}
    for path in MODULES.values():
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                by_name.setdefault(node.name, []).append(relative(path))

    assert {name: paths for name, paths in by_name.items() if len(paths) > 1} == {}


SUBJECT_IN_ANOTHER_ROLE = ("core/cli/", "core/store/", "pages/")


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
