"""The password that a scrape brings along."""

from base64 import b64decode
from contextlib import suppress


def said(authorization: str) -> str | None:
    """What an `Authorization` header says, `Basic` with any user name or `Bearer`; None if nothing."""
    scheme, _, rest = authorization.strip().partition(" ")
    match scheme.lower():
        case "bearer":
            return rest.strip() or None
        case "basic":
            with suppress(ValueError):
                return b64decode(rest, validate=True).decode().partition(":")[2]
    return None
