"""How Fluvius may be as well: what nobody knows for sure, and what is strict only as a matter of taste.

None of it is a fault, and a client has to live with each. The simulator is the other way round until told.
"""

from dataclasses import replace

from bridge.simulator.faults import events, slots
from bridge.simulator.faults.fault import Fault

_ROWS = {
    # The portal: sign-in
    "browsers-only": Fault("403 for a User-Agent that is no browser's", "portal"),
    "strict-sign-in": Fault(
        "the sign-in demands state, nonce, prompt, client_info and login_hint", "authorize"
    ),
    "braces-in-strings": Fault(
        "the sign-in page has }; in its strings and declares its variables with let and const", "pages"
    ),
    # The portal: readings
    "accept-demanded": Fault("406 where Accept does not name application/json", "all"),
    "local-offsets-only": Fault(
        "moments must have milliseconds (else 400) and the offset of Brussels at that instant (else [])",
        "measurements",
    ),
    "serial-demanded": Fault("404 without the serial number of a meter", "measurements"),
    "display-mode-demanded": Fault(
        "400 without mandateDisplayMode=1 where quarter-hours or hours are asked", "readings-interval"
    ),
    "granularity-3-quarters": Fault("code 3 means quarter-hours and not days", "readings"),
    "several-days-of-intervals": Fault(
        "a window of several days gives the quarter-hours or hours of all of them", "readings-interval"
    ),
    "short-spans": Fault("400 for a window of more than so many days", "readings", {"days": 20}),
    "gas-by-calendar-days": Fault(
        "the gas day is found by the calendar day of its name only: other windows give []", "readings"
    ),
    "gas-delay": Fault(
        "gas appears so many hours after its day", "", {"hours": 24.0}, event=events.gas_delay
    ),
    "reactive-energy": Fault("slots count reactive energy too", "readings", slots=slots.with_reactive_energy),
    "no-running-month": Fault("a month's peak appears when the month is over", "spikes"),
    "unknown-ean-forbidden": Fault(
        "403 and not 404 for an EAN or a serial number that is not yours", "measurements"
    ),
    # The Energy API
    "api-strict": Fault(
        "every parameter is demanded, in its own case, and moments only as 2026-11-01T00:00:00Z", "energy-api"
    ),
    "api-other-errors": Fault(
        "errors in camelCase, or as the gateway writes them: camel, gateway",
        "energy-api",
        {"writing": ("camel", "gateway")},
    ),
    "api-unknown-ean-not-found": Fault("404 and not 403 for an EAN without a mandate", "energy"),
    "api-utc-days": Fault("days begin at 00:00 UTC", "energy"),
    "api-days-from-asked": Fault("days begin at the time of day that was asked from", "energy"),
    "api-gas-days-from-midnight": Fault("gas days begin at midnight: 22:00 or 23:00 UTC", "energy"),
    "api-last-slot-missing": Fault("the last quarter-hour or hour before 'to' is not given", "energy"),
    "api-short-spans": Fault("400 for a span of more than so many days", "energy", {"days": 100}),
}
VARIANTS = {name: replace(variant, name=name) for name, variant in _ROWS.items()}
