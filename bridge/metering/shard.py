"""Several bridges that share the meters of one contract: which one follows which meter."""

import hashlib
from dataclasses import dataclass

_BYTES = 8  # of the hash: more than anyone's number of bridges can tell from all of it


@dataclass(frozen=True, slots=True)
class Shard:
    """One bridge's part of all meters: the first 8 bytes of SHA-256 of the EAN's digits, modulo `of`."""

    index: int = 0  # from 0 on
    of: int = 1

    def __str__(self) -> str:
        return f"shard {self.index} of {self.of}"

    @property
    def name(self) -> str:
        """What tells its folder, topics and client id from those of the others; it outlives another `of`."""
        return f"shard-{self.index}"

    def has(self, ean: str) -> bool:
        """Whether a meter is this one's."""
        head = hashlib.sha256(ean.encode()).digest()[:_BYTES]
        return int.from_bytes(head, "big") % self.of == self.index


ALL = Shard()  # of a bridge that is the only one
