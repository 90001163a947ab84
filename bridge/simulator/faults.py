"""Everything that can go wrong at Fluvius, by name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random
from typing import TYPE_CHECKING, Any

from bridge.simulator.energy_faults import CATALOG as ENERGY_API_CATALOG
from bridge.simulator.fault import Alteration, Answer, Fault, Parameters, variant
from bridge.simulator.web import Request, Response, Strike, as_json, as_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ENERGY_API = (
    "openid-configuration",
    "api-token",
    "mandates",
    "energy",
    "short-url",
    "landing-page",  # where a short URL leads the customer
    "mock",
    "api-elsewhere",
)
ENDPOINTS = (
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
    *ENERGY_API,
)
GROUPS = {
    "sign-in": ("self-asserted",),
    "pages": ("config", "authorize"),
    "tokens": ("token", "renewal"),
    "readings": ("readings-day", "readings-interval"),
    "energy-api": ("mandates", "energy", "short-url", "mock", "api-elsewhere"),
    "all": ENDPOINTS,
}

WRITINGS = ("letters", "words", "null", "number")  # of gcuv, of which nobody knows how Fluvius writes it

Slots = list[dict[str, Any]]


@dataclass
class ActiveFault:
    """A fault that is switched on."""

    fault: Fault
    parameters: Parameters
    where: tuple[str, ...]
    times: int | None
    after: int
    ean: str | None
    hits: int = 0
    passed: int = 0

    def strikes(self, endpoint: str, ean: str | None) -> bool:
        """Whether it hits this request; counts."""
        if endpoint not in self.where or self.ean not in (None, ean) or self.spent:
            return False
        if self.passed < self.after:
            self.passed += 1
            return False
        self.hits += 1
        return True

    @property
    def spent(self) -> bool:
        """Whether it has hit as often as it was told to."""
        return self.times is not None and self.hits >= self.times


class Faults:
    """The faults that are switched on."""

    def __init__(self) -> None:
        self.active: list[ActiveFault] = []

    def add(
        self,
        name: str,
        *,
        times: int | None = None,
        after: int = 0,
        where: str | None = None,
        ean: str | None = None,
        **parameters: Any,
    ) -> None:
        """Switches a fault on.

        Raises:
            ValueError: unknown name, place or parameter, with the known ones.
        """
        fault = find(name)
        self.active.append(
            ActiveFault(
                fault=fault,
                parameters=complete(fault, parameters),
                where=endpoints(where or fault.where),
                times=fault.times if times is None else int(times),
                after=int(after),
                ean=ean,
            )
        )

    def clear(self, name: str | None = None) -> None:
        """Switches one fault off, or all of them."""
        self.active = [each for each in self.active if name not in (None, each.fault.name)]

    def strike(self, endpoint: str, ean: str | None) -> dict[str, Strike]:
        """The faults that hit this request, by name."""
        return {
            each.fault.name: Strike(each.parameters, each.hits - 1)
            for each in self.active
            if each.strikes(endpoint, ean)
        }


def find(name: str) -> Fault:
    """The fault of that name.

    Raises:
        ValueError: there is none; the message lists them.
    """
    if name not in EVERY_FAULT:
        raise ValueError(f"no fault is called {name!r}; there are: {', '.join(sorted(EVERY_FAULT))}")
    return EVERY_FAULT[name]


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


def complete(fault: Fault, parameters: Parameters) -> Parameters:
    """The given parameters in the type of their defaults, and the defaults of the others.

    Raises:
        ValueError: unknown parameter or wrong type.
    """
    for name in parameters:
        if name not in fault.parameters:
            known = ", ".join(fault.parameters) or "none of its own"
            raise ValueError(f"{fault.name} has no parameter {name!r}; it has: {known}")
    given = {name: _like(fault.parameters[name], value) for name, value in parameters.items()}
    for name, choices in fault.choices.items():
        if given.get(name, choices[0]) not in choices:
            raise ValueError(f"{fault.name}: {name} must be one of {', '.join(choices)}")
    return {**fault.parameters, **given}


def _like(default: Any, value: Any) -> Any:
    if isinstance(default, bool):
        return str(value).lower() in ("true", "yes", "1")
    if isinstance(default, bytes):
        return value.encode() if isinstance(value, str) else value
    if isinstance(default, int | float):
        return type(default)(value)
    return value


def instead_of_answering(request: Request) -> Response | None:
    """The answer of the first fault that has one of its own."""
    for name, strike in request.strikes.items():
        if answer := EVERY_FAULT[name].answer:
            return answer(strike.parameters, request)
    return None


def altered(slots: Slots, strikes: Mapping[str, Strike]) -> Any:
    """The slots as the faults leave them; perhaps no list any more."""
    content: Any = slots
    for name, strike in strikes.items():
        alteration = CATALOG[name].alteration if name in CATALOG else None
        if alteration is not None and isinstance(content, list):
            content = alteration(content, strike)
    return content


def _status(status: int, message: str) -> Answer:
    def answer(_parameters: Parameters, _request: Request) -> Response:
        return as_json({"statusCode": status, "message": message}, status)

    return answer


def _page(status: int, title: str) -> Answer:
    return lambda _parameters, _request: as_page(title, status=status)


def _maintenance(_parameters: Parameters, _request: Request) -> Response:
    return as_page("Onderhoud", "<p>Mijn Fluvius is even niet beschikbaar. Probeer het later opnieuw.</p>")


def _unauthorized(_parameters: Parameters, _request: Request) -> Response:
    response = as_json({"statusCode": 401, "message": "The access token is no longer accepted."}, 401)
    response.headers.append(("WWW-Authenticate", 'Bearer error="invalid_token"'))
    return response


def _too_many(parameters: Parameters, _request: Request) -> Response:
    response = as_json({"statusCode": 429, "message": "Rate limit is exceeded."}, 429)
    response.headers.append(("Retry-After", str(parameters["retry_after"])))
    return response


def _too_many_until(parameters: Parameters, request: Request) -> Response:
    response = as_json({"statusCode": 429, "message": "Rate limit is exceeded."}, 429)
    moment = request.now + timedelta(seconds=parameters["retry_after"])
    response.headers.append(("Retry-After", _http_date(moment)))
    return response


def _unavailable(parameters: Parameters, _request: Request) -> Response:
    response = as_page("Service Unavailable", status=503)
    if parameters["retry_after"]:
        response.headers.append(("Retry-After", str(parameters["retry_after"])))
    return response


def _replace(parameters: Parameters, _request: Request) -> Response:
    return Response(parameters["status"], parameters["body"], parameters["content_type"])


def _every(slots: Slots, step: int) -> Iterable[tuple[dict[str, Any], dict[str, Any]]]:
    """Every so manieth entry of all slots, with its slot, beginning with the first."""
    entries = [(slot, entry) for slot in slots for entry in slot["v"]]
    return entries[:: max(1, step)]


def _missing_amounts(slots: Slots, strike: Strike) -> Slots:
    for slot, entry in _every(slots, strike.parameters["every"]):
        slot["v"].remove(entry)
    return [slot for slot in slots if slot["v"]]


def _null_amounts(slots: Slots, strike: Strike) -> Slots:
    for _, entry in _every(slots, strike.parameters["every"]):
        entry["v"] = None
    return slots


def _not_validated(slots: Slots, strike: Strike) -> Slots:
    for slot in slots:
        for entry in slot["v"]:
            entry["vs"] = strike.parameters["status"]
    return slots


def _impossible(slots: Slots, strike: Strike) -> Slots:
    for _, entry in _every(slots, strike.parameters["every"]):
        entry["v"] = strike.parameters["amount"]
    return slots


def _disagreeing(slots: Slots, strike: Strike) -> Slots:
    for entry in [entry for slot in slots for entry in slot["v"]][:1]:
        entry["v"] = round(entry["v"] + strike.parameters["amount"] / 1000, 3)
    return slots


def _renamed(slots: Slots, _strike: Strike) -> Slots:
    names = {"d": "from", "de": "until", "v": "values", "dc": "register", "t": "direction", "u": "unit"}
    return [
        {names[key]: slot[key] for key in ("d", "de")}
        | {"values": [{names.get(key, key): value for key, value in entry.items()} for entry in slot["v"]]}
        for slot in slots
    ]


def _twice(slots: Slots, _strike: Strike) -> Slots:
    return [slot for slot in slots for _ in range(2)]


def _shuffled(slots: Slots, strike: Strike) -> Slots:
    Random(strike.number).shuffle(slots)
    return slots


def _with_entries(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Alteration:
    return lambda slots, _strike: [{**slot, "v": [change(entry) for entry in slot["v"]]} for slot in slots]


def _http_date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)


A_WEEK = timedelta(days=7)
DATES: dict[str, Callable[[datetime], list[tuple[str, str]]]] = {
    "missing": lambda _: [],
    "no-date": lambda _: [("Date", "zaterdag")],
    "empty": lambda _: [("Date", "")],
    "cached": lambda now: [("Date", _http_date(now - A_WEEK)), ("Age", str(7 * 24 * 3600))],
    "cached-oddly": lambda now: [("Date", _http_date(now - A_WEEK)), ("Age", "a week")],
}

ODD: dict[str, Alteration] = {
    "object": lambda slots, _: {"items": slots, "count": len(slots)},
    "text-amounts": _with_entries(lambda entry: {**entry, "v": f"{entry['v']} kWh"}),
    "unknown-codes": _with_entries(lambda entry: {**entry, "dc": 9, "t": 7, "u": 42}),
    "extra-fields": lambda slots, _: [{**slot, "extra": {"v": [1, None]}, "x": "}"} for slot in slots],
    "null": lambda _slots, _strike: None,
    "nulls": lambda slots, _: [None for _ in slots],
    "values-no-list": lambda slots, _: [{**slot, "v": 9.133} for slot in slots],
    "times-no-times": lambda slots, _: [{**slot, "d": 20261118, "de": "tomorrow"} for slot in slots],
}


def _odd(slots: Slots, strike: Strike) -> Any:
    return variant(ODD, strike)(slots, strike)


CATALOG: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        # Sign-in
        Fault("wrong-password", "every password is wrong (three of them lock the account)", "self-asserted"),
        Fault("unknown-user", "nobody is known by that e-mail address", "self-asserted"),
        Fault("account-locked", "the account is locked for a while", "self-asserted"),
        Fault(
            "extra-step",
            "a page asks for one more step (two-factor authentication, terms) instead of the redirect",
            "confirmed",
            {"title": "Verify your identity"},
        ),
        Fault(
            "redirect-error",
            "the sign-in ends with error and error_description",
            "confirmed",
            {"error": "access_denied", "description": "AADB2C90091: The user has cancelled the sign-in."},
        ),
        Fault("wrong-state", "the redirect carries another state", "confirmed"),
        Fault("wrong-nonce", "the id_token carries another nonce", "token"),
        Fault("expired-token", "access tokens are expired as soon as they are issued", "tokens"),
        Fault("refresh-refused", "refresh tokens are refused: 400 invalid_grant", "renewal"),
        Fault(
            "renamed-login-fields",
            "the configuration's keys and the sign-in page's fields have other, still legal, names",
            "pages",
        ),
        # HTTP
        Fault("unauthorized", "401, by default once", "readings", times=1, answer=_unauthorized),
        Fault(
            "too-many-requests",
            "429 with Retry-After in seconds",
            "readings",
            {"retry_after": 120},
            answer=_too_many,
        ),
        Fault(
            "too-many-requests-date",
            "429 with Retry-After as a date, so many simulated seconds from now",
            "readings",
            {"retry_after": 120},
            answer=_too_many_until,
        ),
        Fault("bad-request", "400", "readings", answer=_status(400, "The range is not valid.")),
        Fault("forbidden", "403", "readings", answer=_status(403, "Access is denied.")),
        Fault("not-found", "404", "readings", answer=_status(404, "The EAN or meter was not found.")),
        Fault("server-error", "500", "readings", answer=_status(500, "An unexpected error occurred.")),
        Fault("bad-gateway", "502, as a page", "readings", answer=_page(502, "Bad Gateway")),
        Fault(
            "unavailable",
            "503, as a page, with Retry-After in seconds (0: without)",
            "readings",
            {"retry_after": 0},
            answer=_unavailable,
        ),
        Fault("maintenance", "an HTML page with status 200", "readings", answer=_maintenance),
        Fault("stall", "nothing for so many real seconds, then the answer", "readings", {"seconds": 300.0}),
        Fault("cut", "the connection breaks halfway the answer", "readings"),
        Fault(
            "replace",
            "any body, content type and status",
            "readings",
            {"body": b"[]", "content_type": "application/json", "status": 200},
            answer=_replace,
        ),
        Fault(
            "odd-date",
            f"the Date header of the answers is another: {', '.join(DATES)}",
            "all",
            {"variant": "missing"},
            choices={"variant": tuple(DATES)},
        ),
        # Readings
        Fault(
            "missing-amounts",
            "one in so many amounts is left out, beginning with the first; a slot without amounts too",
            "readings",
            {"every": 7},
            alteration=_missing_amounts,
        ),
        Fault(
            "null-amounts",
            "one in so many amounts is null, beginning with the first",
            "readings",
            {"every": 7},
            alteration=_null_amounts,
        ),
        Fault(
            "not-validated",
            "the amounts' status is not 2",
            "readings",
            {"status": 1},
            alteration=_not_validated,
        ),
        Fault(
            "impossible-amounts",
            "one in so many amounts is so large, beginning with the first",
            "readings-interval",
            {"every": 100_000, "amount": 999_999_999.999},
            alteration=_impossible,
        ),
        Fault(
            "disagreeing-intervals",
            "the first amount of a day's quarter-hours or hours is so many Wh more than it was",
            "readings-interval",
            {"amount": 1000},
            alteration=_disagreeing,
        ),
        Fault(
            "uncorrected-intervals",
            "quarter-hours and hours as they were before any correction",
            "readings-interval",
        ),
        Fault("overlapping-months", "the monthly peaks of the year before too", "spikes"),
        Fault("renamed-fields", "the readings' fields have other names", "readings", alteration=_renamed),
        Fault(
            "odd-json",
            f"JSON of the wrong shape: {', '.join(ODD)}; by default each in turn",
            "readings",
            {"variant": "each"},
            alteration=_odd,
            choices={"variant": ("each", *ODD)},
        ),
        Fault("duplicate-slots", "every slot twice", "readings", alteration=_twice),
        Fault("shuffled-slots", "slots out of order", "readings", alteration=_shuffled),
        Fault(
            "overlapping-slots", "the neighbouring days' slots too, as far as they are published", "readings"
        ),
        Fault(
            "granularity-changed",
            "the granularity codes mean something else: 1 hours, 2 days, 3 quarter-hours",
            "readings",
        ),
        Fault("hours-for-quarters", "hours where quarter-hours are asked", "readings-interval"),
        Fault(
            "late-day",
            "every day appears so many days later than usual",
            "readings",
            {"days": 1},
        ),
        Fault(
            "late-intervals",
            "quarter-hours appear so many hours after the day's amounts; partial: the first half is there",
            "readings-interval",
            {"hours": 24, "partial": False},
        ),
        # Events
        Fault(
            "correction-up",
            "a published day (default: of the first meter, the day before the latest) gets so many Wh more, "
            "so many simulated minutes from now",
            "",
            {"date": None, "amount": 500, "minutes": 0},
        ),
        Fault("correction-down", "the same, but less", "", {"date": None, "amount": 500, "minutes": 0}),
        Fault(
            "exchange",
            "the first meter is exchanged for another at noon of a day (default: the latest published)",
            "",
            {"date": None, "serial": "1SAG1100999999"},
        ),
        Fault(
            "provisional-gas",
            "the kWh of gas stand on a provisional calorific value for so many weeks, then on the definitive"
            f" one: other kWh, the same m³. gcuv is written in: {', '.join(WRITINGS)}",
            "",
            {"weeks": 6.0, "writing": "letters"},
            choices={"writing": WRITINGS},
        ),
    )
}
EVERY_FAULT = CATALOG | ENERGY_API_CATALOG


def parse_moment(value: Any) -> datetime:
    """An aware moment in UTC.

    Raises:
        ValueError: it is no moment, or it has no offset.
    """
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError(f"{value} has no offset: write for example {value}+01:00")
    return moment.astimezone(UTC)
