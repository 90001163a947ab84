"""What can go wrong in a conversation with Home Assistant."""

from bridge.text.foreign import Quoting


class CoreAway(Quoting):
    """Home Assistant cannot be reached, or did not answer; again later."""


class TokenRefused(Exception):
    """Home Assistant does not accept the token, or not for this. Only the user can change that."""

    def __init__(self, message: str, *, tried: bool = True) -> None:
        super().__init__(message)
        self.tried = tried  # now, rather than before


class CommandRefused(Quoting):
    """Home Assistant answered a command with an error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
