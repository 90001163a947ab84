"""The controls under /simulator/, for a person with curl."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bridge.simulator.faults.table import FAULTS
from bridge.simulator.household import BRUSSELS, CONSUMPTION
from bridge.simulator.response import Response, as_json
from bridge.simulator.writing import parse_moment_or_date

if TYPE_CHECKING:
    from bridge.simulator.fluvius import Fluvius

Control = Callable[["Fluvius", dict[str, Any]], None]
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
        "available_faults": {name: fault.summary for name, fault in FAULTS.items()},
        "mandates": [mandate.as_fluvius_writes(now) for mandate in energy_api.mandates.every()],
        "requests": dict(Counter(record.endpoint for record in fluvius.requests)),
    }


def _set_now(fluvius: Fluvius, content: dict[str, Any]) -> None:
    fluvius.set_today(parse_moment_or_date(content["now"]))


def _add_fault(fluvius: Fluvius, content: dict[str, Any]) -> None:
    fluvius.fault(content.pop("name"), **content)


def _clear(fluvius: Fluvius, content: dict[str, Any]) -> None:
    fluvius.clear(content.get("name"))


def _correct(fluvius: Fluvius, content: dict[str, Any]) -> None:
    fluvius.correct(
        content["ean"],
        date.fromisoformat(content["date"]),
        delta_wh=int(content["delta_wh"]),
        at=content.get("at"),
        direction=int(content.get("direction", CONSUMPTION)),
    )


def _delay(fluvius: Fluvius, content: dict[str, Any]) -> None:
    moments = (content.get("days_until"), content.get("intervals_until"))
    fluvius.delay(content["ean"], date.fromisoformat(content["date"]), *moments)


def _add_mandate(fluvius: Fluvius, content: dict[str, Any]) -> None:
    for name in ("since", "period_from", "period_to", "expires"):
        if content.get(name):
            content[name] = parse_moment_or_date(content[name])
    fluvius.energy_api.add_mandate(**content)


def _consent(fluvius: Fluvius, content: dict[str, Any]) -> None:
    status = content.get("status", "Approved")
    fluvius.energy_api.consent(content["reference"], content["ean"], status=status)


CONTROLS: dict[tuple[str, str], Control] = {
    ("PUT", "now"): _set_now,
    ("POST", "now"): _set_now,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear,
    ("POST", "corrections"): _correct,
    ("POST", "delays"): _delay,
    ("POST", "mandates"): _add_mandate,
    ("POST", "consents"): _consent,
    ("DELETE", "requests"): lambda fluvius, _: fluvius.forget_requests(),
}
