"""Where references, inference logs and labels are read: the one door to the engines.

Imported when something is read, because Ibis takes a while to import.
"""

from core.drift.sources.engines import embedded, engine_of, translated
from core.drift.sources.event_tables import (
    FILE,
    between,
    in_utc,
    logged_inputs,
    naive_utc,
    named_table,
    table_of,
)
from core.drift.sources.inference_log import (
    PARTS_AT_ONCE,
    InferenceLog,
    LogDay,
    LogPart,
    LogReading,
    cannot_read,
    captured_labels,
    captured_log,
    read_log,
)
from core.drift.sources.log_files import LogFile, label_files, log_files, readable
from core.drift.sources.reference_rows import LearntRows, RowsInFile, RowsOfDays
from core.drift.sources.table_counts import countable, profiles_of, reference_of

__all__ = [
    "FILE",
    "PARTS_AT_ONCE",
    "InferenceLog",
    "LearntRows",
    "LogDay",
    "LogFile",
    "LogPart",
    "LogReading",
    "RowsInFile",
    "RowsOfDays",
    "between",
    "cannot_read",
    "captured_labels",
    "captured_log",
    "countable",
    "embedded",
    "engine_of",
    "in_utc",
    "label_files",
    "log_files",
    "logged_inputs",
    "naive_utc",
    "named_table",
    "profiles_of",
    "read_log",
    "readable",
    "reference_of",
    "table_of",
    "translated",
]
