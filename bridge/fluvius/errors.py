"""What can go wrong at Fluvius, named after who has to act."""

from datetime import datetime

from bridge.text.endings import REFUSED
from bridge.text.foreign import Quoting


class FluviusError(Quoting):
    """Anything that kept readings from coming. The message is for the user."""


class TryLater(FluviusError):
    """Nobody has to act: Fluvius is away, busy or being maintained."""

    def __init__(self, message: str, *, not_before: datetime | None = None, reached: bool = True) -> None:
        """Say what happened.

        Args:
            message: for the user.
            not_before: when Fluvius asked to come back, if it did (aware).
            reached: False when nothing of Fluvius answered at all.
        """
        super().__init__(message)
        self.not_before = not_before
        self.reached = reached


class ClockWrong(TryLater):
    """The user has to act: this machine does not know what day it is."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reached=False)  # so that it is not asked again at once


class CredentialsRefused(FluviusError):
    """The user has to act: the e-mail address, password or token is not accepted."""

    status = REFUSED

    def __init__(self, message: str, *, not_before: datetime | None = None) -> None:
        """Say what happened.

        Args:
            message: for the user.
            not_before: when they may be tried again by whoever asks (aware); None or past: at once.
        """
        super().__init__(message)
        self.not_before = not_before


class StepNeeded(CredentialsRefused):
    """The user has to act in the browser: terms, two-factor authentication, a new password."""


class AccountLocked(CredentialsRefused):
    """Time has to pass: too many wrong passwords."""

    def __init__(self, message: str, *, retry_at: datetime | None = None) -> None:
        """Say what happened.

        Args:
            message: for the user.
            retry_at: when the account may be tried again, by whomever (aware).
        """
        super().__init__(message, not_before=retry_at)
        self.retry_at = retry_at


class NotYourMeter(FluviusError):
    """The user has to act: the EAN or serial number is not one of this account's."""


class ShapeChanged(FluviusError):
    """The developers have to act: Fluvius answers otherwise than it did."""


class QuestionRefused(ShapeChanged):
    """The same: Fluvius does not take a question as it is asked, perhaps because it asks for too much."""


class AnswerTooLarge(ShapeChanged):
    """The same: Fluvius answers more than it can have been asked for."""
