"""What all keys together must be: looks at what was written, and so speaks up next to wrong values."""

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bridge.config.bounds import instant_of, is_edge
from bridge.config.keys import KeyPath, advice, at
from bridge.config.placeholders import placeholders
from bridge.config.price_contradictions import price_contradictions
from bridge.metering.model import Energy
from bridge.text.hosts import is_this_machine
from bridge.text.words import slug

_OFF = {"false", "off", "no", "n", "f", "0", ""}  # as the environment may say it

_NUMBER = TypeAdapter(int)  # also " 8" and "8.0", as from the environment


def contradictions(tree: Any) -> Iterator[tuple[KeyPath, str]]:
    """Where keys do not go together, and why."""
    portal, energy_api = _portal(tree), at(tree, "fluvius", "energy_api")
    sources = {name for name, there in (("portal", portal), ("energy_api", energy_api)) if there is not None}
    meters = at(tree, "meters")
    if not (sources or _are_all_of_files(meters) or _the_page_asks(tree)):
        yield ("fluvius",), f"no source of readings; {advice(('fluvius',))}"
    if isinstance(portal, dict) and not at(portal, "token"):
        for path in ("fluvius", "portal", "email"), ("fluvius", "portal", "password"):
            if not at(tree, *path):
                yield path, f"is missing; {advice(path)}"
    if at(portal, "token") and at(portal, "password"):
        yield (
            ("fluvius", "portal", "token"),
            "is set together with password, which would not be used; keep one",
        )
    yield from placeholders(tree)
    if isinstance(energy_api, dict):
        proofs = [key for key in ("client_secret", "certificate") if at(energy_api, key)]
        if len(proofs) != 1:
            reason = (
                "is set together with certificate; keep one"
                if proofs
                else "is missing; write it, or certificate"
            )
            yield ("fluvius", "energy_api", "client_secret"), reason
        yield from _shard_contradictions(at(energy_api, "shard"))
    yield from _mqtt_contradictions(at(tree, "mqtt"))
    if sources == {"portal"} and meters in (None, []):
        yield ("meters",), f"is empty; {advice(('meters',))}"
    if isinstance(meters, list):
        yield from _meter_contradictions(meters, sources)
        yield from _repeated_meters(meters)
        yield from _bounds_contradictions(meters)
    yield from _web_contradictions(at(tree, "web"))
    yield from price_contradictions(tree)


def _shard_contradictions(shard: Any) -> Iterator[tuple[KeyPath, str]]:
    with suppress(ValidationError):  # which is told by itself
        index, of = (_NUMBER.validate_python(at(shard, key)) for key in ("index", "of"))
        if index >= of > 0:
            path = "fluvius", "energy_api", "shard", "index"
            yield path, f"is {index}, and {of} shards are counted from 0 to {of - 1}"


def _web_contradictions(web: Any) -> Iterator[tuple[KeyPath, str]]:
    host = at(web, "host")
    if host and not is_this_machine(str(host)) and not at(web, "password"):
        path = "web", "password"
        yield path, f"is missing, and others than this machine reach the page; {advice(path)}"


def _mqtt_contradictions(mqtt: Any) -> Iterator[tuple[KeyPath, str]]:
    if at(mqtt, "password") and not at(mqtt, "username") and at(mqtt, "protocol") != "5":
        yield ("mqtt", "username"), f"is missing beside password; {advice(('mqtt', 'username'))}"
    tls = at(mqtt, "tls")
    for key, other in pairwise(("cert_file", "key_file", "cert_file")):
        if at(tls, other) and not at(tls, key):
            yield ("mqtt", "tls", key), f"is missing beside {other}; {advice(('mqtt', 'tls', key))}"


def _portal(tree: Any) -> Any:
    """The account; where only the address is known, and the page asks for the rest, there is none yet."""
    portal = at(tree, "fluvius", "portal")
    is_address_alone = isinstance(portal, dict) and portal.keys() == {"url"}
    return None if is_address_alone and _the_page_asks(tree) else portal


def _the_page_asks(tree: Any) -> bool:
    """Whether nothing is there yet, but a page on which it is asked for."""
    web = at(tree, "web")
    return web is not None and str(web).lower() not in _OFF and not at(tree, "meters")


def _are_all_of_files(meters: Any) -> bool:
    return isinstance(meters, list) and bool(meters) and all(at(each, "source") == "file" for each in meters)


def _meter_contradictions(meters: list[Any], sources: set[str]) -> Iterator[tuple[KeyPath, str]]:
    for index, meter in enumerate(meters):
        source = at(meter, "source") or (min(sources) if len(sources) == 1 else None)
        path = ("meters", index, "source")
        if not source and len(sources) == 2:
            yield path, f"is missing, and two sources are configured; {advice(path)}"
        elif source in ("portal", "energy_api") and sources and source not in sources:
            yield path, f"fluvius.{source} is not configured; write {min(sources)}, or configure it"
        if isinstance(meter, dict) and source == "portal" and not at(meter, "serial"):
            yield ("meters", index, "serial"), f"is missing; {advice(('meters', index, 'serial'))}"


def _repeated_meters(meters: list[Any]) -> Iterator[tuple[KeyPath, str]]:
    eans: dict[str, int] = {}
    slugs: dict[str, int] = {}
    for index, meter in enumerate(meters):
        ean = re.sub(r"[^0-9]", "", str(at(meter, "ean")))
        name = slug(str(at(meter, "name") or ean))
        if ean and eans.setdefault(ean, index) != index:
            yield ("meters", index, "ean"), f"is that of meters[{eans[ean]}] too; write each meter once"
        elif name and slugs.setdefault(name, index) != index:
            reason = f"gives the same topic as the name of meters[{slugs[name]}]; write another one"
            yield ("meters", index, "name"), reason


def _bounds_contradictions(meters: list[Any]) -> Iterator[tuple[KeyPath, str]]:
    for index, meter in enumerate(meters):
        energy = Energy.GAS if at(meter, "energy") == Energy.GAS else Energy.ELECTRICITY
        slot = "an hour" if energy is Energy.GAS else "a quarter-hour"
        bounds = {}
        for key in "from", "until":
            with suppress(TypeError, ValueError):  # where it is none, its own check says so
                bounds[key] = instant_of(at(meter, key), energy)
                if not is_edge(bounds[key], energy):
                    yield ("meters", index, key), f"is in the middle of {slot}; write its beginning"
        if len(bounds) == 2 and bounds["from"] >= bounds["until"]:
            yield ("meters", index, "until"), "does not come after from, so that nothing would count"
