"""Many registered models: which of them deserve a card, and a table that holds all of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pandas as pd
import streamlit as st

from components.shell import champion_state, frame
from core.drift.values.results import DriftVerdict
from core.governance.registry.reconciler import UnansweredFinding
from core.governance.rules.registry.production_timeline import Governed, ProductionInterval
from core.values.mlflow_entities import RegisteredModel

CARDS: Final = 8
"""A house of up to so many models shows each as a card; a larger one those that want a look."""
_FEW: Final = 4
_STANDS: Final = {
    Governed.GOVERNED: "✓ governed",
    Governed.UNGOVERNED: "✕ ungoverned",
    Governed.UNKNOWN: "– unknown",
}
_DRIFT: Final = {
    DriftVerdict.STABLE: "✓ stable",
    DriftVerdict.DRIFTING: "▲ drifting",
    DriftVerdict.NOT_EVALUABLE: "– not evaluable",
}


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model as the table shows it; `concern` is higher the sooner somebody should look."""

    model: RegisteredModel
    present: ProductionInterval | None
    drift: DriftVerdict
    requests: int
    findings: int

    @property
    def concern(self) -> tuple[int, int, int, int]:
        """Moved around Stile first, then what drifts, then what waits, then what serves at all."""
        around = self.present is not None and self.present.standing is Governed.UNGOVERNED
        drifts = self.drift is DriftVerdict.DRIFTING
        return self.findings + around, int(drifts), self.requests, int(self.present is not None)

    @property
    def wants_a_look(self) -> bool:
        """True if something is wrong or somebody waits."""
        return self.concern[:3] > (0, 0, 0)


def rows(
    models: Sequence[RegisteredModel],
    found: Sequence[UnansweredFinding],
    drift: Mapping[str, DriftVerdict],
) -> tuple[ModelRow, ...]:
    """Every model, the most pressing first, then by name."""
    read = champion_state.known()
    open_requests = frame.services().promotions.requests(waiting_only=True)
    waiting = Counter(request.model for request in open_requests)
    troubles = Counter(each.finding.model for each in found)
    all_rows = (
        ModelRow(
            m, champion_state.now(m, read=read), drift[m.name], waiting[m.name], troubles[m.name]
        )
        for m in models
    )
    return tuple(
        sorted(all_rows, key=lambda row: ([-each for each in row.concern], row.model.name))
    )


def cards(ordered: Sequence[ModelRow]) -> tuple[str, ...]:
    """The names of the models that get a card of their own."""
    if len(ordered) <= CARDS:
        return tuple(sorted(row.model.name for row in ordered))
    pressing = [row.model.name for row in ordered if row.wants_a_look][:CARDS]
    return tuple(pressing or [row.model.name for row in ordered[:_FEW]])


def draw(ordered: Sequence[ModelRow]) -> None:
    """Draw all models as a table that is searched and sorted in the browser."""
    wanting = sum(row.wants_a_look for row in ordered)
    st.subheader(
        f"All {len(ordered)} models · {wanting} want{'s' * (wanting == 1)} a look", anchor=False
    )
    st.dataframe(
        table(ordered),
        key="overview_models",
        hide_index=True,
        height=420,
        alt="Every registered model, the most pressing first",
        placeholder="–",
        column_config={
            "model": st.column_config.TextColumn(pinned=True),
            "champion": st.column_config.NumberColumn(format="%d"),
            "since": st.column_config.DatetimeColumn(format="D MMM YYYY HH:mm"),
            "waiting": st.column_config.NumberColumn("requests waiting", format="%d"),
            "versions": st.column_config.LinkColumn(display_text="Versions"),
            "drift page": st.column_config.LinkColumn("windows", display_text="Drift"),
        },
    )


def table(ordered: Sequence[ModelRow]) -> pd.DataFrame:
    """One row a model; an empty cell is what nobody knows or what never was."""
    frame_ = pd.DataFrame(
        {
            "model": row.model.name,
            "champion": None if row.present is None else row.present.version,
            "since": _since(row.present),
            "stands": "no champion" if row.present is None else _STANDS[row.present.standing],
            "drift": _DRIFT[row.drift],
            "waiting": row.requests,
            "versions": frame.url("versions", model=row.model.name),
            "drift page": frame.url("drift", model=row.model.name),
        }
        for row in ordered
    )
    return frame_.astype({"since": "datetime64[ms, UTC]", "champion": "Int64"})


def _since(present: ProductionInterval | None) -> datetime | None:
    if present is None or present.standing is not Governed.GOVERNED:
        return None
    return present.since
