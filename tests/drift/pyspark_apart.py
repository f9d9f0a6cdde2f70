"""PySpark for the tests, installed apart: it is 450 MB that the app never needs.

Run as a script (`make test`, `make spark`) it installs what is missing where there is a Java for
it, and says in one sentence where there is none.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / ".spark"
OLDEST_JAVA: Final = 17
PYSPARK: Final = "pyspark==4.3.0"
PY4J: Final = "py4j==0.10.9.9"


def why_not() -> str:
    """Why nothing can be counted on Spark here, in a sentence; "" when it can."""
    if trouble := java_trouble():
        return trouble
    if not FOLDER.exists():
        return "Spark is not tested: `make spark` installs pyspark apart and tests it."
    return ""


def java_trouble() -> str:
    """What is wrong with the Java here, in a sentence; "" when Spark can use it."""
    needed = f"Spark is not tested: it needs Java {OLDEST_JAVA} or newer, and"
    java = _java()
    if java is None:
        return f"{needed} there is none here."
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    if found is None or int(found[1]) < OLDEST_JAVA:
        return f"{needed} {java} is {found[1] if found else 'none that works'}."
    return ""


def provide() -> None:
    """Install PySpark into `FOLDER`.

    pip would make a wheel of the source package only to unpack it again, which takes a minute.
    What lies in it is ready to be used, so it is only unpacked.
    """
    if FOLDER.exists():
        return
    sys.stdout.write("Installing pyspark apart, for the tests (once, about 450 MB)…\n")
    sys.stdout.flush()
    part = FOLDER.with_name(f"{FOLDER.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    _pip("install", "--target", part, PY4J)
    _pip("download", "--dest", part, "--no-binary", "pyspark", PYSPARK)
    (package,) = part.glob("pyspark-*.tar.gz")
    with tarfile.open(package) as packed:
        for member in packed:
            member.name = member.name.partition("/")[2]  # without the folder of the release
            if member.name.startswith(("pyspark/", "deps/jars/", "deps/bin/")):
                packed.extract(member, part, filter="data")
    package.unlink()
    for name in ("bin", "jars"):  # where its own setup.py puts them
        (part / "pyspark" / name).symlink_to(Path("..", "deps", name))
    part.rename(FOLDER)


@contextmanager
def importable() -> Iterator[None]:
    """PySpark can be imported inside; outside everything is as without it."""
    before = set(sys.modules)
    sys.path.append(str(FOLDER))
    try:
        yield
    finally:
        sys.path.remove(str(FOLDER))
        for name in set(sys.modules) - before:
            if name.partition(".")[0] in {"pyspark", "py4j"}:
                del sys.modules[name]


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return shutil.which(f"{home}/bin/java" if home else "java")


def _pip(command: str, *arguments: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", command, "--quiet", "--no-deps", *arguments], check=False
    )
    if done.returncode != 0:
        sys.exit("PySpark for the tests could not be installed: see pip's message above.")


def main() -> None:
    """Install what is missing, or say why not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--required", action="store_true", help="fail where there is no Java")
    required = parser.parse_args().required
    if trouble := java_trouble():
        sys.stderr.write(f"{trouble}\n")
        sys.exit(1 if required else 0)
    provide()


if __name__ == "__main__":
    main()
