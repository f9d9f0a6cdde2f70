"""The engines that count: an embedded DuckDB, PostgreSQL and Spark, opened for one call."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb
import ibis
import psycopg
import pyarrow as pa
from ibis.common.exceptions import IbisError

from core.drift.values.engine_name import Engine
from core.errors import Refused, Unavailable

ATTACHED: Final = "attached"
"""The name under which a DuckDB file is attached to the embedded engine."""
_MEMORY: Final = "400MB"
_PATIENCE_S: Final = 10
_LONGEST: Final = 200

# Our unions have a selection for each column. Looking for selections that could be merged takes up
# to a third of the time to compile them, and engines plan both forms alike.
ibis.options.sql.fuse_selects = False


@contextmanager
def embedded(file: Path | None = None) -> Iterator[Any]:  # Any: Ibis backends are untyped
    """An embedded DuckDB for one call: in memory, in UTC, without extensions from the network.

    A DuckDB `file` is attached to it, only to be read.
    """
    connection = ibis.duckdb.connect(
        memory_limit=_MEMORY,
        autoinstall_known_extensions="false",
        preserve_insertion_order="false",  # then both cores work on a file of one row group
        perfect_ht_threshold=20,  # counts by column and bin are then kept in an array
        TimeZone="UTC",
    )
    try:
        with translated():
            if file is not None:
                _attach(connection, file)
            yield connection
    finally:
        connection.disconnect()


@contextmanager
def postgresql(url: str) -> Iterator[Any]:  # Any: as above
    """A PostgreSQL session in UTC.

    Raises
    ------
    Unavailable
        It does not answer. The message never holds the URL, which may hold a password.
    """
    try:
        raw = psycopg.connect(url, connect_timeout=_PATIENCE_S, autocommit=False)
        raw.execute("SET TIME ZONE 'UTC'")
        raw.commit()
        connection = ibis.postgres.from_connection(raw)
    except psycopg.ProgrammingError as error:  # the URL itself; its text may be in the message
        raise Refused(
            "The URL of the PostgreSQL database cannot be read: write"
            " postgresql://user:password@host/database."
        ) from error
    except (psycopg.Error, IbisError) as error:
        raise Unavailable(
            f"PostgreSQL does not answer: {first_line(error)} Check its URL and that it runs."
        ) from error
    try:
        with translated():
            yield connection
    finally:
        connection.disconnect()


@contextmanager
def spark() -> Iterator[Any]:  # Any: as above
    """A Spark session in UTC: the one that is running here, else one started by its own settings.

    Raises
    ------
    Refused
        PySpark or Java is not installed.
    """
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise Refused(
            "Spark is not installed here: `pip install pyspark` (it also needs Java 17 or newer)."
        ) from error
    try:
        session = SparkSession.builder.appName("stile").getOrCreate()
    except (PySparkException, OSError, RuntimeError) as error:
        raise Refused(
            f"Spark does not start: {first_line(error)} It needs Java 17 or newer (JAVA_HOME)."
        ) from error
    session.conf.set("spark.sql.session.timeZone", "UTC")
    connection = ibis.pyspark.connect(session)
    try:
        with translated():
            yield connection
    except PySparkException as error:
        raise _not_profiled(error) from error


def engine_of(engine: Engine, url_from: str = "") -> AbstractContextManager[Any]:  # Any: as above
    """The engine of this name; `url_from` names the environment variable with a URL."""
    match engine:
        case Engine.DUCKDB:
            return embedded()
        case Engine.SPARK:
            return spark()
        case Engine.POSTGRES:
            return postgresql(url_in(url_from))


def url_in(variable: str) -> str:
    """The URL of a database, from an environment variable.

    Raises
    ------
    Refused
        No variable was named, or it is not set.
    """
    if not variable:
        raise Refused("Say with --url-from which environment variable holds the database's URL.")
    url = os.environ.get(variable, "")
    if not url:
        raise Refused(
            f"The environment variable {variable} is not set: put the URL of the database into it,"
            " as in postgresql://user:password@host/database."
        )
    return url


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of engines inside into `Refused`, with what to do."""
    try:
        yield
    except (duckdb.Error, IbisError, pa.ArrowException, psycopg.Error) as error:
        raise _not_profiled(error) from error


def first_line(error: BaseException) -> str:
    """What an engine says, in one sentence of bearable length."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:_LONGEST].rstrip(".") + "."


def _not_profiled(error: Exception) -> Refused:
    return Refused(
        f"The data could not be profiled: {first_line(error)} "
        "Check that the file or table is complete and its columns keep their types."
    )


def _attach(connection: Any, file: Path) -> None:  # Any: as above
    if not file.is_file():
        raise Refused(f"{file} is not there: give the path of a DuckDB file.")
    try:
        connection.attach(str(file), name=ATTACHED, read_only=True)
    except duckdb.Error as error:
        raise Refused(
            f"{file} cannot be opened: {first_line(error)} Close the program that writes to it, or"
            " let it export Parquet files."
        ) from error
