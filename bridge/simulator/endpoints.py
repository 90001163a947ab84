"""The endpoints of the portal and of the Energy API by their names: faults and counts use these."""

PORTAL = (
    "config",
    "authorize",
    "redirect",  # every 302 the client follows inside the sign-in
    "self-asserted",
    "confirmed",
    "token",  # a code for tokens
    "renewal",  # a refresh token for tokens
    "readings-day",
    "readings-interval",
    "spikes",
    "elsewhere",
)
ENERGY_API = (
    "openid-configuration",
    "api-token",
    "mandates",
    "energy",
    "installation",
    "short-url",
    "landing-page",  # where a short URL leads the customer
    "mock",
    "api-elsewhere",
)
ENDPOINTS = (*PORTAL, *ENERGY_API)
GROUPS = {
    "sign-in": ("self-asserted",),
    "pages": ("config", "authorize"),
    "tokens": ("token", "renewal"),
    "readings": ("readings-day", "readings-interval"),
    "measurements": ("readings-day", "readings-interval", "spikes"),
    "portal": PORTAL,
    "energy-api": ("mandates", "energy", "installation", "short-url", "mock", "api-elsewhere"),
    "all": ENDPOINTS,
}


def endpoints(where: str) -> tuple[str, ...]:
    """The endpoints of a group, or the one endpoint.

    Raises:
        ValueError: there is no such place.
    """
    if where in GROUPS:
        return GROUPS[where]
    if where not in ENDPOINTS:
        raise ValueError(f"no place is called {where!r}; there are: {', '.join((*ENDPOINTS, *GROUPS))}")
    return (where,)
