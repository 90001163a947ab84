"""The prices' page, and the comparison with another tariff card, as a person reads them."""

import re
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
import yaml

from bridge.metering import meterday
from bridge.metering.model import Energy
from bridge.publishing.publisher import BridgeStatus
from bridge.service.window import Window
from bridge.web.speech import speech
from tests.rig.cards import DYNAMIC, FIXED, GAS_CARD, KW, prices_of
from tests.rig.ledgers import damage
from tests.rig.pages import Browser, page_of, words_of
from tests.rig.reading import Reader
from tests.rig.world import HOME, World

TODAY = date(2026, 11, 21)
ENGLISH = {"Accept-Language": "en"}
SAY = speech("en")


@pytest.fixture
def priced(reader: Reader) -> Reader:
    """A month is known, under a fixed contract of home and one of gas."""
    reader.fetch()
    reader.world.changes |= {"prices": [FIXED, GAS_CARD], "capacity_tariff.floor_kw": KW}
    return reader


def words(world: World, path: str = "/prices", health: Mapping[str, Any] | None = None) -> str:
    window = Window(BridgeStatus({}, {"day_ahead": health} if health else {}, {}, {}))
    with page_of(world, window=window) as browser:
        page = browser.get(path, headers=ENGLISH)
        assert page.status_code == 200
        return words_of(page)


def keep(world: World, *days: date) -> None:
    with world.ledger() as ledger:
        for on in days:
            ledger.prices.keep(prices_of(on))


def dynamic(world: World) -> None:
    world.changes |= {"prices": [DYNAMIC]}


def test_the_parts_of_a_day_add_up_to_what_it_cost(priced: Reader) -> None:
    home = priced.world.meter()
    with priced.world.ledger() as ledger:
        ledger.costs.bring_up_to_date(home, priced.world.settings.timeline(home))
    said = words(priced.world, "/meters/home/day")
    total, parts = re.findall(r"Costs (-?€[0-9.]+) What they are made of (.*)", said)[0]
    amounts = [Decimal(each.replace("€", "")) for each in re.findall(r": (-?€[0-9.]+)", parts)]
    assert "Compensation for injection: -€" in parts
    assert abs(sum(amounts) - Decimal(total.replace("€", ""))) <= Decimal("0.03")


# What it costs now


def test_without_prices_the_page_says_how_to_add_some(reader: Reader) -> None:
    reader.fetch()
    said = words(reader.world)
    assert "No prices are configured" in said
    assert "config.example.yaml" not in said
    assert "Add prices in the settings" in said
    assert "Compare contracts" in said


def test_a_fixed_price_is_told_with_everything_and_what_is_in_it(priced: Reader) -> None:
    said = words(priced.world)
    high, low = (
        (Decimal(energy) + Decimal("0.0531") + Decimal("0.0507")) * Decimal("1.06")
        for energy in ("0.1342", "0.1105")
    )
    assert f"From the grid, high tariff {high:.4f} €/kWh From the grid, low tariff {low:.4f} €/kWh" in said
    assert "Into the grid 0.0300 €/kWh" in said
    assert "It is the same all day, today and tomorrow." in said
    assert "Energy 0.1342 0.1105 Grid 0.0531 0.0531 Levies 0.0507 0.0507 VAT" in said
    assert f"Together {high:.4f} {low:.4f}" in said


def test_a_dynamic_price_is_that_of_this_quarter_hour(priced: Reader) -> None:
    dynamic(priced.world)
    keep(priced.world, TODAY, TODAY + timedelta(1))
    said = words(priced.world)
    market = prices_of(TODAY)[datetime(2026, 11, 21, 8, tzinfo=UTC)]
    costs = (market * Decimal("1.04") + Decimal("0.0089") + Decimal("0.0531")) * Decimal("1.21")
    brings = market * Decimal("0.95") - Decimal("0.012")
    assert f"From the grid {SAY.number(costs, 4, always=True)} €/kWh" in said
    assert f"Into the grid {SAY.number(brings, 4, always=True)} €/kWh" in said
    assert "All of today and tomorrow is known. The next prices come tomorrow at about 13:00." in said
    rows = said.partition("Every quarter-hour")[2]
    assert rows.count("Sat 21 Nov, ") == rows.count("Sun 22 Nov, ") == 96


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-21 09:00", "Tomorrow's prices come at about 13:00."),
        ("2026-11-21 15:00", "Tomorrow's prices are awaited since 13:00."),
    ],
)
def test_until_when_prices_are_known_and_when_the_next_come(priced: Reader, now: str, expected: str) -> None:
    dynamic(priced.world)
    keep(priced.world, TODAY)
    priced.clock.move_to(now)
    assert f"Known until 22 Nov 2026, 00:00. {expected}" in words(priced.world)


def test_where_prices_are_missing_the_page_says_why_and_when_it_goes_on(priced: Reader) -> None:
    dynamic(priced.world)
    health = {
        "state": "unreachable",
        "last_error": "energy-charts does not answer",
        "advice": "look at the network",
        "not_before": "2026-11-21T10:00:00+01:00",
    }
    said = words(priced.world, health=health)
    assert "From the grid – €/kWh" in said  # noqa: RUF001 - unknown, and not zero
    assert "The day-ahead price of now is not known." in said
    assert "energy-charts does not answer look at the network" in said
    assert "Not asked before 21 Nov 2026, 10:00" in said
    assert "the same all day" not in said
    assert "Every quarter-hour" not in said


def test_each_meter_that_has_prices_can_be_chosen(priced: Reader) -> None:
    gas = words(priced.world, "/prices?meter=gas")
    assert "gas now" in gas
    assert f"From the grid {Decimal('0.06') * Decimal('1.06'):.4f} €/kWh" in gas
    assert "Your prices say nothing of injection." in gas
    with page_of(priced.world) as browser:
        assert browser.get("/prices?meter=attic").status_code == 404
        assert '<option value="gas" selected>' in browser.get("/prices?meter=gas").text


def test_prices_that_begin_later_are_said_to(priced: Reader) -> None:
    priced.world.changes |= {"prices": [{**FIXED, "from": "2027-01-01"}]}
    assert "the first one does from 1 Jan 2027, 00:00" in words(priced.world)


def test_the_day_on_which_a_contract_changes_has_both(priced: Reader) -> None:
    dearer = {**FIXED, "from": "2026-11-22", "vat": 21}
    priced.world.changes |= {"prices": [FIXED, dearer]}
    rows = words(priced.world).partition("Every quarter-hour")[2]
    of_energy = Decimal("0.1342") + Decimal("0.0531") + Decimal("0.0507")
    assert f"Sat 21 Nov, 23:45 high {of_energy * Decimal('1.06'):.4f}" in rows
    assert f"Sun 22 Nov, 00:00 high {of_energy * Decimal('1.21'):.4f}" in rows


# Compared


def card(*cards: Any) -> str:
    return yaml.safe_dump({"prices": list(cards)})


def answer(browser: Browser, text: str, **fields: str) -> str:
    page = browser.post("/prices/compare", {"card": text, **fields}, headers=ENGLISH)
    assert page.status_code == 200
    return words_of(page)


def test_what_comes_of_it_is_what_the_command_says(priced: Reader) -> None:
    other = {**FIXED, "consumption": {"energy": "0.15"}, "vat": 21}
    file = priced.world.folder / "card.yaml"
    file.write_text(card(other), "utf-8")
    ended = priced.types("compare", "--prices", str(file))
    with page_of(priced.world) as browser:
        said = answer(browser, card(other))
    names = {
        "energy": "Energy",
        "capacity": "Capacity tariff",
        "fees": "Standing charges",
        "VAT": "VAT",
        "compensation": "Compensation for injection",
        "total": "Together",
        "difference": "Difference",
        "in a year": "In a year",
    }
    lines: dict[str, list[str]] = {}
    for line in ended.out.splitlines():
        said_of: list[str] = []
        amounts: list[str] = []
        for word in line.split():
            (amounts if word[-1].isdigit() else said_of).append(word)
        lines[" ".join(said_of)] = amounts
    for name, ours in names.items():
        assert lines[name]
        assert f"{ours} {' '.join(SAY.euros(Decimal(amount)) for amount in lines[name])}" in said
    assert "Wednesday, 21 October 2026 to Friday, 20 November 2026: 31 days" in said
    assert "reckoned from days that are not of all seasons" in said


def test_a_span_can_be_chosen_and_days_that_are_unknown_are_left_out_of_both(priced: Reader) -> None:
    late = {**FIXED, "from": "2026-11-11"}
    with page_of(priced.world) as browser:
        said = answer(browser, card(late), **{"from": "2026-11-01", "to": "2026-11-20"})
    assert "Sunday, 1 November 2026 to Friday, 20 November 2026: 10 days" in said
    assert "10 days are left out (The card): No price of yours holds for these days." in said
    assert "Difference €0.00" in said


def test_a_card_can_be_a_file_and_is_shown_to_be_edited(priced: Reader) -> None:
    with page_of(priced.world) as browser:
        files = {"file": ("green.yaml", card({**FIXED, "vat": 12}).encode())}
        said = words_of(browser.post("/prices/compare", {"card": "nonsense"}, files=files, headers=ENGLISH))
        assert "vat: 12" in said
        assert "Together" in said
        files = {"file": ("green.jpg", b"\xff\xd8\xff")}
        assert "The file is not a text." in words_of(
            browser.post("/prices/compare", {"card": ""}, files=files, headers=ENGLISH)
        )


def typed_in(page: str) -> str:
    return unescape(page.partition("<textarea")[2].partition(">")[2].partition("</textarea>")[0])


def test_ones_own_prices_are_there_to_be_changed(priced: Reader) -> None:
    with page_of(priced.world) as browser:
        page = browser.get("/prices/compare", headers=ENGLISH).text
        assert "Your own prices stand here" in page
        assert "data management: 18.56" in typed_in(page)
        same, dearer = (
            answer(browser, text, meter="home")
            for text in (typed_in(page), typed_in(page).replace("grid: 0.0531", "grid: 0.0631"))
        )
    assert "Difference €0.00" in same
    assert re.search(r"Difference €[1-9]", dearer)


def test_the_example_is_a_card_that_is_understood(priced: Reader) -> None:
    priced.world.changes.pop("prices")
    with page_of(priced.world) as browser:
        page = browser.get("/prices/compare", headers=ENGLISH).text
        assert "Together" in answer(browser, typed_in(page))
        assert "#" not in typed_in(page)  # a comment, which would be English


def test_without_prices_of_ones_own_the_card_stands_alone(reader: Reader) -> None:
    reader.fetch()
    reader.world.changes |= {"capacity_tariff.floor_kw": KW}
    with page_of(reader.world) as browser:
        said = answer(browser, card(FIXED), meter="home")
    assert "Part The card Energy" in said
    assert "Difference" not in said


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            card({**FIXED, "vat": "lots"}),
            "card: prices[0].vat: lots is not a number; write the percent of VAT",
        ),
        (card({**FIXED, "vatt": 6}), "card: prices[0].vatt: unknown key; did you mean vat?"),
        (card({**FIXED, "meters": ["attic"]}), "attic"),
        ("prices: [", "card: line 1 (prices): the [ is not closed"),
        ("prices: []", "card: prices: is empty"),
        ("", "card: prices: is missing"),
        ("just words", "card: holds no keys"),
        ("mqtt: {host: x}\n" + card(FIXED), "card: mqtt: does not belong here"),
        ("prices: !secret mqtt", "card: !secret mqtt means nothing here; write the value"),
        (card({**FIXED, "energy": "gas", "meters": ["home"]}), "card"),
        ("<script>alert(1)</script>: 1", "does not belong here"),
    ],
)
def test_mistakes_of_a_card_are_told_as_those_of_the_configuration(
    priced: Reader, text: str, complaint: str
) -> None:
    (priced.world.folder / "secrets.yaml").write_text("mqtt: hunter2\n", "utf-8")
    with page_of(priced.world) as browser:
        said = answer(browser, text)
    assert "The card is not understood yet:" in said
    assert complaint in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("first", "last", "complaint"),
    [
        ("2026-11-12", "2026-11-11", "The first day comes after the last one."),
        ("yesterday", "", "That is not a date."),
        ("", "0001-01-01", "That is not a date."),
    ],
)
def test_impossible_days_are_said_to_be(priced: Reader, first: str, last: str, complaint: str) -> None:
    with page_of(priced.world) as browser:
        said = answer(browser, card(FIXED), **{"from": first, "to": last})
    assert complaint in said
    assert "Together" not in said


def test_days_of_which_nothing_is_known_are_said(priced: Reader) -> None:
    with page_of(priced.world) as browser:
        said = answer(browser, card(FIXED), to="2026-01-01", meter="home")
    assert "Nothing of these days is known of home, only from Wednesday, 21 October 2026 to Friday" in said


def test_a_damaged_day_of_one_meter_leaves_the_others_to_be_compared(priced: Reader) -> None:
    damage(priced.world, date(2026, 11, 16))
    with page_of(priced.world) as browser:
        said = answer(browser, card(FIXED, GAS_CARD))
    assert "(home: 2026-11-16)" in said
    assert re.search(r"gas \w+, \d+ October 2026 to \w+, \d+ November 2026: \d+ days gas Part", said)


def test_nothing_is_kept_and_a_form_from_elsewhere_does_nothing(priced: Reader) -> None:
    with page_of(priced.world) as browser:
        browser.get("/prices")
        before = sorted(path.name for path in priced.world.folder.rglob("*"))
        answer(browser, card({**FIXED, "vat": 13}))
        assert "vat: 13" not in words_of(browser.get("/prices/compare"))
        assert sorted(path.name for path in priced.world.folder.rglob("*")) == before
        forged = {"card": card(FIXED), "form": "forged"}
        assert browser.session.post(browser.root + "/prices/compare", forged, timeout=10).status_code == 403


def test_a_card_that_grows_without_end_is_refused_in_no_time(priced: Reader) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
    )
    began = time.monotonic()
    with page_of(priced.world) as browser:
        said = answer(browser, f"{bomb}prices: *a29\n")
        assert "does not belong here" in said
        page = browser.post("/prices/compare", {"card": "x" * 100_000}, headers=ENGLISH)
    assert page.status_code == 413
    assert time.monotonic() - began < 5


def test_meters_have_as_many_quarter_hours_as_the_clock(priced: Reader) -> None:
    dynamic(priced.world)
    priced.clock.move_to("2026-10-25 12:00")
    keep(priced.world, date(2026, 10, 25))
    rows = words(priced.world).partition("Every quarter-hour")[2]
    hours = meterday.intervals_of(date(2026, 10, 25), Energy.ELECTRICITY)
    assert rows.count("Sun 25 Oct, ") == len(hours) == 100


def test_of_many_meters_one_at_a_time_is_compared(priced: Reader) -> None:
    others = [
        {"name": f"meter {number}", "ean": f"5414488200000{number}", "serial": f"1SAG{number}"}
        for number in range(10_000, 10_010)
    ]
    priced.world.meters = [HOME, *others]
    with page_of(priced.world) as browser:
        assert "All that the card has prices of" not in words_of(browser.get("/prices/compare"))
        assert answer(browser, card(FIXED)).count("Difference") == 1
        said = answer(browser, card(FIXED), meter="meter_10009")
        assert "Nothing was fetched yet for meter 10009" in said
