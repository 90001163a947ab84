"""Everything that can go wrong at the Energy API, by name."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from bridge.simulator.fault import Fault, variant
from bridge.simulator.web import Response, Strike, api_error, as_json, as_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bridge.simulator.fault import Answer, Parameters
    from bridge.simulator.web import Request

LISTS = ("dailyEnergy", "hourlyEnergy", "quarterHourlyEnergy")


def altered_document(content: Any, strikes: Mapping[str, Strike]) -> Any:
    """A document as the faults leave it."""
    for name, strike in strikes.items():
        if name in CATALOG and (alteration := CATALOG[name].alteration):
            content = alteration(content, strike)
    return content


def places(content: Any, path: str) -> Iterator[tuple[Any, Any]]:
    """Every place that a path leads to: the object or list, and the key or index in it.

    A path is keys with points between them; `*` is any key or index, `**` any number of them.
    """
    yield from _places(content, path.split("."))


def _places(content: Any, parts: list[str]) -> Iterator[tuple[Any, Any]]:
    first, rest = parts[0], parts[1:]
    if first == "**":
        yield from _places(content, rest)
    for key in _keys(content):
        if first == "**":
            yield from _places(content[key], parts)
        elif first in ("*", str(key)):
            if rest:
                yield from _places(content[key], rest)
            else:
                yield content, key


def _keys(content: Any) -> list[Any]:
    if isinstance(content, dict):
        return list(content)
    return list(range(len(content))) if isinstance(content, list) else []


def _chosen(content: Any, strike: Strike) -> list[tuple[Any, Any]]:
    """One in so many of the places, beginning with the first."""
    return list(places(content, strike.parameters["path"]))[:: max(1, strike.parameters["every"])]


def _without(content: Any, strike: Strike) -> Any:
    for holder, key in reversed(_chosen(content, strike)):
        del holder[key]
    return content


def _with(content: Any, strike: Strike) -> Any:
    for holder, key in _chosen(content, strike):
        holder[key] = strike.parameters.get("value")
    return content


def _slot_lists(content: Any) -> list[list[Any]]:
    found = [holder[key] for name in LISTS for holder, key in places(content, f"**.{name}")]
    return [slots for slots in found if isinstance(slots, list)]


def _twice(content: Any, _strike: Strike) -> Any:
    for slots in _slot_lists(content):
        slots[:] = [slot for slot in slots for _ in range(2)]
    return content


def _shuffled(content: Any, strike: Strike) -> Any:
    for slots in _slot_lists(content):
        Random(strike.number).shuffle(slots)
    return content


def _overlapping(content: Any, _strike: Strike) -> Any:
    for slots in _slot_lists(content):
        slots[:] = [
            {**slot, **{edge: _shifted(slot[edge], days) for edge in ("start", "end")}}
            for slot in slots
            for days in (-400, 0, 400)
        ]
    return content


def _shifted(moment: str, days: int) -> str:
    return (datetime.fromisoformat(moment) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _disagreeing(content: Any, strike: Strike) -> Any:
    for name in LISTS[1:]:
        for holder, key in places(content, f"**.{name}"):
            for counted, value in places((holder[key] or [None])[-1], "measurements.*.offtake.*.value"):
                counted[value] = round(counted[value] + strike.parameters["amount"] / 1000, 3)
    return content


def _set_all(path: str, value: Any) -> Callable[[Any], Any]:
    def change(content: Any) -> Any:
        for holder, key in places(content, path):
            holder[key] = value
        return content

    return change


def _as_text(content: Any) -> Any:
    for holder, key in places(content, "**.value"):
        holder[key] = f"{holder[key]} kWh"
    return content


def _extra(content: Any) -> Any:
    for holder, key in list(places(content, "**.*"))[::-1]:
        if isinstance(holder[key], dict):
            holder[key] = {"extra": {"value": [1, None]}, "x": "}", **holder[key]}
    return content


ODD: dict[str, Callable[[Any], Any]] = {
    "list": lambda content: [content],
    "null": lambda _: None,
    "no-data": lambda content: {"_meta": content["_meta"]},
    "data-null": lambda content: {**content, "data": None},
    "data-list": lambda content: {**content, "data": []},
    "headpoint-null": lambda content: {**content, "data": {"headpoint": None}},
    "headpoint-text": lambda content: {**content, "data": {"headpoint": "metering-on-meter"}},
    "text-amounts": _as_text,
    "extra-fields": _extra,
    "slots-no-list": lambda content: _set_all("**.quarterHourlyEnergy", {"items": 3})(
        _set_all("**.dailyEnergy", 9.133)(content)
    ),
    "slots-null": lambda content: _set_all("**.quarterHourlyEnergy.*", None)(
        _set_all("**.dailyEnergy.*", None)(content)
    ),
    "measurements-no-list": _set_all("**.measurements", {"offtake": 1}),
    "measurements-null": _set_all("**.measurements", None),
    "directions-no-objects": _set_all("**.measurements.*.offtake", 9.133),
    "times-no-times": _set_all("**.start", 20261118),
    "mandates-no-list": _set_all("data.mandates", {"items": []}),
    "mandates-null": _set_all("data.mandates.*", None),
}


def _odd(content: Any, strike: Strike) -> Any:
    return variant(ODD, strike)(content)


def _error(status: int, kind: str, message: str) -> Answer:
    return lambda _parameters, _request: api_error(status, kind, message)


def _later(status: int, kind: str, message: str) -> Answer:
    def answer(parameters: Parameters, _request: Request) -> Response:
        response = api_error(status, kind, message)
        if parameters["retry_after"]:
            response.headers.append(("Retry-After", str(parameters["retry_after"])))
        return response

    return answer


def _bad_request(parameters: Parameters, _request: Request) -> Response:
    return api_error(400, "BadRequest", "The request is not valid.", [parameters["message"]])


def _page(_parameters: Parameters, _request: Request) -> Response:
    return as_page("Onderhoud", "<p>De API is even niet beschikbaar.</p>")


def _short_url_failed(_parameters: Parameters, request: Request) -> Response:
    data = {"status": "failed", "shortUrlIdentifier": None, "validTo": None}
    return as_json({"_meta": {"fetchTime": f"{request.now.isoformat()[:19]}Z"}, "data": data})


def _unknown(name: str, what: str, path: str, value: str) -> Fault:
    parameters = {"path": path, "value": value, "every": 1}
    return Fault(name, f"{what} of which nobody heard", "energy", parameters, alteration=_with)


CATALOG: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        # Tokens
        Fault("api-wrong-secret", "the client secret is wrong: AADSTS7000215", "api-token"),
        Fault("api-secret-expired", "the client secret has expired: AADSTS7000222", "api-token"),
        Fault("api-unknown-client", "nobody knows the client id: AADSTS700016", "api-token"),
        Fault("api-certificate-unknown", "the certificate is not registered: AADSTS700027", "api-token"),
        Fault("api-certificate-expired", "the certificate has expired: AADSTS700027", "api-token"),
        Fault(
            "api-token-expired", "every access token has just expired, by default once", "energy-api", times=1
        ),
        Fault("api-key-refused", "the subscription key is refused: 401", "energy-api"),
        # HTTP
        Fault(
            "api-bad-request",
            "400 with a validation message",
            "energy",
            {"message": "'to' must not lie in the future."},
            answer=_bad_request,
        ),
        Fault(
            "api-forbidden",
            "403",
            "energy",
            answer=_error(403, "Forbidden", "There is no mandate for this EAN."),
        ),
        Fault(
            "api-not-found", "404", "energy", answer=_error(404, "NotFound", "The headpoint was not found.")
        ),
        Fault(
            "api-server-error",
            "500",
            "energy-api",
            answer=_error(500, "TechnicalError", "An unexpected error occurred."),
        ),
        Fault(
            "api-unavailable",
            "503, with Retry-After in seconds (0: without)",
            "energy-api",
            {"retry_after": 0},
            answer=_later(503, "TechnicalError", "The service is unavailable."),
        ),
        Fault(
            "api-too-many-requests",
            "429, with Retry-After in seconds (0: without)",
            "energy-api",
            {"retry_after": 120},
            answer=_later(429, "TooManyRequests", "Rate limit is exceeded. Try again later."),
        ),
        Fault("api-page", "an HTML page with status 200", "energy-api", answer=_page),
        # Documents
        Fault(
            "api-missing-field",
            "the fields at a path are left out, one in so many; * is any key, ** any number of them",
            "energy",
            {"path": "**.value", "every": 7},
            alteration=_without,
        ),
        Fault(
            "api-null-field",
            "the fields at a path are null, one in so many",
            "energy",
            {"path": "**.value", "every": 7},
            alteration=_with,
        ),
        _unknown("api-unknown-type", "a $type of headpoint", "data.headpoint.$type", "metering-on-moon"),
        _unknown("api-unknown-unit", "amounts in a unit", "**.unit", "BTU"),
        _unknown("api-unknown-state", "amounts in a validation state", "**.validationState", "FOO"),
        Fault(
            "api-odd-json",
            f"JSON of the wrong shape: {', '.join(ODD)}; by default each in turn",
            "energy",
            {"variant": "each"},
            alteration=_odd,
            choices={"variant": ("each", *ODD)},
        ),
        Fault("api-duplicate-slots", "every slot twice", "energy", alteration=_twice),
        Fault(
            "api-overlapping-slots",
            "every slot also of a day long before and of one long after",
            "energy",
            alteration=_overlapping,
        ),
        Fault(
            "api-impossible-amounts",
            "one in so many amounts is so large, beginning with the first",
            "energy",
            {"path": "**.value", "value": 999_999_999.999, "every": 100_000},
            alteration=_with,
        ),
        Fault(
            "api-disagreeing-intervals",
            "the last quarter-hour or hour consumed so many Wh more than it did",
            "energy",
            {"amount": 1000},
            alteration=_disagreeing,
        ),
        Fault(
            "api-other-ean",
            "the answer is about another EAN",
            "energy",
            {"path": "data.headpoint.ean", "value": "541448820000000022", "every": 1},
            alteration=_with,
        ),
        Fault(
            "api-other-energy",
            "the answer is about another energy: E or G",
            "energy",
            {"path": "data.headpoint.energyType", "value": "G", "every": 1},
            alteration=_with,
        ),
        Fault("api-shuffled-slots", "slots out of order", "energy", alteration=_shuffled),
        # Mandates
        Fault(
            "api-mandate-ended",
            "the mandate of the EAN that is asked for is finished from now on; meant for after=N",
            "energy",
            times=1,
        ),
        Fault("api-short-url-failed", "no short URL: status failed", "short-url", answer=_short_url_failed),
    )
}
