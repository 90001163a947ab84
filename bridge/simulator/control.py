"""The controls under /simulator/, for a person with curl."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from bridge.simulator.faults.table import CATALOG
from bridge.simulator.fluvius import Fluvius
from bridge.simulator.household import BRUSSELS, CONSUMPTION
from bridge.simulator.response import Response, as_json
from bridge.simulator.writing import parse_moment_or_date

PATH = "/simulator"


def answer(fluvius: Fluvius, method: str, target: str, body: bytes) -> Response:
    """What the controls say."""
    asked = method, urlsplit(target).path.removeprefix(PATH).strip("/")
    control = CONTROLS.get(asked)
    if control is None and asked != ("GET", ""):
        known = [f"{method} {PATH}/{name}" for method, name in CONTROLS]
        return as_json({"error": f"no such control; there are: {', '.join(known)}"}, 404)
    try:
        if control is not None:
            control(fluvius, json.loads(body or b"{}"))
    except (ValueError, TypeError, KeyError) as error:
        return as_json({"error": f"{type(error).__name__}: {error}"}, 400)
    return as_json(_state(fluvius))


def _state(fluvius: Fluvius) -> dict[str, Any]:
    now, energy_api = fluvius.now(), fluvius.energy_api
    return {
        "now": now.astimezone(BRUSSELS).isoformat(timespec="seconds"),
        "meters": [
            {"ean": meter.ean, "serials": meter.serials, "energy": meter.energy, "tariffs": meter.tariffs}
            for meter in fluvius.meters
        ],
        "faults": [
            {
                "name": each.fault.name,
                "where": each.where,
                "times": each.times,
                "after": each.after,
                "ean": each.ean,
                "hits": each.hits,
                "parameters": {name: str(value) for name, value in each.parameters.items()},
            }
            for each in fluvius.faults
        ],
        "available_faults": {name: fault.summary for name, fault in CATALOG.items()},
        "mandates": [mandate.as_fluvius_writes(now) for mandate in energy_api.mandates.every()],
        "requests": dict(Counter(record.endpoint for record in fluvius.requests)),
    }


def _correct(fluvius: Fluvius, asked: dict[str, Any]) -> None:
    day, delta_wh = date.fromisoformat(asked["date"]), int(asked["delta_wh"])
    direction = int(asked.get("direction", CONSUMPTION))
    fluvius.correct(asked["ean"], day, delta_wh=delta_wh, at=asked.get("at"), direction=direction)


def _delay(fluvius: Fluvius, asked: dict[str, Any]) -> None:
    moments = (asked.get("days_until"), asked.get("intervals_until"))
    fluvius.delay(asked["ean"], date.fromisoformat(asked["date"]), *moments)


def _consent(fluvius: Fluvius, asked: dict[str, Any]) -> None:
    status = asked.get("status", "Approved")
    fluvius.energy_api.consent(asked["reference"], asked["ean"], status=status)


def _add_mandate(fluvius: Fluvius, asked: dict[str, Any]) -> None:
    for name in ("since", "period_from", "period_to", "expires"):
        if asked.get(name):
            asked[name] = parse_moment_or_date(asked[name])
    fluvius.energy_api.add_mandate(**asked)


CONTROLS: dict[tuple[str, str], Callable[[Fluvius, dict[str, Any]], object]] = {
    ("PUT", "now"): lambda fluvius, asked: fluvius.set_today(parse_moment_or_date(asked["now"])),
    ("POST", "now"): lambda fluvius, asked: fluvius.set_today(parse_moment_or_date(asked["now"])),
    ("POST", "faults"): lambda fluvius, asked: fluvius.fault(asked.pop("name"), **asked),
    ("DELETE", "faults"): lambda fluvius, asked: fluvius.clear(asked.get("name")),
    ("POST", "corrections"): _correct,
    ("POST", "delays"): _delay,
    ("POST", "mandates"): _add_mandate,
    ("POST", "consents"): _consent,
    ("DELETE", "requests"): lambda fluvius, _: fluvius.forget_requests(),
}
