"""`fluvius2mqtt export --raw --fetch`: what Fluvius answers, in its own words.

Nothing of it is kept, so it may be asked for beside a running bridge.
"""

import argparse
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from bridge.config import Settings
from bridge.config.asked import UsageError, check_span, meters_named
from bridge.exporting.export import Span
from bridge.fetching import mandates
from bridge.fetching.readable import followed
from bridge.fetching.sources import SOURCES
from bridge.fluvius.energy_api.client import EnergyApi
from bridge.fluvius.errors import NotYourMeter
from bridge.fluvius.http import PoliteSession
from bridge.fluvius.open import open_energy_api, open_portal
from bridge.fluvius.portal.client import Portal
from bridge.folder.claim import make
from bridge.folder.files import opened
from bridge.ledger import LedgerError, Records
from bridge.metering import meterday
from bridge.metering.mandate import Mandate, by_ean
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import Meter
from bridge.text.foreign import in_json

_A_WEEK = 7  # days: what is asked for by default
_A_MONTH = 31  # days: what one request asks for at most


def fetch(settings: Settings, arguments: argparse.Namespace, now: datetime) -> list[str]:
    """Ask Fluvius, and write its answers as JSON; returns what there is to say about it.

    One meter is one array: from the portal of all slots, from the Energy API of its answers, one for each 31
    days. Several meters are an object of such arrays, by their names.

    Args:
        settings: the configuration.
        arguments: as for an export; without `first` and `last` the last 7 days that Fluvius may have
            published.
        now: the present instant, aware.

    Raises:
        UsageError: that cannot be asked for.
        FluviusError: see its kinds.
        OutputError: it cannot be written there.
    """
    _check(arguments)
    check_span(arguments.first, arguments.last, now)
    make(settings.data_dir)
    with ExitStack() as stack:
        http = stack.enter_context(closing(PoliteSession()))
        fluvius = _Fluvius(settings, http, _reminder(settings, stack), now)
        meters = meters_named(fluvius.meters, arguments.meter)
        if not meters:
            raise NotYourMeter("no mandate is valid; see `fluvius2mqtt mandate list`")
        if not (meters := tuple(each for each in meters if SOURCES[each.source].is_asked)):
            raise UsageError("the readings come from files, so Fluvius is not asked for them")
        spans = [_span(fluvius.allowed(meter), arguments, now) for meter in meters]
        daily = arguments.resolution == "day"
        arrays = {span.meter.name: _array(fluvius.answers(span, daily=daily)) for span in spans}
        file = stack.enter_context(opened(arguments.output))
        if len(arrays) == 1:
            file.writelines(*arrays.values())
        else:
            file.writelines(_object(arrays))
        file.write("\n")
    if not arguments.output:
        return []
    return [f"{arguments.output}: {each.meter.label} from {each.first} to {each.last}" for each in spans]


@dataclass(frozen=True, slots=True)
class _Reminder:
    """What the ledger, if there is one, remembers of the portal; nothing is added to it."""

    records: Records | None

    def recall(self, key: str) -> Any:
        return self.records.notes.recall(key) if self.records else None

    def remember(self, key: str, value: Any) -> None:
        """Leave that to the bridge."""


@dataclass
class _Fluvius:
    """Both services, each opened when it is needed."""

    settings: Settings
    http: PoliteSession
    reminder: _Reminder
    now: datetime

    @property
    def meters(self) -> tuple[Meter, ...]:
        return followed(self.settings, lambda: self._mandates, self.now)

    def allowed(self, meter: Meter) -> Meter:
        """The meter with what its mandate allows, where it needs one."""
        if meter.source != "energy_api":
            return meter
        return mandates.allowed(meter, self._mandates_of(meter), self.now)

    def answers(self, span: Span, *, daily: bool) -> Iterator[str]:
        """What goes between the brackets of an array, without the commas between one answer and the next."""
        if span.meter.source == "portal":
            for answer in self._portal.verbatim(span.meter, span.first, span.last, daily=daily):
                yield answer.strip()[1:-1]
            return
        terms = mandates.terms_of(span.meter, self._mandates_of(span.meter), self.now)
        for meter, reference in terms:
            days = meterday.span(*meterday.allowed_within(meter, span.first, span.last))
            for month in (days[i : i + _A_MONTH] for i in range(0, len(days), _A_MONTH)):
                yield self._api.verbatim(meter, reference, month[0], month[-1], daily=daily)

    @cached_property
    def _portal(self) -> Portal:
        return open_portal(self.settings, self.http, self.reminder, self.http.now, asked=True)

    @cached_property
    def _api(self) -> EnergyApi:
        return open_energy_api(self.settings, self.http, self.http.now, asked=True)

    @cached_property
    def _mandates(self) -> dict[str, tuple[Mandate, ...]]:
        return by_ean(self._api.mandates(), self.now)

    def _mandates_of(self, meter: Meter) -> tuple[Mandate, ...]:
        if meter.ean not in self._mandates:
            raise NotYourMeter(f"there is no mandate for {meter.label}, EAN {meter.ean}")
        return self._mandates[meter.ean]


def _check(arguments: argparse.Namespace) -> None:
    if not arguments.raw:
        raise UsageError("--fetch goes with --raw; to fetch readings into the ledger, use backfill")
    if not arguments.fetch:
        raise UsageError(
            "--raw goes with --fetch: the ledger keeps readings, but not the words in which Fluvius gave them"
        )
    if arguments.costs:
        raise UsageError("--costs goes with what the ledger knows; leave --raw and --fetch out")
    if arguments.format in ("csv", "parquet") or arguments.decimal or arguments.delimiter:
        raise UsageError("--raw is JSON as Fluvius writes it; leave --format, --decimal and --delimiter out")


def _reminder(settings: Settings, stack: ExitStack) -> _Reminder:
    try:
        return _Reminder(stack.enter_context(Records(settings.data_dir / "ledger.sqlite")))
    except LedgerError:
        return _Reminder(None)


def _span(meter: Meter, arguments: argparse.Namespace, now: datetime) -> Span:
    ended = meterday.latest_ended(now, meter.energy)
    newest = ended if arguments.first else meterday.latest_published(now, meter.energy)
    last = min(arguments.last or newest, ended)
    first = arguments.first or last - ONE_DAY * (_A_WEEK - 1)
    if first > last:
        raise UsageError(f"{first} is not over yet for {meter.label}")
    within = meterday.span_within(meter, *meterday.allowed_within(meter, first, last))
    if within[0] > within[1]:
        raise UsageError(
            f"the bounds or the mandate of {meter.label} leave nothing of {first} to {last} to ask for"
        )
    return Span(meter, *within)


def _array(answers: Iterable[str]) -> Iterator[str]:
    before = "["
    for answer in answers:
        if answer.strip():
            yield before + in_json(answer)
            before = ",\n"
    yield "[]" if before == "[" else "]"


def _object(arrays: dict[str, Iterator[str]]) -> Iterator[str]:
    before = "{"
    for name, array in arrays.items():
        begin = next(array)  # with the first answer: where there is none, nothing is written
        yield f'{before}"{name}": {begin}'
        yield from array
        before = ",\n"
    yield "}"
