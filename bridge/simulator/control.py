"""The controls under /simulator/, for a person with curl, and the events among the faults."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from bridge.simulator.faults import EVERY_FAULT, complete, parse_moment
from bridge.simulator.household import BRUSSELS, CONSUMPTION
from bridge.simulator.web import Request, Response, as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.simulator.fault import Fault
    from bridge.simulator.server import Simulator


def happen(simulator: Simulator, event: Fault, ean: str | None, parameters: Mapping[str, Any]) -> None:
    """Makes a correction, a meter exchange or another calorific value happen now."""
    details = complete(event, parameters)
    if event.name == "provisional-gas":
        lasting = timedelta(weeks=details["weeks"])
        simulator.provisional_gas(lasting, ean=ean, writing=details["writing"])
        return
    ean = ean or simulator.meters[0].ean
    latest = simulator.latest_day(ean)
    if event.name == "exchange":
        noon = datetime.combine(_day(details["date"], latest), time(12, tzinfo=BRUSSELS))
        simulator.exchange(ean, noon, details["serial"])
        return
    amount = details["amount"] if event.name == "correction-up" else -details["amount"]
    day = _day(details["date"], latest - timedelta(days=1))
    at = simulator.now() + timedelta(minutes=details["minutes"])
    simulator.correct(ean, day, delta_wh=amount, at=at)


def answer(simulator: Simulator, request: Request) -> Response:
    """What the controls say."""
    controls: dict[tuple[str, str], Callable[[Simulator, dict[str, Any]], None]] = {
        ("PUT", "now"): _set_now,
        ("POST", "now"): _set_now,
        ("POST", "faults"): _add_fault,
        ("DELETE", "faults"): _clear,
        ("POST", "corrections"): _correct,
        ("POST", "delays"): _delay,
        ("POST", "mandates"): _add_mandate,
        ("POST", "consents"): _consent,
        ("DELETE", "requests"): lambda simulator, _: simulator.forget_requests(),
    }
    what = request.path.removeprefix("/simulator").strip("/")
    control = controls.get((request.method, what))
    if control is None and (request.method, what) != ("GET", ""):
        known = [f"{method} /simulator/{name}" for method, name in controls]
        return as_json({"error": f"no such control; there are: {', '.join(known)}"}, 404)
    try:
        if control is not None:
            control(simulator, json.loads(request.body or b"{}"))
    except (ValueError, TypeError, KeyError) as error:
        return as_json({"error": f"{type(error).__name__}: {error}"}, 400)
    return as_json(_state(simulator))


def _state(simulator: Simulator) -> dict[str, Any]:
    return {
        "now": simulator.now().astimezone(BRUSSELS).isoformat(timespec="seconds"),
        "meters": [
            {"ean": meter.ean, "serials": meter.serials, "energy": meter.energy, "tariffs": meter.tariffs}
            for meter in simulator.meters
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
            for each in simulator.faults.active
        ],
        "available_faults": {name: describe(fault) for name, fault in EVERY_FAULT.items()},
        "mandates": [
            mandate.as_fluvius_writes(simulator.now()) for mandate in simulator.energy_api.mandates.every()
        ],
        "requests": dict(Counter(record.endpoint for record in simulator.requests)),
    }


def describe(fault: Fault) -> str:
    """One line: what it does, where, and its parameters with their defaults."""
    parameters = ", ".join(f"{name}={_plain(value)}" for name, value in fault.parameters.items())
    details = "; ".join(filter(None, (fault.where, parameters)))
    return f"{fault.description} [{details}]"


def _set_now(simulator: Simulator, content: dict[str, Any]) -> None:
    simulator.set_today(moment_or_day(content["now"]))


def _add_fault(simulator: Simulator, content: dict[str, Any]) -> None:
    simulator.fault(content.pop("name"), **content)


def _clear(simulator: Simulator, content: dict[str, Any]) -> None:
    simulator.clear(content.get("name"))


def _correct(simulator: Simulator, content: dict[str, Any]) -> None:
    simulator.correct(
        content["ean"],
        date.fromisoformat(content["date"]),
        delta_wh=int(content["delta_wh"]),
        at=parse_moment(content["at"]) if content.get("at") else None,
        direction=int(content.get("direction", CONSUMPTION)),
    )


def _delay(simulator: Simulator, content: dict[str, Any]) -> None:
    moments = {
        name: parse_moment(content[name]) for name in ("days_until", "intervals_until") if content.get(name)
    }
    simulator.delay(content["ean"], date.fromisoformat(content["date"]), **moments)


def _add_mandate(simulator: Simulator, content: dict[str, Any]) -> None:
    for name in ("since", "period_from", "period_to", "expires"):
        if content.get(name):
            content[name] = moment_or_day(content[name])
    simulator.energy_api.add_mandate(**content)


def _consent(simulator: Simulator, content: dict[str, Any]) -> None:
    simulator.energy_api.consent(
        content["reference"], content["ean"], status=content.get("status", "Approved")
    )


def moment_or_day(text: str) -> date | datetime:
    """A date such as 2026-11-21, or a moment with its offset.

    Raises:
        ValueError: it is neither.
    """
    return date.fromisoformat(text) if len(text) == 10 else parse_moment(text)


def _day(value: Any, default: date) -> date:
    if value is None:
        return default
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def _plain(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
