"""What can go wrong with prices, named after who has to act."""

from datetime import datetime

from bridge.text.foreign import Quoting


class PricesError(Quoting):
    """Anything that kept prices from coming. The message is for the user."""


class TryLater(PricesError):
    """Nobody has to act: the service is away, busy or being maintained."""

    def __init__(self, message: str, *, not_before: datetime | None = None, reached: bool = True) -> None:
        """Say what happened.

        Args:
            message: for the user.
            not_before: when the service asked to come back, if it did (aware).
            reached: False when there was no connection, so that the service has no trouble with us.
        """
        super().__init__(message)
        self.not_before = not_before
        self.reached = reached


class TokenRefused(PricesError):
    """The user has to act: the token is not accepted."""


class NotUnderstood(PricesError):
    """What was answered or published cannot be believed, and nothing of it is kept."""
