"""`fluvius2mqtt show`: the latest days of each meter, its months, and one day's intervals, in one document.

It is printed as JSON, or drawn in the terminal.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from bridge.commands import costs
from bridge.commands.starting import settings_for
from bridge.config import Settings
from bridge.config.asked import meters_named, number_of_days
from bridge.fetching import readable
from bridge.ledger import Records
from bridge.metering import meterday
from bridge.metering.costs import Bill, summed
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import SIDES, Meter, Register
from bridge.publishing import monthly, payloads
from bridge.publishing.costs import CURRENCY
from bridge.text.endings import DONE, ForTheUser
from bridge.text.installing import how_to_get
from bridge.text.words import Payload, to_json

_NOTHING = Decimal(0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many days, of which meter, for whom."""
    parser.add_argument("--days", metavar="N", type=number_of_days, default=14, help="how many (default: 14)")
    parser.add_argument("--meter", metavar="NAME", help="only this one: its name, or its EAN")
    parser.add_argument("--costs", action="store_true", help="what the days and months cost, too")
    parser.add_argument("--json", action="store_true", help="one JSON document, for programs")


def command(arguments: argparse.Namespace) -> int:
    """Print the document, or draw it."""
    settings = settings_for(arguments, "error", connects=False)
    if arguments.costs:
        costs.prove_priced(settings)
    shown = document(settings, arguments.meter, arguments.days, datetime.now(UTC), with_costs=arguments.costs)
    if arguments.json:
        print(to_json(shown))
        return DONE
    try:
        from bridge.terminal.report import draw  # noqa: PLC0415 - rich is an extra
    except ModuleNotFoundError as error:
        raise ForTheUser(f"show needs {error.name}; add --json, or {how_to_get('terminal')}") from None
    draw(shown, sys.stdout)
    return DONE


def document(
    settings: Settings, name: str | None, count: int, now: datetime, *, with_costs: bool = False
) -> Payload:
    """What there is to show, of every meter that is meant; amounts are exact decimals.

    Args:
        settings: the configuration.
        name: of a meter; None for all of them.
        count: how many days, up to the newest that Fluvius may have published.
        now: the present instant, aware.
        with_costs: whether it says what they cost, too.

    Raises:
        UsageError: there is no such meter.
        LedgerError: there is nothing to show, or it cannot be read.
    """
    with readable.reading(settings.data_dir) as records:
        known = readable.known_of if name else readable.meters_of
        meters = meters_named(known(settings, records, now), name)
        if not any(records.readings.known_span(meter) for meter in meters):
            raise readable.nothing_fetched(meters)
        found = [_of(records, meter, count, now) for meter in meters]
        if with_costs:
            for meter, shown in zip(meters, found, strict=True):
                shown["costs"] = _costs(settings, records, meter, _span(records, meter, count, now), now)
        return {"meters": found}


def _of(records: Records, meter: Meter, count: int, now: datetime) -> Payload:
    total = records.sums.total(meter)
    registers = tuple(total.amounts) if total else ()
    span = _span(records, meter, count, now)
    days = _days(records, meter, registers, span, now)
    this_month = meterday.month_of(meterday.day_of(now, meter.energy))
    last, this = (records.sums.month(meter, each, now) for each in meterday.months_until(this_month, 2))
    return {
        "meter": meter.name,
        "name": meter.label,
        "ean": meter.ean,
        "energy": meter.energy,
        "days": days,
        "sum": _sum([day for day in days if day["state"] == "complete"]),
        "month": monthly.month(meter, this, last, registers),
        "latest": _latest(records, meter),
    }


def _span(records: Records, meter: Meter, count: int, now: datetime) -> list[date]:
    """The last so many days of which something may be known, oldest first."""
    known = records.readings.known_span(meter)
    if known is None:
        return []
    last = max(known[1], meterday.latest_published(now, meter.energy))
    first, last = meterday.span_within(meter, known[0], last)
    return meterday.span(max(first, last - ONE_DAY * (min(count, last.toordinal()) - 1)), last)


def _days(
    records: Records, meter: Meter, registers: Sequence[Register], span: Sequence[date], now: datetime
) -> list[Payload]:
    """Complete ones as on `M/day`; of the others that they are awaited, or later than Fluvius ever was."""
    complete = set(records.days.complete_days(meter, span[0], span[-1])) if span else set()
    return [
        {"state": "complete", **payloads.day(meter, records.days.complete_day(meter, day), registers)}
        if day in complete
        else {
            "state": "missing" if meterday.is_late(day, meter.energy, now) else "awaited",
            "date": day.isoformat(),
        }
        for day in span
    ]


def _costs(
    settings: Settings, records: Records, meter: Meter, span: Sequence[date], now: datetime
) -> Payload | None:
    """What the days cost that are complete, these together, and this month and the last one.

    None where no prices are those of this meter.
    """
    timeline = settings.timeline(meter)
    if not timeline.contracts:
        return None
    this_month = meterday.month_of(meterday.day_of(now, meter.energy))
    last, this = meterday.months_until(this_month, 2)
    first = min([last, *span])
    billed = records.bills.anew(meter, timeline, settings.capacity_tariff.floor_kw, first, this)
    bills = {day.energy.date: day.bill for day in billed}
    shown = set(span)
    return {
        "currency": CURRENCY,
        "days": [
            {"date": day.isoformat(), **costs.parts_of(bill)} for day, bill in bills.items() if day in shown
        ],
        "sum": _cost_of([bill for day, bill in bills.items() if day in shown]),
        "month": _month_costs(this, bills),
        "last": _month_costs(last, bills),
    }


def _month_costs(month: date, bills: Mapping[date, Bill]) -> Payload:
    of_month = [bill for day, bill in bills.items() if meterday.month_of(day) == month]
    return {"month": f"{month:%Y-%m}", **_cost_of(of_month)}


def _cost_of(bills: Sequence[Bill]) -> Payload:
    """What some days cost together; without any, nothing is known."""
    return {"days": len(bills), **(costs.parts_of(summed(bills)) if bills else {})}


def _sum(days: Sequence[Payload]) -> Payload:
    """What the days add up to."""
    sides = {side: _sum_of_tariffs(day[side] for day in days if side in day) for side in SIDES}
    net = [day["net"] for day in days if "net" in day]
    return {
        "days": len(days),
        **{side: tariffs for side, tariffs in sides.items() if tariffs},
        **({"net": sum(net, _NOTHING)} if net else {}),
    }


def _sum_of_tariffs(days: Iterable[Payload]) -> Payload:
    sums: Payload = {}
    for tariffs in days:
        for tariff, amount in tariffs.items():
            sums[tariff] = sums.get(tariff, _NOTHING) + amount
    return sums


def _latest(records: Records, meter: Meter) -> Payload | None:
    """The latest complete day's intervals as on `M/intervals`, if it has any, and its peak in kW."""
    day = records.days.latest_complete_day(meter)
    intervals = records.days.all_intervals(meter, day) if day else []
    if day is None or not intervals:
        return None
    payload = payloads.intervals(meter, day, intervals)
    highest = max(payload["intervals"], key=lambda each: each.get("consumption", _NOTHING))
    an_hour = timedelta(hours=1) // meterday.interval_length(meter.energy)
    power = highest.get("consumption", _NOTHING) * an_hour
    return {**payload, "peak": {"start": highest["start"], "power": power, "unit": "kW"} if power else None}
