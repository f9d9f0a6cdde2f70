"""Artifacts of a run, shown by their kind. Every byte is foreign: read as data, never run."""

import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import urlencode

import pandas as pd
import plotly.graph_objects as go
import pyarrow as pa
import pyarrow.parquet as pq
import streamlit as st
from PIL import Image, UnidentifiedImageError

from components.shell import frame, queries, theme
from core.errors import Refused
from core.values.mlflow_entities import ArtifactFile, RunId

_MB: Final = 1_000_000
_LARGEST_SHOWN: Final = 16 * _MB
_LARGEST_FIGURE: Final = 4 * _MB
_LARGEST_DOWNLOAD: Final = 50 * _MB
_LARGEST_GROUP: Final = 500 * _MB
_MOST_PIXELS: Final = 40_000_000
_ROWS_SHOWN: Final = 1_000
_TEXT_SHOWN: Final = 200_000
_TRACES: Final = frozenset(
    {"scatter", "bar", "histogram", "box", "violin", "heatmap", "contour", "histogram2d", "pie"}
)


class ArtifactKind(StrEnum):
    """How an artifact is shown; known from its name, checked when it is opened."""

    IMAGE = "image"
    FIGURE_OR_JSON = "json"
    TABLE = "table"
    HTML = "html"
    TEXT = "text"
    OTHER = "other"


_KINDS: Final = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".gif", ".webp"), ArtifactKind.IMAGE),
    ".json": ArtifactKind.FIGURE_OR_JSON,
    **dict.fromkeys((".csv", ".tsv", ".parquet"), ArtifactKind.TABLE),
    **dict.fromkeys((".html", ".htm"), ArtifactKind.HTML),
    **dict.fromkeys(
        (".txt", ".md", ".log", ".yaml", ".yml", ".py", ".toml", ".cfg", ".ini", ".sql", ".svg"),
        ArtifactKind.TEXT,
    ),
}


@dataclass(frozen=True, slots=True)
class Picture:
    """Something of a run that can be looked at: one artifact without its ending."""

    stem: str
    figure: str | None
    image: str | None


def kind_of(path: str) -> ArtifactKind:
    """The kind a file's name gives away."""
    name = PurePosixPath(path).name
    if name in {"MLmodel", "Dockerfile", "requirements.txt"}:
        return ArtifactKind.TEXT
    return _KINDS.get(PurePosixPath(path).suffix.lower(), ArtifactKind.OTHER)


def pictures(files: Sequence[ArtifactFile]) -> dict[str, Picture]:
    """The pictures of a run by path without ending; a figure and its image are one picture."""
    found: dict[str, Picture] = {}
    for file in files:
        kind = kind_of(file.path)
        stem = file.path.rpartition(".")[0]
        if file.is_dir or kind not in {ArtifactKind.IMAGE, ArtifactKind.FIGURE_OR_JSON}:
            continue
        before = found.get(stem, Picture(stem, None, None))
        if kind is ArtifactKind.IMAGE:
            found[stem] = Picture(stem, before.figure, file.path)
        else:
            found[stem] = Picture(stem, file.path, before.image)
    # JSON beside no image is a picture only in a folder that says so: most JSON is not.
    return {
        stem: picture
        for stem, picture in sorted(found.items())
        if picture.image or "plot" in stem.lower() or "fig" in stem.lower()
    }


def read_figure(content: bytes) -> go.Figure | None:
    """The Plotly figure that these bytes describe, built as plain data; None when they do not.

    Only known kinds of traces, no images (they may point anywhere), no frames, no foreign template.

    Raises
    ------
    Refused
        It says it is a figure, but is not a valid one.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not isinstance(document.get("data"), list):
        return None
    traces = [trace for trace in document["data"] if isinstance(trace, dict)]
    unknown = {str(trace.get("type", "scatter")) for trace in traces} - _TRACES
    if unknown or len(traces) != len(document["data"]):
        raise Refused(f"This figure has traces Stile does not draw: {', '.join(sorted(unknown))}.")
    given = document.get("layout")
    layout = dict(given) if isinstance(given, dict) else {}
    for name in ("images", "template", "sliders", "updatemenus", "width", "height"):
        layout.pop(name, None)
    try:
        return go.Figure(data=traces, layout=layout)
    except (ValueError, TypeError) as error:
        raise Refused("This is not a valid Plotly figure; log it again.") from error


def show_picture(
    run_id: RunId, picture: Picture, *, key: str, colour: str, height: int = 320
) -> None:
    """Draw a picture: the figure where it is one, in the run's colour; else its image."""
    if picture.figure is not None:
        content = queries.artifact(run_id, picture.figure, _LARGEST_FIGURE)
        figure = read_figure(content)
        if figure is not None:
            _recolour(figure, colour)
            _draw(figure, key=key, alt=picture.stem, height=height)
            return
    if picture.image is not None:
        show_image(queries.artifact(run_id, picture.image, _LARGEST_SHOWN), picture.image)
    else:
        st.caption("Not a figure.")


def _recolour(figure: go.Figure, colour: str) -> None:
    """Give the line that matters (the one with most points) the colour of its run."""
    lines = [trace for trace in figure.data if trace.type == "scatter" and trace.x is not None]
    if lines:
        longest = max(lines, key=lambda trace: len(trace.x))
        longest.update(line={"color": colour}, marker={"color": colour})


def show(run_id: RunId, file: ArtifactFile) -> None:
    """Draw one artifact by its kind, with a download that fetches it only when asked."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{theme.plain(file.path)}** :small[{size(file.size)}]")
        st.download_button(
            "Download",
            data=lambda: queries.artifact(run_id, file.path, _LARGEST_DOWNLOAD),
            file_name=PurePosixPath(file.path).name,
            mime="application/octet-stream",
            icon=":material/download:",
            key=f"artifact_download_{file.path}",
            on_click="ignore",
        )
    try:
        _by_kind(run_id, file)
    except Refused as refused:
        st.info(theme.plain(refused), icon=":material/info:")


def size(size_bytes: int | None) -> str:
    """A file's size in words."""
    if size_bytes is None:
        return ""
    if size_bytes < 1_000:
        return f"{size_bytes} bytes"
    power = min(3, int(math.log10(size_bytes) // 3))
    return f"{size_bytes / 1000**power:.1f} {('', 'kB', 'MB', 'GB')[power]}"


def _by_kind(run_id: RunId, file: ArtifactFile) -> None:
    kind = kind_of(file.path)
    if kind is ArtifactKind.OTHER:
        frame.empty("No preview for this kind of file.", next_step="Download it to look inside.")
        return
    if kind is ArtifactKind.HTML:
        query = urlencode({"run_id": run_id, "path": file.path})
        st.iframe(f"/artifact?{query}", height=520, alt=file.path)
        st.caption("Shown in a sandbox: its scripts see neither Stile nor the network.")
        return
    content = queries.artifact(run_id, file.path, _LARGEST_SHOWN)
    match kind:
        case ArtifactKind.IMAGE:
            show_image(content, file.path)
        case ArtifactKind.TABLE:
            _table(read_table(content, file.path), file.path)
        case ArtifactKind.FIGURE_OR_JSON:
            figure = read_figure(content) if len(content) <= _LARGEST_FIGURE else None
            if figure is not None:
                _draw(figure, key=f"artifact_{file.path}", alt=file.path, height=420)
            else:
                _json(content)
        case ArtifactKind.TEXT:
            _text(content)


def read_table(content: bytes, path: str) -> pd.DataFrame:
    """The first thousand rows of a CSV, TSV or Parquet file; raises `Refused` when it is none."""
    stream = io.BytesIO(content)
    try:
        if path.lower().endswith(".parquet"):
            file = pq.ParquetFile(stream)
            if file.num_row_groups and file.metadata.row_group(0).total_byte_size > _LARGEST_GROUP:
                raise Refused("This table unpacks to too much to be shown; download it.")
            batch = next(file.iter_batches(batch_size=_ROWS_SHOWN), None)
            empty = file.schema_arrow.empty_table()
            table = empty if batch is None else pa.Table.from_batches([batch])
            # The file's own pandas metadata is foreign: it may not choose index or types.
            rows: pd.DataFrame = table.to_pandas(ignore_metadata=True)
            return rows
        separator = "\t" if path.lower().endswith(".tsv") else ","
        return pd.read_csv(stream, sep=separator, nrows=_ROWS_SHOWN)
    except (pa.ArrowException, ValueError, OSError, pd.errors.ParserError) as error:
        raise Refused("This file cannot be read as a table; download it to look inside.") from error


def _table(table: pd.DataFrame, path: str) -> None:
    plain = table.copy(deep=False)
    for name in plain.columns:
        if plain[name].dtype == object:  # mixed types make Arrow fail
            plain[name] = plain[name].astype("string")
    st.dataframe(plain, hide_index=True, key=f"artifact_rows_{path}", alt=path)
    if len(table) == _ROWS_SHOWN:
        st.caption(f"The first {_ROWS_SHOWN:,} rows.")


def show_image(content: bytes, path: str) -> None:
    """Draw an image once it is known to be one of a sane size; raises `Refused` otherwise."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise Refused("This file is not an image that can be shown; download it.") from error
    if width * height > _MOST_PIXELS:
        raise Refused(f"This image has {width:,} by {height:,} pixels; download it to look at it.")
    st.image(content, alt=path, width="stretch" if width >= 480 else "content")


def _json(content: bytes) -> None:
    try:
        document: Any = json.loads(content)  # Any: foreign JSON, only shown
    except (ValueError, RecursionError):
        _text(content)
        return
    if isinstance(document, (dict, list)):
        st.json(document, expanded=2)
    else:
        _text(content)


def _text(content: bytes) -> None:
    text = content[:_TEXT_SHOWN].decode("utf-8", errors="replace")
    st.code(text, language=None, wrap_lines=True)
    if len(content) > _TEXT_SHOWN:
        st.caption(f"The first {_TEXT_SHOWN:,} bytes.")


def _draw(figure: go.Figure, *, key: str, alt: str, height: int) -> None:
    figure.update_layout(template=theme.template(frame.mode()), height=height)
    figure.update_layout(margin={"l": 8, "r": 8, "t": 40, "b": 8})
    st.plotly_chart(figure, theme=None, key=key, alt=alt, config={"displaylogo": False})
