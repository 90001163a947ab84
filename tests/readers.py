"""`export --format parquet` read by engines of the field: `make readers`.

python -m tests.readers

Needs polars and duckdb, beside pyarrow; with pyspark, and a Java for it, Spark reads it too.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import yaml
from pyarrow import dataset

from bridge.config import load
from bridge.ledger import Ledger
from tests.rig.years import fill

METERS, DAYS = 60, 61
LAST, PREFIX = date(2026, 11, 20), 541448820  # of half of the meters

Sums = dict[str, tuple[Decimal, int]]  # by EAN: what was counted, in how many rows


def by_pyarrow(folder: Path) -> Sums:
    table = dataset.dataset(folder, partitioning="hive").to_table()
    summed = table.group_by("ean").aggregate([("amount", "sum"), ("amount", "count")])
    return {row["ean"]: (row["amount_sum"], row["amount_count"]) for row in summed.to_pylist()}


def by_polars(folder: Path) -> Sums:
    scanned = pl.scan_parquet(folder, hive_partitioning=True)
    summed = scanned.group_by("ean").agg(pl.col("amount").sum(), pl.len()).collect()
    return {ean: (amount, count) for ean, amount, count in summed.iter_rows()}


def by_duckdb(folder: Path) -> Sums:
    summed = duckdb.sql(f"SELECT ean, sum(amount), count(*) FROM {_table(folder)} GROUP BY ean").fetchall()
    return {ean: (amount, count) for ean, amount, count in summed}


def by_spark(folder: Path) -> Sums:
    from pyspark.sql import SparkSession, functions  # noqa: PLC0415 - large, and seldom there

    with SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate() as spark:
        read = spark.read.parquet(str(folder))
        assert {"month", "prefix"} <= set(read.columns)
        summed = read.groupBy("ean").agg(functions.sum("amount"), functions.count("*")).collect()
    return {ean: (amount, count) for ean, amount, count in summed}


READERS: dict[str, Callable[[Path], Sums]] = {
    f"pyarrow {pa.__version__}": by_pyarrow,
    f"polars {pl.__version__}": by_polars,
    f"duckdb {duckdb.__version__}": by_duckdb,
    **({f"spark {version('pyspark')}": by_spark} if find_spec("pyspark") else {}),
}


def a_partition(folder: Path) -> tuple[int, int]:
    """How many rows polars and DuckDB find by the folders' names: of November, and EANs that begin alike."""
    wanted = (pl.col("month") == "2026-11") & (pl.col("prefix") == PREFIX)
    found = pl.scan_parquet(folder, hive_partitioning=True).filter(wanted).select(pl.len()).collect()
    asked = f"SELECT count(*) FROM {_table(folder)} WHERE month = '2026-11' AND prefix = {PREFIX}"
    return found.item(), duckdb.sql(asked).fetchall()[0][0]


def _table(folder: Path) -> str:
    return f"read_parquet('{folder}/**/*.parquet', hive_partitioning=true)"


def try_all(folder: Path) -> Iterator[str]:
    meters = [
        {"name": f"m{n}", "ean": f"{PREFIX + n % 2}{n:09}", "serial": f"1SAG110004{n:04}"}
        for n in range(METERS)
    ]
    account: dict[str, Any] = {"email": "you@home.test", "password": "simulated"}
    file = folder / "fluvius2mqtt.yaml"
    file.write_text(
        yaml.safe_dump({"fluvius": {"portal": account}, "meters": meters, "data_dir": str(folder)}), "utf-8"
    )
    file.chmod(0o600)
    with Ledger(folder / "ledger.sqlite") as ledger:
        fill(ledger, *load(file, {}).followed, until=LAST, days=DAYS)
        rows = ledger.store.rows(
            "SELECT ean, SUM(amount), COUNT(*) FROM reading JOIN meter ON meter.id = meter"
            " WHERE daily = 0 GROUP BY ean"
        )
    truth = {ean: (Decimal(amount).scaleb(-9), count) for ean, amount, count in rows}
    began, out = time.monotonic(), folder / "readings"
    words = ["--format", "parquet", "--resolution", "interval", "--output", str(out), "--config", str(file)]
    subprocess.run([sys.executable, "-m", "bridge", "export", *words], check=True, stderr=subprocess.PIPE)
    seconds, count = time.monotonic() - began, sum(count for _, count in truth.values())
    size = sum(file.stat().st_size for file in out.rglob("*.parquet"))
    yield f"{count} readings of {METERS} meters in {seconds:.1f} s, {size / count:.1f} bytes each"
    for name, read in READERS.items():
        assert read(out) == truth, name
        yield f"{name}: every amount"
    expected = METERS // 2 * LAST.day * 96 * 2
    assert a_partition(out) == (expected, expected)
    yield "a partition by its names: as many in polars and in DuckDB as there are"


def main() -> int:
    began = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder:
        for line in try_all(Path(folder)):
            print(line, flush=True)  # noqa: T201 - it is what this is for
    print(f"{(datetime.now(UTC) - began).total_seconds():.0f} s in all")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
