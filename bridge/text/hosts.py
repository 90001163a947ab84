"""Whose machine an address names."""

from ipaddress import ip_address


def is_this_machine(host: str) -> bool:
    """Whether what is sent to a host stays on this machine: it may go unencrypted, and needs no proxy."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
