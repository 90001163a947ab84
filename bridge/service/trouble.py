"""What goes wrong with the ledger or the broker, and changes nothing: everything is published again later."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bridge.folder.claim import FolderError
from bridge.ledger import Damaged, Held, Ledger, LedgerError
from bridge.mqtt import BrokerAway

log = logging.getLogger(__name__)


class Trouble:
    """What a person should know of the ledger."""

    def __init__(self) -> None:
        self.unusable: str | None = None  # until it can be used again
        self.damaged: str | None = None  # found once after each start
        self.owes_a_cycle = False  # one may have kept nothing
        self._is_held = False

    def noticed(self, error: FolderError | LedgerError) -> None:
        """The ledger cannot be used."""
        if self.unusable != str(error):
            log.error("%s", error)
        self.unusable, self.owes_a_cycle, self._is_held = str(error), True, isinstance(error, Held)

    def allows(self, is_due: Callable[[], bool]) -> bool:
        """Whether work on the ledger is due; in trouble, none is until a cycle finds it over."""
        if self.unusable:
            return False
        try:
            return is_due()
        except LedgerError as error:
            self.noticed(error)
            return False

    def is_over(self) -> None:
        """A whole cycle could use it."""
        self.unusable, self.owes_a_cycle, self._is_held = None, False, False

    def is_let_go(self, ledger: Ledger) -> bool:
        """Whether a program that held the ledger does not any more, which is so only once."""
        if not self._is_held or ledger.store.is_held():
            return False
        self.unusable, self._is_held = None, False
        return True

    def found_damage(self, error: LedgerError) -> None:
        """A part of the ledger is not as it was written."""
        if self.damaged != str(error):
            log.error("%s", error)
        self.damaged = str(error)

    def found_by(self, examination: Iterator[None]) -> bool:
        """Examine the ledger a step further: rot is found while there is a backup. Says whether it was."""
        try:
            next(examination, None)
        except LedgerError as error:
            self.found_damage(error)
            return True
        return False

    @contextmanager
    def of_one_meter(self) -> Iterator[None]:
        """Where a day of one meter is damaged, the other meters are not."""
        try:
            yield
        except Damaged as error:
            self.found_damage(error)

    @contextmanager
    def endured(self) -> Iterator[list[Exception]]:
        """A broker that is away changes nothing: it will connect, and everything is published then.

        What came in between stands in the list, afterwards.
        """
        troubles: list[Exception] = []
        try:
            yield troubles
        except BrokerAway as error:
            log.debug("not published: %s", error)
            troubles.append(error)
        except (FolderError, LedgerError) as error:
            self.noticed(error)
            troubles.append(error)
