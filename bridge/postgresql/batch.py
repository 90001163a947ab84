"""What goes to the database at once: rows in the words of COPY, as the ledger has them now."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import lru_cache

from bridge.ledger import Damaged, Ledger
from bridge.ledger.changes import Change, ChangedDay, Counted
from bridge.ledger.units import to_amount, to_instant
from bridge.metering import meterday
from bridge.metering.mandate import Mandate
from bridge.metering.model import Energy, Meter
from bridge.metering.pricing import PARTS_OF_A_DAY
from bridge.postgresql.tables import COSTS, DAYS, MANDATES, METERS, PEAKS, READINGS, Table
from bridge.text.words import plain

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_NULL = "\\N"

Lines = dict[Table, list[str]]
Known = Callable[[Meter], Meter]  # a meter as it is configured: its name, its bounds


class Batch:
    """All that changed, as the ledger has it; days that are damaged are left out.

    Args:
        ledger: the truth.
        changes: of it.
        known: finds a meter as it is configured.

    Attributes:
        lines: what to write, by table.
        damaged: what is left out, for people.

    Raises:
        LedgerError: the ledger cannot be read.
    """

    def __init__(self, ledger: Ledger, changes: Iterable[Change], known: Known) -> None:
        self.lines: Lines = {table: [] for table in _IN_ORDER}
        self.damaged: list[str] = []
        self._ledger = ledger
        self._registers = {
            number: "\t".join(register) for number, register in ledger.store.names.registers.items()
        }
        changed: dict[Meter, dict[str, set[date]]] = defaultdict(lambda: defaultdict(set))
        for change in changes:
            changed[change.meter][change.what].add(change.at)
        for meter, dates in changed.items():
            configured = known(meter)
            self.lines[METERS].append(_line(meter.ean, meter.energy, configured.name))
            self._add_days(meter, dates["day"])
            self._add_costs(meter, dates["cost"])
            self._add_peaks(configured, dates["peak"] | set(map(meterday.month_of, dates["day"])))

    def _add_days(self, meter: Meter, dates: Iterable[date]) -> None:
        days, damaged = self._ledger.changes.days(meter, dates)
        self.damaged += [f"{meter.ean} {day}" for day in damaged]
        length = int(meterday.interval_length(meter.energy).total_seconds())
        for day in days:
            of_day = f"{_BOOLEANS[day.complete]}\t{_BOOLEANS[day.in_doubt]}"
            self.lines[DAYS] += [
                f"{meter.ean}\t{day.date}\t{counted}\t{of_day}"
                for _, counted in self._counted(day, day.whole)
            ]
            self.lines[READINGS] += [
                f"{meter.ean}\t{_instant(start)}\t{counted}\t{_instant(start + length)}\t{day.date}"
                for start, counted in self._counted(day, day.slots)
            ]

    def _counted(self, day: ChangedDay, rows: Iterable[Counted]) -> Iterator[tuple[int, str]]:
        """When each was counted, and what."""
        provisional, registers = _BOOLEANS[day.provisional], self._registers
        for start, register, amount, validated, estimated, revision in rows:
            judged = f"{_BOOLEANS[validated]}\t{provisional}\t{_BOOLEANS[estimated]}"
            yield start, f"{registers[register]}\t{_amount(amount)}\t{judged}\t{revision}"

    def _add_costs(self, meter: Meter, dates: set[date]) -> None:
        for first, last in meterday.runs(sorted(dates)):
            known = {each.date: each.parts for each in self._ledger.costs.days(meter, first, last)}
            self.lines[COSTS] += [
                _line(meter.ean, day, part, None if cost is None else plain(cost))
                for day in meterday.span(first, last)
                for part, cost in (known.get(day) or dict.fromkeys(PARTS_OF_A_DAY)).items()
            ]

    def _add_peaks(self, meter: Meter, months: set[date]) -> None:
        if meter.energy is not Energy.ELECTRICITY:
            return
        for month in sorted(months):
            try:
                (found,) = self._ledger.peaks.peak_months(meter, [month])
            except Damaged:
                self.damaged.append(f"{meter.ean} {month:%Y-%m}, its peak")
                continue
            if peak := found.billed:
                self.lines[PEAKS].append(
                    _line(meter.ean, month, peak.start.isoformat(), plain(peak.power), peak.source)
                )


def lines_of(mandates: Iterable[Mandate]) -> Lines:
    """All of them; each is written once."""
    lines: Lines = defaultdict(list)
    for each in mandates:
        instants = (at and at.isoformat() for at in (each.since, each.until, each.expires))
        lines[MANDATES].append(
            _line(each.ean, each.reference, each.energy, each.status, each.service, *instants, each.renewal)
        )
    return lines


def _line(*values: object) -> str:
    return "\t".join(_NULL if each is None else str(each).translate(_ESCAPES) for each in values)


@lru_cache(maxsize=4096)
def _amount(billionths: int) -> str:
    """Most quarter-hours count one of a few hundred amounts."""
    return plain(to_amount(billionths))


@lru_cache(maxsize=4096)
def _instant(seconds: int) -> str:
    """Most meters have the same quarter-hours."""
    return to_instant(seconds).isoformat()


_BOOLEANS = "ft"  # by 0 and 1
_IN_ORDER = (METERS, DAYS, READINGS, COSTS, PEAKS)  # peaks last: they are held against days and readings
