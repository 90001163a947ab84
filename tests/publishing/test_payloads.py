import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.metering import meterday
from bridge.metering.model import Day, Direction, Energy, Interval, Meter, Register, Tariff, Total, Unit
from bridge.metering.progress import Progress
from bridge.publishing import payloads
from bridge.text.words import local, plain, to_json
from tests.rig.chance import often
from tests.rig.registers import HIGH, INJECTED, INJECTED_HIGH, INJECTED_LOW, LOW, TOTAL, Amounts
from tests.rig.registers import kwh as decimals

HOME = Meter("home", "541448820000000008", Energy.ELECTRICITY, "1SAG1100042062")
STOVE = Meter("stove", "541448820000000015", Energy.GAS, "7FLO2100000001")
DATE = date(2026, 11, 20)
FETCHED = datetime(2026, 11, 21, 8, 17, 3, 999999, tzinfo=UTC)


def day(amounts: Amounts, meter: Meter = HOME, on: date = DATE) -> Day:
    start, end = meterday.start_of(on, meter.energy), meterday.end_of(on, meter.energy)
    return Day(on, start, end, amounts, validated=True, revision=1, fetched_at=FETCHED)


def interval(amounts: Amounts, *, number: int = 0, meter: Meter = HOME, validated: bool = True) -> Interval:
    length = meterday.interval_length(meter.energy)
    start = meterday.start_of(DATE, meter.energy) + length * number
    return Interval(start, start + length, amounts, validated, revision=1)


def test_a_day_is_written_as_it_was_promised() -> None:
    amounts = decimals(HIGH="9.133", LOW="2.200", INJECTED_HIGH="12.421", INJECTED_LOW="0")
    assert to_json(payloads.day(HOME, day(amounts))) == (
        '{"meter": "home", "ean": "541448820000000008", "date": "2026-11-20",'
        ' "start": "2026-11-20T00:00:00+01:00", "end": "2026-11-21T00:00:00+01:00", "unit": "kWh",'
        ' "consumption": {"high": 9.133, "low": 2.2, "total": 11.333},'
        ' "injection": {"high": 12.421, "low": 0, "total": 12.421},'
        ' "net": -1.088, "validated": true, "revision": 1, "fetched_at": "2026-11-21T09:17:03+01:00"}'
    )


def test_sums_have_no_binary_noise() -> None:
    assert 9.133 + 2.2 != 11.333
    said = payloads.amounts(decimals(HIGH="9.133", LOW="2.2"))
    assert to_json(said) == '{"consumption": {"high": 9.133, "low": 2.2, "total": 11.333}}'


def test_a_single_tariff_meter_has_a_total_only() -> None:
    said = payloads.amounts(decimals(TOTAL="7.5", INJECTED="1"))
    assert to_json(said) == ('{"consumption": {"total": 7.5}, "injection": {"total": 1}, "net": 6.5}')


def test_without_injection_there_is_no_net_to_speak_of() -> None:
    assert payloads.amounts(decimals(HIGH="1", LOW="2")).keys() == {"consumption"}


def test_without_consumption_there_is_no_net_either() -> None:
    assert payloads.amounts(decimals(INJECTED="2")).keys() == {"injection"}


def test_injection_of_zero_is_an_injection() -> None:
    said = payloads.amounts(decimals(TOTAL="2", INJECTED="0"))
    assert said["injection"] == {"total": 0}
    assert said["net"] == 2


def test_gas_has_its_volume_beside_its_energy() -> None:
    said = payloads.day(STOVE, day(decimals(TOTAL="33.512", VOLUME="3.021"), STOVE))
    assert said["consumption"] == {"total": Decimal("33.512")}
    assert said["volume"] == {"total": Decimal("3.021")}
    assert "net" not in said
    assert (said["start"], said["end"]) == ("2026-11-20T06:00:00+01:00", "2026-11-21T06:00:00+01:00")


def test_totals_from_before_and_after_a_change_of_tariff_add_up() -> None:
    total = Total(DATE, DATE, 2, decimals(TOTAL="10", HIGH="3", LOW="2.5"))
    assert payloads.total(HOME, total)["consumption"] == {
        "high": 3,
        "low": Decimal("2.5"),
        "total": Decimal("15.5"),
    }


def test_a_total_says_since_when_until_when_and_of_how_many_days() -> None:
    total = Total(date(2020, 1, 1), DATE, 2500, decimals(TOTAL="12345.678"))
    assert to_json(payloads.total(HOME, total)) == (
        '{"meter": "home", "ean": "541448820000000008", "since": "2020-01-01", "until": "2026-11-20",'
        ' "days": 2500, "unit": "kWh", "consumption": {"total": 12345.678}}'
    )


def test_every_amount_has_a_sub_topic_of_its_own() -> None:
    amounts = decimals(HIGH="9.133", LOW="2.200", INJECTED_HIGH="12.421", INJECTED_LOW="0")
    assert payloads.leaves(payloads.day(HOME, day(amounts))) == {
        "consumption/high": "9.133",
        "consumption/low": "2.2",
        "consumption/total": "11.333",
        "injection/high": "12.421",
        "injection/low": "0",
        "injection/total": "12.421",
        "net": "-1.088",
    }
    assert payloads.leaves(payloads.amounts(decimals(TOTAL="33.5", VOLUME="3"))) == {
        "consumption/total": "33.5",
        "volume/total": "3",
    }


def test_a_day_of_25_hours_has_both_its_offsets() -> None:
    said = payloads.day(HOME, day(decimals(TOTAL="1"), on=date(2026, 10, 25)))
    assert (said["start"], said["end"]) == ("2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00")


def test_intervals_are_written_as_they_were_promised() -> None:
    found = [
        interval(decimals(LOW="0.062", INJECTED_LOW="0")),
        interval(decimals(HIGH="0.100", INJECTED_HIGH="1.25"), number=1),
    ]
    whole = day(decimals(HIGH="0.1", LOW="0.062", INJECTED_HIGH="1.25", INJECTED_LOW="0"))
    assert to_json(payloads.intervals(HOME, whole, found)) == (
        '{"meter": "home", "ean": "541448820000000008", "date": "2026-11-20", "resolution": "PT15M",'
        ' "unit": "kWh", "validated": true, "intervals": ['
        '{"start": "2026-11-20T00:00:00+01:00", "end": "2026-11-20T00:15:00+01:00", "tariff": "low",'
        ' "consumption": 0.062, "injection": 0}, '
        '{"start": "2026-11-20T00:15:00+01:00", "end": "2026-11-20T00:30:00+01:00", "tariff": "high",'
        ' "consumption": 0.1, "injection": 1.25}]}'
    )


def test_intervals_are_validated_when_each_of_them_is() -> None:
    found = [interval(decimals(LOW="1")), interval(decimals(LOW="1"), number=1, validated=False)]
    assert payloads.intervals(HOME, day(decimals(LOW="3")), found)["validated"] is False


def test_gas_hours_have_a_volume_and_no_tariff() -> None:
    found = [interval(decimals(TOTAL="1.5", VOLUME="0.14"), meter=STOVE)]
    said = payloads.intervals(STOVE, day(decimals(TOTAL="1.5", VOLUME="0.14"), STOVE), found)
    assert said["resolution"] == "PT1H"
    assert to_json(said["intervals"]) == (
        '[{"start": "2026-11-20T06:00:00+01:00", "end": "2026-11-20T07:00:00+01:00",'
        ' "consumption": 1.5, "volume": 0.14}]'
    )


def test_an_interval_that_does_not_mention_a_day_s_zero_injection_has_zero_of_it() -> None:
    said = payloads.intervals(HOME, day(decimals(LOW="1", INJECTED_LOW="0")), [interval(decimals(LOW="1"))])
    assert said["intervals"][0]["injection"] == 0


def test_an_interval_of_a_meter_without_injection_has_none() -> None:
    said = payloads.intervals(HOME, day(decimals(LOW="1")), [interval(decimals(LOW="1"))])
    assert "injection" not in said["intervals"][0]


@pytest.mark.parametrize(
    ("amounts", "tariff"),
    [
        (decimals(HIGH="1"), "high"),
        (decimals(LOW="0"), "low"),
        (decimals(TOTAL="1"), "total"),
        (decimals(HIGH="0", LOW="1"), "low"),
        (decimals(HIGH="1", LOW="0", INJECTED_LOW="0"), "high"),
        (decimals(HIGH="0", LOW="0"), "total"),
        (decimals(HIGH="1", LOW="1"), "total"),
    ],
)
def test_the_tariff_of_an_interval_is_the_one_that_counted(amounts: Amounts, tariff: str) -> None:
    assert payloads.reading(HOME, interval(amounts))["tariff"] == tariff


def test_the_stream_says_of_each_interval_whose_it_is_and_its_revision() -> None:
    assert to_json(payloads.reading(HOME, interval(decimals(HIGH="0.25"), validated=False))) == (
        '{"meter": "home", "ean": "541448820000000008", "id": "541448820000000008/2026-11-19T23:00:00Z/1",'
        ' "start": "2026-11-20T00:00:00+01:00", "end": "2026-11-20T00:15:00+01:00", "tariff": "high",'
        ' "consumption": 0.25, "unit": "kWh", "validated": false, "revision": 1}'
    )


def test_a_tariff_that_a_complete_day_does_not_mention_counted_nothing() -> None:
    sunday, known = day(decimals(LOW="5.5")), decimals(HIGH="1", LOW="2", TOTAL="3", INJECTED="4")
    assert payloads.day(HOME, sunday, known)["consumption"] == {
        "high": 0,
        "low": Decimal("5.5"),
        "total": Decimal("5.5"),
    }
    assert "injection" not in payloads.day(HOME, sunday, known)
    assert list(payloads.day(HOME, day(decimals(TOTAL="3")), known)["consumption"]) == ["total"]


def test_a_status_names_what_is_awaited_and_what_went_wrong() -> None:
    progress = Progress([DATE], "PT15M", FETCHED, None, "Fluvius is being maintained", None)
    assert to_json(payloads.status(HOME, day(decimals(TOTAL="1")), progress)) == (
        '{"meter": "home", "ean": "541448820000000008", "latest_complete_day": "2026-11-20",'
        ' "age_days": null, "days_awaited": ["2026-11-20"], "resolution": "PT15M",'
        ' "last_attempt": "2026-11-21T09:17:03+01:00",'
        ' "last_success": null, "problem": true, "error": "Fluvius is being maintained", "advice": null}'
    )


def test_a_status_of_a_meter_that_is_not_known_yet_says_nothing_that_is_not_so() -> None:
    said = payloads.status(HOME, None, Progress())
    assert said["latest_complete_day"] is said["resolution"] is said["last_success"] is said["error"] is None
    assert said["days_awaited"] == []


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "0"),
        ("0.000", "0"),
        ("-0", "0"),
        ("-0.00", "0"),
        ("1E+3", "1000"),
        ("1.2E-7", "0.00000012"),
        ("100", "100"),
        ("10.10", "10.1"),
        ("-1.0880", "-1.088"),
    ],
)
def test_an_amount_is_plain_digits(amount: str, text: str) -> None:
    assert plain(Decimal(amount)) == text


AMOUNTS = st.decimals(-(10**9), 10**9, places=9) | st.decimals(
    allow_nan=False, allow_infinity=False, places=3
)
PAYLOADS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10) | AMOUNTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


def same(one: Any, other: Any) -> bool:
    """Equal as values; 1 and True are not."""
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(same(one[k], other[k]) for k in one)
        )
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


@given(PAYLOADS)
@settings(max_examples=often(60, soak=600))
def test_json_says_exactly_what_it_was_given(payload: Any) -> None:
    assert same(payload, json.loads(to_json(payload), parse_float=Decimal))


KWH = [HIGH, LOW, TOTAL, INJECTED_HIGH, INJECTED_LOW, INJECTED]
BOOKED = st.integers(0, 10**18).map(lambda billionths: Decimal(billionths).scaleb(-9))


@given(st.dictionaries(st.sampled_from(KWH), BOOKED))
def test_totals_and_net_are_exact_whatever_the_amounts(amounts: Amounts) -> None:
    sums = {
        direction: [amount for register, amount in amounts.items() if register.direction is direction]
        for direction in Direction
    }
    said = json.loads(to_json(payloads.amounts(amounts)), parse_float=Decimal)
    for direction, parts in sums.items():
        if parts:
            assert said[direction]["total"] == sum(parts)
        else:
            assert direction not in said
    if sums[Direction.CONSUMPTION] and sums[Direction.INJECTION]:
        assert said["net"] == sum(sums[Direction.CONSUMPTION]) - sum(sums[Direction.INJECTION])
    else:
        assert "net" not in said


@given(st.dictionaries(st.sampled_from(KWH), BOOKED, min_size=1))
def test_a_sub_topic_and_the_json_say_the_same(amounts: Amounts) -> None:
    said = payloads.amounts(amounts)
    for leaf, text in payloads.leaves(said).items():
        whole: Any = said
        for name in leaf.split("/"):
            whole = whole[name]
        assert to_json(whole) == text


def test_local_times_follow_the_clock_change() -> None:
    change = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert local(change) == "2026-10-25T02:30:00+02:00"
    assert local(change + timedelta(hours=1)) == "2026-10-25T02:30:00+01:00"


def test_what_is_produced_behind_the_connection_has_no_say_in_its_tariff() -> None:
    produced = Register(Direction.PRODUCTION, Tariff.TOTAL, Unit.KWH)
    amounts = {**decimals(HIGH="0.1"), produced: Decimal(2)}
    said = payloads.intervals(HOME, day(amounts), [interval(amounts)])
    assert said["intervals"][0]["tariff"] == "high"
