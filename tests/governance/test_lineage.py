"""What a model asks for is a text anybody can write: it is read, never obeyed."""

from datetime import UTC, datetime

import pytest

from core.governance.figures.lineage import (
    ModelPackaging,
    dependencies_figure,
    packages_in,
    size_figure,
)
from core.governance.rules.evidence import EvidencePart, FigureStatus
from core.governance.rules.figure_writer import FigureWriter
from core.identity.people import Side
from core.values.mlflow_entities import ModelFiles

SCRIBE = FigureWriter(
    Side.DATA_ENGINEERING, EvidencePart.PINNED, datetime(2026, 11, 20, tzinfo=UTC)
)


def packed(requirements: str, *, sizes: tuple[int | None, ...] = (10,)) -> ModelPackaging:
    files = ModelFiles({f"file-{i}": size for i, size in enumerate(sizes)}, {})
    return ModelPackaging(files, packages_in({"requirements.txt": requirements}))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("numpy==2.4.6", {"numpy": "2.4.6"}),
        ("Scikit_Learn >= 1.9, < 2", {"scikit-learn": ">= 1.9, < 2"}),
        ("uvicorn[standard]==0.30 ; python_version < '4'", {"uvicorn": "0.30"}),
        ("pandas  # tables", {"pandas": ""}),
        ("# only a remark", {}),
        ("", {}),
        ("--index-url https://evil", {"--index-url https://evil": ""}),
        ("a @ git+https://evil/x", {"a @ git+https://evil/x": ""}),
        ("../model", {"../model": ""}),
    ],
)
def test_a_line_of_requirements(line: str, found: dict[str, str]) -> None:
    assert packages_in({"requirements.txt": f"{line}\n"}) == found


def test_pythons_own_version_is_one_of_them() -> None:
    texts = {"requirements.txt": "", "python_env.yaml": "python: 3.11.7\nbuild_dependencies: []\n"}

    assert packages_in(texts) == {"python": "3.11.7"}


def test_the_same_packages_in_another_order_and_spelling_do_not_differ() -> None:
    ours, theirs = packed("numpy==2\nscikit-learn==1.9\n"), packed("Scikit_learn==1.9\nnumpy==2\n")

    found = dependencies_figure(ours, theirs, source="m 2", scribe=SCRIBE)

    assert isinstance(found.value, dict)
    assert found.value["differs"] is False
    assert found.says == "The same 2 packages as the champion."


def test_a_version_that_does_not_say_what_it_needs_is_not_evaluable() -> None:
    unknown = ModelPackaging(None, None, "m 1 points outside of its run.")

    for ours, theirs in ((unknown, packed("a==1")), (packed("a==1"), unknown)):
        found = dependencies_figure(ours, theirs, source="m 2", scribe=SCRIBE)
        assert (found.status, found.says) == (FigureStatus.NOT_EVALUABLE, unknown.problem)


def test_a_size_nobody_tells_is_not_evaluable_and_no_zero() -> None:
    found = size_figure(packed("a", sizes=(10, None)), None, source="m 2", scribe=SCRIBE)

    assert found.status is FigureStatus.NOT_EVALUABLE


def test_a_model_twice_as_large_as_the_champions() -> None:
    found = size_figure(packed("a", sizes=(10, 10)), packed("a"), source="m 2", scribe=SCRIBE)

    assert found.value == {"bytes": 20, "files": 2, "champion_bytes": 10, "ratio": 2.0}
