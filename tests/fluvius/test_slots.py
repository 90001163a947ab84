"""Fluvius's JSON to readings: whatever it is, no other error than ours, and no amount that is not in it."""

import json
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from bridge.fluvius.errors import FluviusError, ShapeChanged
from bridge.fluvius.http import Response
from bridge.fluvius.portal import slots
from bridge.fluvius.portal.slots import Slots
from bridge.fluvius.tokens import Token, TokenStore
from bridge.fluvius.values import Span
from bridge.metering import meterday
from bridge.metering.model import Energy, Reading, Register
from tests.rig.registers import HIGH, LOW, TOTAL, VOLUME
from tests.rig.registers import INJECTED_HIGH as INJECTED

SERIAL = "1SAG1100042062"
DAY = date(2026, 11, 19)
SPAN = meterday.start_of(DAY, Energy.ELECTRICITY), meterday.end_of(DAY, Energy.ELECTRICITY)
NEXT = SPAN[1], SPAN[1] + timedelta(days=1)

CODES = {HIGH: (1, 1, 3), LOW: (2, 1, 3), TOTAL: (0, 1, 3), INJECTED: (1, 2, 3), VOLUME: (0, 1, 5)}


def value(amount: Any, register: Register = HIGH, **other: Any) -> dict[str, Any]:
    tariff, direction, unit = CODES[register]
    return {"dc": tariff, "t": direction, "st": 0, "v": amount, "vs": 2, "u": unit, "gcuv": None, **other}


def slot(*values: Any, span: Span = SPAN, **other: Any) -> dict[str, Any]:
    return {"d": zulu(span[0]), "de": zulu(span[1]), "v": list(values), **other}


def zulu(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def read(*answer: Any, wanted: Iterable[Span] = (SPAN, NEXT)) -> Slots:
    """Read an answer that came over the wire."""
    text = json.dumps(answer, default=as_written)
    return slots.read(json.loads(text, parse_float=Decimal), set(wanted), SERIAL)


def as_written(amount: Any) -> float:
    assert isinstance(amount, Decimal)
    return float(amount)


def amounts(found: Slots) -> dict[Register, Decimal]:
    return {reading.register: reading.amount for reading in found.readings}


def test_the_example_of_a_double_tariff_day_is_read_as_it_stands() -> None:
    found = read(slot(value(9.133), value(2.2, LOW), value(12.421, INJECTED)))
    assert amounts(found) == {HIGH: Decimal("9.133"), LOW: Decimal("2.2"), INJECTED: Decimal("12.421")}
    assert {(each.start, each.end, each.serial, each.validated) for each in found.readings} == {
        (*SPAN, SERIAL, True)
    }
    assert found.lengths == {timedelta(days=1)}
    assert found.misunderstood == 0


def test_gas_is_read_in_both_its_units() -> None:
    found = read(slot(value(3.021, VOLUME), value(33.5, TOTAL)))
    assert amounts(found) == {TOTAL: Decimal("33.5"), VOLUME: Decimal("3.021")}


def test_other_states_than_2_mean_not_validated_yet() -> None:
    for state in (0, 1, 3, None, "2", [2]):
        found = read(slot(value(1, vs=state)))
        assert [reading.validated for reading in found.readings] == [False]


def test_an_amount_keeps_every_digit_that_fluvius_wrote() -> None:
    text = json.dumps([slot(value("AMOUNT"))]).replace('"AMOUNT"', "11.332999999999998000")
    found = slots.read(json.loads(text, parse_float=Decimal), {SPAN}, SERIAL)
    assert [str(reading.amount) for reading in found.readings] == ["11.332999999999998000"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e99999999999999999999"])
def test_what_is_no_number_in_json_does_not_even_reach_the_slots(number: str) -> None:
    text = json.dumps([slot(value("AMOUNT"))]).replace('"AMOUNT"', number)
    with pytest.raises(ShapeChanged, match="not JSON"):
        Response(200, CaseInsensitiveDict(), "https://mijn.fluvius.be", text).json()


def test_zero_is_an_amount() -> None:
    assert amounts(read(slot(value(0), value(0.0, LOW)))) == {HIGH: 0, LOW: 0}


@pytest.mark.parametrize("values", [[value(None)], [value(1), value(None, LOW)], [], None])
def test_a_slot_with_an_amount_that_is_not_there_yet_is_awaited_as_a_whole(values: Any) -> None:
    found = read(slot() | {"v": values}, slot(value(5), span=NEXT))
    assert [(each.start, each.amount) for each in found.readings] == [(NEXT[0], Decimal(5))]
    assert found.misunderstood == 0


def test_an_answer_of_nothing_but_nulls_is_no_change_of_shape() -> None:
    assert read(slot(value(None)), slot(value(None), span=NEXT)).readings == []


@pytest.mark.parametrize(
    "odd",
    [
        value(True),
        value(False),
        value("9.133"),
        value(-0.001),
        value(-1),
        value(1e9),
        value(10**30),
        value([1]),
        value({"v": 1}),
        {key: of for key, of in value(1).items() if key != "v"},
        value(1, dc=3),
        value(1, dc=-1),
        value(1, dc="1"),
        value(1, dc=True),
        value(1, dc=None),
        value(1, dc=[1]),
        {key: of for key, of in value(1).items() if key != "dc"},
        7,
        None,
        "text",
        [],
    ],
)
def test_one_odd_amount_makes_the_whole_slot_missing(odd: Any) -> None:
    found = read(slot(value(4, LOW), odd), slot(value(5), span=NEXT))
    assert [(each.start, each.amount) for each in found.readings] == [(NEXT[0], Decimal(5))]
    assert found.misunderstood == 1


@pytest.mark.parametrize("name", ["t", "u"])
@pytest.mark.parametrize("code", ["1", None, True, [1]])
def test_an_amount_whose_direction_or_unit_is_no_code_at_all_makes_the_whole_slot_missing(
    name: str, code: Any
) -> None:
    found = read(slot(value(4), value(2, LOW, **{name: code})), slot(value(5), span=NEXT))
    assert [(each.start, each.amount) for each in found.readings] == [(NEXT[0], Decimal(5))]


@pytest.mark.parametrize("name", ["t", "u"])
def test_an_amount_without_a_direction_or_unit_makes_the_whole_slot_missing(name: str) -> None:
    nameless = {key: of for key, of in value(2, LOW).items() if key != name}
    found = read(slot(value(4), nameless), slot(value(5), span=NEXT))
    assert [(each.start, each.amount) for each in found.readings] == [(NEXT[0], Decimal(5))]


def test_other_quantities_are_left_out() -> None:
    found = read(slot(value(4), value(2, LOW, t=3), value(1, LOW, u=7), value(None, LOW, u=9)))
    assert amounts(found) == {HIGH: 4}
    assert found.misunderstood == 0


def test_a_slot_of_nothing_but_other_quantities_is_not_understood() -> None:
    assert read(slot(value(4, u=7)), slot(value(5), span=NEXT)).misunderstood == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"d": None},
        {"de": 5},
        {"d": "yesterday"},
        {"d": "2026-11-18T23:00:00"},
        {"d": zulu(SPAN[1])},
        {"d": zulu(SPAN[1]), "de": zulu(SPAN[0])},
        {"de": "0001-01-01T00:00:00+14:00"},
        {"d": "9999-12-31T23:59:59-14:00"},
        {"v": {"dc": 1}},
        {"v": "text"},
    ],
)
def test_a_slot_without_sense_is_counted_as_misunderstood(wrong: dict[str, Any]) -> None:
    found = read(slot(value(4)) | wrong, slot(value(5), span=NEXT))
    assert [each.amount for each in found.readings] == [5]
    assert found.misunderstood == 1


@pytest.mark.parametrize("answer", [{}, {"d": 1}, None, "text", 4, True, Decimal("1.5")])
def test_an_answer_that_is_no_list_is_a_change_of_shape(answer: Any) -> None:
    with pytest.raises(ShapeChanged, match="list of readings"):
        slots.read(answer, {SPAN}, SERIAL)


def test_renamed_fields_are_a_change_of_shape() -> None:
    with pytest.raises(ShapeChanged, match="newer version"):
        read({"start": zulu(SPAN[0]), "end": zulu(SPAN[1]), "v": [value(1)]})
    with pytest.raises(ShapeChanged):
        read(slot({"tariff": 1, "direction": 1, "amount": 9.133, "unit": 3}))


def test_an_empty_answer_is_an_answer() -> None:
    assert read() == Slots([], set(), 0)


def test_more_fields_than_known_do_no_harm() -> None:
    assert amounts(read(slot(value(4, more={"x": [1]}), extra=None))) == {HIGH: 4}


def test_offsets_and_fractions_of_a_second_are_understood() -> None:
    other = slot(value(4)) | {"d": "2026-11-19T00:00:00.000+01:00", "de": "2026-11-20T00:00:00+01:00"}
    assert [(each.start, each.end) for each in read(other).readings] == [SPAN]


def test_the_same_slot_twice_counts_once() -> None:
    assert amounts(read(slot(value(4)), slot(value(4)))) == {HIGH: 4}


def test_the_same_register_twice_in_a_slot_counts_once() -> None:
    assert amounts(read(slot(value(4), value(4)))) == {HIGH: 4}


@pytest.mark.parametrize(
    "other",
    [
        value(5),
        value(4, LOW),
        value(4, vs=1),
        value(None),
    ],
)
def test_the_same_slot_twice_with_other_content_is_awaited(other: Any) -> None:
    for pair in ([slot(value(4)), slot(other)], [slot(other), slot(value(4))]):
        assert read(*pair).readings == []


@pytest.mark.parametrize("other", [value(-5), value("5"), value(5, dc=9), "text"])
def test_the_same_slot_twice_of_which_one_is_not_understood_is_awaited(other: Any) -> None:
    later = slot(value(1), span=NEXT)
    for pair in ([slot(value(4)), slot(other)], [slot(other), slot(value(4))]):
        assert [each.start for each in read(*pair, later).readings] == [NEXT[0]]


def test_a_register_with_two_amounts_in_one_slot_is_awaited() -> None:
    found = read(slot(value(4), value(5)), slot(value(1), span=NEXT))
    assert [each.start for each in found.readings] == [NEXT[0]]


def test_a_total_beside_both_its_parts_is_not_counted_again() -> None:
    assert amounts(read(slot(value(9, TOTAL), value(4), value(5, LOW)))) == {HIGH: 4, LOW: 5}


def test_a_total_beside_one_of_its_parts_says_more() -> None:
    assert amounts(read(slot(value(9, TOTAL), value(4)))) == {TOTAL: 9}


@pytest.mark.parametrize("total", ["11.332999999999998", "11.333", "11.334"])
def test_a_total_beside_its_parts_may_differ_by_noise_and_rounding(total: str) -> None:
    found = read(slot(value(Decimal(total), TOTAL), value(9.133), value(2.2, LOW)))
    assert amounts(found) == {HIGH: Decimal("9.133"), LOW: Decimal("2.2")}


def test_a_total_beside_parts_that_are_another_amount_is_awaited() -> None:
    found = read(slot(value(9, TOTAL), value(0), value(0, LOW)), slot(value(5), span=NEXT))
    assert [each.start for each in found.readings] == [NEXT[0]]


def test_slots_that_were_not_asked_for_are_left_out() -> None:
    hour = timedelta(hours=1)
    over_the_edge = slot(value(8), span=(SPAN[0] - hour, SPAN[0] + hour))
    before = slot(value(7), span=(SPAN[0] - timedelta(days=1), SPAN[0]))
    longer = slot(value(6), span=(SPAN[0], NEXT[1]))
    found = read(before, over_the_edge, longer, slot(value(4)), wanted=[SPAN])
    assert amounts(found) == {HIGH: 4}
    assert found.lengths == {timedelta(days=1), timedelta(hours=2), timedelta(days=2)}


@pytest.mark.parametrize(("day", "quarters"), [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100)])
def test_the_quarter_hours_of_a_clock_change_day_are_all_there_once(day: date, quarters: int) -> None:
    quarter = timedelta(minutes=15)
    wanted = [(start, start + quarter) for start in meterday.intervals_of(day, Energy.ELECTRICITY)]
    answer = [slot(value(number), span=span) for number, span in enumerate(wanted)]
    found = read(*reversed(answer), *answer[:5], wanted=wanted)
    assert len(found.readings) == quarters
    assert {each.start: each.amount for each in found.readings} == {
        span[0]: number for number, span in enumerate(wanted)
    }
    assert found.lengths == {quarter}


# Whatever it is

CODE = st.integers(-1, 6) | st.none() | st.booleans() | st.text(max_size=2) | st.decimals(0, 6, places=1)
AMOUNT = (
    st.integers(0, 9)
    | st.integers()
    | st.decimals(0, 10**9, places=3)
    | st.decimals(allow_nan=False, allow_infinity=False)  # JSON has neither
    | st.sampled_from([Decimal("1E+999999"), Decimal("1E-999999"), Decimal("-0.0"), None])
)
INSTANT = st.sampled_from([*map(zulu, (*SPAN, NEXT[1])), "2026-11-19T00:00:00+01:00"]) | st.text(max_size=30)
VALUE = st.fixed_dictionaries(
    {"dc": st.integers(0, 2) | CODE, "t": st.integers(1, 2) | CODE, "v": AMOUNT, "u": st.just(3) | CODE},
    optional={"vs": CODE, "gcuv": CODE},
)
GOOD = st.builds(
    value, st.decimals(0, 100, places=3) | st.integers(0, 9), st.sampled_from([HIGH, LOW, INJECTED, TOTAL])
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | AMOUNT | st.text(max_size=5) | INSTANT | GOOD,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["d", "de", "v", "dc", "t", "u", "vs", "x"]), inner, max_size=6)
    ),
    max_leaves=12,
)
SLOT = st.fixed_dictionaries(
    {
        "d": st.just(zulu(SPAN[0])) | INSTANT,
        "de": st.just(zulu(SPAN[1])) | INSTANT,
        "v": st.lists(GOOD, max_size=4) | st.lists(GOOD | VALUE | ANYTHING, max_size=4) | ANYTHING,
    }
)
ANSWER = st.lists(SLOT | ANYTHING, max_size=4) | ANYTHING


def stated(answer: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Every start, end and amount that an answer states, in the place where it counts."""
    for each in answer if isinstance(answer, list) else ():
        values = each.get("v") if isinstance(each, dict) else None
        for one in values if isinstance(values, list) else ():
            if isinstance(one, dict) and isinstance(one.get("v"), int | Decimal):
                yield each.get("d"), each.get("de"), one["v"]


@given(ANSWER)
def test_whatever_fluvius_answers_no_amount_is_invented_and_nothing_crashes(answer: Any) -> None:
    try:
        found = slots.read(answer, {SPAN, NEXT}, SERIAL)
    except FluviusError:
        return
    said = {
        (datetime.fromisoformat(start), datetime.fromisoformat(end), str(amount))
        for start, end, amount in stated(answer)
        if isinstance(start, str) and isinstance(end, str) and not isinstance(amount, bool)
        if start[:4] == end[:4] == "2026"
    }
    registers = [(each.start, each.register) for each in found.readings]
    assert len(registers) == len(set(registers))
    for each in found.readings:
        assert (each.start, each.end) in {SPAN, NEXT}
        assert (each.start, each.end, str(each.amount)) in said


@given(st.lists(GOOD, min_size=1, max_size=5))
def test_good_amounts_are_all_there_or_none_is(values: list[dict[str, Any]]) -> None:
    by_register: dict[tuple[int, int], set[Decimal]] = {}
    for each in values:
        by_register.setdefault((each["t"], each["dc"]), set()).add(Decimal(each["v"]))
    clear = all(len(different) == 1 for different in by_register.values())
    totals_beside = any((direction, 0) in by_register for direction, tariff in by_register if tariff)
    readings = slots.read([slot(*values), slot(value(1), span=NEXT)], {SPAN, NEXT}, SERIAL).readings
    found = [each for each in readings if each.start == SPAN[0]]
    if not clear:
        assert found == []
    elif not totals_beside:
        assert sum(each.amount for each in found) == sum(min(one) for one in by_register.values())


# What is kept of a sign-in

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
TOKEN = Token(
    "bearer-secret", NOW + timedelta(hours=1), "refresh-secret", "https://login", "client", "openid"
)


@pytest.fixture
def store(tmp_path: Path) -> TokenStore:
    return TokenStore(tmp_path / "token.json", "you@example.com")


def test_a_token_is_the_same_after_a_restart(tmp_path: Path, store: TokenStore) -> None:
    store.keep_token(TOKEN)
    assert TokenStore(tmp_path / "token.json", "you@example.com").token == TOKEN


def test_another_account_does_not_get_the_token(tmp_path: Path, store: TokenStore) -> None:
    store.keep_token(TOKEN)
    assert TokenStore(tmp_path / "token.json", "me@example.com").token is None


def test_the_token_file_is_for_its_owner_alone_and_names_no_account(
    tmp_path: Path, store: TokenStore
) -> None:
    before = os.umask(0)
    try:
        store.keep_token(TOKEN)
    finally:
        os.umask(before)
    path = tmp_path / "token.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "you@example.com" not in path.read_text("utf-8")
    assert [each.name for each in tmp_path.iterdir()] == ["token.json"]


def test_a_token_never_shows_in_a_log() -> None:
    assert "secret" not in f"{TOKEN!r} {TOKEN}"


KEPT = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "access_token",
                    "expires_at",
                    "refresh_token",
                    "message",
                    "at",
                    "salt",
                    "tries",
                    "times",
                    "kind",
                ]
            ),
            inner,
        )
    ),
    max_leaves=6,
)


@given(st.binary(max_size=60) | KEPT.map(lambda kept: json.dumps(kept).encode()))
def test_a_token_file_of_another_kind_is_no_token(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "odd-token.json"
    path.write_bytes(content)
    assert TokenStore(path, "you@example.com").token is None


@given(KEPT, KEPT, KEPT)
def test_what_a_token_file_of_another_kind_keeps_is_neither_token_nor_refusal(
    tmp_path_factory: pytest.TempPathFactory, token: Any, refusals: Any, locks: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "other-token.json"
    store = TokenStore(path, "you@example.com")
    store.keep_token(TOKEN)
    kept = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**kept, "token": token, "refusals": refusals, "locks": locks}), "utf-8")
    assert store.token is None
    assert store.refusals("you:wrong").standing(NOW, asked=False) is None


def test_readings_come_in_the_order_of_their_registers() -> None:
    found: list[Reading] = list(read(slot(value(1, INJECTED), value(2, LOW), value(3))).readings)
    assert [each.register for each in found] == sorted([HIGH, LOW, INJECTED])
