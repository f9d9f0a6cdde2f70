"""Foreign bytes: shown as what they are, refused when they are not."""

import io
import json

import pandas as pd
import pytest
from PIL import Image

from components.runs import artifact_view
from components.runs.artifact_view import ArtifactKind
from core.errors import Refused
from core.values.mlflow_entities import ArtifactFile


def figure(**changes: object) -> bytes:
    document: dict[str, object] = {"data": [{"type": "scatter", "x": [1], "y": [2]}], "layout": {}}
    return json.dumps(document | changes).encode()


def test_a_plotly_figure_is_built_as_data() -> None:
    drawn = artifact_view.read_figure(figure(layout={"title": {"text": "ROC"}}))

    assert drawn is not None
    assert drawn.layout.title.text == "ROC"


def test_json_that_is_no_figure_is_no_figure() -> None:
    for content in (b"{}", b"[1, 2]", b"not json", b"[" * 100_000, b'{"data": 3}'):
        assert artifact_view.read_figure(content) is None


def test_pictures_from_elsewhere_and_foreign_controls_are_left_out() -> None:
    layout = {"images": [{"source": "http://evil.example/x.png"}], "updatemenus": [{}], "width": 9}

    drawn = artifact_view.read_figure(figure(layout=layout))

    assert drawn is not None
    assert drawn.layout.images == ()
    assert drawn.layout.updatemenus == ()
    assert drawn.layout.width is None


@pytest.mark.parametrize(
    "traces",
    [[{"type": "scattermapbox"}], [{"type": "table"}], ["x"], [{"type": "scatter", "mode": 7}]],
)
def test_a_figure_that_is_not_valid_is_refused(traces: list[object]) -> None:
    with pytest.raises(Refused):
        artifact_view.read_figure(figure(data=traces))


def test_a_figure_and_its_image_are_one_picture() -> None:
    names = ["plots/roc.png", "plots/roc.json", "eval/importance.json", "a.png", "notes.txt"]

    found = artifact_view.pictures([ArtifactFile(name, False, 1) for name in names])

    assert found["plots/roc"] == artifact_view.Picture(
        "plots/roc", "plots/roc.json", "plots/roc.png"
    )
    assert set(found) == {"plots/roc", "a"}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a/b.PNG", ArtifactKind.IMAGE), ("t.parquet", ArtifactKind.TABLE),
        ("r.html", ArtifactKind.HTML),
        ("model/MLmodel", ArtifactKind.TEXT), ("model.pkl", ArtifactKind.OTHER),
        ("x.svg", ArtifactKind.TEXT),
    ],
)  # fmt: skip
def test_a_kind_is_known_from_the_name(path: str, kind: ArtifactKind) -> None:
    assert artifact_view.kind_of(path) is kind


def test_tables_are_read_up_to_a_thousand_rows() -> None:
    rows = pd.DataFrame({"a": range(1500), "b": ["x"] * 1500})
    parquet = io.BytesIO()
    rows.to_parquet(parquet)

    assert len(artifact_view.read_table(parquet.getvalue(), "t.parquet")) == 1000
    assert len(artifact_view.read_table(rows.to_csv(index=False).encode(), "t.csv")) == 1000


@pytest.mark.parametrize("path", ["t.parquet", "t.csv"])
def test_what_is_no_table_is_refused(path: str) -> None:
    with pytest.raises(Refused, match="cannot be read as a table"):
        artifact_view.read_table(b'"\x00\xff', path)


def test_sizes_are_said_in_words() -> None:
    assert artifact_view.size(None) == ""
    assert artifact_view.size(999) == "999 bytes"
    assert artifact_view.size(1_500_000) == "1.5 MB"


def test_an_image_is_measured_before_it_is_shown() -> None:
    content = io.BytesIO()
    Image.new("1", (7_000, 7_000)).save(content, "PNG")

    with pytest.raises(Refused, match="7,000 by 7,000"):
        artifact_view.show_image(content.getvalue(), "big.png")
