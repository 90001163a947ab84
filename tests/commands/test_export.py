"""`fluvius2mqtt export`: what is written is what the meters counted, and a file is whole or not there."""

import csv
import io
import json
import signal
import sqlite3
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bridge.fluvius.http import PoliteSession
from bridge.folder.claim import claim
from bridge.ledger import migrations
from bridge.metering.meterday import day_of, end_of, intervals_of, start_of
from bridge.metering.model import BRUSSELS, Energy
from bridge.simulator import DEFAULT_METERS, Simulator
from tests.rig.commands import COULD_NOT, DONE, REFUSED, WITH_SMALL_FILES, WRONG, environment, run, typed
from tests.rig.mosquitto import eventually
from tests.rig.provider import Provider
from tests.rig.reading import Reader
from tests.rig.world import GAS, HOME, SHED, Clock, World

Amounts = dict[tuple[str, str, str], Decimal]
COLUMNS = [
    "meter", "ean", "date", "start", "end", "direction", "tariff", "amount", "unit", "validated", "complete",
]  # fmt: skip


def lines_of(text: str, delimiter: str = ",") -> list[dict[str, str]]:
    """A CSV file as a program reads it."""
    lines = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
    return [
        {**line, "meter": line["meter"].removeprefix("EAN "), "ean": _digits(line["ean"])} for line in lines
    ]


def _digits(ean: str) -> str:
    """Without the word that keeps a spreadsheet from taking 18 digits for a number, and rounding it."""
    assert ean.startswith("EAN ")
    return ean.removeprefix("EAN ")


def sums(lines: Sequence[dict[str, Any]]) -> Amounts:
    """What they add up to, in the simulator's words."""
    found: Amounts = defaultdict(Decimal)
    for line in lines:
        unit = line["unit"].replace("m3", "m³")
        found[line["direction"], line["tariff"], unit] += Decimal(line["amount"])
    return dict(found)


@pytest.mark.parametrize("resolution", ["day", "interval"])
@pytest.mark.parametrize("meter", [HOME, GAS], ids=["home", "gas"])
@pytest.mark.parametrize(
    ("morning", "changed"), [("2026-10-29 09:00", "2026-10-25"), ("2026-04-02 09:00", "2026-03-29")]
)
def test_the_sums_are_the_meters_own_over_a_change_of_the_clocks(
    reader: Reader, morning: str, changed: str, meter: dict[str, str], resolution: str
) -> None:
    reader.world.meters = [meter]
    reader.world.changes["schedule.lookback_days"] = 7
    reader.fetch(morning)
    day = date.fromisoformat(changed)
    span = ["--from", str(day - timedelta(days=1)), "--to", changed]
    ended = reader.types("export", "--format", "csv", "--resolution", resolution, *span)
    assert (ended.status, ended.error) == (DONE, "")
    lines = lines_of(ended.out)
    true = reader.world.truth(meter["ean"], day - timedelta(days=1), day)
    assert sums(lines) == {key: amount for key, amount in true.items() if amount or resolution == "day"}
    if resolution == "interval":
        starts = [datetime.fromisoformat(line["start"]) for line in lines if line["date"] == changed]
        assert sorted(set(starts)) == intervals_of(day, Energy(meter.get("energy", "electricity")))


@pytest.mark.parametrize("resolution", ["day", "interval"])
def test_a_line_says_what_was_counted_when_in_local_time(reader: Reader, resolution: str) -> None:
    reader.fetch("2026-10-29 09:00")
    lines = lines_of(reader.types("export", "--format", "csv", "--resolution", resolution).out)
    assert list(lines[0]) == COLUMNS
    for line in lines:
        energy = Energy.GAS if line["meter"] == "gas" else Energy.ELECTRICITY
        start, end = (datetime.fromisoformat(line[edge]) for edge in ("start", "end"))
        assert line["start"] == start.astimezone(BRUSSELS).isoformat(timespec="seconds")
        assert line["date"] == day_of(start, energy).isoformat()
        if resolution == "interval":
            assert end - start == timedelta(minutes=15 if energy is Energy.ELECTRICITY else 60)
        else:
            day = date.fromisoformat(line["date"])
            assert (start, end) == (start_of(day, energy), end_of(day, energy))
    assert {line["meter"] for line in lines} == {"home", "gas"} | ({"shed"} if resolution == "day" else set())
    assert {line["tariff"] for line in lines if line["meter"] == "shed"} <= {"total"}
    assert {line["unit"] for line in lines} == {"kWh", "m3"}


def test_without_dates_everything_known_is_written(reader: Reader) -> None:
    reader.fetch("2026-11-21 09:00")
    lines = lines_of(reader.types("export", "--format", "csv", "--meter", "home").out)
    days = sorted({line["date"] for line in lines})
    assert (days[0], days[-1], len(days)) == ("2026-10-21", "2026-11-20", 31)
    assert sums(lines) == reader.world.truth(HOME["ean"], date(2026, 10, 21), date(2026, 11, 20))


@pytest.mark.parametrize("decimal", ["point", "comma"])
@pytest.mark.parametrize(("word", "delimiter"), [("comma", ","), ("semicolon", ";"), ("tab", "\t")])
def test_csv_reads_back_whatever_the_separators(
    reader: Reader, decimal: str, word: str, delimiter: str
) -> None:
    reader.fetch()
    options = ["--from", "2026-11-10", "--to", "2026-11-12"]
    written = reader.types("export", "--format", "csv", "--decimal", decimal, "--delimiter", word, *options)
    assert written.out.isascii()
    assert written.out.count("\r\n") == written.out.count("\n")
    lines = lines_of(written.out, delimiter)
    assert ("," in lines[0]["amount"]) == (decimal == "comma")
    as_json = json.loads(reader.types("export", "--format", "json", *options).out, parse_float=Decimal)
    assert [
        {**line, "amount": Decimal(line["amount"].replace(",", ".")), "unit": line["unit"]} for line in lines
    ] == [
        {
            **line,
            "amount": Decimal(line["amount"]),
            "unit": line["unit"].replace("m³", "m3"),
            "validated": json.dumps(line["validated"]),
            "complete": json.dumps(line["complete"]),
        }
        for line in as_json
    ]


def test_json_is_an_array_with_an_object_on_each_line(reader: Reader) -> None:
    reader.fetch()
    ended = reader.types("export", "--format", "json", "--resolution", "interval", "--from", "2026-11-16")
    first, *lines, last = ended.out.splitlines()
    assert (first, last) == ("[", "]")
    objects = [json.loads(line.removesuffix(",")) for line in lines]
    assert objects == json.loads(ended.out)
    assert all(list(each) == COLUMNS for each in objects)
    assert {each["unit"] for each in objects} == {"kWh", "m³"}
    assert {type(each["validated"]) for each in objects} == {bool}


def test_days_that_are_not_complete_say_so(reader: Reader) -> None:
    reader.simulator.delay(
        HOME["ean"], date(2026, 11, 20), intervals_until=datetime(2026, 11, 22, 9, tzinfo=BRUSSELS)
    )
    reader.simulator.delay(
        HOME["ean"], date(2026, 11, 19), days_until=datetime(2026, 11, 22, 9, tzinfo=BRUSSELS)
    )
    reader.fetch()
    file = reader.world.folder / "readings.csv"
    ended = reader.types(
        "export", "--format", "csv", "--meter", "home", "--from", "2026-11-18", "--output", str(file)
    )
    assert ended.out == ""
    lines = lines_of(file.read_text())
    assert {line["date"]: line["complete"] for line in lines} == {"2026-11-18": "true", "2026-11-20": "false"}
    assert ended.complaint == [
        f"{file}: {len(lines)} readings, from 2026-11-18 to 2026-11-20",
        "home: 2 of these 3 days are missing or not complete",
    ]


def test_what_is_not_validated_says_so(reader: Reader) -> None:
    reader.simulator.fault("not-validated")
    reader.fetch()
    lines = lines_of(reader.types("export", "--format", "csv", "--meter", "home").out)
    assert {line["validated"] for line in lines} == {"false"}


def test_a_meter_may_be_called_by_its_name_its_topic_or_its_ean(reader: Reader) -> None:
    reader.world.meters = [{**HOME, "name": "Mémé's huis"}, GAS]
    reader.fetch()
    spaced = f"{HOME['ean'][:4]} {HOME['ean'][4:]}"
    written = [
        reader.types("export", "--format", "csv", "--meter", name).out
        for name in ("Mémé's huis", "meme_s_huis", HOME["ean"], spaced)
    ]
    assert len(set(written)) == 1
    assert {line["meter"] for line in lines_of(written[0])} == {"meme_s_huis"}


def test_meters_that_mandates_made(reader: Reader) -> None:
    reader.world.changes = {}
    Provider(reader.world)
    reader.fetch()
    lines = lines_of(reader.types("export", "--format", "csv", "--meter", GAS["ean"]).out)
    assert {line["meter"] for line in lines} == {GAS["ean"]}
    everything = lines_of(reader.types("export", "--format", "csv").out)
    assert {line["ean"] for line in everything} == {HOME["ean"], GAS["ean"], SHED["ean"]}


def test_a_meter_whose_mandate_has_ended_is_exported_all_the_same(reader: Reader) -> None:
    provider = Provider(reader.world)
    provider.fetch()
    before = reader.types("export", "--format", "csv").out.splitlines()
    provider.api.mandate(HOME["ean"]).finish(provider.clock())
    provider.clock.pass_by(minutes=10)
    provider.fetch()
    assert HOME["ean"] not in provider.followed()
    assert sorted(reader.types("export", "--format", "csv").out.splitlines()) == sorted(before)
    assert json.loads(reader.types("export", "--format", "json", "--meter", HOME["ean"]).out)
    assert HOME["ean"] in reader.types("show", "--meter", HOME["ean"]).out


def test_what_is_not_in_it_is_said_beside_it(reader: Reader) -> None:
    reader.fetch()
    written = reader.types("export", "--format", "csv", "--resolution", "interval")
    assert SHED["ean"] not in written.out
    assert "no quarter-hours are known of shed, only days" in written.error


def test_quarter_hours_that_were_dropped_are_said_beside_the_others(reader: Reader) -> None:
    reader.fetch()
    with reader.world.ledger() as ledger:
        dropped = ledger.retention.drop(reader.world.meter(), date(2026, 11, 1))
    assert max(dropped) == date(2026, 11, 19), "all but the latest"
    days = ["--meter", "home", "--from", "2026-11-14", "--to", "2026-11-20"]
    ended = reader.types("export", "--format", "csv", "--resolution", "interval", *days)
    assert {line["date"] for line in lines_of(ended.out)} == {"2026-11-20"}
    assert ended.error.strip() == (
        "home: the quarter-hours of 6 days, from 2026-11-14 to 2026-11-19, were dropped (ledger.keep_months);"
        " the days themselves are known"
    )
    ended = reader.types("export", "--format", "csv", *days)
    assert (len({line["date"] for line in lines_of(ended.out)}), ended.error) == (7, "")


def test_a_decimal_comma_brings_its_semicolon(reader: Reader) -> None:
    reader.fetch()
    written = reader.types("export", "--format", "csv", "--decimal", "comma", "--meter", "home")
    assert "," in lines_of(written.out, ";")[0]["amount"]


def test_days_outside_the_bounds_are_said_to_be(reader: Reader) -> None:
    reader.fetch()
    reader.world.meters = [{**HOME, "until": "2026-11-10"}]
    refused = reader.types("export", "--format", "csv", "--from", "2026-11-15")
    assert (refused.status, refused.out) == (COULD_NOT, "")
    assert "nothing of these days lies within the bounds of home (from, until)" in refused.error


# --- a file is whole or not there


def test_a_file_that_is_there_stays_as_it_is(reader: Reader) -> None:
    reader.fetch()
    file = reader.world.folder / "readings.csv"
    file.write_text("mine")
    ended = reader.types("export", "--format", "csv", "--output", str(file))
    assert (ended.status, ended.out) == (COULD_NOT, "")
    assert f"{file} already exists and is left as it is" in ended.error
    assert file.read_text() == "mine"


def test_a_file_that_appears_meanwhile_stays_as_it_is_too(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.fetch()
    file = reader.world.folder / "readings.csv"
    monkeypatch.setattr("bridge.commands.export.Export.text", lambda _: [str(file.write_text("mine"))])
    assert reader.types("export", "--format", "csv", "--output", str(file)).status == COULD_NOT
    assert file.read_text() == "mine"
    assert list(file.parent.glob("readings*")) == [file]


@pytest.mark.parametrize("place", ["nowhere/readings.csv", "fluvius2mqtt.yaml/readings.csv"])
def test_a_place_that_cannot_be_written_is_said(reader: Reader, place: str) -> None:
    reader.fetch()
    ended = reader.types("export", "--format", "csv", "--output", str(reader.world.folder / place))
    assert ended.status == COULD_NOT
    assert len(ended.complaint) == 1
    assert "cannot be written" in ended.error


SLOW = """
import sys, time
from bridge.text import words
from bridge.commands import main
words.plain = lambda amount: time.sleep(60)
sys.exit(main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_export_leaves_nothing(reader: Reader, number: signal.Signals) -> None:
    reader.fetch()
    file = reader.world.folder / "readings.csv"
    words = [
        "export",
        "--format",
        "csv",
        "--output",
        str(file),
        "--config",
        str(reader.world.write_configuration()),
    ]
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, *words], env=environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        eventually(lambda: list(file.parent.glob("readings*")), 15)
        process.send_signal(number)
        _, error = process.communicate(timeout=10)
    assert (process.returncode, error) == (COULD_NOT, "fluvius2mqtt: interrupted\n")
    assert list(file.parent.glob("readings*")) == []


def test_a_disk_that_is_full_leaves_nothing(reader: Reader) -> None:
    reader.fetch()
    file = reader.world.folder / "readings.json"
    words = ["export", "--format", "json", "--resolution", "interval", "--output", str(file)]
    config = ["--config", str(reader.world.write_configuration())]
    ended = typed(
        reader.world.folder, "100000", *words, *config, program=[sys.executable, "-c", WITH_SMALL_FILES]
    )
    assert ended.status == COULD_NOT
    assert ended.complaint == [f"fluvius2mqtt: {file} cannot be written (File too large)"]
    assert list(file.parent.glob("readings*")) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
def test_a_standard_output_that_is_full_is_said(reader: Reader) -> None:
    reader.fetch()
    words = ["export", "--format", "csv", "--config", str(reader.world.write_configuration())]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "bridge", *words],
            env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert done.returncode == COULD_NOT
    assert "standard output cannot be written (No space left on device)" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_seen_enough_is_no_error(reader: Reader) -> None:
    reader.fetch()
    words = ["export", "--format", "csv", "--config", str(reader.world.write_configuration())]
    with subprocess.Popen(
        [sys.executable, "-m", "bridge", *words],
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        assert process.stderr.read() == ""


# --- beside a bridge


def test_it_reads_while_something_is_being_written(reader: Reader) -> None:
    reader.fetch()
    with reader.world.ledger() as ledger, claim(reader.world.data_dir):
        before = reader.types("export", "--format", "csv").out
        with ledger.store.transaction():
            ledger.store.execute("UPDATE reading SET amount = amount + 1")
            assert reader.types("export", "--format", "csv").out == before
        assert reader.types("export", "--format", "csv").out != before


def test_it_reads_beside_a_bridge_that_fetches(tmp_path: Path) -> None:
    with Simulator([replace(DEFAULT_METERS[0], delay=timedelta(0))]) as today:
        world = World(tmp_path, today, Clock("2000-01-01 00:00"), broker_port=1)
        latest = today.latest_day(HOME["ean"])
        words = ["export", "--format", "csv", "--config", str(world.write_configuration())]
        with run(world) as bridge:
            eventually(lambda: latest.isoformat() in typed(tmp_path, *words).out, 30)
            lines = lines_of(typed(tmp_path, *words).out)
            assert bridge.process.poll() is None
        whole = [line for line in lines if line["date"] == latest.isoformat()]
        assert sums(whole) == world.truth(HOME["ean"], latest, latest)


def outdated(world: World) -> None:
    """The ledger of an older version."""
    world.data_dir.mkdir()
    with closing(sqlite3.connect(world.data_dir / "ledger.sqlite")) as database:
        database.executescript(
            f"{migrations.MIGRATIONS[0]} PRAGMA application_id = {migrations.APPLICATION_ID};"
            " PRAGMA user_version = 1;"
        )


def test_an_older_ledger_is_brought_up_to_date(reader: Reader) -> None:
    outdated(reader.world)
    ended = reader.types("export", "--format", "csv")
    assert ended.status == COULD_NOT
    assert "nothing has been fetched yet for home, gas, shed" in ended.error
    reader.fetch()
    assert reader.types("export", "--format", "csv").status == DONE


def test_an_older_ledger_in_which_a_bridge_works_is_left_to_it(reader: Reader) -> None:
    outdated(reader.world)
    with claim(reader.world.data_dir):
        ended = reader.types("export", "--format", "csv")
    assert ended.status == COULD_NOT
    assert "older fluvius2mqtt" in ended.error
    with closing(sqlite3.connect(reader.world.data_dir / "ledger.sqlite")) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (1,)


def test_what_waits_for_the_stream_still_waits(reader: Reader) -> None:
    reader.world.changes["mqtt.stream"] = True
    reader.fetch()
    file = reader.world.data_dir / "ledger.sqlite"
    with closing(sqlite3.connect(file)) as database:
        waiting = database.execute("SELECT COUNT(*) FROM unstreamed").fetchone()
        assert waiting != (0,)
        database.execute("DROP TABLE peak")
        database.execute("DROP TABLE peak_due")
        database.execute("DROP TABLE backfill")
        database.execute("DROP VIEW sound_price")
        database.execute("DROP TABLE price")
        database.execute("DROP TABLE cost")
        database.execute("DROP VIEW sound_correction")
        database.execute("DROP TABLE correction")
        for column in ("origin", "estimated"):
            database.execute(f"ALTER TABLE reading DROP COLUMN {column}")
        for column in ("provisional", "reviewed_at", "checksum", "intervals_checksum", "dropped"):
            database.execute(f"ALTER TABLE day DROP COLUMN {column}")
        database.execute("DROP INDEX day_in_doubt")
        database.execute("ALTER TABLE day DROP COLUMN disagrees")
        database.execute("ALTER TABLE unstreamed DROP COLUMN held")
        database.execute("PRAGMA user_version = 2")
    assert reader.types("export", "--format", "csv").status == DONE
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT COUNT(*) FROM unstreamed").fetchone() == waiting


# --- what cannot be


@pytest.mark.parametrize(
    ("words", "status", "complaint"),
    [
        (["--from", "yesterday"], WRONG, "yesterday is not a date; write it like 2026-11-20"),
        (["--to", "2026-02-29"], WRONG, "2026-02-29 is not a date"),
        (["--to", "0001-01-01"], WRONG, "not between the years 2000 and 2199"),
        (["--from", "2026-11-12", "--to", "2026-11-11"], WRONG, "--from 2026-11-12 is after --to 2026-11-11"),
        (["--from", "2026-11-22"], WRONG, "--from 2026-11-22 is in the future"),
        (["--meter", "attic"], WRONG, "there is no meter attic; there are home, gas, shed"),
        (["--meter", ""], WRONG, "there is no meter ; there are home, gas, shed"),
        (["--format", "json", "--decimal", "comma"], WRONG, "--decimal and --delimiter are for --format csv"),
        (["--raw"], WRONG, "--raw goes with --fetch"),
        (["--fetch"], WRONG, "to fetch readings into the ledger, use backfill"),
        (["--raw", "--fetch", "--format", "csv"], WRONG, "--raw is JSON"),
        (["--meter", "home", "--to", "2026-01-01"], COULD_NOT, "only of 2026-10-21 to 2026-11-20"),
        (["--meter", "home", "--from", "2026-11-21"], COULD_NOT, "only of 2026-10-21 to 2026-11-20"),
        (["--meter", "shed", "--resolution", "interval"], COULD_NOT, "no quarter-hours are known of shed"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_said_in_a_line(
    reader: Reader, words: list[str], status: int, complaint: str
) -> None:
    reader.fetch()
    ended = reader.types("export", "--format", "csv", *words)
    assert (ended.status, ended.out) == (status, "")
    assert complaint in ended.error
    assert len(ended.complaint) == 1


def test_a_form_has_to_be_chosen(reader: Reader) -> None:
    assert "write --format csv, --format json or --format parquet" in reader.types("export").error


@pytest.mark.parametrize("there_is", ["nothing", "a folder", "a ledger"])
def test_before_anything_was_fetched_it_says_what_to_do(reader: Reader, there_is: str) -> None:
    if there_is == "a folder":
        reader.world.data_dir.mkdir()
    if there_is == "a ledger":
        with reader.world.ledger():
            pass
    ended = reader.types("export", "--format", "csv")
    assert (ended.status, len(ended.complaint)) == (COULD_NOT, 1)
    assert "nothing has been fetched yet" in ended.error
    assert "start the bridge, or `fluvius2mqtt backfill --from" in ended.error


def test_a_meter_of_which_nothing_is_known_is_left_out(reader: Reader) -> None:
    reader.world.meters = [HOME]
    reader.fetch()
    reader.world.meters = [HOME, GAS]
    file = reader.world.folder / "readings.csv"
    ended = reader.types("export", "--format", "csv", "--output", str(file))
    assert ended.status == DONE
    assert "nothing has been fetched yet for gas" in ended.error
    assert {line["meter"] for line in lines_of(file.read_text())} == {"home"}


# --- Fluvius's own words


@pytest.fixture
def sent(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The bodies of the simulator's answers with readings, as they went out."""
    bodies: list[str] = []
    answer = simulator.answer

    def listened(method: str, target: str, *rest: Any) -> Any:
        response = answer(method, target, *rest)
        if "meter-measurement-history" in target or "mandate/energy" in target:
            bodies.append(response.body.decode())
        return response

    monkeypatch.setattr(simulator, "answer", listened)
    return bodies


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.commands.raw.PoliteSession", lambda: PoliteSession(pause=lambda _: None))


RAW = ("export", "--raw", "--fetch")


def test_raw_is_byte_for_byte_what_fluvius_sent(reader: Reader, sent: list[str]) -> None:
    ended = reader.types(*RAW, "--meter", "home")
    assert (ended.status, ended.error) == (DONE, "")
    assert ended.out == f"{sent[0]}\n"
    assert [slot["d"] for slot in json.loads(ended.out)][::6] == [
        "2026-11-13T23:00:00Z",
        "2026-11-19T23:00:00Z",
    ]
    assert not (reader.world.data_dir / "ledger.sqlite").exists()


def test_raw_days_are_asked_for_by_the_month_and_joined(reader: Reader, sent: list[str]) -> None:
    ended = reader.types(*RAW, "--meter", "home", "--from", "2026-09-01", "--to", "2026-11-10")
    assert reader.simulator.count("readings-day") == len(sent) == 3
    slots = json.loads(ended.out)
    assert slots == [slot for body in sent for slot in json.loads(body)]
    assert len(slots) == 71
    assert all(body[1:-1] in ended.out for body in sent)


def test_raw_intervals_are_asked_for_day_by_day(reader: Reader) -> None:
    file = reader.world.folder / "raw.json"
    span = ["--from", "2026-10-24", "--to", "2026-10-25", "--resolution", "interval"]
    ended = reader.types(*RAW, "--format", "json", "--meter", "home", *span, "--output", str(file))
    assert (ended.status, ended.out) == (DONE, "")
    assert ended.error == f"{file}: home from 2026-10-24 to 2026-10-25\n"
    assert reader.simulator.count("readings-interval") == 2
    assert len(json.loads(file.read_text())) == 96 + 100


def test_several_meters_are_an_object(reader: Reader, sent: list[str]) -> None:
    answers = json.loads(reader.types(*RAW).out)
    assert list(answers) == ["home", "gas", "shed"]
    assert list(answers.values()) == [json.loads(body) for body in sent]
    assert answers["gas"][-1]["d"] == "2026-11-17T05:00:00Z"


def test_raw_answers_of_the_energy_api(reader: Reader, sent: list[str]) -> None:
    reader.world.changes = {}
    Provider(reader.world)
    span = ["--from", "2026-10-01", "--to", "2026-11-10", "--resolution", "interval"]
    ended = reader.types(*RAW, "--meter", HOME["ean"], *span)
    assert (ended.status, ended.error) == (DONE, "")
    assert len(sent) == 2
    assert ended.out == f"[{sent[0]},\n{sent[1]}]\n"
    [meter] = json.loads(sent[0])["data"]["headpoint"]["physicalMeters"]
    assert (len(meter["quarterHourlyEnergy"]), meter["dailyEnergy"]) == (31 * 96 + 4, None)


def test_raw_readings_are_asked_for_as_the_bridge_learnt_to(reader: Reader) -> None:
    reader.world.meters = [HOME]
    reader.simulator.fault("granularity-changed")
    reader.fetch()
    span = ["--from", "2026-11-20", "--resolution", "interval"]
    slots = json.loads(reader.types(*RAW, *span).out)
    assert len(slots) == 96


def test_raw_works_beside_a_bridge_and_writes_nothing_into_its_ledger(reader: Reader) -> None:
    reader.world.fetch()  # and leaves its token
    with reader.world.ledger() as ledger, claim(reader.world.data_dir):
        before = "\n".join(ledger.store.db.iterdump())
        assert reader.types(*RAW).status == DONE
        assert "\n".join(ledger.store.db.iterdump()) == before
    assert reader.simulator.count("sign-in") == 1


def test_a_refused_password_is_tried_twice_a_day_at_most(reader: Reader) -> None:
    reader.world.password = "wrong"
    for _ in range(5):
        ended = reader.types(*RAW)
        assert (ended.status, ended.out, len(ended.complaint)) == (REFUSED, "", 1)
    assert "at most twice a day: not before" in ended.complaint[0]
    assert reader.simulator.count("self-asserted") == 2


@pytest.mark.parametrize("body", ["<html>Back soon</html>", "oops", '{"slots": []}', ""])
def test_what_is_no_list_of_slots_is_not_written(reader: Reader, body: str) -> None:
    file = reader.world.folder / "raw.json"
    reader.simulator.fault("replace", body=body.encode())
    ended = reader.types(*RAW, "--meter", "home", "--output", str(file))
    assert (ended.status, len(ended.complaint)) == (COULD_NOT, 1)
    assert list(file.parent.glob("raw*")) == []


def test_a_day_that_is_not_over_has_no_answer(reader: Reader, sent: list[str]) -> None:
    ended = reader.types(*RAW, "--meter", "home", "--from", "2026-11-21")
    assert (ended.status, ended.complaint) == (WRONG, ["fluvius2mqtt: 2026-11-21 is not over yet for home"])
    assert sent == []


@pytest.mark.parametrize("resolution", ["day", "interval"])
def test_raw_readings_are_asked_for_within_the_bounds_of_their_meter(reader: Reader, resolution: str) -> None:
    reader.world.meters = [{**HOME, "from": "2026-11-03", "until": "2026-11-06T12:00"}]
    span = ["--from", "2026-10-01", "--to", "2026-11-20", "--resolution", resolution]
    ended = reader.types(*RAW, *span, "--output", str(reader.world.folder / "raw.json"))
    assert ended.status == DONE
    assert "home from 2026-11-03 to 2026-11-06" in ended.error
    asked = [each.query for each in reader.simulator.requests if each.endpoint.startswith("readings")]
    assert min(each["historyFrom"] for each in asked) == "2026-11-03T00:00:00.000+01:00"
    assert max(each["historyUntil"] for each in asked) == "2026-11-06T23:59:59.999+01:00"
    ended = reader.types(*RAW)
    assert (ended.status, len(ended.complaint)) == (WRONG, 1)
    assert "leave nothing of 2026-11-14 to 2026-11-20 to ask for" in ended.error


def test_raw_readings_are_asked_for_within_the_period_of_the_mandate(reader: Reader) -> None:
    reader.world.changes = {}
    provider = Provider(reader.world)
    provider.only(HOME["ean"], period_from=date(2026, 11, 3), period_to=date(2026, 11, 7))
    ended = reader.types(*RAW, "--from", "2026-10-01", "--output", str(reader.world.folder / "raw.json"))
    assert (ended.status, ended.complaint) == (DONE, [ended.error.strip()])
    assert "from 2026-11-03 to 2026-11-06" in ended.error


def test_a_customer_without_a_mandate_is_said(reader: Reader) -> None:
    reader.world.changes = {}
    provider = Provider(reader.world)
    provider.api.forget_mandates()
    ended = reader.types(*RAW)
    assert (ended.status, len(ended.complaint)) == (COULD_NOT, 1)
    assert "mandate" in ended.error
    reader.world.meters = [{"name": "home", "ean": HOME["ean"]}]
    assert "there is no mandate for home" in reader.types(*RAW).error
