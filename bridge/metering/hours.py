"""Every kilowatt-hour at the hour it was used: how a day's amounts are spread over its hours."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bridge.metering.agreement import flow_of
from bridge.metering.model import Register, Tariff

Amounts = Mapping[Register, Decimal]


@dataclass(frozen=True, slots=True)
class HourlyDay:
    """A meter day with its daily amounts, and what is known of its hours."""

    start: datetime  # aware, UTC, on the hour
    daily: Amounts
    hours: Mapping[datetime, Amounts]  # starts, aware, UTC, on the hour


@dataclass(frozen=True, slots=True)
class RunningSum:
    """What a register counted in all days before some instant."""

    first: datetime  # the start of its first day; aware, UTC
    last: datetime  # the start of its last day
    sum: Decimal


def spread(day: HourlyDay) -> dict[Register, dict[datetime, Decimal]]:
    """The daily amount of each register over the day's hours, in order of time.

    The hours of each register add up to its daily amount: what its intervals do not account for (all of
    it, while there are none) goes to the first hour; what they have too much is taken from the first hours.
    """
    return {register: _spread(day, register, amount) for register, amount in day.daily.items()}


def _spread(day: HourlyDay, register: Register, amount: Decimal) -> dict[datetime, Decimal]:
    counted = {day.start: Decimal(0)}
    for hour, amounts in sorted(day.hours.items()):
        flow = {each: part for each, part in amounts.items() if flow_of(each) == flow_of(register)}
        if flow:
            its = (flow[each] for each in parts_of(register, flow, day.daily))
            counted[hour] = sum(its, Decimal(0))
    return settled(counted, amount)


def parts_of(register: Register, flow: Iterable[Register], daily: Amounts) -> list[Register]:
    """Which registers of a flow's intervals count what a register of the day does.

    A total has the tariffs too, but for those that the day has beside it: on the day on which a meter with a
    single tariff is exchanged for one with two.
    """
    is_total = register.tariff is Tariff.TOTAL
    return [each for each in flow if each == register or (is_total and each not in daily)]


def settled(hours: Mapping[datetime, Decimal], amount: Decimal) -> dict[datetime, Decimal]:
    """Hours that add up to an amount: what they lack goes to the first, what is too much comes off the first.

    Args:
        hours: what was counted in each, in order of time; the day's first at least.
        amount: of the day, not negative.
    """
    rest = amount - sum(hours.values())
    found = dict(hours)
    for hour, known in hours.items():
        if not rest:
            break
        found[hour] = max(known + rest, Decimal(0))
        rest += known - found[hour]
    return found
