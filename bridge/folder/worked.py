"""By which credentials an account was last opened: others that were refused do not hold these up."""

import secrets
from collections.abc import Callable
from pathlib import Path

from bridge.folder import private

Fingerprint = Callable[[str], str]  # of credentials, by a salt


class Worked:
    """Kept in a private file, for each account.

    Args:
        path: the file.
        account: whose; not in clear text.
    """

    def __init__(self, path: Path, account: str) -> None:
        self._path, self._account = path, account

    def are(self, fingerprint: Fingerprint) -> bool:
        """Whether it was by these."""
        salt, _, kept = str(self._kept().get(self._account)).partition(" ")
        try:
            return bool(salt) and fingerprint(salt) == kept
        except ValueError:  # it is damaged
            return False

    def keep(self, fingerprint: Fingerprint | None) -> None:
        """It was by these; None: they are no good any more.

        Raises:
            FolderError: the file cannot be written.
        """
        salt = secrets.token_hex(16)
        these = f"{salt} {fingerprint(salt)}" if fingerprint else ""
        private.replace(self._path, worked=self._kept() | {self._account: these})

    def _kept(self) -> dict[str, str]:
        kept = private.parts(self._path).get("worked")
        return kept if isinstance(kept, dict) else {}
