"""Who is signed in, and that a form is one of ours: signed cookies, so that little has to be kept here."""

import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer
from werkzeug.wrappers import Request, Response

from bridge.folder.claim import FolderError, make
from bridge.folder.files import whole

FORM_FIELD = "form"

_A_DAY = 24 * 3600  # seconds
_A_MONTH = 30 * _A_DAY
_KEY_LENGTH = 32  # bytes
_REMEMBERED = 1000  # sessions that signed out


@dataclass(frozen=True, slots=True)
class Session:
    """One browser."""

    number: str
    signed_in: bool = False
    is_new: bool = False  # or has to be told so anew

    def after_sign_in(self) -> "Session":
        """Another one, so that a cookie that somebody planted before is worth nothing."""
        return Session(secrets.token_urlsafe(16), signed_in=True, is_new=True)

    def after_sign_out(self) -> "Session":
        """The same browser, as a stranger."""
        return replace(self, signed_in=False, is_new=True)


class Key:
    """A secret of this bridge, for cookies, and who signed out. May be used from any thread.

    Args:
        secret: the secret.
        ended: the numbers of sessions that signed out, the latest last.
    """

    def __init__(self, secret: bytes, *ended: str) -> None:
        self.secret = secret
        self._ended = dict.fromkeys(ended)
        self._file: Path | None = None
        self._lock = threading.Lock()

    def keep_in(self, folder: Path) -> None:
        """Keep it, so that nobody has to sign in again after a restart; unwritten, it serves until the end.

        Args:
            folder: of the data, made if it is not there.
        """
        with self._lock:
            self._file = _file_in(folder)
            self._write()

    def end(self, session: Session) -> None:
        """Whoever has a copy of this browser's cookie is not signed in any more."""
        with self._lock:
            self._ended[session.number] = None
            while len(self._ended) > _REMEMBERED:
                del self._ended[next(iter(self._ended))]
            self._write()

    def has_ended(self, number: str) -> bool:
        """Whether this session signed out."""
        return number in self._ended

    def _write(self) -> None:
        if self._file is None:
            return
        with suppress(FolderError, OSError):
            make(self._file.parent)
            with whole(self._file) as file:
                file.write("\n".join([self.secret.hex(), *self._ended]))


def known_key(folder: Path) -> Key:
    """The key that is kept in a data folder, or a new one, which is kept nowhere yet."""
    with suppress(OSError, ValueError):
        first, *ended = _file_in(folder).read_text("ascii").splitlines()
        secret = bytes.fromhex(first)
        if len(secret) == _KEY_LENGTH:
            return Key(secret, *ended)
    return Key(secrets.token_bytes(_KEY_LENGTH))


def _file_in(folder: Path) -> Path:
    return folder / "page.key"


class Sessions:
    """Reads and writes the cookie.

    Args:
        key: of this bridge.
        password: of the page; with another one, everybody has to sign in again.
        now: the present instant, aware.
    """

    def __init__(self, key: Key, password: str | None, now: Callable[[], datetime]) -> None:
        self._key, self._now = key, now
        of_this_password = sha256(f"{password}".encode()).hexdigest()
        of_this_bridge = sha256(key.secret).hexdigest()[:8]
        self._cookie = f"fluvius2mqtt-{of_this_bridge}"  # each bridge of a host has its own
        self._cookies = URLSafeSerializer(key.secret, salt=f"session {of_this_password}")
        self._forms = URLSafeSerializer(key.secret, salt="form")

    def of(self, request: Request) -> Session:
        """The browser that asks; it is told anew after a day, so that whoever comes back stays signed in."""
        match _opened(self._cookies, request.cookies.get(self._cookie, "")):
            case [str(number), bool(signed_in), int(at)] if self._age(at) < _A_MONTH:
                is_signed_in = signed_in and not self._key.has_ended(number)
                return Session(number, is_signed_in, is_new=self._age(at) > _A_DAY)
        return Session(secrets.token_urlsafe(16), is_new=True)

    def keep(self, session: Session, response: Response) -> None:
        """Have the browser bring it again."""
        text = self._cookies.dumps([session.number, session.signed_in, self._second()])
        response.set_cookie(self._cookie, text, max_age=_A_MONTH, httponly=True, samesite="Lax", path="/")

    def sign_out(self, session: Session) -> Session:
        """The same browser, as a stranger; so is everybody who has a copy of its cookie."""
        self._key.end(session)
        return session.after_sign_out()

    def token(self, session: Session) -> str:
        """What a form of ours carries, in this browser only."""
        return self._forms.dumps([session.number, self._second()])

    def is_ours(self, session: Session, token: str) -> bool:
        """Whether a form came from a page that this browser was given."""
        match _opened(self._forms, token):
            case [str(number), int(at)]:
                return self._age(at) < _A_MONTH and compare_digest(number, session.number)
        return False

    def _second(self) -> int:
        return int(self._now().timestamp())

    def _age(self, second: int) -> int:
        """In seconds: of what is of a later time, because the clock was wrong, as much."""
        return abs(self._second() - second)


def _opened(serializer: URLSafeSerializer, text: str) -> Any:
    try:
        return serializer.loads(text)
    except BadSignature:
        return None
