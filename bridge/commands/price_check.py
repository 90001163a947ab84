"""What `check` finds about prices: what a kWh costs today, and whether its day-ahead price comes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from bridge.config import Settings
from bridge.fetching import readable
from bridge.fetching.day_ahead import DayAhead
from bridge.folder.claim import FolderError, FolderTaken, claim
from bridge.ledger import Ledger, LedgerError, Records
from bridge.ledger.health import SourceHealth, State
from bridge.metering import meterday
from bridge.metering.contract import ByTariff, Contract, Timeline
from bridge.metering.costs import Price, price_at, prices_known
from bridge.metering.model import Direction, Energy, Meter, Tariff
from bridge.prices.services import SERVICES
from bridge.publishing.costs import CURRENCY
from bridge.setup.finding import Finding
from bridge.text.words import local, plain

Now = Callable[[], datetime]

_QUARTER_HOUR = timedelta(minutes=15)


def price_findings(settings: Settings, now: Now) -> Iterator[Finding]:
    """The day-ahead price's source, where one is needed, and the prices of each meter that has any.

    The source is asked as a run would ask it: not where a bridge runs, nor twice a day.

    Args:
        settings: the configuration.
        now: the present instant, aware.
    """
    if not settings.prices:
        return
    try:
        with _opened(settings.data_dir) as records:
            meters = readable.meters_of(settings, records, now())
            timelines = {meter: settings.timeline(meter) for meter in meters}
            if any(each.is_dynamic for timeline in timelines.values() for each in timeline.contracts):
                yield _day_ahead(settings, records, now)
            for meter, timeline in timelines.items():
                if timeline.contracts:
                    works, words = _price(records, meter, timeline, now())
                    yield Finding(f"price {meter.label}", works=works, words=words)
    except (LedgerError, FolderError) as error:
        yield Finding("prices", works=False, words=str(error))


@contextmanager
def _opened(folder: Path) -> Iterator[Records]:
    """The ledger: to be written where no bridge works in it, else to be read."""
    with ExitStack() as stack:
        try:
            stack.enter_context(claim(folder))
        except FolderTaken:
            yield stack.enter_context(readable.reading(folder))
        else:
            yield stack.enter_context(Ledger(folder / "ledger.sqlite", stream=True))


def _day_ahead(settings: Settings, records: Records, now: Now) -> Finding:
    health = _asked(settings, records, now)
    latest = records.prices.latest()
    source = settings.day_ahead.source
    name = SERVICES[source].label if source in SERVICES else f"MQTT, {settings.mqtt.base_topic}/price/set"
    known = f"known until {local(latest + _QUARTER_HOUR)}" if latest else "none is known"
    if health.last_error:
        return Finding("day_ahead", works=False, words=f"{health.last_error}{_what_to_do(health)}; {known}")
    told = f"last from {name}" + (f", {local(health.last_success)}" if health.last_success else "")
    return Finding(
        "day_ahead",
        works=latest is not None and latest > now() - _QUARTER_HOUR,
        words="; ".join(filter(None, (told if latest else f"from {name}", known, health.advice))),
    )


def _asked(settings: Settings, records: Records, now: Now) -> SourceHealth:
    """How it went, now or when a run asked."""
    if not isinstance(records, Ledger):
        return SourceHealth.from_note(records.notes.recall("source/day_ahead"))
    wanted = settings.day_ahead
    day_ahead = DayAhead(
        records,
        wanted.source,
        now,
        token=wanted.token.get_secret_value() if wanted.token else "",
        url=wanted.url or "",
        pause=lambda _: None,
        changed=records.costs.forget,
    )
    day_ahead.fetch(())
    return day_ahead.health


def _what_to_do(health: SourceHealth) -> str:
    if health.state is State.REFUSED:
        return "; write one that it accepts: it comes with a free account at transparency.entsoe.eu"
    return f"; asked again at {local(health.retry_at)}" if health.retry_at else ""


def _price(records: Records, meter: Meter, timeline: Timeline, now: datetime) -> tuple[bool, str]:
    """What a kWh costs and brings now, or what must be written so that it is known."""
    day = meterday.day_of(now, meter.energy)
    today = meterday.start_of(day, Energy.ELECTRICITY), meterday.end_of(day, Energy.ELECTRICITY)
    day_ahead = records.prices.during(*today)
    contract, price = timeline.at(now), price_at(timeline, now, day_ahead)
    if contract is None or price is None:
        begins = meterday.day_of(timeline.contracts[0].since, meter.energy)
        return False, f"none holds today, the first only from {begins} on; write an entry from an earlier day"
    if problem := _problem(records, meter, contract):
        return False, problem
    words = _in_words(price.consumption)
    if known := prices_known(timeline, *today, day_ahead):
        words += f", today {_range(known)}"
    if price.injection:
        words += f"; injection brings {_in_words(price.injection)}"
    return None not in price.consumption.values(), f"{words}; all-in, with VAT"


def _problem(records: Records, meter: Meter, contract: Contract) -> str | None:
    """What the prices lack for what the meter counts."""
    total = records.sums.total(meter)
    counted = {register for register, amount in total.amounts.items() if amount} if total else set()
    if contract.injection is None and any(each.direction is Direction.INJECTION for each in counted):
        return (
            "it injects, and its prices do not say what that brings: write injection: {energy: 0.03},"
            " for example, or 0 if it brings nothing"
        )
    flows = {each.direction for each in counted if each.tariff is Tariff.TOTAL}
    flows -= {each.direction for each in counted if each.tariff is not Tariff.TOTAL}
    if any(isinstance(line.rate, ByTariff) for flow in flows for line in contract.lines(flow)):
        return "its prices have a high and a low tariff, and the meter has only one: write one price"
    return None


def _in_words(prices: Mapping[Tariff, Decimal | None]) -> str:
    return ", ".join(
        _euros(price) + (f" {tariff}" if tariff is not Tariff.TOTAL else "")
        for tariff, price in prices.items()
    )


def _euros(price: Decimal | None) -> str:
    return "unknown" if price is None else f"{plain(round(price, 4))} {CURRENCY}/kWh"


def _range(known: Iterable[Price]) -> str:
    """From the cheapest quarter-hour to the dearest, whatever the tariff."""
    prices = [price for each in known for price in each.consumption.values() if price is not None]
    return f"{_euros(min(prices))} to {_euros(max(prices))}"
