"""What is kept of a sign-in between runs: the token, or that Fluvius refused the credentials."""

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bridge.folder import write_private

_REFUSED_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token, and what renews it."""

    access_token: str
    expires_at: datetime  # aware
    refresh_token: str | None
    # A refresh token belongs to the sign-in that gave it, and so to these:
    authority: str = ""
    client_id: str = ""
    scope: str = ""

    def __repr__(self) -> str:
        return f"Token(expires_at={self.expires_at.isoformat()})"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Fluvius refused these credentials."""

    message: str
    at: datetime  # aware
    credentials: str  # their salted fingerprint
    salt: str
    step_needed: bool = False

    def still_counts(self, credentials: str, now: datetime) -> bool:
        """Whether trying again would be knocking on the same closed door."""
        return abs(now - self.at) < _REFUSED_FOR and self.credentials == _fingerprint(credentials, self.salt)


class TokenStore:
    """One account's token and refusal, in a file that only its owner can read.

    The file is read anew every time: `check` and `token` may have renewed the token meanwhile.
    """

    def __init__(self, path: Path, account: str) -> None:
        """Use a file.

        Args:
            path: the file; its folder exists.
            account: whose token this is; another account's token is not used.
        """
        self._path = path
        self._account = hashlib.sha256(account.encode()).hexdigest()

    @property
    def token(self) -> Token | None:
        """The token of the latest sign-in or renewal."""
        try:
            kept = self._load()["token"]
            texts = [kept[name] for name in ("access_token", "authority", "client_id", "scope")]
            if not all(isinstance(text, str) and text for text in texts):
                return None
            return Token(**{**kept, "expires_at": _aware(kept["expires_at"])})
        except (KeyError, TypeError, ValueError):
            return None

    @property
    def refusal(self) -> Refusal | None:
        """The latest refusal, unless a sign-in has succeeded since."""
        try:
            kept = self._load()["refusal"]
            return Refusal(**{**kept, "at": _aware(kept["at"])})
        except (KeyError, TypeError, ValueError):
            return None

    def keep_token(self, token: Token) -> None:
        """Keep a token; a refusal is forgotten.

        Raises:
            FolderError: the file cannot be written.
        """
        self._save(token={**asdict(token), "expires_at": token.expires_at.isoformat()})

    def keep_refusal(self, message: str, credentials: str, at: datetime, *, step_needed: bool) -> None:
        """Keep that these credentials were refused; the token is forgotten.

        Raises:
            FolderError: the file cannot be written.
        """
        salt = secrets.token_hex(16)
        refusal = Refusal(message, at, _fingerprint(credentials, salt), salt, step_needed)
        self._save(refusal={**asdict(refusal), "at": at.isoformat()})

    def prove_writable(self) -> None:
        """Keep what is kept: a refusal that could not be would lead to try after try.

        Raises:
            FolderError: the file cannot be written.
        """
        kept = self._load()
        kept.pop("account", None)
        self._save(**kept)

    def _load(self) -> dict[str, Any]:
        try:
            kept = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) and kept.get("account") == self._account else {}

    def _save(self, **kept: Any) -> None:
        write_private(self._path, json.dumps({"account": self._account, **kept}, allow_nan=False))


def _aware(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text} says no time zone")
    return instant


def _fingerprint(credentials: str, salt: str) -> str:
    """Slow on purpose: the file must not help anyone to guess the password."""
    return hashlib.pbkdf2_hmac("sha256", credentials.encode(), bytes.fromhex(salt), 200_000).hex()
