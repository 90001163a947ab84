"""The words of the field, in a visitor's language."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from bridge.metering.contract import Part
from bridge.metering.costs import Price, Why
from bridge.metering.model import SIDES, Energy
from bridge.web.readings import Amounts, Lack, State
from bridge.web.speech import Speech

PER_KWH = "€/kWh"
UNITS = {"consumption": "kWh", "injection": "kWh", "volume": "m³"}


def names(say: Speech) -> Mapping[str, str]:
    """What colours and patterns of a picture mean."""
    return {
        "consumption total": say.gettext("Consumption"),
        "consumption high": say.gettext("Consumption, high tariff"),
        "consumption low": say.gettext("Consumption, low tariff"),
        "injection total": say.gettext("Injection"),
        "injection high": say.gettext("Injection, high tariff"),
        "injection low": say.gettext("Injection, low tariff"),
        "production total": say.gettext("Production"),
        "auxiliary total": say.gettext("Auxiliary"),
        "volume total": say.gettext("Volume"),
        "line consumption total": say.gettext("From the grid"),
        "line consumption high": say.gettext("From the grid, high tariff"),
        "line consumption low": say.gettext("From the grid, low tariff"),
        "line injection total": say.gettext("Into the grid"),
        "line injection high": say.gettext("Into the grid, high tariff"),
        "line injection low": say.gettext("Into the grid, low tariff"),
        "then": say.gettext("A year before"),
        "hole": say.gettext("Not known"),
        **states(say),
    }


def states(say: Speech) -> Mapping[str, str]:
    """How it is with a day."""
    return {
        State.COMPLETE: say.gettext("Complete"),
        State.AWAITED: say.gettext("Awaited"),
        State.MISSING: say.gettext("Missing"),
        State.NOT_YET: say.gettext("Not published yet"),
        State.BEFORE: say.gettext("Before the first reading"),
        State.ELSEWHERE: say.gettext("Not of this meter"),
    }


def lack(say: Speech, what: Lack, energy: Energy) -> str:
    """What a day that is not complete lacks."""
    if energy is Energy.GAS:
        intervals = say.gettext("Fluvius has given the amount of this day, and none of its hours.")
        some = say.gettext("Fluvius has not given all hours of this day.")
        agreement = say.gettext("The hours of this day do not add up to its amount.")
    else:
        intervals = say.gettext("Fluvius has given the amounts of this day, and none of its quarter-hours.")
        some = say.gettext("Fluvius has not given all quarter-hours of this day.")
        agreement = say.gettext("The quarter-hours of this day do not add up to its amounts.")
    return {
        Lack.ALL: say.gettext("Fluvius has given nothing of this day."),
        Lack.AMOUNTS: say.gettext("Fluvius has not given the amounts of this day."),
        Lack.INTERVALS: intervals,
        Lack.SOME_INTERVALS: some,
        Lack.AGREEMENT: agreement,
    }[what]


def sources(say: Speech) -> Mapping[str, str]:
    """Where readings come from."""
    return {
        "portal": say.gettext("Mijn Fluvius"),
        "energy_api": say.gettext("Energy API"),
        "file": say.gettext("Files from Mijn Fluvius"),
    }


def resolutions(say: Speech) -> Mapping[str | None, str]:
    """How finely a meter is read."""
    return {
        "PT15M": say.gettext("Quarter-hours"),
        "PT1H": say.gettext("Hours"),
        "P1D": say.gettext("Days alone"),
        None: say.gettext("Not known"),
    }


def mandate_states(say: Speech) -> Mapping[str, str]:
    """How it is with what a customer allows; other words are Fluvius's own."""
    return {
        "Requested": say.gettext("Requested: the customer has not approved it yet"),
        "Approved": say.gettext("Approved"),
        "Rejected": say.gettext("Rejected by the customer"),
        "Finished": say.gettext("Finished: ask the customer for a new one"),
        "ToBeRenewed": say.gettext("Must be renewed: ask the customer"),
        "RenewalRequested": say.gettext("The customer was asked"),
        "Expired": say.gettext("Expired: ask the customer for a new one"),
        "VH_kwartier_uur": say.gettext("Quarter-hours and hours"),
        "VH_dag": say.gettext("Days alone"),
    }


def part(say: Speech, part: Part) -> str:
    """A part of the bill."""
    return {
        Part.ENERGY: say.gettext("Energy"),
        Part.GRID: say.gettext("Grid"),
        Part.LEVIES: say.gettext("Levies"),
        Part.CAPACITY: say.gettext("Capacity tariff"),
        Part.FEES: say.gettext("Standing charges"),
        Part.VAT: say.gettext("VAT"),
        Part.COMPENSATION: say.gettext("Compensation for injection"),
    }[part]


def why(say: Speech, why: Why) -> str:
    """Why a cost is not known."""
    return {
        Why.NO_CONTRACT: say.gettext("No price of yours holds for these days."),
        Why.NO_DAY_AHEAD: say.gettext("A day-ahead price is missing."),
        Why.NO_INTERVALS: say.gettext("The price depends on the hour, and the hours are not known."),
        Why.NO_TARIFF: say.gettext("Your prices have a high and a low tariff, and this meter has one."),
        Why.NO_INJECTION: say.gettext("Your prices say nothing of injection."),
        Why.NO_PEAK: say.gettext("The capacity tariff needs a month's peak, and none is known."),
    }[why]


def prices(say: Speech, price: Price) -> list[str]:
    """What a kilowatt-hour costs and brings, as far as it is known."""
    words = names(say)
    sides = ("consumption", price.consumption), ("injection", price.injection)
    return [
        f"{words[f'line {side} {tariff}']}{say.colon} {say.number(amount, 4, always=True)} {PER_KWH}"
        for side, by_tariff in sides
        for tariff, amount in by_tariff.items()
    ]


def sides(amounts: Sequence[Amounts | None]) -> list[str]:
    """All that any of them holds, as columns of a table."""
    held = {side for each in amounts if each for side in each.sides}
    return [side for side in SIDES if side in held]


def unit(side: str) -> str:
    """What it is counted in."""
    return UNITS.get(side, "kWh")


def by_tariff(
    say: Speech, tariffs: Mapping[str, Decimal | None], told: Callable[[Decimal | None], str]
) -> list[str]:
    """Each tariff with its amount, if there are tariffs: what a total is made of."""
    amounts = {tariff: told(tariffs.get(tariff)) for tariff in ("high", "low")}
    both = (say.gettext("high %(high)s, low %(low)s") % amounts).split(", ")
    return [words for tariff, words in zip(amounts, both, strict=True) if tariff in tariffs]
