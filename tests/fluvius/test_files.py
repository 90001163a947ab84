"""Files from Mijn Fluvius: what is in them is in the ledger, slot for slot, and nothing else."""

import os
import random
import sqlite3
import zipfile
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bridge.fetching.files import Importer, Outcome
from bridge.metering import meterday
from bridge.metering.model import BRUSSELS, Direction, Energy, Reading, Register, Tariff, Unit
from tests.rig.files import BOM, Writer
from tests.rig.world import GAS, HOME, World

SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
DUTCH = (
    "Van (datum);Van (tijdstip);Tot (datum);Tot (tijdstip);EAN-code;Meter;Metertype;Register;Volume;Eenheid;"
    "Validatiestatus;Omschrijving"
)
OLDER = (
    "Van datum;Van tijdstip;Tot datum;Tot tijdstip;EAN;Meter;Metertype;Register;Volume;Eenheid;"
    "Validatiestatus"
)
ENGLISH = (
    "From (date);From (time);Until (date);Until (time);EAN code;Meter;Meter type;Register;Volume;Unit;"
    "Validation status;Description"
)
DUTCH_GAS = DUTCH.replace(";Omschrijving", ";Calorische bovenwaarde;Omschrijving")
EAN, SERIAL = HOME["ean"], HOME["serial"]
HIGH, LOW = (Register(Direction.CONSUMPTION, each, Unit.KWH) for each in (Tariff.HIGH, Tariff.LOW))
GIVEN = Register(Direction.INJECTION, Tariff.LOW, Unit.KWH)
TOTAL, VOLUME = (Register(Direction.CONSUMPTION, Tariff.TOTAL, each) for each in (Unit.KWH, Unit.M3))


def rows(world: World) -> list[Any]:
    """All readings that the ledger has, without who said them."""
    with closing(sqlite3.connect(world.data_dir / "ledger.sqlite")) as database:
        return database.execute(
            "SELECT ean, daily, start, direction, tariff, unit, serial, amount, validated FROM reading"
            " JOIN meter ON meter.id = meter JOIN register ON register.id = register"
            " JOIN device ON device.id = device ORDER BY 1, 2, 3, 4, 5, 6, 7"
        ).fetchall()


def origins(world: World) -> list[Any]:
    with closing(sqlite3.connect(world.data_dir / "ledger.sqlite")) as database:
        return database.execute(
            "SELECT ean, daily, start, direction, tariff, unit, serial, amount, validated, origin, estimated"
            " FROM reading JOIN meter ON meter.id = meter JOIN register ON register.id = register"
            " JOIN device ON device.id = device ORDER BY 1, 2, 3, 4, 5, 6, 7"
        ).fetchall()


def take(world: World, *files: Path) -> list[Outcome]:
    with world.ledger() as ledger:
        importer = Importer(ledger, world.settings.followed, world.clock)
        return [outcome for file in files for outcome in importer.take(file)]


def on_another_desk(world: World, folder: Path) -> World:
    """The same household, with a ledger of its own."""
    folder.mkdir()
    other = World(folder, world.simulator, world.clock, 1)
    other.meters = world.meters
    return other


def fetched(world: World, first: date, last: date, name: str) -> None:
    """What the portal source gives of some days."""
    from bridge.fluvius.http import PoliteSession  # noqa: PLC0415
    from bridge.fluvius.open import open_portal  # noqa: PLC0415

    meter, http = world.meter(name), PoliteSession(lambda _: None, world.clock)
    with world.ledger() as ledger:
        portal = open_portal(world.settings, http, ledger.notes, world.clock)
        ledger.answers.record_days(meter, portal.days(meter, first, last).readings, world.clock())
        for day in meterday.span(first, last):
            ledger.answers.record_intervals(meter, day, portal.intervals(meter, day).readings, world.clock())
        ledger.answers.settle(meter, meterday.span(first, last), world.clock())
    http.close()


def complete_days(world: World, name: str) -> list[date]:
    with world.ledger() as ledger:
        return ledger.days.complete_days(world.meter(name), date(2020, 1, 1), date(2027, 1, 1))


def file(folder: Path, *lines: str, heading: str = DUTCH, name: str = "file.csv", at: int = 0) -> Path:
    path = folder / name
    path.write_text(BOM + "\n".join([heading, *lines]), "utf-8")
    if at:
        os.utime(path, (at, at))
    return path


def line(
    since: str,
    until: str,
    register: str = "Afname Nacht",
    volume: str = "0,123",
    status: str = "Uitgelezen",
    *,
    day: str = "14-03-2026",
    until_day: str | None = None,
    ean: str = f'="{EAN}"',
    serial: str = SERIAL,
    unit: str = "kWh",
    last: str = ";",
) -> str:
    return (
        f"{day};{since};{until_day or day};{until};{ean};{serial};Digitale meter;{register};{volume};{unit};"
        f"{status}{last}"
    )


QUARTER = ("07:00:00", "07:15:00")


def slots(world: World, name: str = "home", day: date = date(2026, 3, 14)) -> dict[datetime, Any]:
    with world.ledger() as ledger:
        return dict(ledger.readings.slots(world.meter(name), day))


def at(local: str) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=BRUSSELS).astimezone(UTC)


# --- the same as the portal


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("of", [HOME, GAS], ids=["electricity", "gas"])
@pytest.mark.parametrize("change", [SPRING, AUTUMN], ids=["spring", "autumn"])
def test_quarter_hours_alone_give_the_ledger_that_the_portal_gives(
    desk: World, tmp_path: Path, language: str, of: dict[str, str], change: date
) -> None:
    desk.meters = [HOME, GAS]
    first, last = change - meterday.ONE_DAY * 2, change + meterday.ONE_DAY * 2
    portal = on_another_desk(desk, tmp_path / "portal")
    fetched(portal, first, last, of["name"])
    writer = Writer(desk.simulator, of["ean"], language)
    [outcome] = take(desk, writer.write(tmp_path / "any name.csv", writer.intervals(first, last)))
    assert (outcome.error, outcome.left) == (None, [])
    assert rows(desk) == rows(portal)
    assert complete_days(desk, of["name"]) == complete_days(portal, of["name"]) == meterday.span(first, last)


@pytest.mark.parametrize("of", [HOME, GAS], ids=["electricity", "gas"])
def test_days_beside_quarter_hours_in_either_order_change_nothing(
    desk: World, tmp_path: Path, of: dict[str, str]
) -> None:
    desk.meters = [HOME, GAS]
    first, last = AUTUMN - meterday.ONE_DAY * 3, AUTUMN + meterday.ONE_DAY * 3
    writer = Writer(desk.simulator, of["ean"], "en")
    days = writer.write(tmp_path / "days.csv", writer.days(first, last))
    quarters = writer.write(tmp_path / "quarters.csv", writer.intervals(first, last))
    portal = on_another_desk(desk, tmp_path / "portal")
    fetched(portal, first, last, of["name"])
    other = on_another_desk(desk, tmp_path / "other")
    take(desk, days, quarters)
    take(other, quarters, days)
    assert rows(desk) == rows(other) == rows(portal)
    assert origins(desk) == origins(other)


def test_an_exchange_of_the_meter_is_the_sum_of_both(desk: World, tmp_path: Path) -> None:
    day = date(2026, 11, 12)
    desk.simulator.exchange(EAN, datetime(2026, 11, 12, 12, tzinfo=BRUSSELS), "1SAG1100099999")
    first, last = day - meterday.ONE_DAY, day + meterday.ONE_DAY
    portal = on_another_desk(desk, tmp_path / "portal")
    for serial in (SERIAL, "1SAG1100099999"):
        portal.meters = [{**HOME, "serial": serial}]
        fetched(portal, first, last, "home")
    writer = Writer(desk.simulator, EAN)
    take(desk, writer.write(tmp_path / "all.csv", writer.intervals(first, last)))
    assert rows(desk) == rows(portal)
    assert desk.total() == desk.truth(EAN, first, last)
    take(desk, writer.write(tmp_path / "days.csv", writer.days(first, last)))
    assert desk.total() == desk.truth(EAN, first, last)
    assert desk.invented() == []


def test_pieces_in_any_order_and_twice_give_the_same_ledger(desk: World, tmp_path: Path) -> None:
    first, last = AUTUMN - meterday.ONE_DAY * 2, AUTUMN + meterday.ONE_DAY
    writer = Writer(desk.simulator, EAN)
    lines = writer.intervals(first, last)
    whole = writer.write(tmp_path / "whole.csv", lines)
    os.utime(whole, (1_790_000_000, 1_790_000_000))
    take(desk, whole)
    chance = random.Random(1)
    autumn_night = range(2 * 192 + 16, 2 * 192 + 33)  # of which both passes have to be seen together
    cuts = sorted({0, len(lines), *(n for n in chance.sample(range(len(lines)), 9) if n not in autumn_night)})
    pieces = []
    for number, (begin, end) in enumerate(pairwise(cuts)):
        piece = writer.write(tmp_path / f"{number}.csv", lines[begin:end])
        os.utime(piece, (1_790_000_000, 1_790_000_000))
        pieces += [piece, piece]
    chance.shuffle(pieces)
    other = on_another_desk(desk, tmp_path / "other")
    take(other, *pieces)
    assert origins(other) == origins(desk)
    assert complete_days(other, "home") == complete_days(desk, "home")


def test_the_same_file_again_changes_nothing(desk: World, tmp_path: Path) -> None:
    writer = Writer(desk.simulator, EAN)
    path = writer.write(tmp_path / "a.csv", writer.intervals(date(2026, 11, 1), date(2026, 11, 3)))
    take(desk, path)
    before = origins(desk)
    [again] = take(desk, path)
    assert origins(desk) == before
    assert again.tally == {"known already": 3 * 96 * 2}


def test_an_archive_is_taken_as_the_files_in_it(desk: World, tmp_path: Path) -> None:
    desk.meters = [HOME, GAS]
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for of in (HOME, GAS):
            writer = Writer(desk.simulator, of["ean"])
            lines = writer.intervals(date(2026, 11, 1), date(2026, 11, 2))
            packed.write(writer.write(tmp_path / f"{of['name']}.csv", lines), f"../../etc/{of['name']}.csv")
    outcomes = take(desk, archive)
    assert [(each.name, each.error) for each in outcomes] == [("home.csv", None), ("gas.csv", None)]
    assert desk.invented() == []
    assert complete_days(desk, "gas") == complete_days(desk, "home") == [date(2026, 11, 1), date(2026, 11, 2)]


# --- oddities of the samples


@pytest.mark.parametrize(
    "heading",
    [
        DUTCH,
        OLDER.title(),
        OLDER,
        ENGLISH,
    ],
)
@pytest.mark.parametrize("ean", [f'="{EAN}"', f"={EAN}", EAN])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_heading_ean_and_line_end(
    desk: World, tmp_path: Path, heading: str, ean: str, end: str
) -> None:
    path = tmp_path / "file.csv"
    text = end.join([heading, line(*QUARTER, ean=ean)])
    path.write_bytes((BOM + text + end).encode())
    [outcome] = take(desk, path)
    assert outcome.error is None
    assert slots(desk) == {at("2026-03-14 07:00"): {LOW: Decimal("0.123")}}


@pytest.mark.parametrize(
    ("heading", "whose", "name"),
    [
        ("Van;Tot;EAN;Meter;Register;Volume", f"{EAN};{SERIAL}", "file.csv"),
        ("Van datum;Tot datum;Meter;Metertype;Register;Volume", f"{SERIAL};Digitale Meter", f"{EAN}.csv"),
    ],
)
def test_of_april_2020_are_days_that_nobody_has_vouched_for(
    desk: World, tmp_path: Path, heading: str, whose: str, name: str
) -> None:
    day = f"14-04-2020;15-04-2020;{whose};Afname"
    path = file(tmp_path, f"{day} Dag;4,5", f"{day} Nacht;2,25", heading=heading, name=name)
    [outcome] = take(desk, path)
    assert (outcome.error, outcome.tally) == (None, {"new": 2})
    with desk.ledger() as ledger:
        known = ledger.days.complete_day(desk.meter(), date(2020, 4, 14))
    assert (known.amounts, known.validated) == ({HIGH: Decimal("4.5"), LOW: Decimal("2.25")}, False)


def test_a_file_without_an_ean_is_nobodys(desk: World, tmp_path: Path) -> None:
    heading, line = "Van;Tot;A;B;Register;Volume", "14-04-2020;15-04-2020;;;Afname Dag;4,5"
    [outcome] = take(desk, file(tmp_path, line, heading=heading))
    assert outcome.error == "it does not say whose it is: put the EAN into the name of the file"


@pytest.mark.parametrize(
    ("day", "since", "until"),
    [("14/03/2026", "7:00:00", "7:15:00"), ("14/3/2026", "07:00", "07:15"), ("2026-03-14", "07:00", "07:15")],
)
def test_dates_that_a_spreadsheet_has_saved_again(
    desk: World, tmp_path: Path, day: str, since: str, until: str
) -> None:
    take(desk, file(tmp_path, line(since, until, day=day)))
    assert list(slots(desk)) == [at("2026-03-14 07:00")]


@pytest.mark.parametrize("status", ["Geen verbruik", "No consumption", "Geen gegevens"])
def test_no_consumption_is_unknown_and_no_zero(desk: World, tmp_path: Path, status: str) -> None:
    lines = line(*QUARTER, volume="", status=status), line("07:15:00", "07:30:00")
    [outcome] = take(desk, file(tmp_path, *lines))
    assert list(slots(desk)) == [at("2026-03-14 07:15")]
    assert outcome.left == ["1 not read yet, or never (line 2)"]


def test_a_quarter_of_which_one_direction_alone_is_known_keeps_that(desk: World, tmp_path: Path) -> None:
    lines = (
        line(*QUARTER, status="Geschat"),
        line(*QUARTER, register="Injectie Nacht", volume="", status="Geen verbruik"),
    )
    take(desk, file(tmp_path, *lines))
    assert slots(desk) == {at("2026-03-14 07:00"): {LOW: Decimal("0.123")}}


def test_the_end_of_the_day_is_the_next_midnight_and_spring_jumps(desk: World, tmp_path: Path) -> None:
    lines = (
        line("23:45:00", "00:00:00", day="28-03-2026", until_day="29-03-2026"),
        line("01:45:00", "03:00:00", day="29-03-2026"),
        line("03:00:00", "03:15:00", day="29-03-2026"),
    )
    take(desk, file(tmp_path, *lines))
    assert list(slots(desk, day=date(2026, 3, 28))) == [datetime(2026, 3, 28, 22, 45, tzinfo=UTC)]
    assert list(slots(desk, day=SPRING)) == [
        datetime(2026, 3, 29, 0, 45, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
    ]


def test_of_the_hour_that_october_repeats_the_first_line_is_summer(desk: World, tmp_path: Path) -> None:
    def row(since: str, until: str, volume: str, register: str = "Afname Nacht") -> str:
        return line(since, until, register, volume, day="25-10-2026")

    lines = (
        row("02:00:00", "02:15:00", "0,001"),
        row("02:00:00", "02:15:00", "0,002", "Injectie Nacht"),
        row("02:00:00", "02:15:00", "0,003"),
        row("02:00:00", "02:15:00", "0,004", "Injectie Nacht"),
        row("02:45:00", "02:00:00", "0,050"),
        row("02:45:00", "03:00:00", "0,061"),
        row("02:15:00", "02:30:00", "0,007"),  # of which one pass is missing
    )
    [outcome] = take(desk, file(tmp_path, *lines))
    summer, winter = (datetime(2026, 10, 25, hour, tzinfo=UTC) for hour in (0, 1))
    assert slots(desk, day=AUTUMN) == {
        summer: {LOW: Decimal("0.001"), GIVEN: Decimal("0.002")},
        winter: {LOW: Decimal("0.003"), GIVEN: Decimal("0.004")},
        summer.replace(minute=45): {LOW: Decimal("0.05")},
        winter.replace(minute=45): {LOW: Decimal("0.061")},
    }
    assert outcome.left == ["1 of the hour that October repeats, of which one pass is missing"]


@pytest.mark.parametrize("volume_first", [True, False])
def test_gas_is_counted_in_both_units_whichever_comes_first(
    desk: World, tmp_path: Path, *, volume_first: bool
) -> None:
    desk.meters = [GAS]
    of = {"ean": GAS["ean"], "serial": GAS["serial"]}
    both = [
        line("06:00:00", "07:00:00", "Afname", "4,321", unit="kWh", last=";Definitief;", **of),
        line("06:00:00", "07:00:00", "Afname", "0,387", unit="m³", last=";;", **of),
    ]
    take(desk, file(tmp_path, *(reversed(both) if volume_first else both), heading=DUTCH_GAS))
    assert slots(desk, "gas") == {at("2026-03-14 06:00"): {TOTAL: Decimal("4.321"), VOLUME: Decimal("0.387")}}


@pytest.mark.parametrize(("word", "is_final"), [("Voorlopig", 0), ("Definitief", 1)])
def test_kwh_on_a_provisional_calorific_value_are_not_final(
    desk: World, tmp_path: Path, word: str, is_final: int
) -> None:
    desk.meters = [GAS]
    row = line("06:00", "07:00", "Afname", ean=GAS["ean"], serial=GAS["serial"], last=f";{word};")
    take(desk, file(tmp_path, row, heading=DUTCH_GAS))
    assert [each[-1] for each in rows(desk)] == [is_final]


def test_rows_that_stand_there_twice_count_once_and_contradictions_not_at_all(
    desk: World, tmp_path: Path
) -> None:
    later = ("07:15:00", "07:30:00")
    lines = line(*QUARTER), line(*QUARTER), line(*later, volume="0,1"), line(*later, volume="0,2")
    [outcome] = take(desk, file(tmp_path, *lines))
    assert slots(desk) == {at("2026-03-14 07:00"): {LOW: Decimal("0.123")}}
    assert outcome.left == ["1 written twice (line 3)", "2 contradict each other (line 5)"]


def test_large_meters_have_active_energy_and_the_rest_is_left(desk: World, tmp_path: Path) -> None:
    lines = (
        line(*QUARTER, register="Afname Actief", volume="300,5", serial=""),
        line(*QUARTER, register="Afname Inductief", unit="kVArh", serial=""),
        line(*QUARTER, register="Productie Actief", volume="1,5", serial=""),
    )
    text = [each.replace("Digitale meter", "AMR-meter") for each in lines]
    [outcome] = take(desk, file(tmp_path, *text))
    amounts = slots(desk)[at("2026-03-14 07:00")]
    assert amounts[TOTAL] == Decimal("300.5")
    assert outcome.left == ["1 reactive energy (line 3)"]


def test_an_amount_that_no_connection_carries_is_not_believed(desk: World, tmp_path: Path) -> None:
    [outcome] = take(desk, file(tmp_path, line(*QUARTER, volume="99999"), line(*QUARTER, volume="-1,5")))
    assert slots(desk) == {}
    assert outcome.left == ["2 more than a connection can carry (line 2)"]


# --- which of two is believed

BEFORE, AFTER = 1_780_000_000, 1_790_000_000


def official(amount: str, *, validated: bool) -> Reading:
    start = at("2026-03-14 07:00")
    return Reading(
        start, start + meterday.interval_length(Energy.ELECTRICITY), LOW, Decimal(amount), validated, SERIAL
    )


@pytest.mark.parametrize("known_first", [True, False])
@pytest.mark.parametrize(
    ("portal_is_final", "status", "believed"),
    [
        (True, "Uitgelezen", "1"),  # Fluvius itself
        (True, "Geschat", "1"),
        (False, "Uitgelezen", "0.5"),  # what is final
        (False, "Geschat", "1"),
    ],
)
def test_fluvius_itself_goes_before_a_file_unless_the_file_is_final(
    desk: World, tmp_path: Path, *, portal_is_final: bool, status: str, believed: str, known_first: bool
) -> None:
    def fetch() -> None:
        with desk.ledger() as ledger:
            answer = [official("1", validated=portal_is_final)]
            ledger.answers.record_intervals(desk.meter(), date(2026, 3, 14), answer, desk.clock())

    if known_first:
        fetch()
    take(desk, file(tmp_path, line(*QUARTER, volume="0,5", status=status)))
    if not known_first:
        fetch()
    assert slots(desk) == {at("2026-03-14 07:00"): {LOW: Decimal(believed)}}


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize(
    ("older", "newer", "believed"),
    [
        (("0,1", "Uitgelezen"), ("0,2", "Uitgelezen"), "0.2"),
        (("0,1", "Geschat"), ("0,2", "Uitgelezen"), "0.2"),
        (("0,1", "Uitgelezen"), ("0,2", "Geschat"), "0.1"),
        (("0,1", "Ongevalideerd"), ("0,2", "Geschat"), "0.1"),
        (("0,1", "Geschat"), ("0,2", "Geschat"), "0.2"),
    ],
)
def test_a_newer_file_goes_before_an_older_one_and_a_reading_before_an_estimate(
    desk: World, tmp_path: Path, *, older: Sequence[str], newer: Sequence[str], believed: str, swap: bool
) -> None:
    files = [
        file(tmp_path, line(*QUARTER, volume=older[0], status=older[1]), name="old.csv", at=BEFORE),
        file(tmp_path, line(*QUARTER, volume=newer[0], status=newer[1]), name="new.csv", at=AFTER),
    ]
    take(desk, *(reversed(files) if swap else files))
    assert slots(desk) == {at("2026-03-14 07:00"): {LOW: Decimal(believed)}}


def test_a_file_without_a_date_is_older_than_all_others(desk: World, tmp_path: Path) -> None:
    undated = file(tmp_path, line(*QUARTER, volume="0,1"), name="undated.csv")
    os.utime(undated, (0, 0))
    dated = file(tmp_path, line(*QUARTER, volume="0,2"), name="dated.csv", at=BEFORE)
    take(desk, undated, dated, undated)
    assert slots(desk) == {at("2026-03-14 07:00"): {LOW: Decimal("0.2")}}


def test_a_newer_file_corrects_a_whole_day_once(desk: World, tmp_path: Path) -> None:
    day, writer = date(2026, 11, 12), Writer(desk.simulator, EAN)
    old = writer.write(tmp_path / "old.csv", writer.intervals(day, day))
    os.utime(old, (BEFORE, BEFORE))
    take(desk, old)
    desk.simulator.correct(EAN, day, delta_wh=500)
    new = writer.write(tmp_path / "new.csv", writer.intervals(day, day))
    os.utime(new, (AFTER, AFTER))
    [outcome] = take(desk, new)
    assert outcome.tally["replaced"] == 3
    [outcome] = take(desk, old)
    assert outcome.tally["a newer file is known"] == 3
    with desk.ledger() as ledger:
        known = ledger.days.complete_day(desk.meter(), day)
    assert known.revision == 2
    assert desk.total() == desk.truth(EAN, day, day)


# --- what cannot be taken


GOOD = line(*QUARTER)
BAD = {
    "another company's": ("Datum;Meterstand\n1-1-2026;12", "it is not a history of Mijn Fluvius"),
    "empty": ("", "it is empty"),
    "headings alone": (DUTCH, "it holds no readings"),
    "a page": ("<html><body>Log in</body></html>", "it is not a history of Mijn Fluvius"),
    "mixed meters": (
        f"{DUTCH}\n{GOOD}\n{line(*QUARTER, ean=GAS['ean'])}",
        f"it holds several meters, {EAN} and {GAS['ean']}",
    ),
    "no meter of ours": (
        f"{DUTCH}\n{line(*QUARTER, ean='541448820000000992')}",
        '- {name: electricity, ean: "541448820000000992", energy: electricity, serial: "1SAG',
    ),
    "of the other energy": (f"{DUTCH_GAS}\n{line(*QUARTER, last=';;')}", "it is about gas"),
    "no EAN": (f"{DUTCH}\n{line(*QUARTER, ean='5414')}", "5414 is where an EAN"),
    "a rounded EAN": (f"{DUTCH}\n{line(*QUARTER, ean='5,41449E+17')}", "a spreadsheet has rounded its EAN"),
    "decimal points": (f"{DUTCH}\n{line(*QUARTER, volume='0.123')}", "line 2: 0.123 has a decimal point"),
    "thousands": (f"{DUTCH}\n{line(*QUARTER, volume='1.234,5')}", "line 2: 1.234,5 has a decimal point"),
    "months first": (
        f"{DUTCH}\n{line('23:45', '00:00', day='02/01/2026', until_day='02/02/2026')}",
        "a date is written with the day first",
    ),
    "a month of 14": (f"{DUTCH}\n{line(*QUARTER, day='03/14/2026')}", "is not a date with the day first"),
    "overlapping quarters": (f"{DUTCH}\n{GOOD}\n{line('07:10', '07:20')}", "is not a quarter-hour, an hour"),
    "quarters beside the clock's": (f"{DUTCH}\n{line('07:05', '07:20')}", "is not a quarter-hour, an hour"),
    "other columns in the middle": (f"{DUTCH}\n14-03-2026;07\n{GOOD}", "has other columns than the headings"),
    "nothing but a long line": ("x" * 100_000, "its lines are too long"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD.keys())
def test_what_is_no_good_file_is_one_clear_line_and_leaves_nothing(
    desk: World, tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text, "utf-8")
    [outcome] = take(desk, path)
    assert outcome.error
    assert words in outcome.error
    assert "\n" not in outcome.error
    assert rows(desk) == []


def test_months_first_are_noticed_before_anything_is_kept(desk: World, tmp_path: Path) -> None:
    """1, 2 and 3 March would be taken for 3 January, February and March."""
    lines = [
        line(f"{n // 4:02}:{n % 4 * 15:02}", f"{(n + 1) // 4 % 24:02}:{(n + 1) % 4 * 15:02}",
             day=f"03/0{day}/2026", until_day=f"03/0{day + (n == 95)}/2026")
        for day in (1, 2, 3) for n in range(96)
    ]  # fmt: skip
    [outcome] = take(desk, file(tmp_path, *lines))
    assert outcome.error
    assert rows(desk) == []


def test_a_rounded_ean_is_known_by_the_name_of_the_file(desk: World, tmp_path: Path) -> None:
    name = f"Verbruikshistoriek_elektriciteit_{EAN}_20260314_20260314_kwartiertotalen.csv"
    take(desk, file(tmp_path, line(*QUARTER, ean="5,41449E+17"), name=name))
    assert list(slots(desk)) == [at("2026-03-14 07:00")]


def test_of_a_file_that_is_cut_the_whole_lines_are_taken(desk: World, tmp_path: Path) -> None:
    text = "\n".join([DUTCH, line(*QUARTER), line("07:15:00", "07:30:00")])
    path = tmp_path / "cut.csv"
    path.write_text(text[:-40], "utf-8")
    [outcome] = take(desk, path)
    assert list(slots(desk)) == [at("2026-03-14 07:00")]
    assert outcome.left == ["its last line is cut: is the file whole?"]


def test_a_file_of_two_gigabytes_is_not_read(desk: World, tmp_path: Path) -> None:
    path = file(tmp_path, line(*QUARTER))
    os.truncate(path, 2 * 1024**3)  # sparse: it takes no room
    [outcome] = take(desk, path)
    assert outcome.error == "it is too large: no history of Mijn Fluvius has more than 1 GB"


def test_archives_that_are_none(desk: World, tmp_path: Path) -> None:
    made = {}
    for name in ("excel", "bomb", "nested", "empty", "broken"):
        made[name] = tmp_path / f"{name}.zip"
        with zipfile.ZipFile(made[name], "w", zipfile.ZIP_DEFLATED) as packed:
            if name == "excel":
                packed.writestr("[Content_Types].xml", "<Types/>")
            elif name == "bomb":
                packed.writestr("long.csv", "0" * 50_000_000)
            elif name == "nested":
                packed.write(made["excel"], "inner.csv")
            elif name == "broken":
                packed.writestr("good.csv", f"{DUTCH}\n{GOOD}")
    made["broken"].write_bytes(made["broken"].read_bytes()[:-30])
    old = tmp_path / "old.xls"
    old.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(100))
    said = {name: take(desk, path)[0].error for name, path in {**made, "old": old}.items()}
    assert said["excel"] == said["old"] == "it is an Excel file; take the CSV file as Mijn Fluvius gave it"
    assert said["bomb"] == "its lines are too long for a history of Mijn Fluvius"
    assert said["nested"] == "it is an archive within an archive; import it by itself"
    assert said["empty"] == "the archive is empty"
    assert said["broken"] == "the archive is not whole; download it again"
    assert rows(desk) == []


def test_an_archive_that_unpacks_to_more_than_a_gigabyte_is_not_unpacked(
    desk: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.fluvius.files.archives._LARGEST", 10_000)
    good = "\n".join([DUTCH, *[GOOD] * 200])
    packed = tmp_path / "all.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", good)
    plain = tmp_path / "all.csv"
    plain.write_text(good, "utf-8")
    assert "more than 1 GB" in str(take(desk, packed)[0].error)
    assert "it is too large" in str(take(desk, plain)[0].error)
    assert rows(desk) == []


def test_an_import_that_is_ended_leaves_nothing_of_its_file_and_goes_on_later(
    desk: World, tmp_path: Path
) -> None:
    writer = Writer(desk.simulator, EAN)
    path = writer.write(tmp_path / "a.csv", writer.intervals(date(2026, 11, 1), date(2026, 11, 12)))

    def end(_name: str, done: int, _size: int) -> None:
        if done > 100_000:
            raise KeyboardInterrupt

    with desk.ledger() as ledger, pytest.raises(KeyboardInterrupt):
        list(Importer(ledger, desk.settings.followed, desk.clock, end).take(path))
    assert rows(desk) == []
    take(desk, path)
    assert desk.total() == desk.truth(EAN, date(2026, 11, 1), date(2026, 11, 12))


def test_history_before_the_account_joins_what_the_portal_gives_and_is_told_until_then(
    desk: World, tmp_path: Path
) -> None:
    desk.fetch()
    writer = Writer(desk.simulator, EAN)
    take(desk, writer.write(tmp_path / "a.csv", writer.intervals(date(2026, 11, 1), date(2026, 11, 16))))
    assert desk.total() == desk.truth(EAN, date(2026, 11, 1), date(2026, 11, 20))
    with desk.at_work() as (_, fetcher):
        assert "a.csv, imported" in str(fetcher.progress(desk.meter()).advice)
    desk.clock.pass_by(days=1)
    desk.fetch()
    with desk.at_work() as (_, fetcher):
        assert fetcher.progress(desk.meter()).advice is None
    assert desk.total() == desk.truth(EAN, date(2026, 11, 1), date(2026, 11, 21))
    assert desk.invented() == []


def test_days_alone_count_without_quarter_hours(desk: World, tmp_path: Path) -> None:
    desk.meters = [{**HOME, "source": "file"}]
    writer = Writer(desk.simulator, EAN, "en")
    first, last = date(2026, 10, 1), date(2026, 11, 20)
    take(desk, writer.write(tmp_path / "days.csv", writer.days(first, last)))
    assert desk.total() == desk.truth(EAN, first, last)
    take(desk, writer.write(tmp_path / "quarters.csv", writer.intervals(AUTUMN, last)))
    assert desk.total() == desk.truth(EAN, first, last)
    with desk.ledger() as ledger:
        assert len(ledger.days.intervals(desk.meter(), AUTUMN)) == 100
        assert ledger.days.days_in_doubt(desk.meter()) == set()
