"""The keys below `prices` and `day_ahead`: what tariff cards say, and where the market's prices are.

A description completes the sentence "write ..." in a message.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Discriminator, Field, SecretStr, Tag

from bridge.config import checks
from bridge.config.bounds import instant_of
from bridge.config.checks import Address, Bound, Text
from bridge.config.section import Section
from bridge.metering import contract
from bridge.metering.contract import ByTariff, Contract, Dynamic, Fixed, Per, Rate, Timeline
from bridge.metering.model import Energy, Meter
from bridge.text.words import slug

LARGEST_LIST = 4 * 1024 * 1024  # bytes of prices on MQTT: two years of quarter-hours

# A price in cents is out of range: 13.42 for 0.1342.
_PerKwh = Annotated[Decimal, Field(ge=-5, le=5, decimal_places=12)]
_Euros = Annotated[Decimal, Field(ge=-100_000, le=100_000, decimal_places=12)]
_Percent = Annotated[Decimal, Field(ge=0, le=100, decimal_places=12)]


class ByTariffSettings(Section):
    """A price for each of two tariffs."""

    high: _PerKwh = Field(description="Euros for a kWh in the high tariff, without VAT, such as 0.1342")
    low: _PerKwh = Field(description="Euros for a kWh in the low tariff, without VAT, such as 0.1105")


class DynamicSettings(Section):
    """A price that follows the market."""

    factor: Annotated[Decimal, Field(ge=-10, le=10, decimal_places=12)] = Field(
        description="By how much to multiply the day-ahead price, such as 1.04"
    )
    base: _PerKwh = Field(
        default=Decimal(0), description="Euros to add for each kWh, without VAT, such as 0.0089 or -0.012"
    )
    per: Per = Field(default=Per.QUARTER_HOUR, description="One of quarter-hour and hour")


class RateSettings(Section):
    """A price that is not the same at all times."""

    high: _PerKwh | None = Field(default=None, description=ByTariffSettings.model_fields["high"].description)
    low: _PerKwh | None = Field(default=None, description=ByTariffSettings.model_fields["low"].description)
    dynamic: DynamicSettings | None = Field(
        default=None, description="The keys factor, base and per, where the price follows the day-ahead price"
    )


_Number = Annotated[_PerKwh, Tag("(value)")]
_Fixed = Annotated[_Number | Annotated[ByTariffSettings, Tag("(keys)")], Discriminator(checks.form)]
_Rate = Annotated[_Number | Annotated[RateSettings, Tag("(keys)")], Discriminator(checks.form)]
_OR_BY_TARIFF = "euros for a kWh without VAT, or the keys high and low"


class ConsumptionSettings(Section):
    """What a kWh from the grid costs."""

    energy: _Rate = Field(
        description="Euros for a kWh without VAT, or the keys high and low, or the key dynamic"
    )
    grid: _Fixed = Field(default=Decimal(0), description=f"What the grid costs: {_OR_BY_TARIFF}")
    levies: _Fixed = Field(default=Decimal(0), description=f"What levies cost: {_OR_BY_TARIFF}")


class InjectionSettings(Section):
    """What a kWh into the grid brings."""

    energy: _Rate = Field(
        description="Euros for a kWh without VAT, or the keys high and low, or the key dynamic"
    )
    vat: _Percent = Field(
        default=Decimal(0), description="The percent of VAT on injection; 0 for a household"
    )


class CapacitySettings(Section):
    """What the monthly peaks cost."""

    per_kw_year: Annotated[Decimal, Field(ge=0, le=10_000, decimal_places=12)] = Field(
        description="Euros for a kW of the twelve months' mean and a year, without VAT, such as 48.10"
    )
    maximum_per_kwh: Annotated[Decimal, Field(gt=0, le=5, decimal_places=12)] | None = Field(
        default=None,
        description="Euros for a kWh without VAT: what grid and capacity come to at most, such as 0.20",
    )


class PriceSettings(Section):
    """What holds from a day on, until the next entry of the same meters."""

    since: Bound = Field(
        alias="from",
        description="A date, or an instant such as 2026-03-15T14:00:00+01:00, from when they hold",
    )
    meters: tuple[Text, ...] = Field(
        default=(), description="A list of names or EANs of meters; by default all of the energy"
    )
    energy: Energy = Field(default=Energy.ELECTRICITY, description="One of electricity and gas")
    consumption: ConsumptionSettings = Field(description="The keys energy, grid and levies")
    injection: InjectionSettings | None = Field(default=None, description="The keys energy and vat")
    fees_per_year: Mapping[str, _Euros] = Field(
        default={}, description="What each fee costs in a year, euros without VAT, such as {supplier: 35}"
    )
    capacity: CapacitySettings | None = Field(
        default=None, description="The keys per_kw_year and maximum_per_kwh"
    )
    vat: _Percent = Field(
        description="The percent of VAT on all but injection, such as 6; 0 where it is in the prices already"
    )

    def concerns(self, meter: Meter) -> bool:
        """Whether these are prices of a meter."""
        named = any(slug(name) == meter.name or ean_of(name) == meter.ean for name in self.meters)
        return self.energy is meter.energy and (named or not self.meters)

    def contract(self) -> Contract:
        """The prices as the rest of the bridge knows them."""
        return Contract(
            since=instant_of(self.since, self.energy),
            energy=_rate(self.consumption.energy),
            grid=_fixed(self.consumption.grid),
            levies=_fixed(self.consumption.levies),
            injection=_rate(self.injection.energy) if self.injection else None,
            fees_per_year=self.fees_per_year,
            capacity=contract.Capacity(self.capacity.per_kw_year, self.capacity.maximum_per_kwh)
            if self.capacity
            else None,
            vat=self.vat,
            injection_vat=self.injection.vat if self.injection else Decimal(0),
        )


class DayAheadSettings(Section):
    """Where day-ahead prices come from; they are asked for where a price follows them."""

    source: Literal["energy-charts", "entsoe", "mqtt"] = Field(
        default="energy-charts", description="One of energy-charts, entsoe and mqtt"
    )
    token: SecretStr | None = Field(
        default=None, description="The token of an account with ENTSO-E, where that is the source"
    )
    url: Address | None = Field(
        default=None, description="The address of the source, https://...; by default its usual one"
    )


def timeline(prices: Iterable[PriceSettings], meter: Meter) -> Timeline:
    """The contracts of a meter."""
    contracts = (each.contract() for each in prices if each.concerns(meter))
    return Timeline(tuple(sorted(contracts, key=lambda each: each.since)))


def ean_of(name: str) -> str:
    """The EAN that a meter may be named by."""
    return re.sub(r"\s", "", name)


def _fixed(written: Decimal | ByTariffSettings) -> Fixed:
    return written if isinstance(written, Decimal) else ByTariff(written.high, written.low)


def _rate(written: Decimal | RateSettings) -> Rate:
    match written:
        case Decimal():
            return written
        case RateSettings(dynamic=DynamicSettings() as each):
            return Dynamic(each.factor, each.base, each.per)
        case RateSettings(high=Decimal() as high, low=Decimal() as low):
            return ByTariff(high, low)
    raise ValueError("a price with neither high and low nor dynamic is a contradiction")
