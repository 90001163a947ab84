"""Whose machine an address names, and how one is written."""

import os
from ipaddress import ip_address
from urllib.parse import urlsplit


def is_this_machine(host: str) -> bool:
    """Whether what is sent to a host stays on this machine: it may go unencrypted, and needs no proxy."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def is_called_as_this_machine(host_header: str) -> bool:
    """Whether a `Host` header, with a port or without, is a name of this machine; a broken one is none."""
    try:
        return is_this_machine(urlsplit(f"//{host_header}").hostname or "")
    except ValueError:  # half of an IPv6 address
        return False


def in_url(host: str) -> str:
    """A host as it stands in an address: one of IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def why_not_to_be_had(error: OSError) -> str:
    """Why an address or a port is not to be had; of a name that is not found the system has no words."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
