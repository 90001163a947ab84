"""Where a password, a code or a refresh token may travel, whatever a page says."""

import re
from urllib.parse import urlsplit

from bridge.fluvius.errors import ShapeChanged
from bridge.text.hosts import is_this_machine

# After the host comes its end, so that no two programs read another host in the same address.
_HOST = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(?=[/?#]|\Z)", re.IGNORECASE
)
_MICROSOFTS = (
    "b2clogin.com",
    "ciamlogin.com",
    "login.microsoftonline.com",
)  # sign-in pages, and nothing else
_NAMED = 80  # characters of an odd address


def trusted(url: str, home: str) -> str:
    """The address, if it may have what only Fluvius may know.

    Trusted is the host of an address that the user wrote, its siblings under the same domain, and those where
    Microsoft signs people in.

    Args:
        url: the address that a page or an answer names.
        home: the address that the user wrote.

    Raises:
        ShapeChanged: it may not, or it is not encrypted; names the host.
    """
    found = _HOST.match(url)
    if found is None:
        place = ascii(re.split(r"[?#]", url)[0][:_NAMED])
        raise ShapeChanged(f"Fluvius sends the sign-in to an address that is not secure, {place}")
    host = _plain(found["host"])
    if found["scheme"].lower() == "http" and not is_this_machine(host):
        raise ShapeChanged(f"Fluvius sends the sign-in to {host} by an address that is not secure")
    ours = _plain(urlsplit(home).hostname or "")
    if host != ours and not any(_is_under(host, domain) for domain in (*_domains(ours), *_MICROSOFTS)):
        raise ShapeChanged(
            f"Fluvius sends the sign-in to {host}, which is neither Fluvius's nor Microsoft's;"
            " nothing was sent there"
        )
    return url


def _plain(host: str) -> str:
    return host.lower().strip("[]").removesuffix(".")


def _domains(host: str) -> tuple[str, ...]:
    """`fluvius.be` for `mijn.fluvius.be`; an IP address and a single name have no siblings."""
    labels = host.split(".")
    return (".".join(labels[-2:]),) if len(labels) > 1 and labels[-1].isalpha() else ()


def _is_under(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")
