"""The endpoints of Fluvius and of the price services by their names: faults and counts use these."""

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
DAY_AHEAD = ("energy-charts", "entsoe")
ENDPOINTS = (*PORTAL, *ENERGY_API, *DAY_AHEAD)
GROUPS = {
    "sign-in": ("self-asserted",),
    "pages": ("config", "authorize"),
    "tokens": ("token", "renewal"),
    "readings": ("readings-day", "readings-interval"),
    "measurements": ("readings-day", "readings-interval", "spikes"),
    "portal": PORTAL,
    "energy-api": ("mandates", "energy", "installation", "short-url", "mock", "api-elsewhere"),
    "day-ahead": DAY_AHEAD,
    "all": (*PORTAL, *ENERGY_API),  # of Fluvius
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
