"""What the pages found damaged, for the one that says how everything is."""

from datetime import datetime

from bridge.ledger import ADVICE_ON_DAMAGE, LedgerError
from bridge.service.window import Condition, Window


class Findings:
    """The latest of them, as long as the same bridge runs. May be used from any thread."""

    def __init__(self) -> None:
        self._found: tuple[Window, Condition] | None = None

    def found(self, window: Window, error: LedgerError, now: datetime) -> None:
        """A page could not read something; what passes by itself is not kept."""
        if ADVICE_ON_DAMAGE in str(error):
            self._found = window, (self.damage(window) or Condition()).seen(str(error), now)

    def damage(self, window: Window) -> Condition | None:
        """What is wrong, since when it is known."""
        found = self._found
        return found[1] if found and found[0] is window else None
