"""Months and their peaks: exact sums of complete days, and the capacity tariff's quarter-hours.

The truth is the simulator's own; what Fluvius says of peaks comes from it over HTTP.
"""

import json
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bridge.fetching.due import Occasion
from bridge.ledger import Ledger
from bridge.ledger.peaks import Peaks
from bridge.metering import meterday
from bridge.metering.meterday import ONE_DAY, month_of, months_until, span
from bridge.metering.model import Energy, Meter, Peak, PeakMonth, Register
from bridge.publishing import monthly
from bridge.service import bridge
from bridge.text.words import local
from tests.rig.chance import often
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.readings import HOME as OURS
from tests.rig.readings import all_intervals, daily, interval
from tests.rig.registers import TOTAL, kwh
from tests.rig.truth import amounts_in, in_words
from tests.rig.world import GAS, HOME, SHED, World, says
from tests.rig.years import fill

OCTOBER, NOVEMBER, DECEMBER = date(2026, 10, 1), date(2026, 11, 1), date(2026, 12, 1)
QUARTER = timedelta(minutes=15)


def published(world: World, mosquitto: Mosquitto, topic: str) -> Any:
    """What is on a topic below `fluvius` after one cycle."""
    assert not world.once().errors
    return says(mosquitto.retained(), f"fluvius/{topic}")


def truth(world: World, meter: dict[str, str], first: date, last: date) -> dict[str, Any]:
    """The simulator's own sums of whole days, in the words of a payload."""
    return in_words(world.simulator.total_amounts(meter["ean"], first, last))


# --- months


def test_this_month_and_the_last_one_over_new_year(home: World, mosquitto: Mosquitto) -> None:
    home.changes["schedule.lookback_days"] = 31
    home.clock.move_to("2027-01-05 09:00")
    month = published(home, mosquitto, "home/month")
    last = month["last"]
    assert list(month) == [
        *("meter", "ean", "month", "start", "end", "days", "days_missing"),
        *("consumption", "injection", "net", "unit", "last"),
    ]
    assert (month["month"], month["start"], month["end"]) == (
        *("2027-01", "2027-01-01T00:00:00+01:00", "2027-02-01T00:00:00+01:00"),
    )
    assert (last["month"], last["start"], last["end"]) == (
        *("2026-12", "2026-12-01T00:00:00+01:00", "2027-01-01T00:00:00+01:00"),
    )
    assert (month["days"], month["days_missing"]) == (4, 0)
    assert (last["days"], last["days_missing"]) == (27, 4)
    assert amounts_in(month) == truth(home, HOME, date(2027, 1, 1), date(2027, 1, 4))
    assert amounts_in(last) == truth(home, HOME, date(2026, 12, 5), date(2026, 12, 31))


@pytest.mark.parametrize(
    ("now", "first", "offsets"),
    [
        ("2026-11-01 12:00", OCTOBER, ("+02:00", "+01:00")),
        ("2026-04-01 12:00", date(2026, 3, 1), ("+01:00", "+02:00")),
    ],
)
@pytest.mark.parametrize("name", ["home", "gas", "shed"])
def test_a_month_with_a_clock_change_is_whole(
    desk: World, name: str, now: str, first: date, offsets: tuple[str, str]
) -> None:
    desk.changes["schedule.lookback_days"] = 31
    meter = {"home": HOME, "gas": GAS, "shed": SHED}[name]
    desk.meters = [meter]
    desk.clock.move_to(now)
    if name == "gas":  # of which the last day comes after three days
        desk.clock.pass_by(days=3)
    desk.fetch()
    with desk.ledger() as ledger:
        this, last = (
            ledger.sums.month(desk.meter(name), month, desk.clock()) for month in _two_months(first)
        )
    said = monthly.month(desk.meter(name), this, last, last.amounts)["last"]
    assert (said["days"], said["days_missing"]) == (31, 0)
    assert amounts_in(said) == truth(desk, meter, first, first + 30 * ONE_DAY)
    hour = "06" if name == "gas" else "00"
    assert said["start"] == f"{first}T{hour}:00:00{offsets[0]}"
    assert said["end"] == f"{meterday.last_of(first) + ONE_DAY}T{hour}:00:00{offsets[1]}"


def _two_months(last: date) -> tuple[date, date]:
    return meterday.last_of(last) + ONE_DAY, last


def test_a_month_begins_at_nothing_and_grows_with_its_days(home: World, mosquitto: Mosquitto) -> None:
    home.clock.move_to("2026-11-30 09:00")
    november = published(home, mosquitto, "home/month")
    assert (november["month"], november["days"]) == ("2026-11", 7)
    home.clock.move_to("2026-12-01 00:10")  # November's last day is not published yet
    retained = mosquitto.retained()
    before = published(home, mosquitto, "home/month")
    assert (before["month"], before["days"], before["days_missing"]) == ("2026-12", 0, 0)
    assert before["consumption"] == before["injection"] == {"high": 0, "low": 0, "total": 0}
    assert before["net"] == 0
    assert (before["last"]["days"], before["last"]["days_missing"]) == (7, 22)
    home.clock.move_to("2026-12-01 09:00")
    assert published(home, mosquitto, "home/month")["days"] == 0
    home.clock.move_to("2026-12-02 00:10")  # the first day is over
    awaited = published(home, mosquitto, "home/month")
    assert (awaited["days"], awaited["days_missing"]) == (0, 0)
    assert awaited["consumption"]["total"] == 0
    home.clock.move_to("2026-12-02 09:00")
    after = published(home, mosquitto, "home/month")
    assert (after["days"], after["days_missing"]) == (1, 0)
    assert amounts_in(after) == truth(home, HOME, DECEMBER, DECEMBER)
    assert retained.keys() <= mosquitto.retained().keys()


def test_the_leaves_of_a_month_say_what_its_json_says(home: World, mosquitto: Mosquitto) -> None:
    home.clock.move_to("2026-12-02 09:00")
    month, retained = published(home, mosquitto, "home/month"), mosquitto.retained()
    for below, payload in (("", month), ("last/", month["last"])):
        for side in ("consumption", "injection"):
            for tariff, amount in payload[side].items():
                assert Decimal(retained[f"fluvius/home/month/{below}{side}/{tariff}"]) == amount
        assert Decimal(retained[f"fluvius/home/month/{below}net"]) == payload["net"]
        assert retained[f"fluvius/home/month/{below}days"] == str(payload["days"])
        assert retained[f"fluvius/home/month/{below}days_missing"] == str(payload["days_missing"])


@pytest.mark.parametrize("delta", [2500, -900])
def test_a_correction_of_last_month_changes_it_and_not_this_one(
    home: World, mosquitto: Mosquitto, delta: int
) -> None:
    home.clock.move_to("2026-12-02 09:00")
    before = published(home, mosquitto, "home/month")
    corrected = date(2026, 11, 28)
    home.simulator.correct(HOME["ean"], corrected, delta_wh=delta)
    home.clock.pass_by(days=1)
    after = published(home, mosquitto, "home/month")
    assert amounts_in(after["last"]) == truth(home, HOME, date(2026, 11, 25), date(2026, 11, 30))
    assert after["last"]["net"] - before["last"]["net"] == Decimal(delta) / 1000
    assert amounts_in(after) == truth(home, HOME, DECEMBER, date(2026, 12, 2))


def test_a_day_that_does_not_come_is_missing_and_nothing_of_it_counts(
    home: World, mosquitto: Mosquitto
) -> None:
    late = date(2026, 11, 18)
    home.simulator.delay(HOME["ean"], late, intervals_until=home.clock() + timedelta(hours=30))
    month = published(home, mosquitto, "home/month")
    assert (month["days"], month["days_missing"]) == (6, 13)
    without = truth(home, HOME, date(2026, 11, 14), date(2026, 11, 20))["consumption"]["total"]
    without -= truth(home, HOME, late, late)["consumption"]["total"]
    assert month["consumption"]["total"] == without
    home.clock.pass_by(hours=31)
    month = published(home, mosquitto, "home/month")
    assert (month["days"], month["days_missing"]) == (8, 13)
    assert amounts_in(month) == truth(home, HOME, date(2026, 11, 14), date(2026, 11, 21))


def test_a_month_of_gas_is_one_of_gas_days(home: World, mosquitto: Mosquitto) -> None:
    home.meters = [GAS]
    home.clock.move_to("2026-12-01 05:30")
    assert published(home, mosquitto, "gas/month")["month"] == "2026-11"
    home.clock.move_to("2026-12-01 06:30")
    month = published(home, mosquitto, "gas/month")
    assert (month["month"], month["start"]) == ("2026-12", "2026-12-01T06:00:00+01:00")
    assert (month["days"], month["days_missing"]) == (0, 0)
    assert (month["consumption"], month["volume"]) == ({"total": 0}, {"total": 0})
    home.clock.move_to("2026-12-06 09:00")
    month = published(home, mosquitto, "gas/month")
    assert (month["days"], month["days_missing"]) == (2, 0)
    assert amounts_in(month) == truth(home, GAS, DECEMBER, date(2026, 12, 2))


@pytest.mark.parametrize("meter", [HOME, GAS], ids=["electricity", "gas"])
def test_a_bridge_that_runs_says_by_itself_that_the_month_is_another_one(
    home: World, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch, meter: dict[str, str]
) -> None:
    monkeypatch.setattr(bridge, "_LOOK_AROUND", 0.02)
    home.meters = [meter]
    home.clock.move_to("2026-11-30 21:00")
    topic = f"fluvius/{meter['name']}/month"

    def said() -> Any:
        return says(mosquitto.retained(topic), topic) if topic in mosquitto.retained(topic) else {}

    with home.running():
        eventually(lambda: said().get("month") == "2026-11", 10)
        home.clock.move_to("2026-12-01 00:00:01" if meter is HOME else "2026-12-01 06:00:01")
        eventually(lambda: said()["month"] == "2026-12", 10)


@pytest.mark.parametrize("hour", ["00:00:01", "06:00:01"])
def test_a_day_that_is_only_awaited_is_not_missing(
    home: World, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch, hour: str
) -> None:
    """Gas days begin at six, and may be published from midnight on."""
    monkeypatch.setattr(bridge, "_LOOK_AROUND", 0.02)
    home.meters = [GAS]
    home.clock.move_to("2026-12-06 21:00")

    def missing_and_awaited() -> tuple[int, list[str]]:
        retained = mosquitto.retained("fluvius/gas/#")
        month, status = (says(retained, f"fluvius/gas/{topic}") for topic in ("month", "status"))
        return month["days_missing"], status["days_awaited"]

    home.once()
    assert missing_and_awaited() == (0, [])
    with home.running():
        eventually(lambda: mosquitto.retained()["fluvius/bridge/state"] == "online")
        home.simulator.fault("unavailable")
        home.clock.move_to(f"2026-12-07 {hour}")
        eventually(lambda: missing_and_awaited() == (0, ["2026-12-03"]))


@given(st.sets(st.integers(0, 91), max_size=40), st.sampled_from(list(Energy)))
@hypothesis_settings(max_examples=often(25, soak=250), deadline=None)
def test_whatever_days_are_complete_months_add_up_to_the_total(
    tmp_path_factory: pytest.TempPathFactory, numbers: set[int], energy: Energy
) -> None:
    meter = Meter("any", "541448820000000046", energy, "A", days_only=True)
    days = sorted(date(2026, 9, 1) + number * ONE_DAY for number in numbers)
    now = datetime(2026, 12, 1, 12, tzinfo=UTC)
    with Ledger(tmp_path_factory.mktemp("any") / "ledger.sqlite") as ledger:
        for day in days:
            ledger.answers.record_days(meter, daily(kwh(TOTAL=day.day), day, meter), now)
        ledger.answers.settle(meter, days, now)
        months = [ledger.sums.month(meter, month, now) for month in months_until(DECEMBER, 4)]
        total = ledger.sums.total(meter)
    assert [each.days for each in months] == [
        sum(month_of(day) == each.first for day in days) for each in months
    ]
    added = sum((each.amounts.get(TOTAL, Decimal(0)) for each in months), Decimal(0))
    assert added == (total.amounts[TOTAL] if total else 0)
    newest = meterday.latest_settled(now, energy)
    expected = [day for day in span(date(2026, 9, 1), newest) if day not in days]
    assert sum(each.missing for each in months) == len(expected)


# --- peaks: what Fluvius says itself


def true_peaks(world: World, first: date, last: date) -> dict[str, tuple[Decimal, str]]:
    """Each month's highest quarter-hour, and its start in UTC, the earliest where there are several."""
    peaks: dict[str, tuple[Decimal, datetime]] = {}
    for day in span(first, last):
        for start, amounts in world.simulator.slot_amounts(HOME["ean"], day).items():
            power = 4 * sum((amount for (t, _, _), amount in amounts.items() if t == 1), Decimal(0))
            month = f"{day:%Y-%m}"
            if month not in peaks or power > peaks[month][0]:
                peaks[month] = power, start
    return {month: (power, start.isoformat()) for month, (power, start) in peaks.items()}


def in_utc(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).isoformat()


def of_months(payload: Any) -> dict[str, tuple[Decimal, str]]:
    return {each["month"]: (each["peak"], in_utc(each["start"])) for each in payload["months"]}


def spikes(*months: tuple[str, str]) -> str:
    """What Fluvius answers: for each month, the start of its peak in UTC, and kW."""
    answer = []
    for start, power in months:
        peak = datetime.fromisoformat(start).replace(tzinfo=UTC)
        month = month_of(meterday.day_of(peak, Energy.ELECTRICITY))
        begin = meterday.start_of(month, Energy.ELECTRICITY)
        end = meterday.end_of(meterday.last_of(month), Energy.ELECTRICITY)
        answer.append(
            {
                "d": f"{begin:%Y-%m-%dT%H:%M:%SZ}",
                "de": f"{end:%Y-%m-%dT%H:%M:%SZ}",
                "v": [{"v": float(power), "sst": f"{start}Z", "set": f"{peak + QUARTER:%Y-%m-%dT%H:%M:%SZ}"}],
            }
        )
    return json.dumps(answer)


def test_the_twelve_months_before_come_from_fluvius(home: World, mosquitto: Mosquitto) -> None:
    peak = published(home, mosquitto, "home/peak")
    true = true_peaks(home, date(2025, 11, 1), date(2026, 11, 20))
    assert peak["month"] == "2026-11"
    assert (peak["peak"], in_utc(peak["start"])) == true.pop("2026-11")
    assert of_months(peak) == true
    assert [each["month"] for each in peak["months"]] == sorted(true, reverse=True)
    assert len(peak["months"]) == 12
    assert {each["source"] for each in peak["months"]} == {"portal"}
    floored = [max(power, Decimal("2.5")) for power, _ in true.values()]
    assert [each["billed"] for each in peak["months"]] == [max(each["peak"], 2.5) for each in peak["months"]]
    assert peak["mean"] == (sum(floored, Decimal(0)) / 12).quantize(Decimal("0.001"))
    with_this = [*floored[1:], max(peak["peak"], Decimal("2.5"))]
    assert peak["mean_with_this_month"] == (sum(with_this, Decimal(0)) / 12).quantize(Decimal("0.001"))
    assert home.simulator.count("spikes") == 1


def test_a_peak_lasts_a_quarter_of_an_hour_and_is_in_kilowatts(home: World, mosquitto: Mosquitto) -> None:
    peak = published(home, mosquitto, "home/peak")
    begin, end = (datetime.fromisoformat(peak[key]) for key in ("start", "end"))
    assert end - begin == QUARTER
    assert peak["unit"] == "kW"


def test_fluvius_is_asked_for_peaks_once_a_month_when_the_last_one_is_over(desk: World) -> None:
    asked = []
    desk.clock.move_to("2026-11-21 06:20")
    for _ in range(4 * 45):
        desk.fetch()
        if desk.simulator.count("spikes"):
            asked.append(desk.clock().date())
        desk.simulator.forget_requests()
        desk.clock.pass_by(hours=6)
    assert asked == [date(2026, 11, 21), date(2026, 12, 1), date(2027, 1, 1)]


def test_a_last_day_that_never_comes_does_not_keep_a_month_s_peak_away(desk: World) -> None:
    desk.simulator.delay(HOME["ean"], date(2026, 11, 30), days_until=datetime(2027, 3, 1, tzinfo=UTC))
    desk.clock.move_to("2026-11-29 09:00")
    asked = []
    for _ in range(12):
        desk.fetch()
        asked += [desk.clock().date()] * desk.simulator.count("spikes")
        desk.simulator.forget_requests()
        desk.clock.pass_by(days=1)
    assert len(asked) == 2
    assert date(2026, 12, 1) < asked[1] <= date(2026, 12, 6)


@pytest.mark.parametrize("restarts", [1, 3])
def test_peaks_are_kept_over_a_restart(home: World, mosquitto: Mosquitto, restarts: int) -> None:
    before = published(home, mosquitto, "home/peak")
    mosquitto.restart(keep_memory=False)
    home.simulator.forget_requests()
    for _ in range(restarts):
        home.clock.pass_by(minutes=1)
        assert published(home, mosquitto, "home/peak") == before
    assert home.simulator.requests == []


def test_a_bridge_that_was_killed_after_the_answer_about_peaks_asks_once_more(
    desk: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = Peaks.keep_peaks

    def killed(self: Peaks, *arguments: Any) -> None:
        keep(self, *arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(Peaks, "keep_peaks", killed)
    with pytest.raises(KeyboardInterrupt):
        desk.fetch()
    monkeypatch.undo()
    before = peak_of(desk)
    for _ in range(3):
        assert not desk.fetch().errors
        desk.clock.pass_by(hours=3)
    assert desk.simulator.count("spikes") == 2
    assert desk.simulator.count("readings") == 8
    assert peak_of(desk) == before


def peak_of(world: World, name: str = "home") -> Any:
    """The payload of `peak`, without a broker."""
    with world.ledger() as ledger:
        return of_ledger(ledger, world.meter(name), world.clock())


def of_ledger(ledger: Ledger, meter: Meter, now: datetime, floor: str = "2.5") -> Any:
    months = months_until(month_of(meterday.day_of(now, meter.energy)), 13)
    return monthly.peak(meter, ledger.peaks.peak_months(meter, months), Decimal(floor))


def october(**peak: Any) -> str:
    return json.dumps([{"d": "2026-09-30T22:00:00Z", "de": "2026-10-31T23:00:00Z", "v": [peak]}])


IN_OCTOBER = {"sst": "2026-10-14T17:00:00Z", "set": "2026-10-14T17:15:00Z"}
ODD = [
    *("[]", "null", "{}", '"spikes"', "[null]", "[[]]", "[{}]"),
    *(october().replace("[{}]", v) for v in ("null", "[]", "[null]", '"none"', "5", "[[]]", "{}")),
    *(october(v=v, **IN_OCTOBER) for v in (None, "5", -5, 1e30, [5], True)),
    *(october(v=5.4, sst=sst) for sst in (None, "soon", "2026-10-14T17:00:00", 5, "2026-12-14T17:00:00Z")),
    october(v=5.4, sst="0001-01-01T00:00:00+14:00").replace("2026-09-30", "0001-01-01"),
    october(v=5.4, **IN_OCTOBER).replace("2026-09-30T22:00:00Z", "soon"),
]


@pytest.mark.parametrize("answer", ODD)
def test_an_answer_about_peaks_that_is_odd_or_empty_disturbs_nothing(desk: World, answer: str) -> None:
    desk.simulator.fault("replace", where="spikes", body=answer)
    for _ in range(6):
        assert not desk.fetch().errors
        desk.clock.pass_by(hours=6)
    assert desk.simulator.count("spikes") == 1
    peak = peak_of(desk)
    assert (peak["months"], peak["mean"]) == ([], None)
    true = true_peaks(desk, date(2026, 11, 14), date(2026, 11, 21))
    assert (peak["peak"], in_utc(peak["start"])) == true["2026-11"]


def test_of_an_answer_that_is_odd_in_part_the_rest_is_understood(desk: World) -> None:
    months = json.loads(spikes(("2026-10-14T17:00:00", "5.432"), ("2026-09-14T17:00:00", "4.001")))
    desk.simulator.fault("replace", where="spikes", body=json.dumps([None, *months, {"v": 3}, months[0]]))
    assert not desk.fetch().errors
    assert of_months(peak_of(desk)) == {
        "2026-10": (Decimal("5.432"), "2026-10-14T17:00:00+00:00"),
        "2026-09": (Decimal("4.001"), "2026-09-14T17:00:00+00:00"),
    }


@pytest.mark.parametrize("status", [404, 403, 400, 204])
def test_a_portal_without_peaks_is_asked_once_a_month(home: World, mosquitto: Mosquitto, status: int) -> None:
    home.simulator.fault("replace", where="spikes", status=status, body="{}")
    for _ in range(8):
        status_payload = published(home, mosquitto, "home/status")
        assert (status_payload["problem"], status_payload["error"]) == (False, None)
        home.clock.pass_by(hours=6)
    assert home.simulator.count("spikes") == (2 if status == 400 else 1)  # and for half as many months
    assert says(mosquitto.retained(), "fluvius/bridge/health")["portal"]["state"] == "ok"


@pytest.mark.parametrize("fault", ["unavailable", "server-error", "maintenance"])
def test_a_portal_that_fails_only_at_peaks_is_in_nobody_s_way(
    home: World, mosquitto: Mosquitto, fault: str
) -> None:
    home.meters = [HOME, SHED, GAS]
    home.simulator.fault(fault, where="spikes")
    for _ in range(4 * 4):
        home.once()
        home.clock.pass_by(hours=6)
    retained = mosquitto.retained()
    assert retained["fluvius/home/day/date"] == retained["fluvius/shed/day/date"] == "2026-11-23"
    assert retained["fluvius/gas/day/date"] == "2026-11-20"
    for name in ("home", "shed"):
        status = says(retained, f"fluvius/{name}/status")
        assert status["last_success"] >= "2026-11-24", name
    assert home.simulator.count("spikes") <= 4 * 2 * 3, "three times in a row, once a day, for each meter"
    assert says(retained, "fluvius/bridge/health")["portal"]["state"] == "ok"
    home.simulator.clear()
    home.clock.pass_by(days=1)
    home.once()
    assert len(says(mosquitto.retained(), "fluvius/home/peak")["months"]) == 12


def test_a_portal_that_asks_for_patience_at_peaks_keeps_no_meter_waiting_for_ever(desk: World) -> None:
    desk.meters = [HOME, SHED, GAS]
    desk.simulator.fault("unavailable", where="spikes", retry_after=3600)
    for _ in range(3):
        desk.fetch()
        asked = desk.simulator.count()
        desk.fetch()
        assert desk.simulator.count() == asked, "Fluvius said when to come again"
        desk.clock.pass_by(hours=2)
    assert {meter["name"] for meter in desk.meters if desk.total(meter["name"])} == {"home", "shed", "gas"}


def test_gas_has_no_peaks_and_is_not_asked_for_them(home: World, mosquitto: Mosquitto) -> None:
    home.meters = [GAS]
    home.once()
    assert "fluvius/gas/month" in mosquitto.retained()
    assert "fluvius/gas/peak" not in mosquitto.retained()
    assert home.simulator.count("spikes") == 0


def test_what_fluvius_said_of_a_month_under_way_is_not_billed_when_it_is_over(desk: World) -> None:
    """It is asked in the middle of a month the first time, and again only after the next one began."""
    desk.fetch()
    desk.simulator.correct(HOME["ean"], date(2026, 11, 29), delta_wh=3000, over=1)
    for _ in range(10):
        desk.clock.pass_by(days=1)
        desk.simulator.fault("replace", where="spikes", status=404)
        desk.fetch()
        desk.simulator.clear()
    assert desk.clock().date() == DECEMBER
    november = next(each for each in peak_of(desk)["months"] if each["month"] == "2026-11")
    assert (november["peak"], in_utc(november["start"])) == true_peaks(desk, NOVEMBER, date(2026, 11, 30))[
        "2026-11"
    ]
    assert november["source"] == "ledger"


def test_what_fluvius_says_of_the_month_under_way_counts_for_days_the_ledger_does_not_have(
    desk: World,
) -> None:
    desk.simulator.correct(HOME["ean"], date(2026, 11, 3), delta_wh=3000, over=1)
    desk.fetch()
    peak = peak_of(desk)
    assert in_utc(peak["start"]).startswith("2026-11-03")
    assert peak["peak"] == true_peaks(desk, NOVEMBER, date(2026, 11, 20))["2026-11"][0]


# --- peaks: those of the ledger


NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)


def day_with(
    ledger: Ledger, day: date, powers: dict[int, str], meter: Meter = OURS, now: datetime = NOW
) -> None:
    """A complete day of 0.1 kWh each quarter-hour, but for some, of which the kW are given."""
    slots = all_intervals(kwh(TOTAL="0.1", INJECTED="9"), day)
    for number, power in powers.items():
        slots += interval(number, kwh(TOTAL=Decimal(power) / 4), day)
    by_slot = {(each.start, each.register): each for each in slots}
    amounts: dict[Register, Decimal] = {}
    for each in by_slot.values():
        amounts[each.register] = amounts.get(each.register, Decimal(0)) + each.amount
    ledger.answers.record_days(meter, daily(amounts, day), now)
    ledger.answers.record_intervals(meter, day, list(by_slot.values()), now)
    ledger.answers.settle(meter, [day], now)


def start(day: date, number: int) -> str:
    return local(meterday.intervals_of(day, Energy.ELECTRICITY)[number])


def test_the_highest_quarter_hour_is_of_consumption_whatever_is_injected(ledger: Ledger) -> None:
    day_with(ledger, date(2026, 11, 20), {40: "3.2"})
    peak = of_ledger(ledger, OURS, NOW)
    assert (peak["peak"], peak["start"]) == (Decimal("3.2"), start(date(2026, 11, 20), 40))


def test_of_equal_quarter_hours_the_first_is_the_peak(ledger: Ledger) -> None:
    for number in (20, 18, 19):
        day_with(ledger, date(2026, 11, number), {60: "3.2", 61: "3.2"})
    assert of_ledger(ledger, OURS, NOW)["start"] == start(date(2026, 11, 18), 60)


def test_a_correction_down_lowers_the_peak_to_the_next_one(ledger: Ledger) -> None:
    day_with(ledger, date(2026, 11, 18), {10: "4.4", 50: "2.8"})
    day_with(ledger, date(2026, 11, 19), {70: "4.1"})
    assert of_ledger(ledger, OURS, NOW)["peak"] == Decimal("4.4")
    day_with(ledger, date(2026, 11, 18), {10: "1", 50: "2.8"})
    peak = of_ledger(ledger, OURS, NOW)
    assert (peak["peak"], peak["start"]) == (Decimal("4.1"), start(date(2026, 11, 19), 70))
    day_with(ledger, date(2026, 11, 19), {})
    assert of_ledger(ledger, OURS, NOW)["peak"] == Decimal("2.8")


def test_a_correction_over_http_lowers_the_peak(home: World, mosquitto: Mosquitto) -> None:
    home.simulator.fault("replace", where="spikes", status=404)
    home.simulator.correct(HOME["ean"], date(2026, 11, 18), delta_wh=2000, over=1)
    assert published(home, mosquitto, "home/peak")["peak"] > 8
    home.clock.pass_by(days=1)
    home.simulator.correct(HOME["ean"], date(2026, 11, 18), delta_wh=-2000, over=1)
    peak = published(home, mosquitto, "home/peak")
    assert (peak["peak"], in_utc(peak["start"])) == true_peaks(home, date(2026, 11, 14), date(2026, 11, 21))[
        "2026-11"
    ]


@pytest.mark.parametrize("more", [40_000, -40_000])
def test_a_correction_after_fluvius_said_a_month_s_peak_has_it_said_again(
    home: World, mosquitto: Mosquitto, more: int
) -> None:
    corrected = date(2026, 10, 30)
    if more < 0:
        home.simulator.correct(HOME["ean"], corrected, delta_wh=-more)
    for day in span(date(2026, 10, 20), date(2026, 11, 2)):
        home.clock.move_to(f"{day} 12:30")
        home.once()
    before = published(home, mosquitto, "home/peak")["last"]
    home.simulator.correct(HOME["ean"], corrected, delta_wh=more)
    home.simulator.forget_requests()
    for day in span(date(2026, 11, 3), date(2026, 11, 12)):
        home.clock.move_to(f"{day} 12:30")
        home.once()
    assert home.simulator.count("spikes") == 1
    after = published(home, mosquitto, "home/peak")["last"]
    assert (after["peak"] > before["peak"]) == (more > 0)
    [portal] = true_peaks(home, date(2026, 10, 1), date(2026, 10, 31)).values()
    assert (after["peak"], in_utc(after["start"])) == portal


def test_a_corrected_month_s_peak_is_asked_for_again_after_a_restart_too(tmp_path: Path) -> None:
    day, said = date(2026, 10, 14), Peak(datetime(2026, 10, 14, 17, tzinfo=UTC), Decimal(4), "portal")
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        day_with(ledger, day, {40: "3"})
        ledger.peaks.keep_peaks(OURS, [said], NOVEMBER)
        assert not ledger.peaks.has_doubted(OURS)
        day_with(ledger, day, {40: "4.5"})
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert ledger.peaks.has_doubted(OURS)
        assert not ledger.peaks.has_doubted(OURS)


def test_a_day_that_is_not_complete_has_no_peak(ledger: Ledger) -> None:
    day_with(ledger, date(2026, 11, 19), {70: "4.1"})
    day = date(2026, 11, 20)
    ledger.answers.record_days(OURS, daily(kwh(TOTAL=100), day), NOW)
    ledger.answers.record_intervals(OURS, day, interval(3, kwh(TOTAL=9), day), NOW)
    ledger.answers.settle(OURS, [day], NOW)
    assert of_ledger(ledger, OURS, NOW)["peak"] == Decimal("4.1")
    day_with(ledger, day, {3: "36"})
    assert of_ledger(ledger, OURS, NOW)["peak"] == 36


def test_a_peak_is_of_both_meters_in_the_quarter_hour_of_their_exchange(ledger: Ledger) -> None:
    day = date(2026, 11, 20)
    day_with(ledger, day, {40: "4"})
    ledger.answers.record_days(OURS, daily(kwh(TOTAL="0.25"), day, serial="B"), NOW)
    ledger.answers.record_intervals(OURS, day, interval(40, kwh(TOTAL="0.25"), day, serial="B"), NOW)
    assert of_ledger(ledger, OURS, NOW)["peak"] == 5


def test_months_go_from_the_twelfth_to_the_last_and_no_further(ledger: Ledger) -> None:
    for number, month in enumerate(months_until(NOVEMBER, 14)):
        day_with(ledger, month + 9 * ONE_DAY, {40: str(3 + number)}, now=NOW)
    peak = of_ledger(ledger, OURS, NOW)
    assert [each["month"] for each in peak["months"]] == [
        f"{month:%Y-%m}" for month in months_until(OCTOBER, 12)[::-1]
    ]
    assert [each["peak"] for each in peak["months"]] == list(range(15, 3, -1))
    assert peak["peak"] == 16
    assert peak["mean"] == Decimal("9.5")
    assert peak["mean_with_this_month"] == Decimal("10.5")


def test_at_midnight_of_the_first_a_month_moves_to_those_that_are_billed(ledger: Ledger) -> None:
    day_with(ledger, date(2026, 11, 20), {40: "6"})
    before = of_ledger(ledger, OURS, datetime(2026, 11, 30, 22, 59, 59, tzinfo=UTC))
    after = of_ledger(ledger, OURS, datetime(2026, 11, 30, 23, tzinfo=UTC))
    assert (before["month"], before["peak"], before["mean"], before["mean_with_this_month"]) == (
        *("2026-11", 6, None, 6),
    )
    assert (after["month"], after["peak"], after["start"], after["mean"]) == ("2026-12", None, None, 6)
    assert after["mean_with_this_month"] is None
    assert [each["peak"] for each in after["months"]] == [6]


@pytest.mark.parametrize(("floor", "mean"), [("2.5", "3.25"), ("0", "2.5"), ("5", "5"), ("2.123", "3.062")])
def test_each_month_counts_for_the_floor_at_least(ledger: Ledger, floor: str, mean: str) -> None:
    day_with(ledger, date(2026, 10, 10), {40: "4"})
    day_with(ledger, date(2026, 9, 10), {40: "1"})
    peak = of_ledger(ledger, OURS, NOW, floor)
    assert (peak["mean"], peak["floor"]) == (Decimal(mean), Decimal(floor))
    assert [each["peak"] for each in peak["months"]] == [4, 1]


def test_the_floor_is_the_configuration_s(home: World, mosquitto: Mosquitto) -> None:
    home.changes["capacity_tariff.floor_kw"] = "7.25"
    peak = published(home, mosquitto, "home/peak")
    assert (peak["floor"], peak["mean"]) == (Decimal("7.25"), Decimal("7.25"))
    assert {each["billed"] for each in peak["months"]} == {Decimal("7.25")}


def test_a_month_of_no_consumption_at_all_has_a_peak_of_zero(ledger: Ledger) -> None:
    day = date(2026, 11, 20)
    ledger.answers.record_days(OURS, daily(kwh(TOTAL=0), day), NOW)
    ledger.answers.record_intervals(OURS, day, all_intervals(kwh(TOTAL=0), day), NOW)
    ledger.answers.settle(OURS, [day], NOW)
    peak = of_ledger(ledger, OURS, NOW)
    assert (peak["peak"], peak["start"], peak["mean_with_this_month"]) == (0, start(day, 0), Decimal("2.5"))


def test_without_any_quarter_hour_and_without_the_portal_there_is_no_peak(ledger: Ledger) -> None:
    assert of_ledger(ledger, OURS, NOW) is None


@pytest.mark.parametrize("day", [date(2026, 10, 25), date(2026, 3, 29)])
@pytest.mark.parametrize("number", [7, 8, 9, 12, 91])
def test_a_peak_in_the_night_of_a_clock_change_is_at_its_own_hour(
    ledger: Ledger, day: date, number: int
) -> None:
    day_with(ledger, day, {number: "5"})
    months = ledger.peaks.peak_months(OURS, [month_of(day)])
    assert months[0].counted
    assert months[0].counted.start == meterday.intervals_of(day, Energy.ELECTRICITY)[number]


def test_a_peak_in_a_month_s_first_or_last_quarter_hour_is_that_month_s(ledger: Ledger) -> None:
    day_with(ledger, date(2026, 10, 31), {95: "5"})
    day_with(ledger, date(2026, 11, 1), {0: "6"})
    peak = of_ledger(ledger, OURS, NOW)
    assert (peak["peak"], peak["months"][0]["peak"]) == (6, 5)


def test_bounds_leave_only_the_quarter_hours_within(ledger: Ledger) -> None:
    day_with(ledger, date(2026, 11, 18), {10: "6", 50: "5"})
    day_with(ledger, date(2026, 11, 19), {70: "4.1"})
    day_with(ledger, date(2026, 11, 20), {50: "5.5", 51: "7"})
    for since, until, power in (
        (None, None, "7"),
        ((18, 11), None, "7"),
        (None, (20, 51), "6"),
        ((18, 11), (20, 51), "5.5"),
        ((18, 11), (20, 50), "5"),
        ((18, 51), (20, 50), "4.1"),
        (None, None, "7"),
    ):
        begin, end = (
            meterday.intervals_of(date(2026, 11, each[0]), Energy.ELECTRICITY)[each[1]] if each else None
            for each in (since, until)
        )
        meter = replace(OURS, since=begin, until=end)
        ledger.bounds.keep_to(meter)
        assert of_ledger(ledger, meter, NOW)["peak"] == Decimal(power)


def test_what_fluvius_says_of_a_quarter_hour_outside_the_bounds_does_not_count(desk: World) -> None:
    answer = spikes(("2026-10-14T17:00:00", "9"), ("2026-09-14T17:00:00", "8"), ("2026-11-02T17:00:00", "7"))
    desk.simulator.fault("replace", where="spikes", body=answer)
    desk.meters = [{**HOME, "from": "2026-09-20T12:00", "until": "2026-11-19T12:00"}]
    desk.fetch()
    assert of_months(peak_of(desk)).keys() == {"2026-10"}
    asked = next(each.query for each in desk.simulator.requests if each.endpoint == "spikes")
    assert (asked["historyFrom"][:10], asked["historyUntil"][:10]) == ("2026-09-01", "2026-11-19")


def test_wider_bounds_bring_their_months_peaks_at_once(desk: World) -> None:
    desk.meters = [{**HOME, "from": "2026-10-01"}]
    desk.fetch()
    assert [each["month"] for each in peak_of(desk)["months"]] == ["2026-10"]
    desk.meters = [HOME]
    desk.clock.pass_by(minutes=10)
    desk.fetch(Occasion.START)
    assert len(peak_of(desk)["months"]) == 12
    assert desk.simulator.count("spikes") == 2


# --- where both know


def whole_november(world: World) -> Meter:
    """The ledger has it; now is the second of December."""
    world.clock.move_to("2026-12-02 09:00")
    meter = world.meter()
    with world.ledger() as ledger:
        fill(ledger, meter, until=date(2026, 12, 1), days=35)
    return meter


def counted_in_november(world: World) -> Peak:
    with world.ledger() as ledger:
        [month] = ledger.peaks.peak_months(world.meter(), [NOVEMBER])
    assert month.counted
    assert month.is_whole
    return month.counted


@pytest.mark.parametrize(
    ("off", "differs"), [("0", False), ("0.001", False), ("-0.001", False), ("0.002", True), ("-0.5", True)]
)
def test_where_fluvius_gives_another_peak_its_own_is_billed_and_the_status_says_so(
    home: World, mosquitto: Mosquitto, off: str, differs: bool
) -> None:
    whole_november(home)
    ours = counted_in_november(home)
    theirs = ours.power + Decimal(off)
    answer = spikes((f"{ours.start:%Y-%m-%dT%H:%M:%S}", str(theirs)))
    home.simulator.fault("replace", where="spikes", body=answer)
    peak, status = published(home, mosquitto, "home/peak"), says(mosquitto.retained(), "fluvius/home/status")
    [november] = [each for each in peak["months"] if each["month"] == "2026-11"]
    assert (november["peak"], november["source"]) == (theirs, "portal")
    expected = [{"month": "2026-11", "ledger": ours.power, "portal": theirs}] if differs else None
    assert status.get("peak_differences") == expected
    assert status["problem"] is False


def month_with(counted: str | None, given: str | None, *, is_whole: bool) -> PeakMonth:
    peaks = [Peak(NOW, Decimal(each), "x") if each else None for each in (counted, given)]
    return PeakMonth(OCTOBER, peaks[0], peaks[1], is_whole)


@pytest.mark.parametrize(
    ("counted", "given", "is_whole", "differs"),
    [
        ("4", "5", True, True),
        ("5", "4", True, True),
        ("4", "5", False, False),  # it was on a day that the ledger does not have
        ("5", "4", False, True),
        ("5", "4.9995", True, False),
        (None, "4", True, False),
        ("4", None, True, False),
    ],
)
def test_a_difference_is_one_that_missing_days_do_not_explain(
    counted: str | None, given: str | None, is_whole: bool, differs: bool
) -> None:
    this = month_with("9", "1", is_whole=True)  # which is not over
    found = monthly.peak_differences([month_with(counted, given, is_whole=is_whole), this])
    assert bool(found) == differs


def test_a_difference_goes_when_the_ledger_is_corrected(ledger: Ledger) -> None:
    months = months_until(NOVEMBER, 13)
    for day in span(OCTOBER, date(2026, 10, 31)):
        day_with(ledger, day, {40: "3"})
    ledger.peaks.keep_peaks(
        OURS, [Peak(datetime(2026, 10, 14, 17, tzinfo=UTC), Decimal(4), "portal")], NOVEMBER
    )
    assert len(monthly.peak_differences(ledger.peaks.peak_months(OURS, months))) == 1
    day_with(ledger, date(2026, 10, 14), {40: "4"})
    assert monthly.peak_differences(ledger.peaks.peak_months(OURS, months)) == []


def test_the_official_api_has_peaks_from_its_quarter_hours(desk: World) -> None:
    with desk.ledger() as ledger:
        meter = replace(desk.meter(), source="energy_api", serial="")
        day_with(ledger, date(2026, 11, 19), {70: "4.1"}, meter)
        assert of_ledger(ledger, meter, NOW)["peak"] == Decimal("4.1")


def test_what_was_worked_out_is_not_worked_out_again(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for month in months_until(NOVEMBER, 13):
        day_with(ledger, month, {40: "3"})
    worked_out: list[date] = []
    highest = Peaks._highest

    def watched(self: Peaks, meter: Meter, month: date, *known: Any) -> Any:
        worked_out.append(month)
        return highest(self, meter, month, *known)

    monkeypatch.setattr(Peaks, "_highest", watched)
    of_ledger(ledger, OURS, NOW)
    assert worked_out == months_until(NOVEMBER, 13)
    worked_out.clear()
    of_ledger(ledger, OURS, NOW)
    assert worked_out == []
    day_with(ledger, date(2026, 11, 20), {40: "3"})
    of_ledger(ledger, OURS, NOW)
    assert worked_out == [NOVEMBER]


@pytest.mark.parametrize("seed", range(8))
def test_whatever_changes_a_month_s_peak_is_the_first_of_its_highest_quarter_hours(
    ledger: Ledger, seed: int
) -> None:
    chance = random.Random(seed)
    spikes: dict[date, dict[int, str]] = {}
    months = [OCTOBER, NOVEMBER]
    for _ in range(25):
        day = OCTOBER + timedelta(days=chance.randrange(20, 45))
        spikes[day] = {chance.randrange(96): str(chance.randrange(1, 5)) for _ in range(chance.randrange(3))}
        day_with(ledger, day, spikes[day])
        if chance.random() < 0.5:  # several days may change before anybody looks
            expected = [highest_of(spikes, month) for month in months]
            peaks = [each.counted for each in ledger.peaks.peak_months(OURS, months)]
            assert [each and (each.power, local(each.start)) for each in peaks] == expected


def highest_of(spikes: dict[date, dict[int, str]], month: date) -> tuple[Decimal, str] | None:
    powers = {
        start(day, number): Decimal(of_day.get(number, "0.4"))
        for day, of_day in sorted(spikes.items())
        if month_of(day) == month
        for number in range(len(meterday.intervals_of(day, Energy.ELECTRICITY)))
    }
    return max(((power, at) for at, power in powers.items()), key=lambda each: each[0], default=None)


def test_of_a_month_whose_peak_is_known_only_the_days_that_changed_are_looked_at(ledger: Ledger) -> None:
    for number in range(1, 20):
        day_with(ledger, date(2026, 11, number), {40: "3"})
    assert of_ledger(ledger, OURS, NOW)["peak"] == 3
    looked_at: list[str] = []
    ledger.store.db.set_trace_callback(looked_at.append)
    day_with(ledger, date(2026, 11, 20), {40: "4"})
    assert of_ledger(ledger, OURS, NOW)["peak"] == 4
    [asked] = [each for each in looked_at if "ORDER BY 2 DESC" in each]
    bounds = meterday.start_of(date(2026, 11, 20), Energy.ELECTRICITY)
    assert f"start >= {bounds.timestamp():.0f} " in asked


def test_a_full_disk_keeps_no_peak_away(ledger: Ledger) -> None:
    day_with(ledger, date(2026, 11, 20), {40: "6"})
    ledger.store.rows("PRAGMA query_only = ON")
    assert of_ledger(ledger, OURS, NOW)["peak"] == 6
