"""Evidently and NannyML, each in an environment of its own: neither installs beside our stack."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent.parent
KEPT = ROOT / ".stile-bench"
REQUIREMENTS = {
    "evidently": ("evidently==0.7.23", "pandas==2.3.*"),
    "nannyml": ("nannyml==0.13.1", "pandas==2.3.*", "statsmodels", "setuptools<81"),
}
"""NannyML needs statsmodels and does not say so. Both are fastest on pandas 2.3 or alike."""


def environment(peer: str) -> Path:
    """The Python of the peer's environment, made on first use and kept."""
    wanted = REQUIREMENTS[peer]
    home = KEPT / wanted[0].replace("==", "-")
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        print(f"Installing {wanted[0]} into {home} (once)…", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
        subprocess.run([str(python), *install], check=True)
        (home / "complete").touch()
    return python


def ask(script: str, *arguments: str, peer: str | None = None) -> dict[str, Any]:
    """What the script prints as JSON in its last line, and its wall-clock seconds as `wall`."""
    python = sys.executable if peer is None else str(environment(peer))
    told = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "PYTHONWARNINGS": "ignore"}
    began = time.perf_counter()
    done = subprocess.run(
        [python, str(Path(__file__).parent / script), *arguments],
        env={**os.environ, **told, "PYTHONPATH": str(ROOT) if peer is None else ""},
        cwd=KEPT,
        capture_output=True,
        text=True,
        check=False,
    )
    taken = time.perf_counter() - began
    assert done.returncode == 0, f"{script} failed:\n{done.stderr[-3000:]}"
    return {**json.loads(done.stdout.strip().splitlines()[-1]), "wall": taken}
