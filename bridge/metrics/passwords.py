"""The password that a scrape brings along."""

from base64 import b64decode
from contextlib import suppress


def said(authorization: str) -> str | None:
    """What an `Authorization` header says, `Basic` with any user name or `Bearer`; None if nothing."""
    scheme, _, rest = _as_written(authorization).strip().partition(" ")
    match scheme.lower():
        case "bearer":
            return rest.strip() or None
        case "basic":
            with suppress(ValueError):
                return b64decode(rest, validate=True).decode().partition(":")[2]
    return None


def _as_written(header: str) -> str:
    """In UTF-8, as clients write it: WSGI gives each byte as a letter of its own."""
    try:
        return header.encode("latin-1").decode()
    except ValueError:
        return header
