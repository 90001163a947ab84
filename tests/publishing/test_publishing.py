"""What stands on the broker, as `product.md` promises it."""

import json
import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from bridge.fetching.due import Occasion
from bridge.simulator import SimulatedMeter, Simulator
from bridge.simulator.measurements import Measurements
from tests.rig.mosquitto import Ear, Mosquitto
from tests.rig.truth import in_words
from tests.rig.world import GAS, HOME, SHED, Clock, World, says

DAY = date(2026, 11, 20)  # the latest that Fluvius has published
FIRST = date(2026, 11, 14)
SINGLE = {"name": "single", "ean": "541448820000000039", "serial": "1SAG1100042064"}
PLAIN = re.compile(r"-?(0|[1-9]\d*)(\.\d*[1-9])?")


def published(world: World, mosquitto: Mosquitto) -> dict[str, str]:
    """What the broker remembers after one cycle, without the base topic."""
    world.once()
    return without_base(mosquitto.retained("fluvius/#"))


def without_base(retained: dict[str, str]) -> dict[str, str]:
    return {topic.removeprefix("fluvius/"): payload for topic, payload in retained.items()}


def topics_of(retained: Iterable[str], name: str) -> set[str]:
    return {topic.removeprefix(f"{name}/") for topic in retained if topic.startswith(f"{name}/")}


def leaves(name: str, amounts: dict[str, Any]) -> dict[str, Decimal]:
    """Amounts in words, as sub-topics."""
    found: dict[str, Decimal] = {}
    for side, each in amounts.items():
        if isinstance(each, dict):
            found |= {f"{name}/{side}/{tariff}": amount for tariff, amount in each.items()}
        else:
            found[f"{name}/{side}"] = each
    return found


def numbers(retained: dict[str, str], name: str, *, below: str) -> dict[str, Decimal]:
    """The leaves below `day` or `total` of a meter."""
    prefix = f"{name}/{below}/"
    return {
        topic.removeprefix(f"{name}/"): Decimal(payload)
        for topic, payload in retained.items()
        if topic.startswith(prefix) and not topic.endswith("/date")
    }


def of_months(*amounts: str) -> set[str]:
    """The topics of this month, and of the last one, of which nothing is known."""
    counts = {"days", "days_missing"}
    return {
        "month",
        *(f"month/{leaf}" for leaf in {*amounts, *counts}),
        *(f"month/last/{leaf}" for leaf in counts),
    }


# --- topics and payloads


def test_a_double_tariff_meter(home: World, mosquitto: Mosquitto) -> None:
    retained = published(home, mosquitto)
    day = says(retained, "home/day")
    true = in_words(home.simulator.day_amounts(HOME["ean"], DAY))
    assert list(day) == [
        *("meter", "ean", "date", "start", "end", "unit", "consumption", "injection", "net"),
        *("validated", "revision", "fetched_at"),
    ]
    assert {name: day[name] for name in ("consumption", "injection", "net")} == true
    assert [list(day[side]) for side in ("consumption", "injection")] == [["high", "low", "total"]] * 2
    assert day["net"] == day["consumption"]["total"] - day["injection"]["total"]
    assert (day["meter"], day["ean"], day["date"], day["unit"]) == ("home", HOME["ean"], "2026-11-20", "kWh")
    assert (day["start"], day["end"]) == ("2026-11-20T00:00:00+01:00", "2026-11-21T00:00:00+01:00")
    assert (day["validated"], day["revision"]) == (True, 1)
    assert day["fetched_at"] == "2026-11-21T09:00:00+01:00"
    assert retained["home/day/date"] == "2026-11-20"
    assert numbers(retained, "home", below="day") == leaves("day", true)


def test_the_intervals_of_the_latest_day(home: World, mosquitto: Mosquitto) -> None:
    payload = says(published(home, mosquitto), "home/intervals")
    assert list(payload) == ["meter", "ean", "date", "resolution", "unit", "validated", "intervals"]
    assert (payload["resolution"], payload["unit"], payload["date"]) == ("PT15M", "kWh", "2026-11-20")
    assert payload["validated"] is True
    assert len(payload["intervals"]) == 96
    assert list(payload["intervals"][0]) == ["start", "end", "tariff", "consumption", "injection"]
    tariffs = [each["tariff"] for each in payload["intervals"]]
    assert tariffs == ["low"] * 28 + ["high"] * 60 + ["low"] * 8  # a Friday
    by_end = [(each["start"], each["end"]) for each in payload["intervals"]]
    assert by_end[0] == ("2026-11-20T00:00:00+01:00", "2026-11-20T00:15:00+01:00")
    assert [end for _, end in by_end[:-1]] == [start for start, _ in by_end[1:]]
    day = in_words(home.simulator.day_amounts(HOME["ean"], DAY))
    for side in ("consumption", "injection"):
        assert sum(each[side] for each in payload["intervals"]) == day[side]["total"]


def test_the_totals_are_the_sums_of_all_days(home: World, mosquitto: Mosquitto) -> None:
    home.meters = [HOME, GAS, SHED]
    home.once()
    home.clock.pass_by(days=1)
    retained = published(home, mosquitto)
    for meter, first, last in (
        (HOME, FIRST, date(2026, 11, 21)),
        (GAS, date(2026, 11, 11), date(2026, 11, 18)),
        (SHED, FIRST, date(2026, 11, 21)),
    ):
        total = says(retained, f"{meter['name']}/total")
        true = in_words(home.simulator.total_amounts(meter["ean"], first, last))
        assert (total["since"], total["until"], total["days"]) == (first.isoformat(), last.isoformat(), 8)
        assert {name: total[name] for name in true} == true
        assert numbers(retained, meter["name"], below="total") == leaves("total", true)


def test_a_gas_meter_has_kwh_and_cubic_metres_side_by_side(home: World, mosquitto: Mosquitto) -> None:
    home.meters = [GAS]
    retained = published(home, mosquitto)
    assert topics_of(retained, "gas") == {
        *("day", "day/date", "day/consumption/total", "day/volume/total"),
        *("intervals", "chart", "status", "total", "total/consumption/total", "total/volume/total"),
        *of_months("consumption/total", "volume/total"),
    }
    day, intervals = says(retained, "gas/day"), says(retained, "gas/intervals")
    assert (day["start"], day["end"]) == ("2026-11-17T06:00:00+01:00", "2026-11-18T06:00:00+01:00")
    assert {"injection", "net"}.isdisjoint(day)
    assert {name: day[name] for name in ("consumption", "volume")} == in_words(
        home.simulator.day_amounts(GAS["ean"], date(2026, 11, 17))
    )
    assert (intervals["resolution"], len(intervals["intervals"])) == ("PT1H", 24)
    assert list(intervals["intervals"][0]) == ["start", "end", "consumption", "volume"]


def test_a_meter_without_quarter_hours_says_how_to_switch_them_on(home: World, mosquitto: Mosquitto) -> None:
    home.meters = [SHED]
    retained = published(home, mosquitto)
    assert topics_of(retained, "shed") == {
        *("day", "day/date", "day/consumption/total", "status", "total", "total/consumption/total"),
        *of_months("consumption/total"),
        "peak",
    }
    status = says(retained, "shed/status")
    assert status["resolution"] == "P1D"
    assert "switch on quarter-hour readings" in status["advice"]
    assert "mijn.fluvius.be" in status["advice"]
    assert status["days_awaited"] == []


def test_a_single_tariff_meter_has_a_total_only(
    home: World, mosquitto: Mosquitto, simulator: Simulator
) -> None:
    simulator.measurements.meters[SINGLE["ean"]] = SimulatedMeter(
        SINGLE["ean"], SINGLE["serial"], tariffs="single"
    )
    home.meters = [SINGLE]
    retained = published(home, mosquitto)
    assert isinstance(simulator.measurements, Measurements)
    assert topics_of(retained, "single") == {
        *("day", "day/date", "day/consumption/total", "day/injection/total", "day/net"),
        *("intervals", "status", "chart", "peak"),
        *("total", "total/consumption/total", "total/injection/total", "total/net"),
        *of_months("consumption/total", "injection/total", "net"),
    }
    assert {each["tariff"] for each in says(retained, "single/intervals")["intervals"]} == {"total"}


def test_the_status_of_a_meter(home: World, mosquitto: Mosquitto) -> None:
    assert says(published(home, mosquitto), "home/status") == {
        "meter": "home",
        "ean": HOME["ean"],
        "latest_complete_day": "2026-11-20",
        "age_days": 1,
        "days_awaited": [],
        "resolution": "PT15M",
        "last_attempt": "2026-11-21T09:00:00+01:00",
        "last_success": "2026-11-21T09:00:00+01:00",
        "problem": False,
        "error": None,
        "advice": None,
    }


def test_the_bridge_says_who_it_is_and_how_it_does(home: World, mosquitto: Mosquitto) -> None:
    retained = published(home, mosquitto)
    info, health = says(retained, "bridge/info"), says(retained, "bridge/health")
    assert retained["bridge/state"] == "offline"  # `once` has ended
    assert (info["timezone"], info["started"]) == ("Europe/Brussels", "2026-11-21T09:00:00+01:00")
    assert info["meters"] == [{"meter": "home", **HOME, "energy": "electricity"}]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0[12]:00", info["next_run"])
    assert health["portal"]["state"] == "ok"
    assert health["portal"]["requests_today"] == home.simulator.count()
    assert health["portal"]["failures_in_a_row"] == 0
    assert home.password not in "".join(retained.values())
    assert home.email not in "".join(retained.values())


def test_numbers_are_plain_decimals(home: World, mosquitto: Mosquitto) -> None:
    home.meters = [HOME, GAS]
    for _ in range(3):
        retained = published(home, mosquitto)
        home.clock.pass_by(days=1)
    for topic, payload in retained.items():
        if re.search(r"/(high|low|total|net)$", topic) and not topic.endswith(("home/total", "gas/total")):
            assert PLAIN.fullmatch(payload), f"{topic} {payload}"
        elif payload.startswith("{"):
            for number in re.findall(r"(?<=[:\[ ])-?\d+\.?\d*(?:[eE][+-]?\d+)?(?=[,}\]])", payload):
                assert PLAIN.fullmatch(number), f"{topic} {number}"


def test_fluvius_own_binary_noise_is_not_passed_on(home: World, mosquitto: Mosquitto) -> None:
    slots = [
        {
            "d": "2026-11-19T23:00:00Z",
            "de": "2026-11-20T23:00:00Z",
            "v": [{"dc": 1, "t": 1, "st": 0, "v": 11.332999999999998, "vs": 2, "u": 3}],
        }
    ]
    home.meters = [SHED]
    home.once()
    home.simulator.fault("replace", where="readings-day", body=json.dumps(slots))
    home.fetch(Occasion.ASKED)
    retained = published(home, mosquitto)
    assert retained["shed/day/consumption/total"] == "11.333"
    assert "99999" not in "".join(retained.values())


def test_everything_is_retained_and_acknowledged(home: World, mosquitto: Mosquitto) -> None:
    with mosquitto.listen("fluvius/#") as ear:
        home.once()
        ear.wait_for(lambda _: ear.payloads("fluvius/bridge/state") == ["online", "offline"])
    heard = {message.topic: message.payload for message in ear.messages}
    event = json.loads(heard.pop("fluvius/home/event"))
    assert event == {"event_type": "new_day", "date": "2026-11-20", "revision": 1}
    assert heard == mosquitto.retained("fluvius/#")
    assert re.search(r"Received PUBLISH from fluvius2mqtt \(d0, q0,", mosquitto.log) is None
    assert "(d0, q1, r1" in mosquitto.log


def test_the_same_is_not_published_again(home: World, mosquitto: Mosquitto) -> None:
    with home.running():
        _until_day(mosquitto)
        with (
            mosquitto.listen("fluvius/home/day") as ear,
            mosquitto.listen("fluvius/bridge/response/#") as answer,
        ):
            home.clock.pass_by(minutes=6)
            mosquitto.publish("fluvius/bridge/request/refresh", "")
            answer.wait_for(lambda heard: heard)
            assert [message for message in ear.messages if not message.retain] == []


def _until_day(mosquitto: Mosquitto) -> None:
    with mosquitto.listen("fluvius/home/total") as ear:
        ear.wait_for(lambda messages: any('"days": 7' in message.payload for message in messages))


# --- what is not complete


@pytest.mark.parametrize("missing", ["late-day", "late-intervals", "missing-amounts", "null-amounts"])
def test_a_day_that_is_not_complete_is_never_published(
    home: World, mosquitto: Mosquitto, missing: str
) -> None:
    home.once()
    home.clock.pass_by(days=1)
    home.simulator.fault(missing)
    before = says(published(home, mosquitto), "home/total")
    retained = published(home, mosquitto)
    assert retained["home/day/date"] == says(retained, "home/intervals")["date"] == "2026-11-20"
    assert says(retained, "home/total") == before
    assert says(retained, "home/status")["days_awaited"] == ["2026-11-21"]
    home.simulator.clear()
    home.clock.pass_by(hours=3)
    retained = published(home, mosquitto)
    assert retained["home/day/date"] == says(retained, "home/intervals")["date"] == "2026-11-21"


def test_half_of_the_quarter_hours_are_not_a_day(home: World, mosquitto: Mosquitto) -> None:
    home.simulator.fault("late-intervals", partial=True, hours=200)
    retained = published(home, mosquitto)
    assert topics_of(retained, "home") == {"status"}
    assert len(says(retained, "home/status")["days_awaited"]) == 7


def test_an_older_day_that_comes_late_counts_but_does_not_replace_the_latest(
    home: World, mosquitto: Mosquitto
) -> None:
    home.simulator.delay(HOME["ean"], date(2026, 11, 18), home.clock().replace(hour=12))
    retained = published(home, mosquitto)
    assert says(retained, "home/total")["days"] == 6
    home.clock.pass_by(hours=6)
    retained = published(home, mosquitto)
    assert retained["home/day/date"] == "2026-11-20"
    assert says(retained, "home/total")["days"] == 7


# --- corrections


@pytest.mark.parametrize("delta", [500, -500])
def test_a_correction_flows_into_day_total_intervals_and_stream(
    home: World, mosquitto: Mosquitto, delta: int
) -> None:
    home.changes["mqtt.stream"] = True
    before = published(home, mosquitto)
    home.simulator.correct(HOME["ean"], DAY, delta_wh=delta)
    with mosquitto.listen("fluvius/home/reading") as ear:
        home.clock.pass_by(minutes=30)
        home.fetch(Occasion.ASKED)
        after = published(home, mosquitto)
    difference = Decimal(delta) / 1000
    for topic in ("home/day", "home/total"):
        assert (
            says(after, topic)["consumption"]["total"] - says(before, topic)["consumption"]["total"]
            == difference
        )
        assert Decimal(after[f"{topic}/net"]) - Decimal(before[f"{topic}/net"]) == difference
    day = says(after, "home/day")
    assert (day["revision"], day["fetched_at"]) == (2, "2026-11-21T09:30:00+01:00")
    changed = _different(says(before, "home/intervals"), says(after, "home/intervals"))
    assert len(changed) == 3
    streamed = [says({"": payload}, "") for payload in ear.payloads("fluvius/home/reading")]
    assert [each["start"] for each in streamed] == changed
    assert {each["revision"] for each in streamed} == {2}
    assert home.invented(ear.messages) == []


def _different(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    pairs = zip(before["intervals"], after["intervals"], strict=True)
    return [new["start"] for old, new in pairs if old != new]


def test_a_correction_of_an_older_day_flows_into_the_total(home: World, mosquitto: Mosquitto) -> None:
    before = published(home, mosquitto)
    home.simulator.fault("correction-up", date="2026-11-16", amount=250)
    home.fetch(Occasion.ASKED)
    after = published(home, mosquitto)
    assert after["home/day"] == before["home/day"]
    assert Decimal(after["home/total/net"]) - Decimal(before["home/total/net"]) == Decimal("0.25")


def test_a_correction_that_is_taken_back_is_a_third_revision(home: World, mosquitto: Mosquitto) -> None:
    before = published(home, mosquitto)
    for revision, delta in ((2, 500), (3, -500)):
        home.simulator.correct(HOME["ean"], DAY, delta_wh=delta)
        home.fetch(Occasion.ASKED)
        after = published(home, mosquitto)
        assert says(after, "home/day")["revision"] == revision
    assert after["home/total"] == before["home/total"]
    assert after["home/intervals"] == before["home/intervals"]


def test_what_was_not_validated_says_so_until_it_is(home: World, mosquitto: Mosquitto) -> None:
    home.simulator.fault("not-validated")
    retained = published(home, mosquitto)
    assert says(retained, "home/day")["validated"] is False
    assert says(retained, "home/intervals")["validated"] is False
    home.simulator.clear()
    home.fetch(Occasion.ASKED)
    retained = published(home, mosquitto)
    assert says(retained, "home/day")["validated"] is True
    assert says(retained, "home/day")["revision"] == 1


def test_intervals_become_validated_with_their_day(home: World, mosquitto: Mosquitto) -> None:
    home.simulator.fault("not-validated")
    home.once()
    home.simulator.clear()
    home.fetch(Occasion.ASKED)
    assert says(published(home, mosquitto), "home/intervals")["validated"] is True


# --- the stream


def starts(ear: Ear, topic: str = "fluvius/home/reading") -> list[str]:
    return [json.loads(payload)["start"] for payload in ear.payloads(topic)]


def test_each_new_interval_is_streamed_once_and_not_retained(home: World, mosquitto: Mosquitto) -> None:
    home.changes["mqtt.stream"] = True
    home.meters = [HOME, GAS]
    with mosquitto.listen("fluvius/+/reading") as ear:
        for _ in range(4):
            home.once()
            home.clock.pass_by(hours=8)
    assert len(starts(ear)) == len(set(starts(ear))) == 8 * 96
    assert starts(ear)[: 7 * 96] == sorted(starts(ear)[: 7 * 96])
    assert len(starts(ear, "fluvius/gas/reading")) == 8 * 24
    assert not any(message.retain for message in ear.messages)
    assert not mosquitto.retained("fluvius/+/reading")
    assert home.invented(ear.messages) == []


def test_a_streamed_interval_says_everything(home: World, mosquitto: Mosquitto) -> None:
    home.changes["mqtt.stream"] = True
    with mosquitto.listen("fluvius/home/reading") as ear:
        home.once()
    reading = says({"": ear.messages[0].payload}, "")
    amounts = {"tariff", "consumption", "injection", "unit", "validated"}
    assert set(reading) == {"id", "meter", "ean", "start", "end", "revision", *amounts}


def test_nothing_is_streamed_again_after_a_restart(home: World, mosquitto: Mosquitto) -> None:
    home.changes["mqtt.stream"] = True
    home.once()
    with mosquitto.listen("fluvius/+/reading") as ear:
        home.once()
        home.fetch(Occasion.ASKED)
        home.once()
    assert ear.messages == []


def test_a_broker_that_is_away_gets_the_stream_later(home: World, mosquitto: Mosquitto) -> None:
    home.changes["mqtt.stream"] = True
    home.fetch()
    with mosquitto.listen("fluvius/+/reading") as ear:
        home.once()
    assert len(starts(ear)) == 7 * 96


def test_a_stream_that_is_switched_on_later_tells_nothing_old(home: World, mosquitto: Mosquitto) -> None:
    home.once()
    home.changes["mqtt.stream"] = True
    with mosquitto.listen("fluvius/+/reading") as ear:
        home.once()
        assert ear.messages == []
        home.clock.pass_by(days=1)
        home.once()
    assert len(starts(ear)) == 96


def test_a_stream_that_was_switched_off_for_a_day_does_not_tell_that_day(
    home: World, mosquitto: Mosquitto
) -> None:
    for stream in (True, False, True):
        home.changes["mqtt.stream"] = stream
        with mosquitto.listen("fluvius/+/reading") as ear:
            home.once()
        home.clock.pass_by(days=1)
    assert {start[:10] for start in starts(ear)} == {"2026-11-22"}


def test_a_broker_that_lost_its_memory_is_not_told_the_stream_again(
    home: World, mosquitto: Mosquitto
) -> None:
    home.changes["mqtt.stream"] = True
    home.once()
    mosquitto.restart(keep_memory=False)
    with mosquitto.listen("fluvius/+/reading") as ear:
        home.once()
    assert ear.messages == []
    assert "fluvius/home/day" in mosquitto.retained()


# --- what no longer belongs to anything


def test_the_topics_of_a_removed_meter_vanish(home: World, mosquitto: Mosquitto) -> None:
    home.meters = [HOME, GAS]
    home.once()
    home.meters = [HOME]
    retained = published(home, mosquitto)
    assert topics_of(retained, "gas") == set()
    assert "home/day" in retained


def test_the_topics_of_a_renamed_meter_move(home: World, mosquitto: Mosquitto) -> None:
    before = published(home, mosquitto)
    home.meters = [{**HOME, "name": "The House"}]
    after = published(home, mosquitto)
    (name,) = {topic.split("/")[0] for topic in after} - {"bridge"}
    assert topics_of(after, "home") == set()
    assert topics_of(after, name) == topics_of(before, "home")
    assert home.simulator.count("readings-interval") == 7  # the readings moved too


def test_a_meter_whose_name_begins_like_a_removed_one_keeps_its_topics(
    home: World, mosquitto: Mosquitto
) -> None:
    home.meters = [{**HOME, "name": "home2"}, {**GAS, "name": "home"}]
    home.once()
    home.meters = [{**HOME, "name": "home2"}]
    retained = published(home, mosquitto)
    assert topics_of(retained, "home") == set()
    assert "home2/day" in retained


def test_the_topics_of_another_base_topic_vanish(home: World, mosquitto: Mosquitto) -> None:
    home.once()
    home.changes["mqtt.base_topic"] = "energy/fluvius"
    home.once()
    assert mosquitto.retained("fluvius/#") == {}
    assert "energy/fluvius/home/day" in mosquitto.retained()


def test_other_peoples_topics_are_left_alone(home: World, mosquitto: Mosquitto) -> None:
    mosquitto.publish("fluvius/elsewhere/day", "mine", retain=True)
    mosquitto.publish("fluvius/home/notes", "mine too", retain=True)
    home.once()
    home.meters = [GAS]
    retained = published(home, mosquitto)
    assert retained["elsewhere/day"] == "mine"
    assert retained["home/notes"] == "mine too"


def test_a_register_that_disappears_leaves_no_leaf(home: World, mosquitto: Mosquitto) -> None:
    """A double tariff that became a single one."""
    home.once()
    meters = home.simulator.measurements.meters
    meters[HOME["ean"]] = SimulatedMeter(HOME["ean"], HOME["serial"], tariffs="single")
    home.clock.pass_by(days=1)
    retained = published(home, mosquitto)
    assert retained["home/day/date"] == "2026-11-21"
    assert {"day/consumption/high", "day/consumption/low"}.isdisjoint(topics_of(retained, "home"))
    assert numbers(retained, "home", below="day") == leaves(
        "day", in_words(home.simulator.day_amounts(HOME["ean"], date(2026, 11, 21)))
    )


def test_solar_panels_that_are_taken_off_leave_no_injection(
    home: World, mosquitto: Mosquitto, clock: Clock
) -> None:
    home.once()
    meters = home.simulator.measurements.meters
    meters[HOME["ean"]] = SimulatedMeter(HOME["ean"], HOME["serial"], injection=False)
    for _ in range(8):
        clock.pass_by(days=1)
        retained = published(home, mosquitto)
    assert retained["home/day/date"] == "2026-11-28"
    assert not any("injection" in topic for topic in topics_of(retained, "home") if topic.startswith("day"))


def test_yesterdays_intervals_do_not_stay_where_todays_do_not_fit(home: World, mosquitto: Mosquitto) -> None:
    home.changes["mqtt.protocol"] = "5"
    home.once()
    assert "fluvius/home/intervals" in mosquitto.retained()
    mosquitto.settings = "max_packet_size 10000"
    mosquitto.restart(keep_memory=True)
    home.clock.pass_by(days=1)
    home.once()
    assert mosquitto.retained()["fluvius/home/day/date"] == "2026-11-21"
    assert "fluvius/home/intervals" not in mosquitto.retained()
    mosquitto.settings = ""
    mosquitto.restart(keep_memory=True)
    home.clock.pass_by(days=1)
    home.once()
    assert says(mosquitto.retained(), "fluvius/home/intervals")["date"] == "2026-11-22"


def test_what_the_broker_does_not_let_us_take_away_is_taken_away_later(
    home: World, mosquitto: Mosquitto
) -> None:
    home.changes["mqtt.protocol"] = "5"
    home.meters = [HOME, GAS]
    home.once()
    assert "fluvius/gas/day" in mosquitto.retained()
    mosquitto.access = "topic read #\ntopic readwrite fluvius/bridge/#\ntopic readwrite fluvius/home/#"
    mosquitto.restart(keep_memory=True)
    home.meters = [HOME]
    home.once()
    assert "fluvius/gas/day" in mosquitto.retained()
    mosquitto.access = None
    mosquitto.restart(keep_memory=True)
    home.once()
    assert not [topic for topic in mosquitto.retained() if topic.startswith("fluvius/gas")]
