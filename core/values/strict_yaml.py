"""YAML as people expect it: words stay words, nothing is said twice, every line is known."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import yaml

from core.errors import Refused
from core.values.canonical_json import JsonValue

MAX_CHARACTERS: Final = 64_000
MAX_DEPTH: Final = 12

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class TextPlace:
    """Where a text value stands in its file, so that a position inside it can be found there."""

    line: int
    column: int
    is_block: bool
    is_exact: bool

    def of(self, line: int, column: int) -> tuple[int, int | None]:
        """Line and column in the file (both from 1); no column where folding has moved it."""
        if not self.is_exact:
            return self.line, None
        if self.is_block:
            return self.line + line, self.column + column - 1
        return self.line, self.column + column - 1


@dataclass(frozen=True, slots=True)
class Document:
    """What a YAML text says, and the line (from 1) on which each part of it begins."""

    content: Mapping[str, JsonValue]
    lines: Mapping[Path, int]
    places: Mapping[Path, TextPlace] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """The line of a part, or of the nearest part around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_document(source: str, *, what: str) -> Document:
    """The mapping a YAML text holds.

    A smaller YAML than YAML 1.1: `off` and `no` are words, not False; dates are text; anchors,
    tags and repeated keys are refused, because a reader would overlook what they do to a rule.

    Raises
    ------
    Refused
        Not such a text; the message begins with `what` and names the line.
    """
    if len(source) > MAX_CHARACTERS:
        raise Refused(f"{what} is longer than {MAX_CHARACTERS} characters; shorten it.")
    try:
        _look_through(source, what)
        node = yaml.compose(source, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise Refused(f"{what}{where}: {error.problem or error.context}.") from error
    except yaml.YAMLError as error:  # a character YAML does not allow
        raise Refused(f"{what} is not YAML: {str(error).splitlines()[0]}.") from error
    if not isinstance(node, yaml.MappingNode):
        raise Refused(f"{what} must be a list of `name: value` lines.")
    reading = _Reading(what, source.splitlines())
    content = reading.mapping(node, ())
    return Document(content=content, lines=reading.lines, places=reading.places)


class _Loader(yaml.SafeLoader):
    """Resolves numbers, true, false and null; everything else is text."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 (PyYAML's own name for a class-wide table)


_FIRST_OF_NUMBER: Final = list("-+0123456789")
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|false)$", list("tf")),
    ("null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("int", r"^[-+]?(?:0|[1-9][0-9]{0,17})$", _FIRST_OF_NUMBER),
    ("float", r"^[-+]?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][-+]?[0-9]{1,3})?$", _FIRST_OF_NUMBER),
):
    # yaml.resolver compiles the pattern once; "int" stands before "float", so the first one wins
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def _look_through(source: str, what: str) -> None:
    """Refuse what the composer would follow blindly: anchors, tags, depth, a second document."""
    depth, documents = 0, 0
    for event in yaml.parse(source, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Refused(f"{what}, line {line}: write it out; anchors and aliases are not read.")
        if getattr(event, "tag", None):
            raise Refused(f"{what}, line {line}: tags (`!…`) are not read; remove it.")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise Refused(f"{what}, line {line}: nested too deeply.")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise Refused(f"{what}, line {line}: one file holds one document.")


@dataclass(slots=True)
class _Reading:
    """One pass over the nodes of a text, noting where each part begins."""

    what: str
    source: list[str]
    lines: dict[Path, int] = field(default_factory=dict)
    places: dict[Path, TextPlace] = field(default_factory=dict)

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, JsonValue]:
        content: dict[str, JsonValue] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or not key.tag.endswith(":str"):
                raise Refused(f"{self.what}, line {line}: a name must be a word.")
            if key.value in content:
                raise Refused(f"{self.what}, line {line}: “{key.value}” is said twice.")
            self.lines[(*path, key.value)] = line
            content[key.value] = self.value(value, (*path, key.value))
        return content

    def value(self, node: yaml.Node, path: Path) -> JsonValue:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        text = str(node.value)
        if isinstance(node, yaml.ScalarNode):
            self.places[path] = self._place(node, text)
        match node.tag.rpartition(":")[2]:
            case "bool":
                return text == "true"
            case "null":
                return None
            case "int":
                return int(text)
            case "float":
                return float(text)
            case _:
                return text

    def _place(self, node: yaml.ScalarNode, text: str) -> TextPlace:
        start, line = node.start_mark, node.start_mark.line + 1
        if node.style == "|":
            first = self.source[line] if line < len(self.source) else ""
            indent = len(first) - len(first.lstrip(" "))
            return TextPlace(line, indent + 1, is_block=True, is_exact=True)
        column = start.column + (2 if node.style in {"'", '"'} else 1)
        written = self.source[start.line][column - 1 :] if start.line < len(self.source) else ""
        return TextPlace(line, column, is_block=False, is_exact=written.startswith(text))
