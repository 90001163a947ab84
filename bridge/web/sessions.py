"""Who is signed in, and that a form is one of ours: signed cookies, so that nothing has to be kept here."""

import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Any

from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Request, Response

from bridge.folder.files import whole

FORM_FIELD = "form"

_A_MONTH = 30 * 24 * 3600  # seconds
_KEY_LENGTH = 32  # bytes


@dataclass(frozen=True, slots=True)
class Session:
    """One browser."""

    number: str
    signed_in: bool = False
    is_new: bool = False

    def after_sign_in(self) -> "Session":
        """Another one, so that a cookie that somebody planted before is worth nothing."""
        return Session(secrets.token_urlsafe(16), signed_in=True, is_new=True)

    def after_sign_out(self) -> "Session":
        """The same browser, as a stranger."""
        return replace(self, signed_in=False, is_new=True)


class Sessions:
    """Reads and writes the cookie.

    Args:
        key: a secret of this bridge.
        password: of the page; with another one, everybody has to sign in again.
    """

    def __init__(self, key: bytes, password: str | None) -> None:
        of_this_password = sha256(f"{password}".encode()).hexdigest()
        self._cookie = f"fluvius2mqtt-{sha256(key).hexdigest()[:8]}"  # each bridge of a host has its own
        self._cookies = URLSafeTimedSerializer(key, salt=f"session {of_this_password}")
        self._forms = URLSafeTimedSerializer(key, salt="form")

    def of(self, request: Request) -> Session:
        """The browser that asks."""
        said = _opened(self._cookies, request.cookies.get(self._cookie, ""))
        match said:
            case [str(number), bool(signed_in)]:
                return Session(number, signed_in)
        return Session(secrets.token_urlsafe(16), is_new=True)

    def keep(self, session: Session, response: Response) -> None:
        """Have the browser bring it again."""
        text = self._cookies.dumps([session.number, session.signed_in])
        response.set_cookie(self._cookie, text, max_age=_A_MONTH, httponly=True, samesite="Lax", path="/")

    def token(self, session: Session) -> str:
        """What a form of ours carries, in this browser only."""
        return self._forms.dumps(session.number)

    def is_ours(self, session: Session, token: str) -> bool:
        """Whether a form came from a page that this browser was given."""
        said = _opened(self._forms, token)
        return isinstance(said, str) and compare_digest(said, session.number)


def kept_key(path: Path) -> bytes:
    """The secret that is kept in a file, so that nobody has to sign in again after a restart."""
    with suppress(OSError, ValueError):
        known = bytes.fromhex(path.read_text("ascii"))
        if len(known) == _KEY_LENGTH:
            return known
    key = secrets.token_bytes(_KEY_LENGTH)
    with suppress(OSError), whole(path) as file:  # unwritten, it serves until the bridge ends
        file.write(key.hex())
    return key


def _opened(serializer: URLSafeTimedSerializer, text: str) -> Any:
    try:
        return serializer.loads(text, max_age=_A_MONTH)
    except BadSignature:
        return None
