"""Where the rows of a model are: what is captured here or, if somebody described one, a source."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import Refused
from core.inference.log_folder import captured_models, inference_folder
from core.store.sources import KeptListings, SourceStore

if TYPE_CHECKING:
    from core.drift.sources.described_logs import DescribedLogs


@dataclass(frozen=True, slots=True)
class LogPlaces:
    """The logs of models; what is counted of one place is kept under its name."""

    home: Path
    sources: SourceStore | None = None

    def place(self, model: str) -> str:
        """The name of the described place; "" is the log that is captured here."""
        source = None if self.sources is None else self.sources.get(model)
        return "" if source is None else source.place

    def segments(self, model: str) -> tuple[str, ...] | None:
        """By which columns its description says that rows are cut; None where it says nothing.

        A description that cannot be read any more says nothing: opening its log tells why.
        """
        source = None if self.sources is None else self.sources.get(model)
        return None if source is None else _segments(source.description)

    def has_inputs(self, model: str) -> bool:
        """True if rows of the model were ever captured here, or somebody described where they are.

        Cheap: nothing is opened. In a house of many models most are not served at all.
        """
        return inference_folder(self.home, model).is_dir() or bool(self.place(model))

    def with_inputs(self) -> frozenset[str]:
        """The models of which that is true, all at once."""
        described = () if self.sources is None else self.sources.all()
        return captured_models(self.home) | {source.model for source in described}

    def logs(self, model: str, *, at: datetime | None = None) -> "DescribedLogs":
        """The rows and labels of a model, listed when asked for.

        Raises
        ------
        Refused
            Its description cannot be used any more.
        """
        from core.drift import sources  # Ibis takes a while to import, and is rarely needed
        from core.drift.sources.described_logs import DescribedLogs, described_logs
        from core.drift.sources.source_description import read_description

        source = None if self.sources is None else self.sources.get(model)
        if source is None or self.sources is None:
            return DescribedLogs(
                sources.captured_log(self.home, model), sources.captured_labels(self.home, model)
            )
        return described_logs(
            read_description(source.description, what=f"The source of {model}"),
            Path(source.folder),
            at=at or datetime.now(UTC),
            listings=KeptListings(self.sources.engine, model, source.place),
        )


@lru_cache(maxsize=500)
def _segments(text: str) -> tuple[str, ...] | None:
    from core.drift.sources.source_description import (
        read_description,  # Ibis takes a while to import
    )

    try:
        return read_description(text, what="The source").segments
    except Refused:
        return None
