"""The ledger, read beside a bridge that may be working in it."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from bridge.config import Settings
from bridge.fetching import mandates
from bridge.folder.claim import claim, is_claimed, prove_readable
from bridge.ledger import Ledger, LedgerError, LedgerOutdated, Records
from bridge.metering.mandate import Mandate
from bridge.metering.model import Meter


class NothingKnown(LedgerError):
    """The ledger holds nothing of what was asked for; the message says what it holds, or how to fill it."""


@contextmanager
def reading(folder: Path) -> Iterator[Records]:
    """The ledger in a data folder. One of an older version is brought up to date, if nobody works in it.

    Raises:
        NothingKnown: there is none yet.
        LedgerError, FolderError: see there.
    """
    path = folder / "ledger.sqlite"
    prove_readable(path)
    if not path.exists():
        raise nothing_fetched()
    try:
        records = Records(path)
    except LedgerOutdated as error:
        if is_claimed(folder):
            raise
        if not os.access(folder, os.W_OK):
            raise LedgerOutdated(f"{error}, in a copy of {folder} that can be written") from None
        with claim(folder), Ledger(path, stream=True):  # or what waits for the stream would be dropped
            records = Records(path)
    with records:
        yield records


def meters_of(settings: Settings, records: Records, now: datetime) -> tuple[Meter, ...]:
    """The meters that the bridge follows, as far as it knows them."""
    return followed(settings, lambda: mandates.kept(records, settings.shard, now), now)


def known_of(settings: Settings, records: Records, now: datetime) -> tuple[Meter, ...]:
    """Those, and the meters whose mandates have ended: their readings stay."""
    meters = meters_of(settings, records, now)
    if not settings.mandates_make_meters:
        return meters
    eans = {each.ean for each in meters}
    former = (each for each in records.checks.known_meters() if each.ean not in eans)
    return (*meters, *(replace(each, source="energy_api") for each in former if settings.shard.has(each.ean)))


def followed(
    settings: Settings, known_mandates: Callable[[], Mapping[str, Sequence[Mandate]]], now: datetime
) -> tuple[Meter, ...]:
    """The configured meters, or where there are none, those that the mandates make."""
    if not settings.mandates_make_meters:
        return settings.followed
    return mandates.made_by(known_mandates().values(), now)


def nothing_fetched(meters: Sequence[Meter] = ()) -> NothingKnown:
    """Nothing was fetched yet for some meters, or for any."""
    names = f" for {', '.join(meter.label for meter in meters)}" if meters else ""
    return NothingKnown(
        f"nothing has been fetched yet{names}; start the bridge, or `fluvius2mqtt backfill --from 2026-01-01`"
    )


def nothing_known(meter: Meter, known: tuple[date, date]) -> NothingKnown:
    """Nothing is known of the days that were asked for, but of others."""
    return NothingKnown(f"nothing of these days is known of {meter.label}, only of {known[0]} to {known[1]}")
