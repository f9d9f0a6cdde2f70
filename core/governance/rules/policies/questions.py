"""What no figure can answer: questions of a policy that whoever turns a key attests. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from core.identity.people import Side


@dataclass(frozen=True, slots=True)
class Question:
    """One statement that a key of its side vouches for; `asks` is the question in full."""

    question_id: str
    side: Side
    asks: str


def asked_of(questions: Sequence[Question], side: Side) -> tuple[Question, ...]:
    """The questions of one side, in the order of the policy."""
    return tuple(each for each in questions if each.side is side)


def unanswered(
    questions: Sequence[Question], side: Side, attested: Collection[str]
) -> tuple[Question, ...]:
    """The questions of a side that the person has not attested."""
    return tuple(q for q in asked_of(questions, side) if q.question_id not in attested)


def in_words(questions: Sequence[Question]) -> Iterator[str]:
    """One sentence a question, for reading a policy."""
    for each in questions:
        yield f"Whoever turns the {each.side.label} key attests: {each.asks}"
