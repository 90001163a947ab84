"""A clock that is wrong, or was: nothing is asked by it, nothing is kept, and nothing noted by it counts."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest

from bridge.fetching import steps
from bridge.fetching.backfill import Backfiller
from bridge.fetching.due import Occasion
from bridge.fluvius.errors import ClockWrong, ShapeChanged, TryLater
from bridge.simulator import RequestRecord
from bridge.simulator.faults.answers import DATES
from tests.rig.commands import COULD_NOT
from tests.rig.mosquitto import Mosquitto
from tests.rig.provider import Provider
from tests.rig.reading import Reader
from tests.rig.world import HOME, SHED, Clock, World, says

MORNING = "2026-11-21 09:00"
FIRST, LAST = date(2026, 11, 14), date(2026, 11, 20)
WRONG = "this machine's clock says"

wrong_clocks = pytest.mark.parametrize("days", [-1500, -2, 2, 40, 1500])


@pytest.fixture(autouse=True)
def right(desk: World) -> Clock:
    """Fluvius's own clock."""
    desk.simulator.now = Clock(MORNING)
    return desk.simulator.now


def endpoints(world: World) -> list[str]:
    return [each.endpoint for each in world.simulator.requests]


@wrong_clocks
def test_a_first_start_by_a_wrong_clock_sends_no_password_and_keeps_nothing(desk: World, days: int) -> None:
    desk.clock.pass_by(days=days)
    for occasion in (Occasion.START, Occasion.ONCE, Occasion.ASKED):
        (error,) = desk.fetch(occasion).errors
        assert isinstance(error, ClockWrong)
        assert WRONG in str(error)
        assert "Fluvius says 2026-11-21 09:00" in str(error)
        desk.clock.pass_by(hours=4)
    assert set(endpoints(desk)) == {"config"}
    with desk.ledger() as ledger:
        assert ledger.readings.known_span(desk.meter()) is None
    desk.clock.move_to(MORNING)
    assert not desk.fetch(Occasion.START).errors
    assert desk.total() == desk.truth(HOME["ean"], FIRST, LAST)


@wrong_clocks
def test_a_clock_that_goes_wrong_later_changes_nothing_and_asks_for_no_readings(
    desk: World, days: int
) -> None:
    desk.fetch()
    before = desk.total()
    desk.clock.pass_by(days=days)
    desk.simulator.forget_requests()
    (error,) = desk.fetch(Occasion.ASKED).errors
    assert isinstance(error, ClockWrong)
    assert len(endpoints(desk)) == 1
    assert "sign-in" not in endpoints(desk)
    if days < -1:
        assert endpoints(desk) == ["config"], "the ledger knows better"
    assert desk.total() == before
    desk.clock.move_to("2026-11-21 12:00")
    desk.simulator.forget_requests()
    assert not desk.fetch(Occasion.SCHEDULE).errors
    assert endpoints(desk) == []
    assert desk.total() == before


def test_a_wrong_clock_is_said_on_health_and_status(home: World, mosquitto: Mosquitto, right: Clock) -> None:
    home.simulator.now = right
    home.clock.pass_by(days=-1500)
    home.once()
    health = says(mosquitto.retained(), "fluvius/bridge/health")["portal"]
    assert (health["state"], health["failures_in_a_row"], health["not_before"]) == ("waiting", 1, None)
    status = says(mosquitto.retained(), "fluvius/home/status")
    assert WRONG in health["last_error"]
    assert (status["error"], status["problem"]) == (health["last_error"], True)
    home.clock.move_to(MORNING)
    home.once()
    assert says(mosquitto.retained(), "fluvius/home/total")["since"] == FIRST.isoformat()
    assert says(mosquitto.retained(), "fluvius/home/status")["error"] is None


@pytest.mark.parametrize("hours", [-23, 23])
def test_a_clock_that_is_hours_off_is_no_wrong_clock(desk: World, hours: int) -> None:
    desk.clock.pass_by(hours=hours)
    assert not desk.fetch().errors


@pytest.mark.parametrize("fault", ["maintenance", "too-many-requests", "unavailable", "server-error"])
def test_the_time_of_an_answer_is_looked_at_before_its_words(desk: World, fault: str) -> None:
    desk.clock.pass_by(days=30)
    desk.simulator.fault(fault, where="all")
    (error,) = desk.fetch().errors
    assert isinstance(error, ClockWrong)
    assert desk.asked() == 1
    desk.simulator.clear()
    desk.clock.move_to(MORNING)
    assert not desk.fetch().errors


@pytest.mark.parametrize("variant", DATES)
def test_an_answer_without_a_time_is_as_good_as_another(desk: World, variant: str) -> None:
    desk.simulator.fault("odd-date", variant=variant)
    assert not desk.fetch().errors
    assert desk.total() == desk.truth(HOME["ean"], FIRST, LAST)


def noted_ahead(world: World, days: int) -> None:
    """A clock that was ahead when Fluvius did not say what time it is."""
    world.simulator.fault("odd-date")
    world.clock.pass_by(days=days)
    world.fetch()
    world.simulator.clear()
    world.clock.move_to(MORNING)
    world.simulator.forget_requests()


def test_notes_of_a_clock_that_was_ahead_are_disbelieved_after_one_question(desk: World) -> None:
    noted_ahead(desk, 3)
    desk.clock.pass_by(days=1)
    desk.simulator.now = desk.clock
    desk.fetch()
    assert endpoints(desk).count("config") == 1
    assert desk.total()
    for _ in range(5):
        desk.clock.pass_by(days=1)
        desk.simulator.forget_requests()
        assert not desk.fetch().errors
        assert endpoints(desk).count("config") == 0
    with desk.ledger() as ledger:
        newest = ledger.reviews.newest_trace()
    assert newest
    assert newest <= desk.clock()


@pytest.mark.parametrize("variant", ["missing", "no-date"])
def test_without_the_time_of_fluvius_a_ledger_of_later_is_believed(desk: World, variant: str) -> None:
    desk.fetch()
    desk.clock.pass_by(days=-100)
    desk.simulator.fault("odd-date", variant=variant)
    desk.simulator.forget_requests()
    (error,) = desk.fetch().errors
    assert isinstance(error, ClockWrong)
    assert "the ledger has notes of 2026-11-21 09:00" in str(error)
    assert endpoints(desk) == ["config"]


def test_patience_that_was_noted_by_a_clock_that_was_ahead_silences_nobody(desk: World) -> None:
    desk.fetch()
    desk.clock.pass_by(days=4)
    desk.simulator.fault("odd-date")
    desk.simulator.fault("unavailable", retry_after=3600)
    assert desk.fetch().errors
    desk.simulator.clear()
    desk.clock.move_to("2026-11-21 10:00")
    assert not desk.fetch(Occasion.ASKED).errors


def test_a_backfill_waits_by_no_instant_of_a_clock_that_was_ahead(desk: World) -> None:
    desk.fetch()
    desk.simulator.fault("unavailable")
    with desk.at_work() as (ledger, fetcher):
        ledger.jobs.begin_backfill(desk.meter(), date(2020, 1, 1), date(2020, 1, 5), desk.clock())
        backfiller = Backfiller(ledger, fetcher, desk.clock)
        desk.clock.pass_by(hours=23)
        backfiller.step()
        assert not backfiller.is_due()
        desk.clock.pass_by(hours=-23)
        assert backfiller.is_due()


def test_a_backfill_is_patient_after_a_clock_that_was_ahead(desk: World) -> None:
    desk.clock.pass_by(hours=23)
    desk.fetch()
    desk.clock.pass_by(hours=-23)
    desk.simulator.fault("unavailable")
    with desk.at_work() as (ledger, fetcher):
        ledger.jobs.begin_backfill(desk.meter(), date(2020, 1, 1), date(2020, 1, 5), desk.clock())
        backfiller = Backfiller(ledger, fetcher, desk.clock)
        backfiller.step()
        assert isinstance(backfiller.trouble, TryLater)
        assert not backfiller.is_due()


# --- the commands, and the Energy API


@pytest.mark.parametrize(
    "words",
    [
        ("check",),
        ("token",),
        ("export", "--raw", "--fetch", "--meter", "home"),
        ("once",),
    ],
    ids=lambda words: words[0],
)
@pytest.mark.parametrize("days", [-1500, 30])
def test_no_command_sends_a_password_by_a_wrong_clock(
    reader: Reader, mosquitto: Mosquitto, words: tuple[str, ...], days: int, caplog: pytest.LogCaptureFixture
) -> None:
    reader.world.broker_port = mosquitto.port
    reader.clock.pass_by(days=days)
    ended = reader.types(*words)
    assert ended.status == COULD_NOT
    assert WRONG in " ".join((ended.out + ended.error + caplog.text).split())
    assert set(endpoints(reader.world)) == {"config"}
    kept = json.loads((reader.world.data_dir / "token.json").read_text("utf-8"))
    assert (kept.get("token"), kept.get("refusal")) == (None, None)


@wrong_clocks
def test_a_backfill_by_a_wrong_clock_goes_on_when_it_is_right(desk: World, days: int) -> None:
    desk.clock.pass_by(days=days)
    with desk.at_work() as (ledger, fetcher):
        job = ledger.jobs.begin_backfill(desk.meter(), date(2020, 1, 1), date(2020, 1, 5), desk.clock())
        backfiller = Backfiller(ledger, fetcher, desk.clock)
        backfiller.step()
        assert isinstance(backfiller.trouble, ClockWrong)
        assert endpoints(desk) == ["config"]
        desk.clock.move_to(MORNING)
        while backfiller.is_due():
            backfiller.step()
        assert ledger.jobs.backfill(job.number).state == "done"
    assert desk.total() == desk.truth(HOME["ean"], date(2020, 1, 1), date(2020, 1, 5))


@wrong_clocks
def test_the_energy_api_is_sent_no_secret_by_a_wrong_clock(desk: World, days: int) -> None:
    provider = Provider(desk)
    desk.clock.pass_by(days=days)
    (error,) = provider.fetch().errors
    assert isinstance(error, ClockWrong)
    assert endpoints(desk) == ["openid-configuration"]
    desk.clock.move_to(MORNING)
    assert not provider.fetch().errors
    assert provider.totals() == provider.truths()


def test_the_energy_api_is_asked_nothing_when_the_ledger_knows_of_later_days(desk: World) -> None:
    provider = Provider(desk)
    provider.fetch()
    desk.clock.pass_by(days=-300)
    desk.simulator.forget_requests()
    (error,) = provider.fetch(Occasion.ASKED).errors
    assert isinstance(error, ClockWrong)
    assert endpoints(desk) == ["openid-configuration"]


# --- within one cycle


def asked_twice(world: World) -> Iterator[RequestRecord]:
    seen: set[str] = set()
    for each in world.simulator.requests:
        if each.query and repr(each.query) in seen:
            yield each
        seen.add(repr(each.query))


@pytest.mark.parametrize("ahead", [timedelta(hours=20), timedelta(days=3), timedelta(days=700)])
def test_quarter_hours_that_were_switched_on_while_the_clock_was_ahead_are_asked_for_once_a_day(
    desk: World, ahead: timedelta
) -> None:
    desk.meters = [SHED]
    desk.simulator.now = desk.clock
    desk.fetch()
    meters = desk.simulator.measurements.meters
    switched_on = replace(meters[SHED["ean"]], intervals=True, intervals_since=date(2026, 11, 20))
    meters[SHED["ean"]] = switched_on
    desk.clock.pass_by(days=1)
    desk.fetch()
    with desk.ledger() as ledger:  # as a clock that was ahead would have noted it
        seconds = int(ahead.total_seconds())
        ledger.store.execute("UPDATE day SET asked_at = asked_at + ? WHERE intervals > 0", (seconds,))
    for hours in (1, 23, 24):
        desk.clock.pass_by(hours=hours)
        desk.simulator.forget_requests()
        assert not desk.fetch(Occasion.ASKED).errors
        assert desk.asked("readings") <= 1 + 7
        assert list(asked_twice(desk)) == []
    with desk.ledger() as ledger:
        facts = ledger.days.facts(desk.meter("shed"), [date(2026, 11, 20), date(2026, 11, 21)])
    assert all(day.interval_count == 96 for day in facts)


def test_a_cycle_that_asks_and_asks_ends_with_its_meter(
    desk: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk.meters = [HOME, SHED]
    monkeypatch.setattr(steps, "_FOR_A_VISIT", 10)
    monkeypatch.setattr(steps, "_FOR_A_QUESTION", 0)
    (error,) = desk.fetch().errors
    assert isinstance(error, ShapeChanged)
    assert "more than any meter needs" in caplog.text
    assert desk.simulator.count("readings", ean=HOME["ean"]) < 10
    assert desk.total("shed") == desk.truth(SHED["ean"], FIRST, LAST)
