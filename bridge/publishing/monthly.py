"""Ledger to payloads: what `month` and `peak` say.

Times are local (Europe/Brussels) with their offset; amounts are exact decimals.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from bridge.metering import meterday
from bridge.metering.contract import Contract
from bridge.metering.costs import per_kw, threshold
from bridge.metering.model import Day, Energy, Meter, Month, Peak, PeakMonth, Register, Unit
from bridge.publishing import costs, payloads
from bridge.text.words import Payload, local

_ZERO = Decimal(0)
_A_WATT = Decimal("0.001")  # kW: as exactly as Fluvius gives peaks


def month(meter: Meter, this: Month, last: Month, registers: Iterable[Register]) -> Payload:
    """This month so far, and the last one.

    Args:
        meter: whose months they are.
        this: the present month.
        last: the one before.
        registers: all that the meter was ever seen to have: this month begins at 0 with each of them. A last
            month of which no day is known has no amounts.
    """
    return {
        **payloads.who(meter),
        **_month(meter, this, registers),
        "unit": Unit.KWH,
        "last": _month(meter, last, registers if last.days else ()),
    }


def _month(meter: Meter, month: Month, registers: Iterable[Register]) -> Payload:
    counted = (
        payloads.with_silent_tariffs(month.amounts, registers)
        if month.days
        else dict.fromkeys(registers, _ZERO)
    )
    return {
        "month": f"{month.first:%Y-%m}",
        "start": local(meterday.start_of(month.first, meter.energy)),
        "end": local(meterday.end_of(meterday.last_of(month.first), meter.energy)),
        "days": month.days,
        "days_missing": month.missing,
        **payloads.amounts(counted),
    }


def peak(
    meter: Meter, months: Sequence[PeakMonth], floor: Decimal, prices: Payload | None = None
) -> Payload | None:
    """This month's peak, those of the twelve months before, and their mean as the capacity tariff bills it.

    Args:
        meter: whose peaks they are.
        months: thirteen in a row, oldest first, the present one last; or none.
        floor: kW, for which each month counts at least.
        prices: what else there is to say about this month's.

    Returns:
        None where no peak is known.
    """
    if not months:
        return None
    *before, this = months
    known = {each.first: each.billed for each in before}
    billed = {first: max(peak.power, floor) for first, peak in known.items() if peak}
    now = max(filter(None, (this.counted, this.given)), key=lambda each: each.power, default=None)
    if not (billed or now):
        return None
    eleven = [billed[each.first] for each in before[1:] if each.first in billed]
    latest = this.first if now else max(billed)
    return {
        **payloads.who(meter),
        **_month_s_peak(this.first, now),
        "unit": "kW",
        "latest": _month_s_peak(latest, now or known[latest]),
        "last": _month_s_peak(before[-1].first, known[before[-1].first]),
        "months": [
            {**_month_s_peak(first, peak), "billed": billed[first], "source": peak.source}
            for first, peak in reversed(known.items())
            if peak
        ],
        "mean": _mean(list(billed.values())),
        "mean_with_this_month": _mean([*eleven, max(now.power, floor)]) if now else None,
        "floor": floor,
        "threshold": threshold(now.power if now else None, floor),
        **(prices or {}),
    }


def peak_prices(contract: Contract | None, latest: Day | None) -> Payload:
    """What more power costs, and until when quarter-hours are known, for `peak`.

    Args:
        contract: the one that holds now.
        latest: the latest complete day.
    """
    extra = per_kw(contract) if contract else None
    return {
        **({"per_kw": costs.rounded(extra)} if extra is not None else {}),
        "known_until": latest and local(latest.end),
    }


def peak_differences(months: Sequence[PeakMonth]) -> list[Payload]:
    """The past months of which Fluvius gives another peak than the ledger's quarter-hours."""
    return [
        {"month": f"{each.first:%Y-%m}", "ledger": each.counted.power, "portal": each.given.power}
        for each in months[:-1]
        if each.counted and each.given and _differ(each, each.counted, each.given)
    ]


def _differ(month: PeakMonth, counted: Peak, given: Peak) -> bool:
    """A month that the ledger has in part may well have had a higher quarter-hour than is known."""
    return abs(counted.power - given.power) > _A_WATT and (month.is_whole or counted.power > given.power)


def _month_s_peak(first: date, peak: Peak | None) -> Payload:
    return {
        "month": f"{first:%Y-%m}",
        "peak": peak and peak.power,
        "start": peak and local(peak.start),
        "end": peak and local(peak.start + meterday.interval_length(Energy.ELECTRICITY)),
    }


def _mean(powers: Sequence[Decimal]) -> Decimal | None:
    """As exactly as Fluvius gives peaks."""
    if not powers:
        return None
    return (sum(powers, _ZERO) / len(powers)).quantize(_A_WATT)
