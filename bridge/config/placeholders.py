"""What stands in the example and in the documentation, and is nobody's: Fluvius must not be asked with it."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from bridge.config.keys import KeyPath, advice, at
from bridge.text.hosts import is_this_machine

_EMAIL = re.compile(r".*@(.*\.)?example(\.(com|org|net|be))?", re.IGNORECASE)
_PASSWORDS = {"your password", "your-password"}
_NOTHING = re.compile(r"[0.-]+|https?://example\.com\b.*", re.IGNORECASE)
_EAN, _SERIAL = "541448820000000008", "1SAG1100042062"


def placeholders(tree: Any) -> Iterator[tuple[KeyPath, str]]:
    """Where one was left; `simulate` on this machine has the same on purpose."""
    portal, energy_api = ("fluvius", "portal"), ("fluvius", "energy_api")
    if isinstance(at(tree, *portal), dict) and not _is_here(at(tree, *portal, "url")):
        yield from _of_portal(tree, portal)
    if isinstance(at(tree, *energy_api), dict) and not _is_here(at(tree, *energy_api, "url")):
        for key in "tenant_id", "client_id", "scope", "contract_number":
            if _NOTHING.fullmatch(str(at(tree, *energy_api, key) or "")):
                yield _left((*energy_api, key))


def _of_portal(tree: Any, portal: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if _EMAIL.fullmatch(str(at(tree, *portal, "email") or "")):
        yield _left((*portal, "email"))
    if str(at(tree, *portal, "password")) in _PASSWORDS:
        yield _left((*portal, "password"))
    meters = at(tree, "meters")
    for index, meter in enumerate(meters) if isinstance(meters, list) else ():
        ean, serial = (re.sub(r"\s", "", str(at(meter, key)).upper()) for key in ("ean", "serial"))
        if serial == _SERIAL:
            if ean == _EAN:
                yield _left(("meters", index, "ean"))
            yield _left(("meters", index, "serial"))


def _left(path: KeyPath) -> tuple[KeyPath, str]:
    return path, f"is still that of the example; {advice(path)}"


def _is_here(url: Any) -> bool:
    try:
        return is_this_machine(urlsplit(str(url)).hostname or "")
    except ValueError:
        return False
