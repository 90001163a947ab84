"""Ledger to payloads: what `day`, `intervals`, `total`, `reading`, `status` and `mandate` say.

Times are local (Europe/Brussels) with their offset; amounts are exact decimals.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from bridge.metering import agreement, meterday
from bridge.metering.mandate import Mandate
from bridge.metering.model import (
    BRUSSELS,
    OF_THE_CONNECTION,
    SIDES,
    Day,
    Direction,
    Energy,
    Interval,
    Meter,
    Register,
    Tariff,
    Total,
    Unit,
)
from bridge.metering.progress import Progress
from bridge.text.words import Payload, local, plain

_ISO_DURATION = {timedelta(minutes=15): "PT15M", timedelta(hours=1): "PT1H"}


def day(meter: Meter, day: Day, registers: Iterable[Register] = ()) -> Payload:
    """The amounts of one complete day.

    Args:
        meter: whose day it is.
        day: the day.
        registers: all that the meter was ever seen to have. A tariff that a complete day does not mention
            counted nothing on it: its parts add up to its intervals.
    """
    return {
        **who(meter),
        "date": day.date.isoformat(),
        "start": local(day.start),
        "end": local(day.end),
        "unit": Unit.KWH,
        **amounts(with_silent_tariffs(day.amounts, registers)),
        "validated": day.validated,
        "revision": day.revision,
        "fetched_at": local(day.fetched_at),
    }


def intervals(meter: Meter, day: Day, intervals: Sequence[Interval]) -> Payload:
    """The quarter-hours or hours of one complete day."""
    sides = _sides(day.amounts)
    return {
        **who(meter),
        "date": day.date.isoformat(),
        "resolution": resolution(intervals[0].end - intervals[0].start),
        "unit": Unit.KWH,
        "validated": all(interval.validated for interval in intervals)
        or _is_vouched_for(meter, day, intervals),
        "intervals": [_interval(meter, interval, sides) for interval in intervals],
    }


def reading(meter: Meter, interval: Interval) -> Payload:
    """One interval, for the stream; a second copy of it has the same `id`, a correction another one."""
    return {
        **who(meter),
        "id": f"{meter.ean}/{interval.start:%Y-%m-%dT%H:%M:%SZ}/{interval.revision}",
        **_interval(meter, interval, _sides(interval.amounts)),
        "unit": Unit.KWH,
        "validated": interval.validated,
        "revision": interval.revision,
    }


def total(meter: Meter, total: Total) -> Payload:
    """All complete days, like a meter register that started at 0 on the first of them."""
    return {
        **who(meter),
        "since": total.since.isoformat(),
        "until": total.until.isoformat(),
        "days": total.days,
        "unit": Unit.KWH,
        **amounts(total.amounts),
    }


def status(
    meter: Meter, latest: Day | None, progress: Progress, differences: Sequence[Payload] = ()
) -> Payload:
    """What is known, what is awaited, and what went wrong."""
    return {
        **who(meter),
        **{name: local(bound) for name, bound in (("from", meter.since), ("until", meter.until)) if bound},
        "latest_complete_day": latest.date.isoformat() if latest else None,
        "age_days": _age(meter, latest.date, progress.now) if latest and progress.now else None,
        "days_awaited": [day.isoformat() for day in progress.awaited],
        "resolution": progress.resolution,
        "last_attempt": progress.last_attempt and local(progress.last_attempt),
        "last_success": progress.last_success and local(progress.last_success),
        "problem": bool(progress.error or progress.overdue or progress.disagreements),
        "error": progress.error,
        "advice": progress.advice,
        **({"peak_differences": differences} if differences else {}),
        **({"behind": list(progress.behind)} if progress.behind else {}),
        **({"odd_answers": list(progress.odd_answers)} if progress.odd_answers else {}),
        **({"disagreements": _disagreements(progress)} if progress.disagreements else {}),
    }


def _age(meter: Meter, day: date, now: datetime) -> int:
    """How many days ago it was, or was when the meter's last day was over."""
    _, last = meterday.span_within(meter, last=meter.last or date.max)
    yesterday = now.astimezone(BRUSSELS).date() - meterday.ONE_DAY
    return (min(yesterday, last) - day).days + 1


def _disagreements(progress: Progress) -> list[Payload]:
    names = {flow: name for name, flow in SIDES.items()}
    return [
        {
            "date": day.isoformat(),
            "flow": names[each.flow],
            "day": each.day,
            "intervals": each.intervals,
            "difference": each.difference,
        }
        for day, found in progress.disagreements.items()
        for each in found
    ]


def mandate(meter: Meter, mandate: Mandate, now: datetime) -> Payload:
    """What the customer allows, and for how long."""
    return {
        **who(meter),
        "reference": mandate.reference,
        "status": mandate.status,
        "service": mandate.service,
        "since": mandate.since and local(mandate.since),
        "until": mandate.until and local(mandate.until),
        "expires": mandate.expires and local(mandate.expires),
        "renewal": mandate.renewal,
        "problem": mandate.must_be_renewed(now) or mandate.problem(now) is not None,
    }


def amounts(by_register: Mapping[Register, Decimal]) -> Payload:
    """Amounts by direction and tariff with their totals, the gas volume, and the net.

    Only what is known: no injection where none was metered, no tariffs where there is only a total.
    """
    sides = {side: _by_tariff(by_register, *flow) for side, flow in SIDES.items()}
    known: Payload = {name: tariffs for name, tariffs in sides.items() if tariffs}
    if sides["consumption"] and sides["injection"]:
        known["net"] = sides["consumption"]["total"] - sides["injection"]["total"]
    return known


def leaves(payload: Payload) -> dict[str, str]:
    """The amounts of a payload as sub-topics: `consumption/high`, `volume/total`, `net`, `last/net`, ..."""
    last = payload.get("last")
    found = {f"last/{leaf}": text for leaf, text in leaves(last).items()} if last else {}
    for side in SIDES:
        for tariff, amount in payload.get(side, {}).items():
            found[f"{side}/{tariff}"] = plain(amount)
    if "net" in payload:
        found["net"] = plain(payload["net"])
    for count in "days", "days_missing":
        if "month" in payload:
            found[count] = str(payload[count])
    return found


def resolution(length: timedelta) -> str:
    """An interval's length as an ISO 8601 duration."""
    return _ISO_DURATION[length]


def with_silent_tariffs(
    by_register: Mapping[Register, Decimal], registers: Iterable[Register]
) -> dict[Register, Decimal]:
    """The amounts, and 0 for each tariff of a meter that they do not mention while they mention another."""
    parts = {(each.direction, each.unit) for each in by_register if each.tariff is not Tariff.TOTAL}
    silent = [
        each for each in registers if each.tariff is not Tariff.TOTAL and (each.direction, each.unit) in parts
    ]
    return {**dict.fromkeys(silent, Decimal(0)), **by_register}


def _is_vouched_for(meter: Meter, day: Day, intervals: Sequence[Interval]) -> bool:
    """Whether the day was validated, after its intervals came, with the amounts that they add up to."""
    counted = [each.amounts for each in intervals]
    return day.validated and not agreement.disagreements(day.amounts, counted, meter.energy, is_whole=True)


def who(meter: Meter) -> Payload:
    """What every payload of a meter begins with."""
    return {"meter": meter.name, "ean": meter.ean}


def _by_tariff(
    by_register: Mapping[Register, Decimal], direction: Direction, unit: Unit
) -> dict[str, Decimal]:
    found = {
        register.tariff: amount
        for register, amount in by_register.items()
        if (register.direction, register.unit) == (direction, unit)
    }
    if not found:
        return {}
    parts = {str(tariff): found[tariff] for tariff in (Tariff.HIGH, Tariff.LOW) if tariff in found}
    return {**parts, "total": sum(found.values(), Decimal(0))}


def _sides(registers: Iterable[Register]) -> dict[str, agreement.Flow]:
    """What some registers count, as payloads call it."""
    flows = agreement.flows(registers)
    return {name: flow for name, flow in SIDES.items() if flow in flows}


def _interval(meter: Meter, interval: Interval, sides: Mapping[str, agreement.Flow]) -> Payload:
    """A slot's amounts; a flow that the day has and the slot does not mention is the day's zero."""
    payload: Payload = {"start": local(interval.start), "end": local(interval.end)}
    if meter.energy is Energy.ELECTRICITY:
        payload["tariff"] = _tariff(interval)
    for name, flow in sides.items():
        payload[name] = agreement.total(interval.amounts, flow)
    return payload


def _tariff(interval: Interval) -> Tariff:
    """The tariff of a slot: the one that counted, where several are mentioned."""
    here = {each: amount for each, amount in interval.amounts.items() if each.direction in OF_THE_CONNECTION}
    mentioned = {tariff for _, tariff, _ in here}
    if len(mentioned) > 1:
        mentioned = {tariff for (_, tariff, _), amount in here.items() if amount} or mentioned
    return mentioned.pop() if len(mentioned) == 1 else Tariff.TOTAL
