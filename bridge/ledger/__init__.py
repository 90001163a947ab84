"""The ledger: the truth, of which everything that is published is a view."""

from bridge.ledger.records import Records
from bridge.ledger.store import Damaged, LedgerError, LedgerOutdated
from bridge.ledger.writing import Ledger

__all__ = ["Damaged", "Ledger", "LedgerError", "LedgerOutdated", "Records"]
