"""What can go wrong with the ledger."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from bridge.text.endings import ForTheUser

ADVICE_ON_DAMAGE = "is damaged. Restore a backup, or move it away to start again"

_P = ParamSpec("_P")
_T = TypeVar("_T")


class LedgerError(ForTheUser):
    """The ledger cannot be read or written; the message says why and what to do."""


class LedgerUnavailable(LedgerError):
    """It cannot be used just now, whatever is in it: another program holds it, or the disk is full, say."""


class Damaged(LedgerError):
    """Some days of one meter are not as they were written; what else there is can be used."""


class Held(LedgerUnavailable):
    """Another program holds it, for a moment or for long."""


class LedgerOutdated(LedgerError):
    """It was written by an older version, and only who may write it brings it up to date."""


def reporting_damage(method: Callable[_P, _T]) -> Callable[_P, _T]:
    """What does not make sense in our own file was not written by us."""

    @wraps(method)
    def heeding(*arguments: _P.args, **options: _P.kwargs) -> _T:
        with _blaming_damage(arguments[0]):
            return method(*arguments, **options)

    return heeding


def reporting_damage_while_read(method: Callable[_P, Iterator[_T]]) -> Callable[_P, Iterator[_T]]:
    """As `reporting_damage`, for what is read row by row, long after the call."""

    @wraps(method)
    def heeding(*arguments: _P.args, **options: _P.kwargs) -> Iterator[_T]:
        with _blaming_damage(arguments[0]):
            yield from method(*arguments, **options)

    return heeding


@contextmanager
def _blaming_damage(ledger: object) -> Iterator[None]:
    try:
        yield
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise LedgerError(f"the ledger {ledger} {ADVICE_ON_DAMAGE}") from error
