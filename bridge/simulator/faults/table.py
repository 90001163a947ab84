"""Everything that can go wrong at Fluvius. A new fault is a new row."""

from dataclasses import replace

from bridge.simulator.faults import answers, documents, events, offers, slots
from bridge.simulator.faults.alterations import leaving_out, putting, varying
from bridge.simulator.faults.answers import DATES, from_api, from_gateway, page
from bridge.simulator.faults.fault import Fault
from bridge.simulator.faults.variants import VARIANTS
from bridge.simulator.measurements import WRITINGS


def _odd_field(description: str, path: str, value: str | float, every: int = 1) -> Fault:
    parameters = {"path": path, "value": value, "every": every}
    return Fault(description, "energy", parameters, document=putting())


_ROWS = {
    # The portal: sign-in
    "wrong-password": Fault("every password is wrong (three of them lock the account)", "self-asserted"),
    "unknown-user": Fault("nobody is known by that e-mail address", "self-asserted"),
    "account-locked": Fault("the account is locked for a while", "self-asserted"),
    "extra-step": Fault(
        "a page asks for one more step (two-factor authentication, terms) instead of the redirect",
        "confirmed",
        {"title": "Verify your identity"},
    ),
    "redirect-error": Fault(
        "the sign-in ends with error and error_description",
        "confirmed",
        {"error": "access_denied", "description": "AADB2C90091: The user has cancelled the sign-in."},
    ),
    "wrong-state": Fault("the redirect carries another state", "confirmed"),
    "wrong-nonce": Fault("the id_token carries another nonce", "token"),
    "expired-token": Fault("access tokens are expired as soon as they are issued", "tokens"),
    "refresh-refused": Fault("refresh tokens are refused: 400 invalid_grant", "renewal"),
    "renamed-login-fields": Fault(
        "the configuration's keys and the sign-in page's fields have other, still legal, names", "pages"
    ),
    # The portal: HTTP
    "unauthorized": Fault("401, by default once", "readings", times=1, answer=answers.unauthorized),
    "too-many-requests": Fault(
        "429 with Retry-After in seconds", "readings", {"retry_after": 120}, answer=answers.too_many
    ),
    "too-many-requests-date": Fault(
        "429 with Retry-After as a date, so many simulated seconds from now",
        "readings",
        {"retry_after": 120},
        answer=answers.too_many_until,
    ),
    "bad-request": Fault("400", "readings", answer=from_gateway(400, "The range is not valid.")),
    "forbidden": Fault("403", "readings", answer=from_gateway(403, "Access is denied.")),
    "not-found": Fault("404", "readings", answer=from_gateway(404, "The EAN or meter was not found.")),
    "server-error": Fault("500", "readings", answer=from_gateway(500, "An unexpected error occurred.")),
    "bad-gateway": Fault("502, as a page", "readings", answer=page(502, "Bad Gateway")),
    "unavailable": Fault(
        "503, as a page, with Retry-After in seconds (0: without)",
        "readings",
        {"retry_after": 0},
        answer=page(503, "Service Unavailable"),
    ),
    "maintenance": Fault(
        "an HTML page with status 200",
        "readings",
        answer=page(
            200, "Onderhoud", "<p>Mijn Fluvius is even niet beschikbaar. Probeer het later opnieuw.</p>"
        ),
    ),
    "stall": Fault("nothing for so many real seconds, then the answer", "readings", {"seconds": 300.0}),
    "cut": Fault("the connection breaks halfway the answer", "readings"),
    "replace": Fault(
        "any body, content type, status, and place to be redirected to",
        "readings",
        {"body": b"[]", "content_type": "application/json", "status": 200, "location": ""},
        answer=answers.anything,
    ),
    "odd-date": Fault(
        f"the Date header of the answers is another: {', '.join(DATES)}", "all", {"variant": tuple(DATES)}
    ),
    # The portal: readings
    "missing-amounts": Fault(
        "one in so many amounts is left out, beginning with the first; a slot without amounts too",
        "readings",
        {"every": 7},
        slots=slots.without_amounts,
    ),
    "null-amounts": Fault(
        "one in so many amounts is null, beginning with the first",
        "readings",
        {"every": 7},
        slots=putting(slots.AMOUNTS),
    ),
    "not-validated": Fault(
        "the amounts' status is not 2", "readings", {"status": 1}, slots=putting("*.v.*.vs", "status")
    ),
    "impossible-amounts": Fault(
        "one in so many amounts is so large, beginning with the first",
        "readings-interval",
        {"every": 100_000, "amount": 999_999_999.999},
        slots=putting(slots.AMOUNTS, "amount"),
    ),
    "disagreeing-intervals": Fault(
        "the first amount of a day's quarter-hours or hours is so many Wh more than it was",
        "readings-interval",
        {"amount": 1000},
        slots=slots.first_raised,
    ),
    "uncorrected-intervals": Fault(
        "quarter-hours and hours as they were before any correction", "readings-interval"
    ),
    "overlapping-months": Fault("the monthly peaks of the year before too", "spikes"),
    "renamed-fields": Fault("the readings' fields have other names", "readings", slots=slots.renamed),
    "odd-json": Fault(
        f"JSON of the wrong shape: {', '.join(slots.ODD)}; by default each in turn",
        "readings",
        {"variant": ("each", *slots.ODD)},
        slots=varying(slots.ODD),
    ),
    "duplicate-slots": Fault("every slot twice", "readings", slots=slots.twice),
    "shuffled-slots": Fault("slots out of order", "readings", slots=slots.shuffled),
    "overlapping-slots": Fault("the neighbouring days' slots too, as far as they are published", "readings"),
    "granularity-changed": Fault(
        "the granularity codes mean something else: 1 hours, 2 days, 3 quarter-hours", "readings"
    ),
    "hours-for-quarters": Fault("hours where quarter-hours are asked", "readings-interval"),
    "late-day": Fault("every day appears so many days later than usual", "readings", {"days": 1}),
    "late-intervals": Fault(
        "quarter-hours appear so many hours after the day's amounts; partial: the first half is there",
        "readings-interval",
        {"hours": 24, "partial": False},
    ),
    # Events
    "correction-up": Fault(
        "a published day (default: of the first meter, the day before the latest) gets so many Wh more, "
        "so many simulated minutes from now",
        "",
        {"date": None, "amount": 500, "minutes": 0},
        event=events.correction(1),
    ),
    "correction-down": Fault(
        "the same, but less", "", {"date": None, "amount": 500, "minutes": 0}, event=events.correction(-1)
    ),
    "exchange": Fault(
        "the first meter is exchanged for another at noon of a day (default: the latest published)",
        "",
        {"date": None, "serial": "1SAG1100999999"},
        event=events.exchange,
    ),
    "provisional-gas": Fault(
        "the kWh of gas stand on a provisional calorific value for so many weeks, then on the definitive"
        f" one: other kWh, the same m³. gcuv is written in: {', '.join(WRITINGS)}",
        "",
        {"weeks": 6.0, "writing": WRITINGS},
        event=events.provisional_gas,
    ),
    # The Energy API: tokens
    "api-wrong-secret": Fault("the client secret is wrong: AADSTS7000215", "api-token"),
    "api-secret-expired": Fault("the client secret has expired: AADSTS7000222", "api-token"),
    "api-unknown-client": Fault("nobody knows the client id: AADSTS700016", "api-token"),
    "api-certificate-unknown": Fault("the certificate is not registered: AADSTS700027", "api-token"),
    "api-certificate-expired": Fault("the certificate has expired: AADSTS700027", "api-token"),
    "api-token-expired": Fault("every access token has just expired, by default once", "energy-api", times=1),
    "api-key-refused": Fault("the subscription key is refused: 401", "energy-api"),
    # The Energy API: HTTP
    "api-bad-request": Fault(
        "400 with a validation message",
        "energy",
        {"message": "'to' must not lie in the future."},
        answer=answers.invalid,
    ),
    "api-forbidden": Fault(
        "403", "energy", answer=from_api(403, "Forbidden", "There is no mandate for this EAN.")
    ),
    "api-not-found": Fault("404", "energy", answer=from_api(404, "NotFound", "The headpoint was not found.")),
    "api-server-error": Fault(
        "500", "energy-api", answer=from_api(500, "TechnicalError", "An unexpected error occurred.")
    ),
    "api-unavailable": Fault(
        "503, with Retry-After in seconds (0: without)",
        "energy-api",
        {"retry_after": 0},
        answer=from_api(503, "TechnicalError", "The service is unavailable."),
    ),
    "api-too-many-requests": Fault(
        "429, with Retry-After in seconds (0: without)",
        "energy-api",
        {"retry_after": 120},
        answer=from_api(429, "TooManyRequests", "Rate limit is exceeded. Try again later."),
    ),
    "api-page": Fault(
        "an HTML page with status 200",
        "energy-api",
        answer=page(200, "Onderhoud", "<p>De API is even niet beschikbaar.</p>"),
    ),
    # The Energy API: documents
    "api-missing-field": Fault(
        "the fields at a path are left out, one in so many; * is any key, ** any number of them",
        "energy",
        {"path": "**.value", "every": 7},
        document=leaving_out(),
    ),
    "api-null-field": Fault(
        "the fields at a path are null, one in so many",
        "energy",
        {"path": "**.value", "every": 7},
        document=putting(),
    ),
    "api-unknown-type": _odd_field(
        "a $type of headpoint of which nobody heard", "data.headpoint.$type", "metering-on-moon"
    ),
    "api-unknown-unit": _odd_field("amounts in a unit of which nobody heard", "**.unit", "BTU"),
    "api-unknown-state": _odd_field(
        "amounts in a validation state of which nobody heard", "**.validationState", "FOO"
    ),
    "api-odd-json": Fault(
        f"JSON of the wrong shape: {', '.join(documents.ODD)}; by default each in turn",
        "energy",
        {"variant": ("each", *documents.ODD)},
        document=varying(documents.ODD),
    ),
    "api-duplicate-slots": Fault("every slot twice", "energy", document=documents.twice),
    "api-overlapping-slots": Fault(
        "every slot also of a day long before and of one long after", "energy", document=documents.overlapping
    ),
    "api-impossible-amounts": _odd_field(
        "one in so many amounts is so large, beginning with the first",
        "**.value",
        999_999_999.999,
        every=100_000,
    ),
    "api-disagreeing-intervals": Fault(
        "the last quarter-hour or hour consumed so many Wh more than it did",
        "energy",
        {"amount": 1000},
        document=documents.last_raised,
    ),
    "api-other-ean": _odd_field(
        "the answer is about another EAN", "data.headpoint.ean", "541448820000000022"
    ),
    "api-other-energy": _odd_field(
        "the answer is about another energy: E or G", "data.headpoint.energyType", "G"
    ),
    "api-shuffled-slots": Fault("slots out of order", "energy", document=documents.shuffled),
    # The Energy API: mandates
    "api-mandate-ended": Fault(
        "the mandate of the EAN that is asked for is finished from now on; meant for after=N",
        "energy",
        times=1,
    ),
    "api-short-url-failed": Fault("no short URL: status failed", "short-url", answer=answers.no_short_url),
    # Day-ahead prices; for HTTP see the portal's with where=day-ahead
    "prices-null": Fault(
        "one in so many prices is null, beginning with the first",
        "day-ahead",
        {"every": 7},
        document=putting("steps.*.price"),
    ),
    "prices-hole": Fault(
        "so many steps are left out, from the one of that number on",
        "day-ahead",
        {"first": 110, "steps": 6},
        document=offers.with_hole,
    ),
    "prices-other-unit": Fault(
        "prices in another unit", "day-ahead", {"unit": "kWh"}, document=putting("unit", "unit")
    ),
    "prices-other-zone": Fault(
        "prices of another zone", "entsoe", {"zone": "10YNL----------L"}, document=putting("zone", "zone")
    ),
    "prices-unequal": Fault("a price less than there are starts", "energy-charts"),
    "prices-twice": Fault(
        "every step twice, the second time so many EUR/MWh more",
        "energy-charts",
        {"difference": 0.0},
        document=offers.twice,
    ),
    "prices-hourly": Fault(
        "hours, with the mean of their quarter-hours", "day-ahead", document=offers.in_hours
    ),
    "prices-empty": Fault(
        "nothing is there; Energy-Charts says so with that status",
        "day-ahead",
        {"status": 200},
        document=offers.empty,
    ),
    "prices-other-day": Fault(
        "the prices are said to be those of so many days later",
        "day-ahead",
        {"days": 28},
        document=offers.of_another_day,
    ),
    "prices-token-refused": Fault("the token is refused: 401", "entsoe"),
}
FAULTS = {name: replace(fault, name=name) for name, fault in _ROWS.items()}
CATALOG = FAULTS | VARIANTS


def find(name: str) -> Fault:
    """The fault or variant of that name.

    Raises:
        ValueError: there is none; the message lists them.
    """
    if name not in CATALOG:
        raise ValueError(f"no fault is called {name!r}; there are: {', '.join(sorted(CATALOG))}")
    return CATALOG[name]
