"""Rows that are kept of an attached reference: a bounded sample, for what counts cannot answer.

One Parquet file a version, below `references/` of Stile's home. Columns that capture drops or
hashes are in none of them; rows are erased by id, and a sample goes with its reference, or once it
is older than captured rows may be.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.inference.log_folder import file_names, references_folder, removing, write_whole

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ROWS: Final = 20_000
_CELLS: Final = 4_000_000
_FEWEST: Final = 1_000


def limit_of(columns: int) -> int:
    """How many rows are kept at most of a reference with so many columns."""
    return max(_FEWEST, min(MOST_ROWS, _CELLS // max(1, columns)))


def sample_of(files: Sequence[Path], *, but: Collection[str]) -> "pa.Table":
    """Rows of these files, evenly spread, without the columns of `but`; ids and times stay.

    Raises
    ------
    Refused
        They cannot be read.
    """
    from core.drift import sources  # Ibis takes a while to import, and is rarely needed
    from core.drift.sources.event_tables import RENAMED
    from core.drift.windows import row_samples

    with sources.embedded() as connection:
        table = sources.table_of(connection, list(files))
        marked = {*but, *(f"{RENAMED}{name}" for name in but)}
        named = [name for name in table.columns if name not in marked]
        some = row_samples.spread(
            table, int(table.count().to_pyarrow().as_py()), limit_of(len(named))
        )
        kept: pa.Table = some.select(*named).to_pyarrow()
        return kept


def keep(home: Path, model: str, version: int, sample: "pa.Table") -> str:
    """The name of the file in which the sample is kept."""
    name = next(file_names())
    write_whole(sample, _folder(home, model, version), name)
    return name


def path_of(home: Path, model: str, version: int, name: str) -> Path | None:
    """Where the sample of this name is; None when it is not kept any more, or not here."""
    path = _folder(home, model, version) / name
    return path if name and path.is_file() else None


def forget(home: Path, model: str, version: int, *, but: str = "") -> None:
    """Remove the samples of the version, except for the one of this name."""
    with removing(home):
        for path in _folder(home, model, version).glob("*.parquet"):
            if path.name != but:
                path.unlink(missing_ok=True)


def _folder(home: Path, model: str, version: int) -> Path:
    return references_folder(home, model) / str(version)
