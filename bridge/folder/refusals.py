"""Which credentials were refused, and when they may be tried again: the same rule at every door.

Refused credentials are left alone until they change, by restarts too. Who asks gets a try, but there are at
most three in 24 hours in all, of passwords two. Where wrong ones lock an account, all those of the account
count together: after two the third waits for an hour, and is of others than were refused. The ones that
worked last are not held up by these. An account that is locked is left alone for an hour, then for two, four
and so on, whoever asks and by whichever password; a lock passes, so that the bridge may then try by itself.
It may, too, once a day where the password was right and the user has to take a step in a browser.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Self, TypeVar

from bridge.folder import private
from bridge.folder.worked import Worked
from bridge.metering.model import BRUSSELS

_TRIES, _WITHIN = 3, timedelta(days=1)
_A_WHILE = timedelta(hours=1)  # to make sure, before a try that may lock an account
_FIRST_LOCK, _LONGEST_LOCK = timedelta(hours=1), timedelta(days=7)
_COST = 2**13  # of scrypt: 8 MB and 18 ms for each guess at a password
_REMEMBERED = 20  # credentials, and accounts: more than anyone changes between
_LONG_AGO = datetime.min.replace(tzinfo=UTC)

_Kept = TypeVar("_Kept", "_Note", "_Lock")


class Kind(StrEnum):
    """What has to happen before another try can end otherwise."""

    WRONG = "wrong"  # the user corrects them
    STEP_NEEDED = "step needed"  # the user takes it
    LOCKED = "locked"  # time passes
    UNANSWERED = "unanswered"  # perhaps nothing: nobody heard what came of it


_COUNTED = {Kind.WRONG, Kind.UNANSWERED}
_BE_SURE = "Sign in on mijn.fluvius.be yourself, to be sure of it, or reset it there"
_OTHERS_REFUSED = f"Fluvius has refused this account too often today, and may lock it. {_BE_SURE}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why credentials are not tried now."""

    kind: Kind
    words: str  # for the user: what to do, and when they are tried again
    not_before: datetime  # aware: nobody gets a try before


@dataclass(slots=True)
class _Note:
    """What is kept of some credentials."""

    credentials: str  # their salted fingerprint
    salt: str
    kind: Kind = Kind.WRONG
    message: str = ""
    tries: list[datetime] = field(default_factory=list)  # the latest that were refused, aware
    account: str = ""  # with whose other tries they count together

    def passes_by_itself(self, now: datetime) -> bool:
        a_day_ago = self.tries[-1] + _WITHIN <= now
        return self.kind in {Kind.LOCKED, Kind.UNANSWERED} or (self.kind is Kind.STEP_NEEDED and a_day_ago)

    @classmethod
    def read(cls, kept: Any, now: datetime) -> Self:
        bytes.fromhex(kept["salt"])
        tries = [_not_of_the_future(at, now) for at in kept["tries"]]
        if not tries:
            raise ValueError("it was never tried")
        return cls(**{**kept, "kind": Kind(kept["kind"]), "tries": tries})

    def written(self) -> dict[str, Any]:
        return {**asdict(self), "tries": [at.isoformat() for at in self.tries]}


@dataclass(slots=True)
class _Lock:
    """What is kept of an account that was found locked."""

    account: str
    message: str = ""
    at: datetime = _LONG_AGO  # when it was last found locked, aware
    times: int = 0  # so often since the last sign-in

    @property
    def not_before(self) -> datetime:
        wait: timedelta = min(_FIRST_LOCK * 2 ** min(self.times - 1, 10), _LONGEST_LOCK)
        return self.at + wait

    @classmethod
    def read(cls, kept: Any, now: datetime) -> Self:
        return cls(**{**kept, "at": _not_of_the_future(kept["at"], now), "times": int(kept["times"])})

    def written(self) -> dict[str, Any]:
        return {**asdict(self), "at": self.at.isoformat()}


class Refusals:
    """What a private file remembers of refusals of some credentials.

    Args:
        path: the file; its folder exists. Of credentials it holds slow, salted fingerprints only.
        account: whose account they open.
        credentials: all that the user may have to correct.
        most: tries at once by whichever credentials of the account, and in a day by the same ones: more may
            lock it. None: credentials that differ do not count together.
    """

    def __init__(self, path: Path, account: str, credentials: str, *, most: int | None = None) -> None:
        self._path, self._credentials, self._most = path, credentials, most
        self._account = hashlib.sha256(account.encode()).hexdigest()
        self._worked = Worked(path, self._account)
        self._fingerprints: dict[str, str] = {}  # by salt
        self._has_begun = False  # a try of which nothing has been heard yet

    def __repr__(self) -> str:
        return f"Refusals({self._path})"

    def standing(self, now: datetime, *, asked: bool) -> Refusal | None:
        """What forbids a try; None if nothing does.

        Args:
            now: the present instant, aware.
            asked: whether a person asks for the try.

        Raises:
            FolderError: the file has to be put right, and cannot be written.
        """
        notes, locks = self._read(now)
        note, lock = self._note(notes), self._lock(locks)
        tried_enough_until = self._tried_enough_until(notes)
        if lock and now < lock.not_before:
            return self._refusal(Kind.LOCKED, lock.message, max(lock.not_before, tried_enough_until), now)
        if tried_enough_until <= now and (note is None or asked or note.passes_by_itself(now)):
            return None
        if note is None:
            return self._refusal(Kind.LOCKED, _OTHERS_REFUSED, tried_enough_until, now)
        return self._refusal(note.kind, note.message, tried_enough_until, now)

    def keep(self, kind: Kind, message: str, now: datetime) -> Refusal:
        """Keep that a try was refused; returns what follows from it.

        Args:
            kind: of the refusal.
            message: for the user: what to do.
            now: the present instant, aware.

        Raises:
            FolderError: the file cannot be written.
        """
        notes, locks = self._read(now)
        note = self._note(notes) or self._new_note(notes)
        note.account = self._account if self._most else ""
        before = note.tries[:-1] if self._has_begun else note.tries  # the last one is this one
        note.kind, note.message, note.tries = kind, message, [*before, now][-_TRIES:]
        self._has_begun = False
        notes = [*(each for each in notes if each is not note), note]
        if self._most and kind is Kind.WRONG and self._worked.are(self._fingerprint):
            self._worked.keep(None)
        not_before = self._tried_enough_until(notes)
        if kind is Kind.LOCKED:
            lock = self._lock(locks) or _Lock(self._account)
            lock.message, lock.at, lock.times = message, now, lock.times + 1
            locks = [*(each for each in locks if each is not lock), lock]
            not_before = max(not_before, lock.not_before)
        self._write(notes, locks)
        return self._refusal(kind, message, not_before, now)

    def begin(self, now: datetime) -> None:
        """Keep that a try begins: a wrong password counts also where the answer is lost, or we are killed.

        Raises:
            FolderError: the file cannot be written.
        """
        notes, locks = self._read(now)
        note = self._note(notes)
        if note is None:
            note = self._new_note(notes)
            note.kind, note.message = Kind.UNANSWERED, "Fluvius did not answer the last sign-ins"
        note.account, note.tries = self._account if self._most else "", [*note.tries, now][-_TRIES:]
        self._has_begun = True
        self._write([*(each for each in notes if each is not note), note], locks)

    def forget(self, now: datetime) -> None:
        """Forget it all about these credentials, which are good, and about this account.

        Raises:
            FolderError: the file cannot be written.
        """
        notes, locks = self._read(now)
        note, lock = self._note(notes), self._lock(locks)
        counted = [each for each in notes if each.account == self._account]
        for each in counted:
            each.account = ""
        if note or lock or counted:
            notes, locks = [n for n in notes if n is not note], [n for n in locks if n is not lock]
            self._write(notes, locks)
        if self._most and not self._worked.are(self._fingerprint):
            self._worked.keep(self._fingerprint)

    def prove_writable(self) -> None:
        """Write the file as it is: a refusal that could not be kept would lead to try after try.

        Raises:
            FolderError: the file cannot be written.
        """
        private.replace(self._path)

    def _refusal(self, kind: Kind, message: str, not_before: datetime, now: datetime) -> Refusal:
        when = ""
        if not_before > now:
            when = f"{(not_before + timedelta(seconds=59)).astimezone(BRUSSELS):%Y-%m-%d %H:%M}"
        if kind in {Kind.LOCKED, Kind.UNANSWERED}:
            rule = f"It is not tried again before {when}, whoever asks"
        else:
            steps = kind is Kind.STEP_NEEDED
            begin = "It is tried again in a day, or" if steps else "Until that changes, it is tried only"
            locks = kind is Kind.WRONG and self._most is not None
            rule = f"{begin} when someone asks, at most {'twice' if locks else 'three times'} a day"
            rule += f": not before {when}" if when else ""
            rule += f". {_BE_SURE}, before another password is tried" if when and locks else ""
        return Refusal(kind, f"{message}. {rule}", not_before)

    def _new_note(self, notes: list[_Note]) -> _Note:
        salt = notes[0].salt if notes else secrets.token_hex(16)
        return _Note(self._fingerprint(salt), salt)

    def _tried_enough_until(self, notes: list[_Note]) -> datetime:
        note, own = self._note(notes), _LONG_AGO
        if note:
            most = self._most if self._most and note.kind in _COUNTED else _TRIES
            own = note.tries[-most] + _WITHIN if len(note.tries) >= most else _LONG_AGO
        counted = [each for each in notes if each.account == self._account and each.kind in _COUNTED]
        tries = sorted(at for each in counted for at in each.tries)
        if self._most is None or len(tries) < self._most or self._worked.are(self._fingerprint):
            return own
        a_day = tries[-_TRIES] + _WITHIN if len(tries) >= _TRIES else own
        return max(own, a_day, tries[-self._most] + _A_WHILE)

    def _note(self, notes: list[_Note]) -> _Note | None:
        return next((each for each in notes if each.credentials == self._fingerprint(each.salt)), None)

    def _lock(self, locks: list[_Lock]) -> _Lock | None:
        return next((each for each in locks if each.account == self._account), None)

    def _fingerprint(self, salt: str) -> str:
        """Takes a moment, on purpose: the file must not help anyone to guess the password."""
        if salt not in self._fingerprints:
            digest = hashlib.scrypt(self._credentials.encode(), salt=bytes.fromhex(salt), n=_COST, r=8, p=1)
            self._fingerprints[salt] = digest.hex()
        return self._fingerprints[salt]

    def _read(self, now: datetime) -> tuple[list[_Note], list[_Lock]]:
        """All that is kept, oldest first.

        What seems to be of the future is taken for new, now and from now on: a clock that was ahead locks
        nobody out for years, and one that is set back lets nobody in at once.
        """
        kept = private.parts(self._path)
        notes = _readable(_Note.read, kept.get("refusals"), now)
        locks = _readable(_Lock.read, kept.get("locks"), now)
        if (kept.get("refusals", []), kept.get("locks", [])) != (_written(notes), _written(locks)):
            self._write(notes, locks)
        return notes, locks

    def _write(self, notes: list[_Note], locks: list[_Lock]) -> None:
        private.replace(self._path, refusals=_written(notes), locks=_written(locks))


def _readable(read: Callable[[Any, datetime], _Kept], kept: Any, now: datetime) -> list[_Kept]:
    found = []
    for each in kept if isinstance(kept, list) else ():
        try:
            found.append(read(each, now))
        except (KeyError, TypeError, ValueError):
            continue  # of another version, or damaged
    return found


def _written(kept: list[_Kept]) -> list[dict[str, Any]]:
    return [each.written() for each in kept[-_REMEMBERED:]]


def _not_of_the_future(text: str, now: datetime) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text} says no time zone")
    return min(instant, now)
