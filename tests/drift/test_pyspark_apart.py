"""Where Spark cannot be tested, one sentence says why."""

from pathlib import Path

import pytest

from tests.drift import pyspark_apart

NEEDED = "Spark is not tested: it needs Java 17 or newer, and"


def a_java(folder: Path, says: str) -> None:
    program = folder / "bin" / "java"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("says", "trouble"),
    [
        ('openjdk version "17.0.15" 2025-04-15', ""),
        ('openjdk version "21" 2023-09-19', ""),
        ('java version "1.8.0_392"', f"{NEEDED} {{}}/bin/java is 8."),
        ('openjdk version "11.0.2"', f"{NEEDED} {{}}/bin/java is 11."),
        ("Unable to locate a Java Runtime.", f"{NEEDED} {{}}/bin/java is none that works."),
    ],
)
def test_a_java_is_asked_for_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, trouble: str
) -> None:
    a_java(tmp_path, says)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    assert pyspark_apart.java_trouble() == trouble.format(tmp_path)


@pytest.mark.parametrize("variable", ["JAVA_HOME", "PATH"])
def test_where_there_is_no_java_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv(variable, str(tmp_path))

    assert pyspark_apart.why_not() == f"{NEEDED} there is none here."
