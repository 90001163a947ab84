"""`fluvius2mqtt check --ledger`: whether all that is kept is as it was written. Nothing is connected to."""

from collections.abc import Iterator
from datetime import date

from bridge.commands.findings import show
from bridge.config import Settings
from bridge.fetching import readable
from bridge.ledger import LedgerError, Records
from bridge.metering.model import Meter
from bridge.setup.finding import Finding
from bridge.text.words import plain

_NAMED = 5  # damaged days


def check(settings: Settings) -> int:
    """Look at everything, and print it; returns the exit status.

    Raises:
        LedgerError, FolderError: there is no ledger, or it cannot be read at all.
    """
    with readable.reading(settings.data_dir) as records:
        return show(_findings(settings, records))


def _findings(settings: Settings, records: Records) -> Iterator[Finding]:
    problems = records.checks.problems()
    yield Finding("ledger", works=not problems, words=problems or f"{records} is whole")
    configured = {(meter.ean, meter.energy): meter for meter in settings.followed}
    for known in records.checks.known_meters():
        meter = configured.get((known.ean, known.energy), known)
        try:
            yield _of(records, meter)
        except LedgerError as error:
            yield Finding(meter.label, works=False, words=str(error))


def _of(records: Records, meter: Meter) -> Finding:
    if damaged := records.checks.damaged_days(meter, date.min, date.max):
        days = ", ".join(map(str, damaged[:_NAMED])) + (" and more" if damaged[_NAMED:] else "")
        words = f"{len(damaged)} days are not as they were written ({days}): restore a backup"
        return Finding(meter.label, works=False, words=words)
    total = records.sums.total(meter)
    if total is None:
        return Finding(meter.label, works=True, words="no complete day is known")
    amounts = ", ".join(
        f"{register.direction} {register.tariff} {plain(amount)} {register.unit}"
        for register, amount in sorted(total.amounts.items())
    )
    span = f"{total.days} complete days from {total.since} to {total.until}"
    return Finding(meter.label, works=True, words=f"{span}, all as they were written: {amounts}")
