"""How a source does: what `bridge/health` says of it, kept across restarts."""

import random
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from bridge.metering.model import BRUSSELS
from bridge.text.words import Payload, local

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=3)

_AHEAD = timedelta(hours=1)  # by which a clock that is put right was wrong, and not only a little off
_LONGEST_WAIT = timedelta(days=8)  # that anybody asks for; more was noted while the clock was wrong
_MANY, _LONG = 3, timedelta(days=2)  # failures where nothing ever worked, and how long nothing has


class State(StrEnum):
    """In one word."""

    OK = "ok"
    WAITING = "waiting"  # until Fluvius may be asked (again), or until Home Assistant has what it lacks
    UNREACHABLE = "unreachable"
    REFUSED = "refused"  # until the user acts


@dataclass(slots=True)
class SourceHealth:
    """What happened with one source. All instants are aware."""

    state: State = State.WAITING
    last_attempt: datetime | None = None
    last_success: datetime | None = None
    last_error: str | None = None
    failures_in_a_row: int = 0
    retry_at: datetime | None = None  # by our own patience
    not_before: datetime | None = None  # by Fluvius's word, or to spare it after a failure that reached it
    noted_at: datetime | None = None  # when these two were
    requests_on: str | None = None  # the local date that `requests` counts
    requests: int = 0
    advice: str | None = None  # what is no error and yet worth doing

    @classmethod
    def from_note(cls, note: Any) -> Self:
        """Read back what `to_note` wrote; anything else is a fresh start."""
        try:
            health = cls(**{field.name: note[field.name] for field in fields(cls) if field.name in note})
            health.state = State(health.state)
            for name in ("last_attempt", "last_success", "retry_at", "not_before", "noted_at"):
                if value := getattr(health, name):
                    setattr(health, name, datetime.fromisoformat(value))
        except (TypeError, ValueError):
            return cls()
        return health

    def to_note(self) -> Payload:
        """As JSON, for the ledger."""
        return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in asdict(self).items()}

    def to_payload(self, now: datetime) -> Payload:
        """For `bridge/health`."""
        return {
            "state": self.state,
            "last_success": self.last_success and local(self.last_success),
            "last_error": self.last_error,
            "failures_in_a_row": self.failures_in_a_row,
            "requests_today": self.requests if self.requests_on == _local_date(now) else 0,
            "not_before": local(self.not_before)
            if self.not_before and self.waits_until(self.not_before, now)
            else None,
            **({"advice": self.advice} if self.advice else {}),
        }

    def problem(self, now: datetime) -> str | None:
        """What a person should know of: a refusal at once, and else what has failed for long."""
        if self.state is State.REFUSED or self._fails_for_long(now):
            return self.last_error
        return None

    def waits_until(self, instant: datetime | None, now: datetime) -> bool:
        """Whether it is too early, by an instant that is not of a time when the clock was wrong.

        Args:
            instant: `retry_at` or `not_before`; None: nobody has to wait.
            now: the present instant, aware.
        """
        if instant is None or noted_ahead(self.noted_at or self.last_attempt, now):
            return False
        return now < instant < now + _LONGEST_WAIT

    def may_be_retried_at(self, now: datetime) -> datetime | None:
        """When to try again what failed: at once where a clock that was wrong said when."""
        if self.retry_at is None or self.waits_until(self.retry_at, now):
            return self.retry_at
        return min(self.retry_at, now)

    def _fails_for_long(self, now: datetime) -> bool:
        if self.last_success is None or noted_ahead(self.last_success, now):
            return self.failures_in_a_row >= _MANY
        return now - self.last_success > _LONG

    def succeeded(self, now: datetime) -> None:
        """Fluvius answered."""
        self.state, self.last_success, self.last_error = State.OK, now, None
        self.failures_in_a_row, self.retry_at, self.not_before = 0, None, None

    def at_rest(self) -> None:
        """Nothing is missing: an attempt that was killed after its last answer has come to a good end."""
        self.retry_at = None
        if self.state is State.WAITING and self.last_attempt and not self.last_error:
            self.state = State.OK

    def refused(self, error: str, now: datetime, *, tried: bool, retry_at: datetime | None = None) -> None:
        """The credentials were refused, now or before. Only the user can change that, or time a lock."""
        self.state, self.last_error = State.REFUSED, error
        self.failures_in_a_row += tried
        self.retry_at, self.not_before, self.noted_at = retry_at, None, now

    def postponed(self, error: str, now: datetime, *, asked_for: datetime | None, reached: bool) -> None:
        """Fluvius could not answer: again after a pause that grows from 5 minutes to 3 hours."""
        self.failures_in_a_row += 1
        pause = min(_FIRST_PAUSE * 2 ** min(self.failures_in_a_row - 1, 10), _LONGEST_PAUSE)
        self.retry_at = now + pause * random.uniform(0.8, 1.2)
        if asked_for:
            self.retry_at = max(self.retry_at, asked_for + timedelta(seconds=random.uniform(1, 60)))
        self.noted_at = now
        self.not_before = asked_for or (self.retry_at if reached else None)
        self.state, self.last_error = State.WAITING if asked_for else State.UNREACHABLE, error

    def count_requests(self, number: int, now: datetime) -> None:
        """Add to today's requests."""
        today = _local_date(now)
        self.requests = number + (self.requests if self.requests_on == today else 0)
        self.requests_on = today


def noted_ahead(noted_at: datetime | None, now: datetime) -> bool:
    """Whether something was noted by a clock that was ahead then: it proves nothing, and nobody waits for it.

    Args:
        noted_at: when it was, by that clock; None: it is not known.
        now: the present instant, aware.
    """
    return noted_at is not None and noted_at > now + _AHEAD


def _local_date(now: datetime) -> str:
    return now.astimezone(BRUSSELS).date().isoformat()
