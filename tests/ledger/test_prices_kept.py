"""Each price once, exactly, and what became other than before."""

import random
import sqlite3
from contextlib import closing
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from bridge.ledger import Ledger, Records, migrations
from tests.rig.chance import often
from tests.rig.price_questions import QUARTER, days

DAY = date(2026, 11, 20)
START, END = days(DAY)
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)


def priced(start: datetime, *prices: str) -> dict[datetime, Decimal]:
    return {start + QUARTER * i: Decimal(price) for i, price in enumerate(prices)}


def test_a_price_is_kept_exactly(ledger: Ledger) -> None:
    prices = priced(START, "0.0852", "-0.00001", "0", "9.999999999", "-9.999999999", "0.000000001")
    ledger.prices.keep(prices)
    assert ledger.prices.during(START, END) == prices


def test_binary_noise_is_not_kept(ledger: Ledger) -> None:
    ledger.prices.keep(priced(START, "0.08520000000000001"))
    assert str(ledger.prices.during(START, END)[START]) == "0.0852"


def test_keeping_tells_what_is_new_and_what_is_other_than_before(ledger: Ledger) -> None:
    assert ledger.prices.keep(priced(START, "1", "2", "3")) == [START + QUARTER * i for i in range(3)]
    assert ledger.prices.keep(priced(START, "1", "2.0", "3.00")) == []
    assert ledger.prices.keep(priced(START, "1", "-2", "3", "4")) == [START + QUARTER, START + 3 * QUARTER]
    assert list(ledger.prices.during(START, END).values()) == [Decimal(each) for each in (1, -2, 3, 4)]


def test_what_is_not_among_them_stays(ledger: Ledger) -> None:
    ledger.prices.keep(priced(START, "1", "2", "3"))
    ledger.prices.keep(priced(START + QUARTER, "5"))
    assert list(ledger.prices.during(START, END).values()) == [Decimal(each) for each in (1, 5, 3)]


def test_nothing_to_keep_changes_nothing(ledger: Ledger) -> None:
    assert ledger.prices.keep({}) == []


def test_a_span_ends_before_its_second_instant(ledger: Ledger) -> None:
    ledger.prices.keep(priced(START, "1", "2", "3"))
    assert list(ledger.prices.during(START + QUARTER, START + 2 * QUARTER)) == [START + QUARTER]


@pytest.mark.parametrize("price", ["NaN", "1e30", "-1e30"])
def test_what_is_no_price_is_not_kept(ledger: Ledger, price: str) -> None:
    with pytest.raises(ValueError, match=r"price|NaN"):
        ledger.prices.keep(priced(START, "1", price))
    assert ledger.prices.during(START, END) == {}


@pytest.mark.parametrize("odd", [timedelta(minutes=7), timedelta(seconds=1), timedelta(microseconds=1)])
def test_only_quarter_hours_are_kept(ledger: Ledger, odd: timedelta) -> None:
    with pytest.raises(ValueError, match="no quarter-hour starts"):
        ledger.prices.keep(priced(START + odd, "1"))


def test_all_is_missing_of_a_ledger_without_prices(ledger: Ledger) -> None:
    assert ledger.prices.missing(START, END) == [(START, END)]
    assert ledger.prices.latest() is None


@pytest.mark.parametrize(("day", "count"), [(DAY, 96), (SPRING, 92), (AUTUMN, 100)])
def test_nothing_is_missing_of_a_whole_day(ledger: Ledger, day: date, count: int) -> None:
    start, end = days(day)
    ledger.prices.keep(priced(start, *["1"] * count))
    assert ledger.prices.missing(start, end) == []
    assert ledger.prices.missing(start - QUARTER, end + QUARTER) == [
        (start - QUARTER, start),
        (end, end + QUARTER),
    ]
    assert ledger.prices.latest() == end - QUARTER


def test_a_span_without_length_misses_nothing(ledger: Ledger) -> None:
    assert ledger.prices.missing(START, START) == []


@pytest.mark.parametrize("seed", range(often(5, soak=100)))
def test_any_prices_are_as_a_dictionary_would_have_them(ledger: Ledger, seed: int) -> None:
    chance = random.Random(seed)
    known: dict[datetime, Decimal] = {}
    everywhere = [START + QUARTER * i for i in range(-50, 150)]
    for _ in range(30):
        few = chance.sample(everywhere, chance.randint(0, 40))
        fresh = {each: Decimal(chance.randint(-3, 3)).scaleb(-4) for each in few}
        changed = sorted(each for each in fresh if known.get(each) != fresh[each])
        assert ledger.prices.keep(fresh) == changed
        known |= fresh
        first, last = sorted(chance.sample(everywhere, 2))
        assert ledger.prices.during(first, last) == {k: known[k] for k in known if first <= k < last}
        holes = [
            start + QUARTER * i
            for start, end in ledger.prices.missing(first, last)
            for i in range((end - start) // QUARTER)
        ]
        assert holes == [each for each in everywhere if first <= each < last and each not in known]
        gaps = ledger.prices.missing(first, last)
        assert all(one[1] < other[0] for one, other in pairwise(gaps))


def test_prices_are_kept_or_not_with_what_belongs_to_them(ledger: Ledger) -> None:
    def kept_and_then_trouble() -> None:
        with ledger.store.transaction():
            ledger.prices.keep(priced(START, "1"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        kept_and_then_trouble()
    assert ledger.prices.during(START, END) == {}


def test_prices_are_there_for_who_reads_beside_the_bridge(ledger: Ledger, path: Path) -> None:
    ledger.prices.keep(priced(START, "1"))
    with Records(path) as records:
        assert records.prices.during(START, END) == priced(START, "1")
        assert not hasattr(records.prices, "keep")


def test_a_ledger_of_before_has_room_for_prices(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            f"{migrations.MIGRATIONS[0]} PRAGMA application_id = {migrations.APPLICATION_ID};"
            " PRAGMA user_version = 1;"
        )
    with Ledger(path) as ledger:
        assert ledger.prices.keep(priced(START, "1")) == [START]


@pytest.mark.parametrize("odd", ["'much'", "1", str(2**62)])
def test_a_damaged_price_is_missing_and_kept_anew(path: Path, odd: str) -> None:
    with Ledger(path) as ledger:
        ledger.prices.keep(priced(START, "1"))
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"UPDATE price SET amount = {odd}")
        database.commit()
    with Ledger(path) as ledger:
        assert ledger.prices.during(START, END) == {}
        assert ledger.prices.missing(START, START + QUARTER) == [(START, START + QUARTER)]
        assert ledger.prices.keep(priced(START, "1")) == [START]
        assert ledger.prices.during(START, START + QUARTER) == priced(START, "1")
