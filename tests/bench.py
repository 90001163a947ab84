"""The figures that the README promises, measured: `make bench`.

The simulator and the bridge are processes of their own, the broker is a real Mosquitto, and everything is on
this machine. Figures of a cycle come from the bridge's own classes inside this process, because a morning in
a real one comes once a day; they too ask the simulator over HTTP, without the pauses between two requests.
"""

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bridge.config.sinks import PostgresqlSettings
from bridge.fetching.due import Occasion
from bridge.fetching.energy_api import record_at_once
from bridge.fluvius.energy_api import headpoints
from bridge.fluvius.http import PoliteSession, Response
from bridge.fluvius.open import open_energy_api, open_portal
from bridge.homeassistant.books import books
from bridge.homeassistant.core import Core as Connection
from bridge.homeassistant.series import Naming
from bridge.homeassistant.statistics import Statistics
from bridge.ledger import Ledger, Records
from bridge.metering.contract import ByTariff, Capacity, Contract, Dynamic, Per, Timeline
from bridge.metering.meterday import ONE_DAY, day_of, intervals_of, month_of, months_until, span, start_of
from bridge.metering.model import Energy, Meter
from bridge.postgresql.sink import Sink
from bridge.publishing import chart, monthly, payloads
from bridge.service.bridge import Bridge
from bridge.simulator import EnergyApi
from bridge.text.words import to_json
from bridge.web.readings import days, periods
from bridge.web.readings.history import History
from tests.rig.chromium import first_paints
from tests.rig.core import TOKEN, Core
from tests.rig.memory import megabytes
from tests.rig.mosquitto import Ear, Heard, Mosquitto, eventually, free_ports
from tests.rig.next_door import FluviusNextDoor
from tests.rig.pages import page_of
from tests.rig.postgresql import PostgreSQL
from tests.rig.world import HOME, Clock, World
from tests.rig.years import TEN_YEARS, fill

if TYPE_CHECKING:
    from bridge.simulator import Simulator

STARTS = 7
MORNINGS = 15
DAY_PAGE = "/meters/home/day"
CUSTOMERS = 1000
MONTHS = 9
PEER = Path("build/peers/bin/python")  # see Makefile
HEAD = "| figure | target | measured | |\n|---|---|---|---|"
NOISE = 1.1  # a cycle "no slower" than another may take that much longer by chance

HOUSE_NEXT_DOOR = Meter("next-door", "541448820000000039", Energy.ELECTRICITY, "1SAG1100042064")


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    what: str
    target: str
    measured: str
    met: bool | None = None  # None: no target

    def __str__(self) -> str:
        met = {None: "", True: "✓", False: "**missed**"}[self.met]
        return f"| {self.what} | {self.target} | {self.measured} | {met} |"


class Stage:
    """Everything that the measurements share."""

    def __init__(self, folder: Path, fluvius: FluviusNextDoor, mosquitto: Mosquitto) -> None:
        self.folder, self.fluvius, self.mosquitto = folder, fluvius, mosquitto
        self.clock = Clock("2026-11-21 09:00")
        fluvius.move_to(self.clock())

    def world(self, name: str) -> World:
        """A household with a folder and a base topic of its own."""
        folder = self.folder / name
        folder.mkdir()
        world = World(folder, cast("Simulator", self.fluvius), self.clock, self.mosquitto.port)
        world.changes = {"mqtt.base_topic": name, "mqtt.client_id": name}
        world.data_dir.mkdir()
        return world

    def next_morning(self) -> None:
        self.clock.pass_by(days=1)
        self.fluvius.move_to(self.clock())


def measure(stage: Stage) -> Iterator[Figure]:
    yield from starts(stage)
    yield from requests(stage)
    yield from a_year(stage)
    yield from ten_years(stage)
    yield from reading(stage)
    yield from a_picture(stage)
    yield from a_hundred_meters(stage)
    yield from a_year_of_statistics(stage)
    yield from what_it_cost(stage)
    yield from the_energy_api(stage)
    yield from a_database(stage)


def starts(stage: Stage) -> Iterator[Figure]:
    """Whole processes, from the moment they are started; they have the real clock."""
    stage.fluvius.move_to(datetime.now(UTC))
    worlds = [stage.world(f"start-{i}") for i in range(STARTS)]
    fresh = [first_day(stage, world)[0] for world in worlds[1:]]
    seconds, memory = first_day(stage, worlds[0], at_rest=True)
    yield timed("start to first `day`, fresh install", 1.5, [seconds, *fresh])
    again = [first_day(stage, worlds[0])[0] for _ in range(STARTS)]
    yield timed("start to first `day`, later start", 0.5, again)
    yield Figure("memory of `run` at rest (VmRSS)", "< 50 MB", f"{memory:.1f} MB", memory < 50)
    world = stage.world("page")
    world.changes["web"] = {"port": free_ports(1)[0]}
    _, memory = first_day(stage, world, at_rest=True)
    yield Figure("the same with the page", "< 60 MB", f"{memory:.1f} MB", memory < 60)
    _, memory = first_day(stage, world, at_rest=True, looked_at=(DAY_PAGE, "/state", "/meters/home/years"))
    yield Figure("the same with the page that was looked at", "-", f"{memory:.1f} MB")
    world = stage.world("statistics")
    with Core().open() as core:
        world.changes["homeassistant.statistics"] = {"url": core.url, "token": TOKEN}
        _, memory = first_day(stage, world, at_rest=True)
    yield Figure("the same with statistics", "-", f"{memory:.1f} MB")
    stage.fluvius.move_to(stage.clock())


def first_day(
    stage: Stage, world: World, *, at_rest: bool = False, looked_at: Sequence[str] = ()
) -> tuple[float, float]:
    """Seconds from the start of `run` to the arrival of `day`; and its memory, in MB, when it is at rest."""
    base = world.changes["mqtt.base_topic"]
    command = [sys.executable, "-m", "bridge", "run", "--config", str(world.write_configuration())]
    with stage.mosquitto.listen(f"{base}/#") as ear, (world.folder / "log").open("ab") as log:
        begin = time.monotonic()
        with subprocess.Popen(command, stderr=log) as process:
            try:
                wait_for(ear, lambda each: each.topic == f"{base}/home/day" and not each.retain)
                seconds = time.monotonic() - begin
                if at_rest:
                    wait_for(ear, lambda each: each.topic == f"{base}/bridge/health" and is_ok(each))
                    for path in looked_at:
                        urllib.request.urlopen(
                            f"http://127.0.0.1:{world.changes['web']['port']}{path}"
                        ).close()
                    time.sleep(2)
                memory = megabytes("VmRSS", process.pid)
            finally:
                process.terminate()
    return seconds, memory


def wait_for(ear: Ear, condition: Callable[[Heard], bool]) -> None:
    eventually(lambda: any(condition(each) for each in list(ear.messages)), within=30)


def is_ok(health: Heard) -> bool:
    return bool(health.payload) and json.loads(health.payload)["portal"]["state"] == "ok"


def requests(stage: Stage) -> Iterator[Figure]:
    """What a day costs Fluvius, by the simulator's own count."""
    world = stage.world("requests")
    world.fetch(Occasion.START)
    stage.clock.pass_by(hours=3)
    stage.fluvius.move_to(stage.clock())
    stage.fluvius.counted()
    world.fetch()
    nothing = sum(stage.fluvius.counted().values())
    yield Figure("scheduled run, nothing missing", "0 requests", f"{nothing} requests", nothing == 0)
    stage.next_morning()
    world.fetch()
    counted = stage.fluvius.counted()
    readings = counted.get("readings-day", 0) + counted.get("readings-interval", 0)
    sign_ins, renewals = counted.get("self-asserted", 0), counted.get("renewal", 0)
    yield Figure(
        "a new day for one meter",
        "≤ 2 requests, 0 sign-ins",
        f"{readings} requests, {sign_ins} sign-ins ({renewals} renewal of the token)",
        readings <= 2 and sign_ins == 0 and sum(counted.values()) == readings + renewals,
    )


def a_year(stage: Stage) -> Iterator[Figure]:
    """The source's and the ledger's share of a backfill, with no pause between two requests."""
    world = stage.world("year")
    meter = world.meter()
    days = span(date(2025, 11, 1), date(2026, 10, 31))
    http = PoliteSession(lambda _: None, stage.clock)
    with world.ledger() as ledger, closing(http):
        begin = time.monotonic()
        source = open_portal(world.settings, http, ledger.notes, stage.clock, asked=True)
        ledger.answers.record_days(meter, source.days(meter, days[0], days[-1]).readings, stage.clock())
        for day in days:
            ledger.answers.record_intervals(meter, day, source.intervals(meter, day).readings, stage.clock())
        ledger.answers.settle(meter, days, stage.clock())
        seconds = time.monotonic() - begin
        total = ledger.sums.total(meter)
    assert total
    assert total.days == len(days)
    yield timed("a year of quarter-hours fetched and kept (no pauses)", 60, [seconds])


def ten_years(stage: Stage) -> Iterator[Figure]:
    """A small ledger and a large one through the same mornings, in turn.

    The last month of both comes from Fluvius: it would correct what is invented.
    """
    small, large = stage.world("small"), stage.world("large")
    invented_until = stage.clock().date() - 32 * ONE_DAY
    with small.ledger() as ledger:
        fill(ledger, small.meter(), until=invented_until, days=1)
    with large.ledger() as ledger:
        rows = fill(ledger, large.meter(), HOUSE_NEXT_DOOR, until=invented_until)
    size = sum(file.stat().st_size for file in large.data_dir.glob("ledger.sqlite*")) / 2**20
    took: dict[str, list[float]] = {"small": [], "large": [], "publish": [], "months": []}
    with on_the_broker(stage, small) as little, on_the_broker(stage, large) as big:
        for bridge in (little, big):
            bridge._cycle(Occasion.START)
        for _ in range(MORNINGS):
            stage.next_morning()
            took["small"].append(a_morning(stage, little))
            took["large"].append(a_morning(stage, big))
            big._publisher.forget()
            took["publish"].append(seconds_of(big._view.everything))
            yesterday = stage.clock().date() - ONE_DAY
            big._ledger.slots.touch(large.meter(), yesterday, yesterday)  # as a new day does
            took["months"].append(seconds_of(lambda: months_again(big._ledger, large.meter(), stage.clock())))
        big._ledger.store.execute("DELETE FROM peak")
        first_time = seconds_of(lambda: months_again(big._ledger, large.meter(), stage.clock()))
    month, years = statistics.median(took["small"]), statistics.median(took["large"])
    yield Figure(
        f"cycle of a new day, {rows / 1e6:.2f} million rows",
        f"≤ {month * NOISE * 1000:.0f} ms, as with a month, + 10 % of noise",
        f"{years * 1000:.0f} ms (median of {MORNINGS}, best {min(took['large']) * 1000:.0f} ms)",
        years <= month * NOISE,
    )
    yield timed("publishing a meter again, with ten years", 0.2, took["publish"])
    again = 1000 * statistics.median(took["months"])
    yield Figure(
        "months and peaks worked out again after a new day, with ten years",
        "< 20 ms",
        f"{again:.1f} ms (median of {MORNINGS}, worst {1000 * max(took['months']):.1f} ms)",
        again < 20,
    )
    yield Figure("the same the very first time", "-", f"{1000 * first_time:.0f} ms")
    yield Figure("the ledger's file with ten years of two meters", "-", f"{size:.0f} MB")


def a_morning(stage: Stage, bridge: Bridge) -> float:
    """Seconds of a cycle in which a new day comes, and nothing else."""
    stage.fluvius.counted()
    begin = time.monotonic()
    cycle = bridge._cycle(Occasion.SCHEDULE)
    seconds = time.monotonic() - begin
    counted = stage.fluvius.counted()
    assert counted["readings-day"] == counted["readings-interval"] == len(cycle.new_days) == 1, cycle
    return seconds


def reading(stage: Stage) -> Iterator[Figure]:
    """Whole commands, on ten years of quarter-hours."""
    world = stage.world("reading")
    with world.ledger() as ledger:
        fill(ledger, world.meter(), until=date.today() - ONE_DAY)  # noqa: DTZ011 - commands have no other clock
    output = world.folder / "ten-years.csv"
    seconds, memory = a_command(
        world, "export", "--format", "csv", "--resolution", "interval", "--output", str(output)
    )
    with output.open("rb") as file:
        rows = sum(1 for _ in file) - 1
    yield timed(f"ten years of quarter-hours to CSV ({rows} rows)", 20, [seconds])
    yield Figure("memory of that export, at most", "< 80 MB", f"{memory:.0f} MB", memory < 80)
    shown = [a_command(world, "show", "--days", "365")[0] for _ in range(STARTS)]
    yield timed("`show --days 365`, with ten years", 1, shown)
    yield from pages(world)


def pages(world: World) -> Iterator[Figure]:
    """What the page is made of, from opening the ledger on, with ten years of quarter-hours."""
    what: dict[str, tuple[float, Callable[[History], object]]] = {
        "the latest day for its page": (0.05, lambda past: days.day(past, past.latest or past.published)),
        "a year for its page, beside the one before": (0.1, lambda past: periods.year(past, 2025)),
        "all ten years for their page": (0.2, periods.years),
    }
    for name, (target, work) in what.items():
        yield timed(name, target, [seconds_of(partial(from_the_ledger, world, work)) for _ in range(STARTS)])
    with page_of(world) as browser:
        yield timed(
            "first paint of *Yesterday*, with ten years",
            0.3,
            first_paints(f"{browser.root}/meters/home/day", STARTS),
        )


def from_the_ledger(world: World, work: Callable[[History], object]) -> None:
    with Records(world.data_dir / "ledger.sqlite") as records:
        work(History(records, world.meter(), datetime.now(UTC), Timeline(), Decimal("2.5")))


SAYING_ITS_MEMORY = """
import sys
from bridge.commands import main
from tests.rig.memory import megabytes
status = main()
print(megabytes("VmHWM"), file=sys.stderr)
sys.exit(status)
"""


def a_command(world: World, *words: str) -> tuple[float, float]:
    """Seconds that a command takes, and its memory at most, in MB."""
    options = [*words, "--config", str(world.write_configuration())]
    begin = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", SAYING_ITS_MEMORY, *options], check=True, capture_output=True, text=True
    )
    return time.monotonic() - begin, float(ended.stderr.split()[-1])


def a_picture(stage: Stage) -> Iterator[Figure]:
    world = stage.world("picture")
    with world.ledger() as ledger:
        fill(ledger, world.meter(), until=stage.clock().date() - ONE_DAY, days=2)
        day = ledger.days.latest_complete_day(world.meter())
        assert day
        intervals = ledger.days.intervals(world.meter(), day.date)
    tracemalloc.start()
    chart.svg(world.meter(), day, intervals)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    drawn = [seconds_of(lambda: chart.svg(world.meter(), day, intervals)) for _ in range(100)]
    milliseconds, megabytes = statistics.median(drawn) * 1000, peak / 2**20
    yield Figure(
        "drawing the chart of a day",
        "< 100 ms, < 10 MB",
        f"{milliseconds:.1f} ms, {megabytes:.2f} MB",
        milliseconds < 100 and megabytes < 10,
    )


def months_again(ledger: Ledger, meter: Meter, now: datetime) -> None:
    """What `month` and `peak` are made of, and their JSON."""
    *before, last, this = months_until(month_of(day_of(now, meter.energy)), 13)
    months = ledger.sums.month(meter, this, now), ledger.sums.month(meter, last, now)
    peaks = ledger.peaks.peak_months(meter, [*before, last, this])
    payload = monthly.month(meter, *months, months[1].amounts)
    assert months[1].amounts
    assert payloads.leaves(payload)
    assert to_json(payload)
    assert to_json(monthly.peak(meter, peaks, Decimal("2.5")))
    monthly.peak_differences(peaks)


def a_hundred_meters(stage: Stage) -> Iterator[Figure]:
    """What happens when Home Assistant has started, without the pauses between two meters."""
    world = stage.world("hundred")
    world.meters = [
        {"name": f"meter-{number}", "ean": f"5414488200001{number:05}", "serial": f"1SAG{number:05}"}
        for number in range(100)
    ]
    with world.ledger() as ledger:
        fill(ledger, *world.settings.followed, until=stage.clock().date() - ONE_DAY, days=3)
    with on_the_broker(stage, world) as bridge:
        bridge._publisher.forget_discovery()
        with stage.mosquitto.listen("homeassistant/#") as ear:
            seconds = seconds_of(lambda: publish_all(bridge))
            stage.mosquitto.publish("homeassistant/the-end", "")
            ear.wait_for(lambda heard: heard[-1].topic == "homeassistant/the-end")
            told = sum(not message.retain for message in ear.messages[:-1])
    yield timed(f"discovery for 100 meters ({told} messages)", 2, [seconds])


def publish_all(bridge: Bridge) -> None:
    for meter in bridge._fetcher.meters:
        bridge._view.meter(meter)


def a_year_of_statistics(stage: Stage) -> Iterator[Figure]:
    """Our share, and that of JSON: `make interop` measures the same with a real Home Assistant."""
    world = stage.world("energy")
    with world.ledger() as ledger, Core().open() as core:
        fill(ledger, world.meter(), until=stage.clock().date() - ONE_DAY, days=365)
        seconds = seconds_of(lambda: import_everything(core.url, TOKEN, ledger, world.meter()))
        rows = {each: len(rows) for each, rows in core.statistics.items()}
    what = f"a year of hours for {len(rows)} series into a stand-in ({sum(rows.values())} rows)"
    yield timed(what, 10, [seconds])


def what_it_cost(stage: Stage) -> Iterator[Figure]:
    """Ten years of quarter-hours under fixed prices, and dynamic ones since two years."""
    world, yesterday = stage.world("costs"), stage.clock().date() - ONE_DAY
    meter = world.meter()
    changed_on = yesterday - 730 * ONE_DAY
    market = {
        start: Decimal(number % 200 - 20) / 1000
        for day in span(changed_on, yesterday)
        for number, start in enumerate(intervals_of(day, Energy.ELECTRICITY))
    }
    with world.ledger() as ledger, Core().open() as core:
        fill(ledger, meter, until=yesterday)
        ledger.prices.keep(market)
        old, new = contract(yesterday - TEN_YEARS * ONE_DAY, "0.1342"), contract(changed_on, "0.0089")
        contracts = Timeline((old, replace(new, energy=DYNAMIC)))
        yield computed("ten years of quarter-hours priced", 3, lambda: price(ledger, meter, contracts))
        again = [a_new_day_priced(ledger, meter, yesterday, contracts) for _ in range(MORNINGS)]
        milliseconds = 1000 * statistics.median(again)
        yield Figure(
            "a new day's costs, with ten years",
            "< 20 ms of processor time",
            f"{milliseconds:.1f} ms (median of {MORNINGS})",
            milliseconds < 20,
        )
        show_costs(core, ledger, meter, contracts)
        dearer = Timeline((old, replace(new, energy=replace(DYNAMIC, base=Decimal("0.01")))))

        def made_dearer() -> None:
            price(ledger, meter, dearer)
            show_costs(core, ledger, meter, dearer)

        core.asked.clear()
        seconds = computed("a price of two years ago changed, statistics right again", 10, made_dearer)
        rows = sum(len(message["stats"]) for message in core.imports)
        yield replace(seconds, what=f"{seconds.what} ({rows} rows into a stand-in)")


DYNAMIC = Dynamic(Decimal("1.04"), Decimal("0.0089"), Per.QUARTER_HOUR)


def contract(since: date, energy: str) -> Contract:
    return Contract(
        since=start_of(since, Energy.ELECTRICITY),
        energy=Decimal(energy),
        grid=ByTariff(Decimal("0.0631"), Decimal("0.0431")),
        levies=Decimal("0.0507"),
        injection=Decimal("0.03"),
        fees_per_year={"supplier": Decimal(35)},
        capacity=Capacity(Decimal("48.10"), Decimal("0.20")),
        vat=Decimal(6),
    )


def price(ledger: Ledger, meter: Meter, contracts: Timeline) -> None:
    ledger.costs.bring_up_to_date(meter, contracts)


def a_new_day_priced(ledger: Ledger, meter: Meter, day: date, contracts: Timeline) -> float:
    """Seconds of the processor for the costs of a day that was not priced yet."""
    ledger.store.execute("DELETE FROM cost WHERE date = ?", (day.isoformat(),))
    begin = time.process_time()
    price(ledger, meter, contracts)
    return time.process_time() - begin


def show_costs(core: Core, ledger: Ledger, meter: Meter, contracts: Timeline) -> None:
    every = books(ledger, Naming(), lambda _: contracts, Decimal("2.5"))
    since = ledger.outbox.restated_since(meter)
    assert since
    with Connection(core.url, TOKEN) as connection:
        Statistics(connection, ledger, every).bring_up_to_date(meter, since)
    ledger.outbox.caught_up(meter, since)


def computed(what: str, target: float, work: Callable[[], object]) -> Figure:
    """By the processor's time, the stand-in's share included: others may be at work on this machine."""
    begin = time.process_time()
    work()
    seconds = time.process_time() - begin
    return Figure(what, f"< {target:g} s of processor time", f"{seconds:.2f} s", seconds < target)


def the_energy_api(stage: Stage) -> Iterator[Figure]:
    """With a simulator of its own, that has a thousand customers."""
    with fluvius_next_door(stage.folder, "--customers", str(CUSTOMERS)) as fluvius:
        fluvius.move_to(stage.clock())
        yield from a_month(stage, fluvius)
        yield from a_new_day(stage, fluvius, with_mqtt=True)


def many_customers(stage: Stage, numbers: Sequence[int]) -> Iterator[Figure]:
    """A new day for so many meters, published and not; each ten thousand take minutes."""
    for number in numbers:
        with fluvius_next_door(stage.folder, "--customers", str(number)) as fluvius:
            for with_mqtt in (False, True):
                fluvius.move_to(stage.clock())
                yield from a_new_day(stage, fluvius, with_mqtt=with_mqtt)


def a_month(stage: Stage, fluvius: FluviusNextDoor) -> Iterator[Figure]:
    """Ours, and by the published client with its data frames where `make build/peers` has put them."""
    answer = stage.folder / "month.json"
    ours = [a_month_at_once(provider(stage, fluvius, f"month-{i}"), answer) for i in range(MONTHS)]
    yield Figure(
        "a month of quarter-hours from the Energy API, parsed; and kept",
        "- / < 0.3 s of processor time",
        said(ours),
        min(kept for _, kept in ours) < 0.3,
    )
    if not PEER.exists():
        yield Figure("the same by its published client", "-", "it is not there: `make build/peers` first")
        return
    command = [str(PEER), "-m", "tests.peer_month", str(answer), str(MONTHS)]
    theirs = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    times = [
        min(each) / min(mine)
        for each, mine in zip(zip(*theirs, strict=True), zip(*ours, strict=True), strict=True)
    ]
    yield Figure("the same by its published client, into Parquet", "-", said(theirs))
    yield Figure("how many times faster we are", "- / ≥ 4", f"{times[0]:.1f} / {times[1]:.1f}", times[1] >= 4)


def said(took: Sequence[Sequence[float]]) -> str:
    parsed, kept = (min(each) * 1000 for each in zip(*took, strict=True))
    return f"{parsed:.0f} ms / {kept:.0f} ms (best of {len(took)})"


def a_month_at_once(world: World, file: Path) -> tuple[float, float]:
    """Seconds of the processor until an answer, which stays in a file, is parsed; and until it is kept."""
    meter = Meter(HOME["ean"], HOME["ean"], Energy.ELECTRICITY, source="energy_api")
    answers: list[Response] = []
    with world.ledger() as ledger, closing(PoliteSession(lambda _: None, world.clock)) as http:
        source = open_energy_api(world.settings, http, world.clock)
        ask = source._with_bearer

        def listened(*question: Any) -> Response:
            answers.append(ask(*question))
            return answers[-1]

        source._with_bearer = listened  # type: ignore[method-assign,assignment]
        source.readings(meter, "simulated", date(2026, 10, 1), date(2026, 10, 31), None)
        file.write_text(answers[-1].text, "utf-8")
        begin = time.process_time()
        found = headpoints.read(answers[-1].json()["data"], meter)
        parsed = time.process_time()
        with ledger.checks.proving_once():  # as a cycle does
            record_at_once(ledger, meter, found.readings, set(), world.clock(), only_new=False)
        return parsed - begin, time.process_time() - begin


def a_new_day(stage: Stage, fluvius: FluviusNextDoor, *, with_mqtt: bool) -> Iterator[Figure]:
    """A bridge in a process of its own, without its pauses, on two mornings; the second is measured."""
    name = f"provider-{len(list(stage.folder.iterdir()))}"
    world = provider(stage, fluvius, name)
    world.changes["mqtt.publish"] = {"meters": with_mqtt}
    command = [sys.executable, "-m", "tests.two_mornings", str(world.write_configuration())]
    ended = subprocess.run(
        [*command, stage.clock().isoformat(), fluvius.url], check=True, capture_output=True, text=True
    )
    done = json.loads(ended.stdout)
    meters, silently = done["meters"], "" if with_mqtt else ", none published"
    target = 60 if meters < 5000 else (150 if with_mqtt else 90) * round(meters, -3) / 10_000
    yield timed(
        f"a new day for {meters} meters of the Energy API, no pauses{silently}", target, [done["seconds"]]
    )
    yield Figure(
        "of it the bridge's own, a meter",
        "-",
        f"{1000 * done['processor'] / meters:.1f} ms of processor time",
    )
    most = 120 if meters < 5000 else 150 if meters < 20_000 else 500
    yield Figure(
        "memory of that bridge, at most", f"< {most} MB", f"{done['memory']:.0f} MB", done["memory"] < most
    )
    each = done["asked"] / meters
    yield Figure("requests per meter and day", "1", f"{each:.2f}", each <= 1)


def provider(stage: Stage, fluvius: FluviusNextDoor, name: str) -> World:
    """An energy service provider instead of a household."""
    world = stage.world(name)
    world.meters = []
    world.changes |= {
        "fluvius": {
            "energy_api": {
                "environment": "sandbox",
                "url": f"{fluvius.url}/esco-sbx/v3",
                "authority": f"{fluvius.url}/{EnergyApi.tenant}",
                "tenant_id": EnergyApi.tenant,
                "client_id": EnergyApi.client_id,
                "client_secret": EnergyApi.client_secret,
                "scope": EnergyApi.scope,
                "subscription_key": EnergyApi.subscription_key,
                "contract_number": EnergyApi.contract_number,
            }
        },
        "schedule.lookback_days": 5,
    }
    return world


def a_database(stage: Stage) -> Iterator[Figure]:
    """A real PostgreSQL as it is installed: a first start, then new days of many meters."""
    world, yesterday = stage.world("database"), stage.clock().date() - ONE_DAY
    world.meters = [
        {"name": f"meter-{number}", "ean": f"5414488200002{number:05}", "serial": f"1SAG{number:05}"}
        for number in range(500)
    ]
    meters = world.settings.followed
    with PostgreSQL(lasts=True) as database, world.ledger() as ledger:
        fill(ledger, *meters, until=yesterday, days=11)
        wanted = PostgresqlSettings.model_validate({"dsn": database.dsn})
        sink = Sink(wanted, ledger, stage.clock, meters=lambda: meters)
        seconds = seconds_of(partial(deliver, sink))
        ((count,),) = database.ask("SELECT count(*) FROM fluvius.readings")
        yield Figure(
            f"a first start with PostgreSQL, {count / 1e6:.2f} million readings",
            "< 60 s for a million",
            f"{seconds:.1f} s",
            seconds / count < 60 / 1e6,
        )
        rates = []
        for day in span(yesterday + ONE_DAY, yesterday + 5 * ONE_DAY):
            fill(ledger, *meters, until=day, days=1)
            rates.append(len(meters) * 192 / seconds_of(partial(deliver, sink)))
        rate = statistics.median(rates)
        yield Figure(
            f"new days of {len(meters)} meters into PostgreSQL",
            "> 20000 readings/s",
            f"{rate:.0f} readings/s (median of {len(rates)}, worst {min(rates):.0f})",
            rate > 20000,
        )


def deliver(sink: Sink) -> None:
    while sink.is_due():
        sink.step()
    assert sink.health.last_error is None


def import_everything(url: str, token: str, ledger: Ledger, meter: Meter) -> None:
    with Connection(url, token) as core:
        Statistics(core, ledger, books(ledger, Naming())).bring_up_to_date(
            meter, datetime.fromtimestamp(0, UTC)
        )


@contextmanager
def on_the_broker(stage: Stage, world: World) -> Iterator[Bridge]:
    with world.ledger() as ledger:
        bridge = Bridge(world.settings, ledger, now=stage.clock, pause=lambda _: None)
        with bridge._broker:
            bridge._attend(10)
            yield bridge


def seconds_of(work: Callable[[], object]) -> float:
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


def timed(what: str, target: float, seconds: list[float]) -> Figure:
    """The median of several measurements."""
    median, worst = statistics.median(seconds), max(seconds)
    spread = f" (median of {len(seconds)}, worst {worst:.2f} s)" if len(seconds) > 1 else ""
    return Figure(what, f"< {target:g} s", f"{median:.2f} s{spread}", median < target)


@contextmanager
def fluvius_next_door(folder: Path, *options: str) -> Iterator[FluviusNextDoor]:
    said = folder / f"simulate{''.join(options)}.log"
    command = [sys.executable, "-m", "bridge", "simulate", "--port", "0", *options]
    with said.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            eventually(lambda: "answers on" in said.read_text(), within=30)
            yield FluviusNextDoor(said.read_text().partition("answers on ")[2].split()[0])
        finally:
            process.terminate()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--customers", nargs="+", type=int, help="a new day for so many, and nothing else")
    asked = parser.parse_args()
    as_json = asked.json
    gc.freeze()  # as `run` does
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # who has installed the bridge has compiled modules
    for name in [name for name in os.environ if name.startswith("FLUVIUS")]:
        del os.environ[name]
    figures = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with fluvius_next_door(folder) as fluvius, Mosquitto(folder / "mosquitto") as mosquitto:
            say = sys.stderr if as_json else sys.stdout
            print(HEAD, file=say, flush=True)
            stage = Stage(folder, fluvius, mosquitto)
            for figure in many_customers(stage, asked.customers) if asked.customers else measure(stage):
                figures.append(figure)
                print(figure, file=say, flush=True)
    if as_json:
        json.dump([asdict(figure) for figure in figures], sys.stdout, ensure_ascii=False)
    return 1 if any(figure.met is False for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
