"""The ledger: the truth, of which everything that is published is a view."""

from bridge.ledger.records import Records
from bridge.ledger.store import LedgerError, LedgerOutdated
from bridge.ledger.writing import Ledger

__all__ = ["Ledger", "LedgerError", "LedgerOutdated", "Records"]
