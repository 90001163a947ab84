"""Which retained topics are ours, by their shape and by what stands on them, without any memory of ours.

Others may publish below the same base topic, and below Home Assistant's prefix anyone does. So a topic is
ours only if we would name it so, and a meter only if its JSON names the meter and its EAN.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bridge.metering.model import SIDES, Tariff
from bridge.mqtt import topics
from bridge.publishing.discovery import MIGRATE
from bridge.text.words import identifier, slug

BRIDGE, DISCOVERY = "the bridge", "Home Assistant's discovery"  # no meter's name has a space

_WHOSE = frozenset({"day", "intervals", "total", "month", "peak", "status", "mandate"})  # JSON of a meter
_AMOUNT = rf"(?:{'|'.join(SIDES)})/(?:{'|'.join(Tariff)})|net|days|days_missing"
_BELOW = re.compile(rf"day/date|chart|check|cost(?:/[a-z_]+)+|(?:day|total|month|month/last)/(?:{_AMOUNT})")
_EAN = re.compile("[0-9]{18}")


def ours(retained: Mapping[str, bytes], base: str, prefix: str) -> dict[str, str]:
    """Those of a bridge with this base topic.

    Args:
        retained: topics and what stands on them.
        base: the base topic.
        prefix: Home Assistant's discovery prefix.

    Returns:
        topic → whose it is: a meter's name, `BRIDGE` or `DISCOVERY`.
    """
    found = dict.fromkeys(_of_bridge(retained, base), BRIDGE)
    below_base = {
        topic.removeprefix(f"{base}/"): payload
        for topic, payload in retained.items()
        if topic.startswith(f"{base}/")
    }
    names = {
        topic.partition("/")[0] for topic, payload in below_base.items() if _names_its_meter(topic, payload)
    }
    for topic, payload in below_base.items():
        name, _, below = topic.partition("/")
        if name in names and (_BELOW.fullmatch(below) or _names_its_meter(topic, payload)):
            found[f"{base}/{topic}"] = name
    for topic, payload in retained.items():
        if _is_discovery(topic, payload, base, prefix):
            found[topic] = DISCOVERY
    return found


def _of_bridge(retained: Mapping[str, bytes], base: str) -> Iterator[str]:
    """Other programs have a bridge with a state, an info and a health too."""
    state, info, health = topics.bridge_state(base), topics.bridge_info(base), topics.bridge_health(base)
    problem, history = topics.bridge_problem(base), topics.bridge_history(base)
    if info in retained:
        if {"version", "started", "timezone", "meters"} <= _json(retained[info]).keys():
            yield from (topic for topic in (state, info, health, problem, history) if topic in retained)
        return
    for topic, keys in ((problem, {"problem", "advice"}), (history, {"from", "state", "progress"})):
        if keys <= _json(retained.get(topic, b"")).keys():
            yield topic
    if retained.get(state) in {b"online", b"offline"}:
        yield state
    sources = _json(retained.get(health, b"")).values()
    if sources and all(isinstance(source, dict) and "state" in source for source in sources):
        yield health


def _names_its_meter(topic: str, payload: bytes) -> bool:
    name, _, below = topic.partition("/")
    if below not in _WHOSE or name != slug(name):
        return False
    said = _json(payload)
    return said.get("meter") == name and _EAN.fullmatch(str(said.get("ean"))) is not None


def _is_discovery(topic: str, payload: bytes, base: str, prefix: str) -> bool:
    node = rf"{identifier(base)}_(?:bridge|{_EAN.pattern})"
    shape = re.fullmatch(rf"{re.escape(prefix)}/[a-z_]+/({node})(?:/[a-z0-9_]+)?/config", topic)
    if not shape:
        return False
    said = _json(payload)
    device = said.get("device")
    of_its_device = isinstance(device, dict) and shape[1] in _listed(device.get("identifiers"))
    mentioned = list(_topics_in(said))
    return payload == MIGRATE.encode() or (
        of_its_device and all(each.startswith(f"{base}/") for each in mentioned)
    )


def _topics_in(config: Mapping[str, Any]) -> Iterator[str]:
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _topics_in(value)
        elif key.endswith("_topic"):
            yield str(value)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _json(payload: bytes) -> dict[str, Any]:
    """A JSON object; whatever else it is, it is not ours."""
    try:
        said = json.loads(payload)
    except (RecursionError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
