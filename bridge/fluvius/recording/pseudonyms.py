"""Names that stand for others: the same one for the same, within one recording."""

import re
from collections import Counter
from collections.abc import Iterator

EAN = re.compile(r"(?<![0-9])[0-9]{18}(?![0-9])")
EMAIL = re.compile(r"[^\s@\"'<>/]+@[^\s@\"'<>/]+")
_SHORTEST = 4  # characters


class Pseudonyms:
    """What stands for what. Test numbers are never those of somebody who is known.

    Args:
        taken: real numbers and addresses, none of which may stand for another.
    """

    def __init__(self, taken: frozenset[str] = frozenset()) -> None:
        self._taken, self._by_value = taken, dict[str, str]()
        self._counts: Counter[str] = Counter()
        self._eans, self._serials, self._emails = _eans(), _serials(), _emails()

    def of(self, kind: str, value: str) -> str:
        """What stands for a value; its kind is heeded when it is seen for the first time."""
        if value not in self._by_value:
            self._counts[kind] += 1
            self._by_value[value] = f"{kind}-{self._counts[kind]}"
        return self._by_value[value]

    def known(self, value: str) -> str | None:
        """What stands for a value that was seen before, unless it is too short to be anybody's."""
        return self._by_value.get(value) if len(value) >= _SHORTEST else None

    def ean(self, value: str) -> str:
        """A test number with a check digit that is right."""
        return self._number(value, self._eans)

    def serial(self, value: str) -> str:
        """A number as meters have it."""
        return self._number(value, self._serials)

    def email(self, value: str) -> str:
        """An address that is nobody's."""
        return self._number(value.casefold(), self._emails)

    def host(self, value: str) -> str:
        """A host that there cannot be (RFC 2606)."""
        return f"{self.of('host', value.casefold())}.example"

    def _number(self, value: str, numbers: Iterator[str]) -> str:
        if value not in self._by_value:
            self._by_value[value] = next(each for each in numbers if each not in self._taken)
        return self._by_value[value]


def with_check_digit(body: str) -> str:
    """A GSRN of 17 digits and its check digit (GS1: weights 3 and 1 from the right)."""
    total = sum(int(digit) * (3 if i % 2 == 0 else 1) for i, digit in enumerate(reversed(body)))
    return f"{body}{-total % 10}"


def _eans() -> Iterator[str]:
    return (with_check_digit(f"54144882{number:09}") for number in range(10**9))


def _serials() -> Iterator[str]:
    return (f"1SAG{number:010}" for number in range(1_100_000_001, 10**10))


def _emails() -> Iterator[str]:
    return (f"someone{number or ''}@example.com" for number in range(10**9))
