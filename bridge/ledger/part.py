"""What every part of the ledger has: the file, which it shares with the others."""

from bridge.ledger.store import Store


class Part:
    """Some tables and what is asked of them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows, self._execute, self._meter = store.rows, store.execute, store.names.meter

    def __str__(self) -> str:
        return str(self._store)
