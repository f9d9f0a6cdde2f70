"""Spark counts what DuckDB counts, by the contract of test_engines.py; where there is Java."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.drift import sources
from core.drift.sources.engines import spark
from tests.drift import pyspark_apart
from tests.drift.test_engines import ProfileContract

pytestmark = [
    pytest.mark.spark,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore"),  # PySpark's own, and many
]


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A small Spark of this file's own; whatever it writes is in a folder of the tests."""
    folder = tmp_path_factory.mktemp("spark")
    with pyspark_apart.importable(), pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("PYTHONPATH", "SPARK_HOME"):
            patch.delenv(name, raising=False)
        patch.setenv("PYSPARK_SUBMIT_ARGS", shlex.join(_arguments(folder)))
        with spark() as opened:
            yield opened
            _end(opened._session)


def _arguments(folder: Path) -> list[str]:
    """How to start a Spark that is small, quick for small tables, and heard by nobody else."""
    of_java = f"-Djava.io.tmpdir={folder} -XX:-UsePerfData -XX:TieredStopAtLevel=1"
    conf = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": of_java,
        "spark.ui.enabled": "false",
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.shuffle.partitions": "2",
        "spark.default.parallelism": "2",
    }
    settings = [part for name, value in conf.items() for part in ("--conf", f"{name}={value}")]
    return ["--master", "local[2]", "--driver-memory", "1g", *settings, "pyspark-shell"]


def _end(session: Any) -> None:
    """End Spark and its Java, whose memory the other tests may need."""
    gateway = session.sparkContext._gateway
    session.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()  # it reads this to its end, and ends
    gateway.proc.wait(timeout=60)


class TestSpark(ProfileContract):
    def table(self, connection: Any, rows: pa.Table, folder: Path) -> Any:
        path = folder / f"spark-{rows.num_rows}.parquet"
        pq.write_table(rows, path, coerce_timestamps="us")
        return sources.table_of(connection, [path])
