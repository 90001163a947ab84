"""A meter's page: what it waits for, what was corrected, its peaks, its mandate, in words."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from bridge.fetching.progress import SWITCH_ON
from bridge.ledger import Ledger
from bridge.metering import meterday
from bridge.metering.agreement import Disagreement
from bridge.metering.mandate import Mandate
from bridge.metering.model import Direction, Energy, Reading, Tariff, Unit
from bridge.metering.progress import Progress
from bridge.publishing.meter import MeterTopics
from bridge.publishing.publisher import BridgeStatus
from bridge.service.window import Window
from bridge.web.speech import speech
from tests.rig.cards import FIXED
from tests.rig.ledgers import damage
from tests.rig.pages import page_of, words_of
from tests.rig.reading import Reader
from tests.rig.world import HOME, World

DAY = date(2026, 11, 20)
ENGLISH = {"Accept-Language": "en"}


def window_of(world: World, **made_up: Progress) -> Window:
    """What the bridge has put there after it looked at every meter; or what is made up of some."""
    with world.at_work() as (_, fetcher):
        known = {meter.ean: fetcher.progress(meter) for meter in fetcher.meters}
    mine = {world.meter(name).ean: progress for name, progress in made_up.items()}
    info = {"next_run": "2026-11-22T12:15:00+01:00", "started": "2026-11-20T08:00:00+01:00"}
    return Window(BridgeStatus(info, {}, {}, {}), progress=known | mine)


def words(world: World, name: str = "home", window: Window | None = None, language: str = "en") -> str:
    with page_of(world, window=window or window_of(world)) as browser:
        page = browser.get(f"/meters/{name}", headers={"Accept-Language": language})
        assert page.status_code == 200
        return words_of(page)


def corrected(ledger: Ledger, world: World, on: date, at: datetime, by: str) -> None:
    """Another amount for each register that counted on a day."""
    meter = world.meter()
    start, end = meterday.start_of(on, meter.energy), meterday.end_of(on, meter.energy)
    amounts, _ = ledger.readings.of_day(meter, on)
    readings = [
        Reading(start, end, register, amount + Decimal(by), True, meter.serial)
        for register, amount in amounts.items()
    ]
    ledger.answers.record_days(meter, readings, at)


def test_a_day_that_came_is_said_to_be_complete(reader: Reader) -> None:
    reader.fetch()
    said = words(reader.world)
    assert "Yesterday Friday, 20 November 2026 It is complete." in said
    assert "Awaited" not in said
    assert "Readings Quarter-hours" in said
    assert "Source Mijn Fluvius" in said
    assert "Fluvius answered 21 Nov 2026, 09:00" in said
    assert "Corrected lately Nothing, as far as is remembered here." in said


def test_a_day_that_is_not_there_is_awaited_since_it_was_over(reader: Reader) -> None:
    reader.fetch()
    reader.clock.move_to("2026-11-22 09:00")
    said = words(reader.world)
    assert "Saturday, 21 November 2026 Fluvius has given nothing of this day." in said
    assert "It is awaited since 22 Nov 2026, 00:00. Fluvius publishes a day on the next one, and" in said
    assert "Fluvius is asked again on 22 Nov 2026, 12:15." in said


def test_every_awaited_day_says_what_it_lacks_and_which_is_late(reader: Reader) -> None:
    reader.world.simulator.measurements.delays.clear()
    reader.fetch()
    reader.clock.move_to("2026-11-27 09:00")
    said = words(reader.world)
    for on, since in ("Saturday, 21", "22 Nov 2026, 00:00"), ("Thursday, 26", "27 Nov 2026, 00:00"):
        assert f"{on} November 2026 , since {since}: Fluvius has given nothing of this day." in said
    assert said.count("That is later than Fluvius normally is.") == 2


def test_the_overview_counts_what_is_awaited(reader: Reader) -> None:
    reader.fetch()
    reader.clock.move_to("2026-11-22 09:00")
    with page_of(reader.world, window=window_of(reader.world)) as browser:
        said = words_of(browser.get("/meters", headers=ENGLISH))
    assert "home Complete until Friday, 20 November 2026 1 day is awaited" in said


def test_gas_comes_days_later_and_its_page_says_so(reader: Reader) -> None:
    reader.fetch()
    said = words(reader.world, "gas")
    assert "It is too early for it. Fluvius publishes the gas of a day about three days later" in said
    assert "Readings Hours" in said
    assert "Monthly peaks" not in said


def test_the_gas_of_yesterday_is_not_over_before_six_and_the_day_before_is_not_yesterday(
    reader: Reader,
) -> None:
    reader.fetch()
    reader.clock.move_to("2026-11-21 04:20")
    said = words(reader.world, "gas")
    assert "Latest day Thursday, 19 November 2026" in said
    assert "Yesterday" not in said
    assert "Yesterday Friday, 20 November 2026" in words(reader.world)


def test_before_the_bridge_has_looked_the_page_says_that(reader: Reader) -> None:
    reader.fetch()
    assert "has not looked at this meter since it started" in words(reader.world, window=Window())


def test_what_the_page_can_say_is_said_in_the_visitor_s_language_alone(reader: Reader) -> None:
    reader.fetch()
    progress = Progress(resolution="P1D", advice=SWITCH_ON[Energy.ELECTRICITY])
    said = words(reader.world, window=window_of(reader.world, home=progress))
    assert "Fluvius has no quarter-hours of this meter: switch on quarter-hour readings" in said
    assert SWITCH_ON[Energy.ELECTRICITY] not in said


def test_what_the_worker_says_is_marked_as_english_and_cannot_be_markup(reader: Reader) -> None:
    reader.fetch()
    progress = Progress(error="no <b>answer</b>", advice="try <i>later</i>", imported="31 days of a.csv")
    with page_of(reader.world, window=window_of(reader.world, home=progress)) as browser:
        page = browser.get("/meters/home", headers={"Accept-Language": "nl"}).text
    assert '<p class="bad" lang="en">no &lt;b&gt;answer&lt;/b&gt;</p>' in page
    assert '<p class="note" lang="en">try &lt;i&gt;later&lt;/i&gt;</p>' in page


def test_corrections_are_told_from_what_to_what_and_when(reader: Reader) -> None:
    reader.fetch()
    world = reader.world
    with world.ledger() as ledger:
        before, _ = ledger.readings.of_day(world.meter(), DAY)
        corrected(ledger, world, DAY, datetime(2026, 11, 21, 10, 30, tzinfo=UTC), "0.5")
        corrected(ledger, world, DAY, datetime(2026, 11, 21, 11, 30, tzinfo=UTC), "-0.25")
    say, said = speech("en"), words(world)
    names = {Tariff.HIGH: ", high tariff", Tariff.LOW: ", low tariff", Tariff.TOTAL: ""}
    for register, amount in before.items():
        what = f"{register.direction.capitalize()}{names[register.tariff]} (kWh)"
        first, second = amount + Decimal("0.5"), amount + Decimal("0.25")
        assert f"Fri 20 Nov {what} {say.number(amount)} {say.number(first)} 21 Nov 2026, 11:30" in said
        assert f"Fri 20 Nov {what} {say.number(first)} {say.number(second)} 21 Nov 2026, 12:30" in said
    assert said.index("12:30") < said.index("11:30")


def test_older_corrections_are_folded_up(reader: Reader) -> None:
    reader.fetch()
    world = reader.world
    with world.ledger() as ledger:
        for hour in range(10):
            corrected(ledger, world, DAY, datetime(2026, 11, 21, hour, tzinfo=UTC), "0.125")
    said = words(world)
    assert "Corrected earlier" in said
    assert (
        said.index("21 Nov 2026, 10:00") < said.index("Corrected earlier") < said.index("21 Nov 2026, 01:00")
    )


def test_peaks_are_those_that_are_published(reader: Reader) -> None:
    reader.fetch()
    world = reader.world
    world.changes |= {"prices": [FIXED]}
    with world.at_work() as (ledger, fetcher):
        meter = world.meter()
        day, progress = ledger.days.latest_complete_day(meter), fetcher.progress(meter)
        topics = MeterTopics(ledger, world.settings).everything(meter, day, progress)
    published = json.loads(topics["fluvius/home/peak"], parse_float=Decimal)
    say, said = speech("en"), words(world)
    assert f"Mean, as billed {say.number(published['mean'], always=True)} kW" in said
    with_this = say.number(published["mean_with_this_month"], always=True)
    assert f"With this month's peak {with_this} kW" in said
    assert f"A quarter-hour costs extra above {say.number(Decimal(published['threshold']))} kW" in said
    assert f"A kilowatt above it costs in a year {say.euros(published['per_kw'])}" in said
    assert f"counts for {say.number(published['floor'])} kW at least" in said
    assert "Quarter-hours are known until 21 Nov 2026, 00:00." in said
    rows = said.partition("Month Peak (kW) Billed (kW)")[2]
    assert rows.startswith(f" November 2026 {say.instant(published['start'])}, so far")
    assert len(published["months"]) > 0
    for each in published["months"]:
        month = say.month(date.fromisoformat(f"{each['month']}-01"))
        peak, billed = (say.number(Decimal(each[name]), always=True) for name in ("peak", "billed"))
        assert f"{month} {say.instant(each['start'])} {peak} {billed}" in rows


def test_a_meter_that_lives_on_files_says_how_far_they_reach(reader: Reader) -> None:
    reader.fetch()
    world = reader.world
    world.meters = [{**HOME, "source": "file"}]
    reader.clock.move_to("2026-11-27 09:00")
    with page_of(world, window=window_of(world, home=Progress(imported="31 days of a.csv"))) as browser:
        said = words_of(browser.get("/meters/home", headers=ENGLISH))
    assert "lives on files, which reach until Friday, 20 November 2026: download newer ones" in said
    assert "31 days of a.csv" in said
    assert "Fluvius is asked again" not in said


def test_a_meter_of_which_nothing_is_known_has_a_page(desk: World) -> None:
    with desk.ledger():
        pass
    said = words(desk)
    assert "Fluvius has given nothing of this day." in said
    assert "Latest complete day –" in said  # noqa: RUF001 - as it is written
    assert "Monthly peaks" not in said


def test_a_mandate_is_told_in_words(reader: Reader) -> None:
    reader.fetch()
    mandate = Mandate(
        "REF-1",
        HOME["ean"],
        Energy.ELECTRICITY,
        "Approved",
        "VH_kwartier_uur",
        until=datetime(2027, 1, 1, tzinfo=UTC),
        expires=datetime(2027, 2, 1, tzinfo=UTC),
        renewal="ToBeRenewed",
    )
    window = window_of(reader.world, home=Progress(mandate=mandate))
    said = words(reader.world, window=window)
    assert "State Approved Allows Quarter-hours and hours For data until 1 Jan 2027, 01:00" in said
    assert "Ends 1 Feb 2027, 01:00 Renewal Must be renewed: ask the customer Reference REF-1" in said
    unheard_of = replace(mandate, status="Paused", renewal=None)
    said = words(reader.world, window=window_of(reader.world, home=Progress(mandate=unheard_of)))
    assert "State Paused" in said


def test_what_lies_behind_what_disagrees_and_what_was_odd_is_shown(reader: Reader) -> None:
    reader.fetch()
    flow = Direction.CONSUMPTION, Unit.KWH
    progress = Progress(
        disagreements={DAY: [Disagreement(flow, Decimal("10.5"), Decimal("9.25"))]},
        behind=[{"kind": "production", "ean": "", "type": "PV", "vreg_id": "V-1"}],
        odd_answers=[
            {
                "at": "2026-11-21T09:00:00+01:00",
                "request": "/verbruik/<ean>",
                "why": "no list",
                "status": 200,
                "type": "text/html",
                "shape": {"<script>": "text"},
                "times": 1,
            }
        ],
    )
    window = window_of(reader.world, home=progress)
    said = words(reader.world, window=window)
    assert "Fri 20 Nov Consumption (kWh) 10.5 9.25 -1.25" in said
    assert "Installations behind the connection Kind production Type PV VREG V-1" in said
    assert "21 Nov 2026, 09:00: no list" in said
    with page_of(reader.world, window=window) as browser:
        assert browser.get("/meters/home").text.count("<script") == 1


def test_bounds_of_the_configuration_are_told(reader: Reader) -> None:
    reader.fetch()
    reader.world.meters = [{**HOME, "from": "2026-11-01", "until": "2026-11-15"}]
    said = words(reader.world)
    assert "Counts from 1 Nov 2026, 00:00" in said
    assert "Counts until" in said
    assert "This meter is not followed on that day" in said


def test_a_damaged_day_is_named_instead_of_a_wrong_peak(reader: Reader) -> None:
    reader.fetch()
    window = window_of(reader.world)
    damage(reader.world, DAY)
    with page_of(reader.world, window=window) as browser:
        page = browser.get("/meters/home")
    assert page.status_code == 503
    assert "2026-11-20" in words_of(page)


def test_a_damaged_day_of_one_meter_hides_no_other(reader: Reader) -> None:
    reader.fetch()
    damage(reader.world, DAY)
    with page_of(reader.world) as browser:
        page = browser.get("/meters", headers=ENGLISH)
    assert page.status_code == 200
    home, gas = words_of(page).split(" gas ")
    assert "home Damaged" in home
    assert "2026-11-20" in home
    assert "Complete until" in gas


FIVE_HUNDRED = [
    {"name": f"meter {number}", "ean": f"5414488200000{number:05}", "serial": f"1SAG{number}"}
    for number in range(10_000, 10_500)
]


def test_one_of_five_hundred_meters_is_found(desk: World) -> None:
    desk.meters = FIVE_HUNDRED
    with desk.ledger():
        pass
    with page_of(desk) as browser:
        first = words_of(browser.get("/meters", headers=ENGLISH))
        assert "500 meters" in first
        assert first.count("No complete day yet") == 50
        assert "Page 1 of 10" in first
        last = words_of(browser.get("/meters?page=99", headers=ENGLISH))
        assert "Page 10 of 10" in last
        found = words_of(browser.get("/meters?q=meter+10321", headers=ENGLISH))
        assert ("1 meter " in found, found.count("No complete day yet")) == (True, 1)
        assert "meter 10321" in words_of(browser.get("/meters/meter_10321", headers=ENGLISH))
        none = browser.get("/meters?q=<b>attic", headers=ENGLISH)
        assert "No meter has “<b>attic” in its name or EAN. All meters" in words_of(none)


def test_one_of_five_hundred_meters_is_found_in_the_settings(desk: World) -> None:
    desk.meters = FIVE_HUNDRED
    with page_of(desk) as browser:
        first = browser.get("/settings", headers=ENGLISH)
        assert "500 meters" in words_of(first)
        assert first.text.count("Remove meter") == 50
        assert 'href="settings?q=&amp;page=2"' in first.text
        last = browser.get("/settings?page=10", headers=ENGLISH)
        assert "Remove meter 10499" in last.text
        assert "Page 10 of 10" in words_of(last)
        for wanted in "Meter 10321", "541448820000010321":
            found = browser.get("/settings", params={"q": wanted}, headers=ENGLISH)
            assert ("1 meter " in words_of(found), found.text.count("Remove meter")) == (True, 1)
        assert "Change names" in words_of(browser.get("/settings?q=nobody", headers=ENGLISH))


@pytest.mark.parametrize("name", ["nobody", "541448820000000999"])
def test_a_meter_that_is_not_there_has_no_page(reader: Reader, name: str) -> None:
    reader.fetch()
    with page_of(reader.world) as browser:
        assert browser.get(f"/meters/{name}").status_code == 404
