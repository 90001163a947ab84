"""The Energy dashboard's history: hourly statistics straight from the ledger, at the hour of use.

What was counted, what it cost, and what standing charges came to go the same way, a book each.

A statistic is a running total: when an hour changes, every later row changes. So a meter is imported from the
first day that changed on, or from its first day where Home Assistant holds something else before (it was
restored from a backup, or older days came to the ledger). Nothing is remembered of Home Assistant here, so
nothing that happens to it is forgotten:

- Two questions find out what it lost, or calls otherwise: what there is, and the latest sums.
- Only rows that differ are sent, and what was sent counts when it can be read back.
- Rows that Home Assistant has and the ledger has not become hours in which nothing was.
- What Home Assistant has of a time before the ledger's first day is another ledger's; it stays, and the sums
  go on from there.
"""

import logging
import time
from collections import ChainMap, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import dropwhile, product

from bridge.homeassistant.core import Core
from bridge.homeassistant.errors import CommandRefused, CoreAway
from bridge.homeassistant.series import (
    ALWAYS,
    Book,
    Exact,
    Held,
    Row,
    RunningSum,
    Series,
    as_held,
    ends_with,
    exactly,
    same,
    with_idle_hours,
)
from bridge.ledger import Ledger
from bridge.metering import meterday
from bridge.metering.model import Meter

log = logging.getLogger(__name__)

_HOUR = timedelta(hours=1)
_PORTION = 31  # days
_BACK = (timedelta(days=31), timedelta(days=366), timedelta(days=366 * 30))  # rarely is there anything
_PATIENCE = 300.0  # seconds until a portion can be read back: older cores write 500 rows in a second
_NEWER_KEYS, _KNOWN_SINCE = frozenset({"mean_type", "unit_class"}), (2025, 11)  # refused before, wanted after


class Statistics:
    """Brings Home Assistant's statistics up to date with the ledger.

    Args:
        core: Home Assistant.
        ledger: the truth.
        books: what there is of it in statistics.

    Raises:
        CommandRefused: from every method: Home Assistant does not want this.
        CoreAway: from every method: not everything was imported; do it again.
        TokenRefused: from every method: the token is not valid, or not any more.
    """

    def __init__(self, core: Core, ledger: Ledger, books: Sequence[Book]) -> None:
        self._core, self._ledger, self._books = core, ledger, books
        self._there = core.statistics()
        self._unknown_keys = _NEWER_KEYS if core.release < _KNOWN_SINCE else frozenset()

    def describe(self, meter: Meter) -> None:
        """Have a meter's statistics called as they are called now."""
        changed = [
            each for each in self._every(meter) if self._there.get(each.id, each.described) != each.described
        ]
        for each in changed:
            log.info("%s: these statistics have this name in Home Assistant from now on", each.name)
            self._ask_to_import(each, [])
        if changed:
            self._wait_until(lambda: self._are_described(changed), changed)

    def lacking(self, meters: Iterable[Meter]) -> set[Meter]:
        """Those of which Home Assistant lost a statistic, or its end; one question for all of them.

        The sums of series that are silent for a month are not asked for: it would be about years of rows.
        """
        known = {meter: self._running_sums(meter, ALWAYS) for meter in meters}
        ends = {series: end for each in known.values() for series, end in each.items()}
        newest = max((end.last for end in ends.values()), default=ALWAYS)
        asked = {series: end for series, end in ends.items() if newest - end.last <= _BACK[0]}
        since = min((end.last for end in asked.values()), default=ALWAYS)
        held = self._held(asked, since, ALWAYS)
        return {meter for meter, its in known.items() if not self._is_whole(its, held)}

    def _every(self, meter: Meter) -> list[Series]:
        return [each for book in self._books for each in book.every(meter)]

    def _running_sums(self, meter: Meter, before: datetime) -> Mapping[Series, RunningSum]:
        return ChainMap(*(dict(book.running_sums(meter, before)) for book in self._books))

    def _is_whole(self, ends: Mapping[Series, RunningSum], held: Mapping[str, Held]) -> bool:
        """Whether a meter's statistics are all there, and end as the ledger's do, or as both ledgers' do."""
        if any(series.id not in self._there for series in ends):
            return False
        asked = {series: end for series, end in ends.items() if series.id in held}

        def reach(before: Mapping[Series, Exact]) -> bool:
            return all(
                ends_with(held[series.id], end.sum + before.get(series, 0)) for series, end in asked.items()
            )

        return reach({}) or reach(
            self._sums_before([*asked], min(end.first for end in ends.values()) - _HOUR)
        )

    def bring_up_to_date(self, meter: Meter, since: datetime | None) -> None:
        """Import a meter from the day of an instant on; None: look whether its last month is there."""
        span = self._ledger.readings.known_span(meter)  # beyond the bounds too: they may have been elsewhere
        if not span:
            return
        known = self._running_sums(meter, ALWAYS)
        first, last = (meterday.start_of(day, meter.energy) for day in span)
        since = since or last - _PORTION * meterday.ONE_DAY
        begin = meterday.start_of(meterday.day_of(max(since, first), meter.energy), meter.energy)
        series = [each for each in self._every(meter) if each in known or each.id in self._there]
        before = self._sums_before(series, first - _HOUR)
        running_sums = self._running_sums(meter, begin)
        if not self._agrees(meter, series, begin, running_sums, before):
            begin, running_sums = first, {}
        with exactly():
            sums = {each: before.get(each, 0) + standing.sum for each, standing in running_sums.items()}
            self._import(meter, series, (begin, last), {**before, **sums})

    def _sums_before(self, series: Sequence[Series], instant: datetime) -> dict[Series, Exact]:
        """Where another ledger's rows left off; nothing where there are none."""
        found: dict[Series, Exact] = {}
        for back in _BACK:
            held = self._held([each for each in series if each not in found], instant - back, instant)
            found |= {
                each: each.exact(str(rows[max(rows)] or 0)) for each in series if (rows := held.get(each.id))
            }
        return found

    def _agrees(
        self,
        meter: Meter,
        series: Iterable[Series],
        begin: datetime,
        running_sums: Mapping[Series, RunningSum],
        before: Mapping[Series, Exact],
    ) -> bool:
        """Whether Home Assistant's sums at an instant are the ledger's."""
        for each in series:
            if standing := running_sums.get(each):
                end = min(begin, meterday.end_of(meterday.day_of(standing.last, meter.energy), meter.energy))
                rows = self._held([each], standing.last, end)[each.id]
                if not ends_with(rows, before.get(each, 0) + standing.sum):
                    return False
        return True

    def _import(
        self,
        meter: Meter,
        series: Sequence[Series],
        between: tuple[datetime, datetime],
        sums: dict[Series, Exact],
    ) -> None:
        days = meterday.span(*(meterday.day_of(each, meter.energy) for each in between))
        left_off: dict[Series, float | None] = {each: float(sums.get(each, 0)) for each in series}
        for i in range(0, len(days), _PORTION):
            portion = days[i : i + _PORTION]
            start = meterday.start_of(portion[0], meter.energy) - (_HOUR if i == 0 else timedelta(0))
            end = ALWAYS if portion[-1] == days[-1] else meterday.end_of(portion[-1], meter.energy)
            at_first = dict(sums)
            rows = self._counted(meter, portion, sums)
            held = self._held(series, start, end)
            dropped = self._ledger.days.dropped(meter, portion[0], portion[-1])
            for each, day in product(series, sorted(dropped)):
                bounds = meterday.bounds_of(meter, day)
                rows[each] = as_held(rows[each], held[each.id], bounds, left_off[each], each.exact)
            for each in series:
                left_off[each] = held[each.id][max(held[each.id])] if held[each.id] else left_off[each]
                total = at_first.get(each, 0)
                self._send(each, with_idle_hours(rows[each], held[each.id], total), held[each.id])

    def _counted(
        self, meter: Meter, days: Sequence[date], sums: dict[Series, Exact]
    ) -> dict[Series, list[Row]]:
        """The rows of some days; the sums go on."""
        rows: dict[Series, list[Row]] = defaultdict(list)
        every = (day for book in self._books for day in book.days(meter, days[0], days[-1]))
        for series, hours in (each for day in every for each in day.items()):
            total, its_rows = sums.get(series, 0), rows[series]
            if series not in sums:  # or Home Assistant would not count the first hour
                its_rows.append(Row(next(iter(hours)) - _HOUR, 0, 0))
            for hour, amount in hours.items():
                total += amount
                its_rows.append(Row(hour, amount, total))
            sums[series] = total
        return rows

    def _send(self, series: Series, rows: Sequence[Row], held: Held) -> None:
        """Send what differs, and wait until it can be read back: Home Assistant says yes before it writes."""
        fresh = list(dropwhile(lambda row: same(held.get(row.start), row.sum), rows))
        if not fresh:
            return
        log.info("%s: statistics from %s on go to Home Assistant", series.name, fresh[0].start.date())
        self._ask_to_import(series, fresh)
        self._wait_until(lambda: self._has(series, fresh), [series])

    def _wait_until(self, shown: Callable[[], bool], series: Sequence[Series]) -> None:
        deadline, pause = time.monotonic() + _PATIENCE, 0.02
        while not shown():
            if time.monotonic() > deadline:
                raise CoreAway(f"Home Assistant took {series[0].id} and does not show it")
            time.sleep(pause)
            pause = min(2 * pause, 1.0)

    def _ask_to_import(self, series: Series, rows: Iterable[Row]) -> None:
        metadata = {k: v for k, v in series.metadata().items() if k not in self._unknown_keys}
        stats = [
            {"start": row.start.isoformat(), "state": float(row.state), "sum": float(row.sum)} for row in rows
        ]
        try:
            self._core.ask("recorder/import_statistics", metadata=metadata, stats=stats)
        except CommandRefused as error:
            if error.code != "invalid_format" or self._unknown_keys:
                raise
            self._unknown_keys = _NEWER_KEYS
            self._ask_to_import(series, rows)
        self._there[series.id] = series.described

    def _are_described(self, series: Iterable[Series]) -> bool:
        self._there = self._core.statistics()
        return all(self._there.get(each.id) == each.described for each in series)

    def _has(self, series: Series, rows: Sequence[Row]) -> bool:
        held = self._held([series], rows[0].start, rows[-1].start + _HOUR)[series.id]
        return all(same(held.get(row.start), row.sum) for row in rows)

    def _held(self, series: Iterable[Series], start: datetime, end: datetime) -> dict[str, Held]:
        """What Home Assistant has of some statistics from a start until before an end."""
        ids = [each.id for each in series]
        there = [each for each in ids if each in self._there]
        rows = self._core.sums(there, start, end) if there else {}
        return {each: rows.get(each, {}) for each in ids}
