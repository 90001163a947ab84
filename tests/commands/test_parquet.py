"""`fluvius2mqtt export --format parquet`: a data set of the same readings, whole or not there."""

import json
import signal
import subprocess
import sys
import tracemalloc
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import dataset, parquet

from bridge.exporting import Export, Wanted
from bridge.exporting import parquet as written
from tests.rig.commands import COULD_NOT, DONE, WRONG, environment, typed
from tests.rig.reading import Reader
from tests.rig.world import HOME, World
from tests.rig.years import fill

Rows = list[dict[str, Any]]


def exported(reader: Reader, *options: str) -> Path:
    folder = reader.world.folder / "readings"
    ended = reader.types("export", "--format", "parquet", "--output", str(folder), *options)
    assert (ended.status, ended.out) == (DONE, ""), ended.error
    return folder


def rows_of(folder: Path) -> Rows:
    """All of them, as a program reads them: partitions are columns too."""
    rows: Rows = dataset.dataset(folder, partitioning="hive").to_table().to_pylist()
    return rows


def as_json(reader: Reader, *options: str) -> Rows:
    text = reader.types("export", "--format", "json", *options).out
    lines: Rows = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    return [
        {
            **line,
            "date": date.fromisoformat(line["date"]),
            **{edge: datetime.fromisoformat(line[edge]) for edge in ("start", "end")},
            "month": line["date"][:7],
            "prefix": int(line["ean"][:9]),
        }
        for line in lines
    ]


@pytest.mark.parametrize("resolution", ["day", "interval"])
def test_it_holds_what_json_holds(reader: Reader, resolution: str) -> None:
    reader.world.changes["schedule.lookback_days"] = 7
    reader.fetch("2026-10-29 09:00")  # over a change of the clocks
    options = "--resolution", resolution
    rows, lines = rows_of(exported(reader, *options)), as_json(reader, *options)
    assert len(rows) > 40
    assert {row["unit"] for row in rows} == {"kWh", "m³"}

    def key(row: dict[str, Any]) -> tuple[Any, ...]:
        return row["ean"], row["start"], row["direction"], row["tariff"], row["unit"]

    assert sorted(rows, key=key) == sorted(lines, key=key)


def test_a_partition_is_a_month_of_meter_days_and_the_eans_that_begin_alike(reader: Reader) -> None:
    reader.world.meters = [HOME, {**HOME, "name": "far", "ean": "541449012000000002"}]
    with reader.world.ledger() as ledger:
        for name in "home", "far":
            fill(ledger, reader.world.meter(name), until=date(2026, 11, 20), days=60)
    folder = exported(reader, "--from", "2026-10-30", "--to", "2026-11-02", "--resolution", "interval")
    files = sorted(folder.rglob("*.parquet"))
    assert [str(file.relative_to(folder)) for file in files] == [
        f"month={month}/prefix={prefix}/readings-0.parquet"
        for month in ("2026-10", "2026-11")
        for prefix in ("541448820", "541449012")
    ]
    for file in files:
        table = parquet.ParquetFile(file).read()
        assert table.schema.equals(written.SCHEMA)
        assert {f"{day:month=%Y-%m}" for day in table["date"].to_pylist()} == {file.parent.parent.name}
        assert table.num_rows == 2 * 96 * 2
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in [folder, *folder.rglob("*=*")]} == {0o700}


def test_amounts_are_exact_decimals_and_times_instants(reader: Reader) -> None:
    reader.world.changes["schedule.lookback_days"] = 7
    reader.fetch("2026-10-29 09:00")
    folder = exported(reader, "--meter", "home")
    table = dataset.dataset(folder, partitioning="hive").to_table()
    assert table.schema.field("amount").type == pa.decimal128(19, 9)
    assert table.schema.field("start").type == pa.timestamp("us", tz="UTC")
    sums: dict[tuple[str, str, str], Decimal] = {}
    for row in table.to_pylist():
        key = row["direction"], row["tariff"], row["unit"]
        sums[key] = sums.get(key, Decimal(0)) + row["amount"]
    assert sums == reader.world.truth(HOME["ean"], date(2026, 10, 22), date(2026, 10, 28))


def test_what_is_not_in_it_is_said_beside_it(reader: Reader) -> None:
    reader.fetch()
    folder = reader.world.folder / "readings"
    ended = reader.types("export", "--format", "parquet", "--output", str(folder))
    assert ended.error.startswith(f"{folder}: ")
    assert "readings, from 2026-10-18 to 2026-11-20" in ended.error


def test_where_there_is_too_much_for_one_file_there_are_several(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written, "_PORTION", 50)
    monkeypatch.setattr(written, "_GROUP", 2)
    monkeypatch.setattr(written, "_FILE", 10)
    reader.fetch()
    folder = exported(reader, "--resolution", "interval", "--meter", "home", "--from", "2026-11-01")
    counts = {file.name: parquet.ParquetFile(file).metadata.num_rows for file in folder.rglob("*.parquet")}
    assert counts == {
        **{f"readings-{number}.parquet": 1000 for number in range(3)},
        "readings-3.parquet": 20 * 96 * 2 - 3000,
    }
    assert len({(row["start"], row["direction"]) for row in rows_of(folder)}) == 20 * 96 * 2


# --- whole, or not there


def test_what_is_there_stays_as_it_is(reader: Reader) -> None:
    reader.fetch()
    folder = reader.world.folder / "readings"
    folder.mkdir()
    ended = reader.types("export", "--format", "parquet", "--output", str(folder))
    assert ended.status == COULD_NOT
    assert f"{folder} already exists and is left as it is" in ended.error
    assert list(folder.parent.glob("readings*")) == [folder]


def test_what_appears_meanwhile_stays_as_it_is_too(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    reader.fetch()
    folder = reader.world.folder / "readings"
    monkeypatch.setattr("bridge.commands.export.Export.data_set", lambda *_: folder.mkdir())
    assert reader.types("export", "--format", "parquet", "--output", str(folder)).status == COULD_NOT
    assert list(folder.parent.glob("readings*")) == [folder]


def test_a_place_that_cannot_be_written_is_said(reader: Reader) -> None:
    reader.fetch()
    place = reader.world.folder / "nowhere" / "readings"
    ended = reader.types("export", "--format", "parquet", "--output", str(place))
    assert ended.status == COULD_NOT
    assert ended.complaint == [f"fluvius2mqtt: {place} cannot be written (No such file or directory)"]


FULL = """
import resource, sys
from bridge.commands import export, main
from bridge.exporting import parquet
sys.dont_write_bytecode = True  # or half of it would stay
resource.setrlimit(resource.RLIMIT_FSIZE, (40000, 40000))  # enough for what SQLite keeps beside the ledger
sys.exit(main())
"""


def test_a_disk_that_is_full_leaves_nothing(reader: Reader) -> None:
    reader.world.meters = [{**HOME, "name": f"n{n}", "ean": f"54144882000000000{n}"} for n in range(4)]
    with reader.world.ledger() as ledger:
        fill(ledger, *reader.world.settings.followed, until=date(2026, 11, 20), days=20)
    folder = reader.world.folder / "readings"
    words = ["export", "--format", "parquet", "--resolution", "interval", "--output", str(folder)]
    config = ["--config", str(reader.world.write_configuration())]
    ended = typed(reader.world.folder, *words, *config, program=[sys.executable, "-c", FULL])
    assert ended.status == COULD_NOT
    assert ended.complaint == [f"fluvius2mqtt: {folder} cannot be written (File too large)"]
    assert list(folder.parent.glob("readings*")) == []


SLOW = """
import sys, time
from bridge.exporting import parquet
from bridge.commands import main
parquet._batch = lambda rows: (print("at work", flush=True), time.sleep(60))
sys.exit(main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_export_leaves_nothing(reader: Reader, number: signal.Signals) -> None:
    reader.fetch()
    folder = reader.world.folder / "readings"
    words = ["export", "--format", "parquet", "--output", str(folder)]
    config = ["--config", str(reader.world.write_configuration())]
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, *words, *config],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "at work\n"
        assert list(folder.parent.glob("readings*"))
        process.send_signal(number)
        _, error = process.communicate(timeout=10)
    assert (process.returncode, error) == (COULD_NOT, "fluvius2mqtt: interrupted\n")
    assert list(folder.parent.glob("readings*")) == []


# --- what goes together


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "--format parquet writes a folder; add --output and the name of a new one"),
        (["--output", "x", "--decimal", "comma"], "--decimal and --delimiter are for --format csv"),
        (["--output", "x", "--raw", "--fetch"], "--raw is JSON"),
    ],
)
def test_what_does_not_go_together_is_said(reader: Reader, words: list[str], complaint: str) -> None:
    reader.fetch()
    ended = reader.types("export", "--format", "parquet", *words)
    assert (ended.status, len(ended.complaint)) == (WRONG, 1)
    assert complaint in ended.error


def test_costs_are_for_the_other_formats(reader: Reader) -> None:
    reader.fetch()
    reader.world.changes["prices"] = [
        {"from": "2026-01-01", "consumption": {"energy": 0.1, "grid": 0.05}, "vat": 6}
    ]
    ended = reader.types("export", "--format", "parquet", "--output", "x", "--costs")
    assert ended.status == WRONG
    assert "--costs is for --format csv and --format json" in ended.error


# --- however much there is


def test_two_months_need_no_more_memory_than_one(desk: World) -> None:
    peaks, counts = [], []
    with desk.ledger() as ledger:
        meter = desk.meter()
        fill(ledger, meter, until=date(2026, 11, 30), days=61)
        for first in date(2026, 11, 1), date(2026, 10, 1):
            wanted = Wanted("parquet", first, date(2026, 11, 30), resolution="interval")
            export = Export(desk.settings, ledger, wanted, desk.clock() + timedelta(days=20))
            folder = desk.folder / f"{first}"
            folder.mkdir()
            tracemalloc.start()
            try:
                export.data_set(folder)
                peaks.append(tracemalloc.get_traced_memory()[1])
            finally:
                tracemalloc.stop()
            counts.append(export.summary().partition(" ")[0])
    assert counts == ["5760", "11720"]  # one day has 25 hours
    assert peaks[1] < peaks[0] * 1.3
