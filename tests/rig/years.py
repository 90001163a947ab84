"""Years of quarter-hours, put into a ledger at once."""

from datetime import UTC, date, datetime

from bridge.ledger import Ledger
from bridge.metering.meterday import ONE_DAY, intervals_of, span, start_of
from bridge.metering.model import Direction, Energy, Meter, Register, Tariff, Unit

TEN_YEARS = 3653  # days


def fill(ledger: Ledger, *meters: Meter, until: date, days: int = TEN_YEARS, below: int = 1) -> int:
    """Years of quarter-hours, invented, each below so many kWh, by SQL into the ledger's own tables.

    Returns:
        How many rows.
    """
    kwh = [
        Register(direction, tariff, Unit.KWH)
        for direction in (Direction.CONSUMPTION, Direction.INJECTION)
        for tariff in (Tariff.HIGH, Tariff.LOW)
    ]
    dates = span(until - ONE_DAY * (days - 1), until)
    fetched_at = int(datetime.combine(until, datetime.min.time(), UTC).timestamp())
    ledger.store.db.execute("BEGIN")
    for meter in meters:
        key, device = ledger.store.names.meter(meter), ledger.store.names.device(meter.serial)
        registers = [ledger.store.names.register(register) for register in kwh]
        daily = ((key, 1, _start(day), each, device) for day in dates for each in registers)
        slots = (
            (key, 0, int(start.timestamp()), registers[which + 2 * injection], device)
            for day in dates
            for which, start in ((_is_low(start), start) for start in intervals_of(day, meter.energy))
            for injection in (0, 1)
        )
        for rows in (daily, slots):
            ledger.store.db.executemany(
                "INSERT INTO reading (meter, daily, start, register, device, amount, validated)"
                f" VALUES (?, ?, ?, ?, ?, abs(random() % 1000) * 1000000 * {below}, 1)",
                rows,
            )
        ledger.store.db.executemany(
            "INSERT INTO day (meter, date, start, complete, intervals, asked_at, fetched_at)"
            " VALUES (?, ?, ?, 1, ?, ?, ?)",
            [
                (
                    key,
                    day.isoformat(),
                    _start(day),
                    len(intervals_of(day, meter.energy)),
                    fetched_at,
                    fetched_at,
                )
                for day in dates
            ],
        )
        ledger.checks.seal(meter, dates[0], dates[-1])
    ledger.store.db.execute("COMMIT")
    ledger.store.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ((count,),) = ledger.store.db.execute("SELECT COUNT(*) FROM reading").fetchall()
    return int(count)


def _start(day: date) -> int:
    return int(start_of(day, Energy.ELECTRICITY).timestamp())


def _is_low(start: datetime) -> bool:
    return start.weekday() >= 5 or not 6 <= start.hour < 21
