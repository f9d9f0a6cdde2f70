"""Real MLflow models in folders: one that scikit-learn trained, and some that misbehave."""

import json
import warnings
from pathlib import Path
from typing import Final

import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from sklearn.linear_model import LogisticRegression

ROWS: Final = pd.DataFrame({"a": [0.5, -1.0, 2.0], "b": [1.0, 0.0, -2.0]})

_CODE: Final = """
import os, subprocess, sys, time
import numpy as np

class Strange:
    def predict(self, rows, params=None):
{predict}

def _load_pyfunc(path):
{load}
    return Strange()
"""


def trained(folder: Path, *, seed: int = 0) -> Path:
    """A logistic regression with an input example."""
    draw = np.random.default_rng(seed)
    rows = pd.DataFrame({"a": draw.normal(size=200), "b": draw.normal(size=200)})
    model = LogisticRegression().fit(rows, (rows["a"] > 0).astype(float))
    with warnings.catch_warnings():  # MLflow's own way of reading an example warns in pandas
        warnings.simplefilter("ignore")
        mlflow.sklearn.save_model(
            model,
            str(folder / "model"),
            input_example=ROWS,
            signature=ModelSignature(Schema([ColSpec("double", name) for name in ROWS.columns])),
            pip_requirements=["scikit-learn"],
        )
    return folder


def strange(
    folder: Path, *, load: str = "pass", predict: str = "return np.ones(len(rows))"
) -> Path:
    """A model whose own code does this when it is loaded and when it predicts."""
    code = folder / "model" / "code"
    code.mkdir(parents=True)
    name = f"strange_{folder.name}"
    (code / f"{name}.py").write_text(
        _CODE.format(predict=_indented(predict, 8), load=_indented(load, 4))
    )
    example = {"columns": list(ROWS.columns), "data": ROWS.to_numpy().tolist()}
    (folder / "model" / "input_example.json").write_text(json.dumps(example))
    (folder / "model" / "MLmodel").write_text(
        "flavors:\n  python_function:\n"
        f"    code: code\n    loader_module: {name}\n    data: code\n"
        "saved_input_example_info:\n"
        "  artifact_path: input_example.json\n  pandas_orient: split\n  type: dataframe\n"
    )
    return folder


def _indented(lines: str, by: int) -> str:
    return "\n".join(" " * by + line for line in lines.splitlines())
