"""A database to which one ledger speaks, batch by batch."""

import logging
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from itertools import takewhile
from typing import TYPE_CHECKING

import psycopg

from bridge.config.sinks import PostgresqlSettings
from bridge.ledger import Ledger
from bridge.ledger.changes import THE_START, Change
from bridge.metering.mandate import Mandate
from bridge.metering.shard import Shard
from bridge.postgresql import delivery, door, schema
from bridge.postgresql.batch import Batch, Known, lines_of

if TYPE_CHECKING:
    from datetime import datetime

log = logging.getLogger(__name__)


class Database:
    """Connected, until something goes wrong.

    Args:
        settings: where it is.
        ledger: who speaks to it.
        shard: whose meters it follows; of others it may know too little.
        stood: the number of the last change that stood in the ledger when the bridge started: all of it may
            be of a backup.

    Attributes:
        place: how far it was told.
        told_at: when that was, by its own clock: another time than it was, and it was begun anew or put back.

    Raises:
        DatabaseAway: from every method: it does not take it.
        LedgerError: from every method: the ledger cannot be used.
    """

    def __init__(self, settings: PostgresqlSettings, ledger: Ledger, shard: Shard, stood: int) -> None:
        self._settings, self._ledger, self._shard, self._stood = settings, ledger, shard, stood
        self._connection = door.enter(settings.dsn.get_secret_value())
        try:
            self._name, self.place = ledger.changes.name, THE_START
            self.told_at = self._find_place()
            self._older_until = ledger.changes.may_be_older_until
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of it."""
        with suppress(psycopg.Error):
            self._connection.close()

    def deliver(self, known: Known, at_most: int) -> int:
        """Tell it the oldest changes; returns how many they were.

        Args:
            known: finds a meter as it is configured.
            at_most: how many.
        """
        waiting = self._ledger.changes.next(self.place.number, at_most)
        if not waiting:
            return 0
        is_older = self._may_be_older(waiting[0])
        changes = list(takewhile(lambda each: self._may_be_older(each) is is_older, waiting))
        batch = Batch(self._ledger, changes, known)
        after = self._ledger.changes.place(changes[-1].number)
        with self._transaction():
            told_at = delivery.move(self._connection, self._name, self.place, after)
            delivery.write(self._connection, batch.lines, is_older=is_older)
        self.place, self.told_at = after, told_at
        for each in batch.damaged:
            log.error("postgresql: %s is left out: the ledger is damaged there", each)
        return len(changes)

    def _may_be_older(self, change: Change) -> bool:
        """Whether another ledger may have told the database something newer: a copy of this one, a shard."""
        return change.number <= self._older_until or not self._shard.has(change.meter.ean)

    def tell_mandates(self, mandates: Iterable[Mandate]) -> None:
        """Tell it the mandates as they are."""
        with self._transaction():
            told_at = delivery.touch(self._connection, self._name)
            delivery.write(self._connection, lines_of(mandates))
        self.told_at = told_at

    def _find_place(self) -> "datetime | None":
        """Make or find the tables, and how far they have come; since when they have."""
        changes = self._ledger.changes
        with self._transaction():
            schema.bring_up_to_date(
                self._connection, self._settings.schema_, hypertable=self._settings.hypertable == "auto"
            )
            place = delivery.place_of(self._connection, self._name)
            if place and place != changes.place(place.number):
                log.warning("postgresql: this ledger, or the database, is not the one that it was")
                self._name, place = changes.take_another_name(self._stood), None
            if place is None:
                delivery.begin(self._connection, self._name)
            told_at = delivery.told_at(self._connection, self._name)
        self.place = place or THE_START
        return told_at

    def _transaction(self) -> AbstractContextManager[None]:
        return door.transaction(self._connection, self._settings.schema_)
