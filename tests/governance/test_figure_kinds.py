"""What was frozen before figures were declared in one place: same bytes, digests and words.

`frozen/*.json` is evidence of versions of the quick demonstration, written on 1 December 2026;
`*.facts.json` is what was said of it then, `words.json` how values beside it read.
"""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from components.request.request_view import figure_text
from core.governance.rules.evidence import Evidence
from core.governance.rules.policies.figure_catalogue import FIGURES, KINDS, value_in_words
from core.governance.rules.policies.figure_words import in_words
from core.identity.people import Side
from core.store.mapping import evidence_text, evidence_value

FROZEN: Final = Path(__file__).parent / "frozen"
NAMES: Final = ("flight-delay-5", "flight-delay-4", "flight-delay-1", "air-time-3")
WORDS: Final[list[tuple[str, Any, str]]] = json.loads((FROZEN / "words.json").read_text("utf-8"))


def stored(name: str) -> str:
    return (FROZEN / f"{name}.json").read_text("utf-8").rstrip("\n")


def evidence_of(name: str) -> Evidence:
    return evidence_value(stored(name))


def facts_of(name: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((FROZEN / f"{name}.facts.json").read_text("utf-8"))
    return facts


@pytest.mark.parametrize("name", NAMES)
def test_frozen_evidence_has_the_same_bytes_and_digests(name: str) -> None:
    evidence, facts = evidence_of(name), facts_of(name)

    assert evidence_text(evidence) == stored(name)
    assert evidence.digest == facts["evidence"]
    assert {side.value: evidence.pinned_digest(side) for side in Side} == facts["pinned"]


@pytest.mark.parametrize("name", NAMES)
def test_every_frozen_figure_is_declared_with_its_side_and_part(name: str) -> None:
    for figure in evidence_of(name).figures:
        kind = FIGURES[figure.name]
        assert figure.side in kind.sides, figure.name
        assert figure.part is kind.part, figure.name
        if kind.fields and isinstance(figure.value, dict) and not figure.is_pending:
            assert set(figure.value) <= set(kind.fields), figure.name


@pytest.mark.parametrize("name", NAMES)
def test_frozen_figures_read_as_they_did(name: str) -> None:
    read = {
        f"{figure.side.value} {figure.name}": [value_in_words(figure), figure_text(figure)]
        for figure in evidence_of(name).figures
        if figure.value is not None
    }

    assert read == facts_of(name)["words"]


@pytest.mark.parametrize(("name", "value", "words"), WORDS)
def test_values_read_as_they_did(name: str, value: Any, words: str) -> None:
    kind = FIGURES.get(name)

    assert (in_words if kind is None else kind.words)(value) == words


def test_a_name_is_declared_once() -> None:
    assert len(FIGURES) == len(KINDS)
