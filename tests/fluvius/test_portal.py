"""What is asked of the portal, and what is made of its answers."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

import pytest

from bridge.fetching.due import Occasion
from bridge.fluvius.errors import NotYourMeter, ShapeChanged
from bridge.fluvius.http import PoliteSession
from bridge.fluvius.open import open_portal
from bridge.fluvius.source import Stepwise
from bridge.metering.model import Reading
from bridge.simulator import RequestRecord
from tests.rig.mosquitto import Mosquitto
from tests.rig.world import GAS, HOME, SHED, World, says


@contextmanager
def portal(world: World) -> Iterator[Stepwise]:
    session = PoliteSession(pause=lambda _: None, now=world.clock)
    with world.ledger() as ledger:
        yield open_portal(world.settings, session, ledger.notes, world.clock)
    session.close()


def windows(world: World, endpoint: str) -> list[tuple[str, str]]:
    """From when until when readings were asked."""
    return [
        (record.query["historyFrom"], record.query["historyUntil"])
        for record in world.simulator.requests
        if record.endpoint == endpoint
    ]


def readings_asked(world: World) -> list[RequestRecord]:
    return [record for record in world.simulator.requests if record.endpoint.startswith("readings")]


def counted(world: World, ean: str, first: date, last: date) -> dict[tuple[str, str, str], Decimal]:
    return {register: amount for register, amount in world.truth(ean, first, last).items() if amount}


def sums(readings: Iterable[Reading]) -> dict[tuple[str, str, str], Decimal]:
    found: dict[tuple[str, str, str], Decimal] = {}
    for reading in readings:
        if not reading.amount:
            continue
        register = reading.register
        key = (register.direction.value, register.tariff.value, register.unit.value)
        found[key] = found.get(key, Decimal(0)) + reading.amount
    return found


# --- days of 23 and 25 hours


class ClockChange(NamedTuple):
    """A meter day of another length, when it is the newest that is published, and its intervals."""

    name: str
    day: date
    published: str
    intervals: int


clock_changes = pytest.mark.parametrize(
    "change",
    [
        ClockChange("home", date(2026, 10, 25), "2026-10-26 09:00", 100),
        ClockChange("home", date(2026, 3, 29), "2026-03-30 09:00", 92),
        ClockChange("gas", date(2026, 10, 24), "2026-10-28 09:00", 25),
        ClockChange("gas", date(2026, 3, 28), "2026-04-01 09:00", 23),
    ],
    ids=["25-hours", "23-hours", "25-hours-of-gas", "23-hours-of-gas"],
)


@clock_changes
def test_a_clock_change_day_has_all_its_intervals(desk: World, change: ClockChange) -> None:
    desk.meters = [HOME, GAS]
    desk.clock.move_to(change.published)
    with portal(desk) as source:
        meter = desk.meter(change.name)
        intervals = source.intervals(meter, change.day).readings
        daily = source.days(meter, change.day, change.day).readings
    (length,) = {reading.length for reading in intervals}
    assert len({reading.start for reading in intervals}) == change.intervals
    assert {reading.length for reading in daily} == {change.intervals * length}
    assert sums(intervals) == sums(daily) == counted(desk, meter.ean, change.day, change.day)


@clock_changes
def test_a_clock_change_day_is_published_whole(
    home: World, mosquitto: Mosquitto, change: ClockChange
) -> None:
    home.meters = [HOME, GAS]
    home.clock.move_to(change.published)
    with mosquitto.listen("fluvius/#") as ear:
        home.once()
    assert home.invented(ear.messages) == []
    retained = mosquitto.retained()
    payload = says(retained, f"fluvius/{change.name}/intervals")
    assert payload["date"] == change.day.isoformat()
    starts = [datetime.fromisoformat(each["start"]) for each in payload["intervals"]]
    assert len(set(starts)) == change.intervals
    assert starts == sorted(starts)
    assert says(retained, f"fluvius/{change.name}/status")["days_awaited"] == []


def test_the_ends_of_a_clock_change_day_have_their_own_offsets(desk: World) -> None:
    desk.clock.move_to("2026-10-26 09:00")
    with portal(desk) as source:
        source.intervals(desk.meter(), date(2026, 10, 25))
    assert windows(desk, "readings-interval") == [
        ("2026-10-25T00:00:00.000+02:00", "2026-10-25T23:59:59.999+01:00")
    ]


# --- spans


def test_more_than_31_days_are_asked_in_several_requests(desk: World) -> None:
    first, last = date(2026, 1, 1), date(2026, 11, 20)
    with portal(desk) as source:
        answer = source.days(desk.meter(), first, last)
    asked = windows(desk, "readings-day")
    assert len(asked) == 11
    assert asked[0] == ("2026-01-01T00:00:00.000+01:00", "2026-01-31T23:59:59.999+01:00")
    assert asked[-1][1] == "2026-11-20T23:59:59.999+01:00"
    assert sums(answer.readings) == counted(desk, HOME["ean"], first, last)


def test_31_days_are_asked_at_once(desk: World) -> None:
    desk.changes["schedule.lookback_days"] = 31
    desk.fetch()
    assert len(windows(desk, "readings-day")) == 1
    assert desk.total() == desk.truth(HOME["ean"], date(2026, 10, 21), date(2026, 11, 20))


def test_gas_days_begin_at_six(desk: World) -> None:
    desk.meters = [GAS]
    desk.fetch()
    for begin, end in windows(desk, "readings-day") + windows(desk, "readings-interval"):
        assert (begin[10:23], end[10:23]) == ("T06:00:00.000", "T05:59:59.999")


# --- granularity


def resolution_said(world: World) -> tuple[str | None, str | None]:
    with world.at_work() as (_, fetcher):
        progress = fetcher.progress(world.meter())
    return progress.resolution, progress.advice


def test_another_code_for_quarter_hours_is_found_and_remembered(desk: World) -> None:
    desk.simulator.fault("granularity-changed")
    desk.fetch()
    codes = [record.granularity for record in readings_asked(desk)]
    assert codes == ["4", "1", "3", *["3"] * 6]
    assert resolution_said(desk) == ("PT15M", None)
    desk.clock.pass_by(days=1)
    desk.simulator.forget_requests()
    desk.fetch()
    assert [record.granularity for record in readings_asked(desk)] == ["4", "3"]
    assert desk.total() == desk.truth(HOME["ean"], date(2026, 11, 14), date(2026, 11, 21))


def test_a_code_that_changes_back_is_found_again(desk: World) -> None:
    desk.simulator.fault("granularity-changed")
    desk.fetch()
    desk.simulator.clear()
    desk.clock.pass_by(days=1)
    desk.fetch()
    assert resolution_said(desk) == ("PT15M", None)
    assert desk.total() == desk.truth(HOME["ean"], date(2026, 11, 14), date(2026, 11, 21))


def test_another_code_for_gas_hours_is_found(desk: World) -> None:
    desk.meters = [GAS]
    desk.simulator.fault("granularity-changed")
    desk.fetch()
    assert desk.total("gas") == desk.truth(GAS["ean"], date(2026, 11, 11), date(2026, 11, 17))


def test_hours_where_quarter_hours_are_asked_are_said_and_the_codes_tried_once(desk: World) -> None:
    desk.simulator.fault("hours-for-quarters")
    desk.fetch()
    assert {record.granularity for record in readings_asked(desk)} == {"1", "2", "3", "4"}
    _, advice = resolution_said(desk)
    assert advice
    assert "1:00:00" in advice
    for _ in range(3):
        desk.clock.pass_by(days=1)
        desk.simulator.forget_requests()
        desk.fetch()
        assert {record.granularity for record in readings_asked(desk)} <= {"1", "4"}


def test_quarter_hours_that_come_back_are_taken(desk: World) -> None:
    desk.fetch()
    desk.simulator.fault("hours-for-quarters")
    desk.clock.pass_by(days=1)
    desk.fetch()
    assert desk.total() == desk.truth(HOME["ean"], date(2026, 11, 14), date(2026, 11, 20))
    desk.simulator.clear()
    desk.clock.pass_by(hours=3)
    desk.fetch()
    assert desk.total() == desk.truth(HOME["ean"], date(2026, 11, 14), date(2026, 11, 21))
    assert resolution_said(desk) == ("PT15M", None)


# --- empty answers and refusals


def test_quarter_hours_that_are_switched_on_later_are_taken_from_then_on(desk: World) -> None:
    desk.meters = [SHED]
    desk.fetch()
    meters = desk.simulator.measurements.meters
    meters[SHED["ean"]] = replace(meters[SHED["ean"]], intervals=True)
    desk.clock.pass_by(days=1)
    desk.fetch()
    with desk.at_work() as (ledger, fetcher):
        progress = fetcher.progress(desk.meter("shed"))
        assert len(ledger.days.intervals(desk.meter("shed"), date(2026, 11, 21))) == 96
    assert (progress.resolution, progress.advice, progress.awaited) == ("PT15M", None, [])


def test_a_meter_without_any_reading_says_what_to_compare(desk: World) -> None:
    desk.simulator.fault("replace")
    desk.fetch()
    _, advice = resolution_said(desk)
    assert advice
    assert "EAN" in advice
    assert "serial" in advice


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("forbidden", NotYourMeter, HOME["serial"]),
        ("not-found", NotYourMeter, HOME["ean"]),
        ("bad-request", ShapeChanged, "newer version"),
    ],
)
def test_a_refusal_of_one_meter_is_that_meters_alone(
    desk: World, fault: str, kind: type[Exception], words: str
) -> None:
    desk.meters = [HOME, GAS]
    desk.simulator.fault(fault, ean=HOME["ean"])
    (error,) = desk.fetch().errors
    assert isinstance(error, kind)
    assert words in str(error)
    assert desk.total("gas") == desk.truth(GAS["ean"], date(2026, 11, 11), date(2026, 11, 17))
    desk.simulator.clear()
    desk.clock.pass_by(hours=3)
    assert not desk.fetch().errors
    assert desk.total() == desk.truth(HOME["ean"], date(2026, 11, 14), date(2026, 11, 20))


def test_a_wrong_serial_is_the_users_to_correct(desk: World) -> None:
    desk.meters = [{**HOME, "serial": "1SAG9999999999"}]
    (error,) = desk.fetch().errors
    assert isinstance(error, NotYourMeter)
    desk.meters = [HOME]
    assert not desk.fetch().errors


def test_restarts_ask_about_a_refused_meter_once_in_five_minutes(desk: World) -> None:
    desk.simulator.fault("not-found")
    for _ in range(10):
        desk.fetch(Occasion.START)
        desk.clock.pass_by(seconds=20)
    assert desk.simulator.count("readings") == 1


def test_restarts_ask_about_an_awaited_day_once_in_five_minutes(desk: World) -> None:
    desk.simulator.fault("late-day")
    for _ in range(10):
        desk.fetch(Occasion.START)
        desk.clock.pass_by(seconds=20)
    assert desk.simulator.count("readings-day") == 1


def test_neighbouring_days_do_no_harm(desk: World) -> None:
    desk.simulator.fault("overlapping-slots")
    desk.fetch()
    assert desk.total() == desk.truth(HOME["ean"], date(2026, 11, 14), date(2026, 11, 20))
    assert desk.invented() == []
