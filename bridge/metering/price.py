"""What a kilowatt-hour costs and brings at an instant, with everything."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, localcontext

from bridge.metering.contract import ByTariff, Contract, Dynamic, Part, Rate, Timeline, price_of
from bridge.metering.model import Direction, Tariff
from bridge.metering.pricing import EXACT, PARTS, PERCENT, UNKNOWN, DayAhead, dynamic_prices, known_only

PartsOfPrice = Mapping[Part, Decimal | None]

_QUARTER_HOUR = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Price:
    """What a kilowatt-hour costs and brings from an instant on, with VAT: EUR/kWh by tariff.

    Tariffs are high and low where a price depends on them, else total alone. A price is None while its
    day-ahead price is unknown; `injection` is empty where the contract says nothing of it.
    """

    start: datetime
    consumption: Mapping[Tariff, Decimal | None]
    injection: Mapping[Tariff, Decimal | None]

    @property
    def is_unknown(self) -> bool:
        """Whether nothing of it is known."""
        return {*self.consumption.values(), *self.injection.values()} <= {None}

    def is_as(self, other: "Price") -> bool:
        """Whether it costs and brings the same."""
        return (self.consumption, self.injection) == (other.consumption, other.injection)


def price_at(timeline: Timeline, instant: datetime, day_ahead: DayAhead) -> Price | None:
    """What holds at an instant, from the beginning of its quarter-hour; None while no contract does."""
    contract = timeline.at(instant)
    if contract is None:
        return None
    start = instant.replace(minute=instant.minute // 15 * 15, second=0, microsecond=0)
    with localcontext(EXACT):
        return Price(start, *(_all_in(contract, each, start, day_ahead) for each in PARTS))


def prices_known(timeline: Timeline, start: datetime, end: datetime, day_ahead: DayAhead) -> list[Price]:
    """The quarter-hours from one instant until another that follow the day-ahead price, where it is known."""
    found = []
    while start < end:
        contract = timeline.at(start)
        price = price_at(timeline, start, day_ahead) if contract and contract.is_dynamic else None
        if price and None not in {*price.consumption.values(), *price.injection.values()}:
            found.append(price)
        start += _QUARTER_HOUR
    return found


def parts_at(timeline: Timeline, price: Price, day_ahead: DayAhead) -> dict[Tariff, PartsOfPrice]:
    """What the price of a kilowatt-hour that is consumed is made of, by its tariffs: EUR/kWh, VAT apart."""
    contract = timeline.at(price.start)
    if contract is None:
        return {}
    found: dict[Tariff, PartsOfPrice] = {}
    with localcontext(EXACT):
        for tariff in price.consumption:
            parts = {
                line.part: _at(line.rate, tariff, price.start, day_ahead)
                for line in contract.lines(Direction.CONSUMPTION)
            }
            vat = sum(parts.values(), Decimal(0)) * contract.vat * PERCENT
            found[tariff] = known_only({**parts, Part.VAT: vat})
    return found


def _all_in(
    contract: Contract, direction: Direction, start: datetime, day_ahead: DayAhead
) -> dict[Tariff, Decimal | None]:
    """EUR/kWh with VAT, by tariff."""
    rates = [line.rate for line in contract.lines(direction)]
    by_tariff = any(isinstance(rate, ByTariff) for rate in rates)
    tariffs = () if not rates else (Tariff.HIGH, Tariff.LOW) if by_tariff else (Tariff.TOTAL,)
    factor = 1 + contract.vat_on(direction) * PERCENT
    return known_only(
        {tariff: factor * sum(_at(rate, tariff, start, day_ahead) for rate in rates) for tariff in tariffs}
    )


def _at(rate: Rate, tariff: Tariff, start: datetime, day_ahead: DayAhead) -> Decimal:
    """EUR/kWh in the quarter-hour that begins then."""
    if isinstance(rate, Dynamic):
        return dynamic_prices(rate, {start: start.replace(minute=0)}, day_ahead)[start]
    price = price_of(rate, tariff)
    return UNKNOWN if price is None else price
