"""What Home Assistant shows of a meter: a row per entity; see `bridge_entities` for the bridge itself.

None has a `state_class`: Home Assistant would make statistics of its own by it, and count what it sees at the
hour at which it comes. A day late, several days at once, or corrected, that is always wrong, for kWh as for
euros. Its Energy dashboard offers only what has statistics: so it offers ours, which are right. Only the
prices have one: they are of now.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Entity:
    """Something that Home Assistant shows."""

    key: str  # the end of its ids: never changed, or people's dashboards lose it
    topic: str  # what it shows, below the meter, or below `bridge`
    needs: str  # the topic below the meter without which there is nothing to show
    about: Mapping[str, str | int | list[str]] = field(default_factory=dict)
    platform: str = "sensor"
    attributes: str = ""  # a template
    attributes_topic: str = ""  # what the template is for; by default the topic
    command: str = ""  # what it writes to, below `bridge`


_UNIT = {
    "consumption": {"device_class": "energy", "unit_of_measurement": "kWh"},
    "injection": {"device_class": "energy", "unit_of_measurement": "kWh"},
    "net": {"device_class": "energy", "unit_of_measurement": "kWh"},
    "volume": {"device_class": "gas", "unit_of_measurement": "m³"},
    "production": {"device_class": "energy", "unit_of_measurement": "kWh"},
    "auxiliary": {"device_class": "energy", "unit_of_measurement": "kWh"},
}
_POWER = {"device_class": "power", "unit_of_measurement": "kW"}
_MONEY: Mapping[str, str | int] = {
    "device_class": "monetary",
    "unit_of_measurement": "EUR",
    "suggested_display_precision": 2,
}
_PER_KWH: Mapping[str, str | int] = {
    "state_class": "measurement",
    "unit_of_measurement": "EUR/kWh",
    "suggested_display_precision": 4,
    "icon": "mdi:cash-clock",
}
_PARTS = ("energy", "grid", "levies", "capacity", "fees", "vat", "compensation")
DIAGNOSTIC = {"entity_category": "diagnostic"}


def _picked(value: str, *keys: str) -> str:
    """A template for attributes: some keys of a JSON value."""
    return "{{ {" + ", ".join(f"'{key}': {value}.{key}" for key in keys) + "} | tojson }}"


def _of(span: str, leaf: str, attributes: str) -> Entity:
    """An amount of the day or of the month."""
    about = {**_UNIT[leaf.partition("/")[0]], "value_template": _template(leaf)}
    return Entity(_key(span, leaf), span, f"{span}/{leaf}", about, attributes=attributes)


def _of_day(leaf: str) -> Entity:
    return _of("day", leaf, _picked("value_json", "date", "validated"))


def _of_month(leaf: str) -> Entity:
    return _of("month", leaf, _picked("value_json", "month", "days", "days_missing"))


def _of_last_month(leaf: str) -> Entity:
    about = {**_UNIT[leaf.partition("/")[0]], "value_template": _template(f"last/{leaf}")}
    attributes = _picked("value_json.last", "month", "days", "days_missing")
    return Entity(_key("last_month", leaf), "month", f"month/last/{leaf}", about, attributes=attributes)


def _running(leaf: str) -> Entity:
    return Entity(
        _key("total", leaf),
        f"total/{leaf}",
        f"total/{leaf}",
        _UNIT[leaf.partition("/")[0]],
        attributes=_picked("value_json", "since", "until", "days"),
        attributes_topic="total",
    )


def _cost(span: str, part: str = "total") -> Entity:
    """What some days cost, which is there while it is unknown; or what their injection brought."""
    needs = f"cost/{span}" if part == "total" else f"cost/{span}/{part}"
    return _money(span, f"cost/{span}", part, needs, "value_json")


def _last_cost(span: str) -> Entity:
    return _money(f"last_{span}", f"cost/{span}", "total", f"cost/{span}/last/total", "value_json.last")


def _money(span: str, topic: str, part: str, needs: str, value: str) -> Entity:
    days = ("date",) if span == "day" else (topic.removeprefix("cost/"), "days")
    about = {**_MONEY, "value_template": "{{ " + f"{value}.{part}" + " }}"}
    key = f"{span}_{'cost' if part == 'total' else part}"
    return Entity(key, topic, needs, about, attributes=_picked(value, *days, *_PARTS))


def _price(key: str, leaf: str) -> Entity:
    """What a kWh costs now, with everything."""
    about = {**_PER_KWH, "value_template": _template(leaf)}
    return Entity(key, "cost/price", f"cost/price/{leaf}", about)


def _key(what: str, leaf: str) -> str:
    return f"{what}_{leaf.removesuffix('/total').replace('/', '_')}"


def _template(leaf: str) -> str:
    return "{{ value_json." + leaf.replace("/", ".") + " }}"


OF_METER = (
    _of_day("consumption/total"),
    _of_day("consumption/high"),
    _of_day("consumption/low"),
    _of_day("injection/total"),
    _of_day("injection/high"),
    _of_day("injection/low"),
    _of_day("net"),
    _of_day("volume/total"),
    _of_day("production/total"),
    _of_day("auxiliary/total"),
    _running("consumption/total"),
    _running("consumption/high"),
    _running("consumption/low"),
    _running("injection/total"),
    _running("injection/high"),
    _running("injection/low"),
    _running("volume/total"),
    _running("production/total"),
    _running("auxiliary/total"),
    _of_month("consumption/total"),
    _of_month("injection/total"),
    _of_month("net"),
    _of_month("volume/total"),
    _of_last_month("consumption/total"),
    _of_last_month("injection/total"),
    _of_last_month("net"),
    _of_last_month("volume/total"),
    Entity(
        "peak",
        "peak",
        "peak",
        {**_POWER, "value_template": "{{ value_json.latest.peak }}"},
        attributes=_picked("value_json.latest", "month", "start", "end"),
    ),
    Entity(
        "last_month_peak",
        "peak",
        "peak",
        {**_POWER, "value_template": "{{ value_json.last.peak }}"},
        attributes=_picked("value_json.last", "month", "start", "end"),
    ),
    Entity(
        "peak_mean",
        "peak",
        "peak",
        {**_POWER, "value_template": "{{ value_json.mean }}"},
        attributes="{{ {'months': value_json.months, 'with_this_month': value_json.mean_with_this_month}"
        " | tojson }}",
    ),
    Entity(
        "peak_threshold",
        "peak",
        "peak",
        {**_POWER, "value_template": "{{ value_json.threshold }}"},
        attributes="{{ {'per_kw': value_json.per_kw | default(none), 'known_until': value_json.known_until}"
        " | tojson }}",
    ),
    _cost("day"),
    _cost("day", "compensation"),
    _cost("month"),
    _last_cost("month"),
    _cost("year"),
    _last_cost("year"),
    _price("price", "consumption/total"),
    _price("price_high", "consumption/high"),
    _price("price_low", "consumption/low"),
    _price("price_injection", "injection/total"),
    Entity(
        "chart",
        "chart",
        "chart",
        {"content_type": "image/svg+xml", "icon": "mdi:chart-bar"},
        platform="image",
    ),
    Entity("latest_day", "day/date", "day/date", {"device_class": "date"}),
    Entity(
        "latest_day_age",
        "status",
        "day/date",
        {
            **DIAGNOSTIC,
            "device_class": "duration",
            "unit_of_measurement": "d",
            "value_template": "{{ value_json.age_days }}",
        },
    ),
    Entity(
        "new_day",
        "event",
        "status",
        {"event_types": ["new_day", "corrected_day"], "icon": "mdi:calendar-plus"},
        platform="event",
    ),
    Entity(
        "problem",
        "status",
        "status",
        {
            **DIAGNOSTIC,
            "device_class": "problem",
            "value_template": "{{ 'ON' if value_json.problem else 'OFF' }}",
        },
        platform="binary_sensor",
        attributes=_picked("value_json", "error", "advice", "days_awaited"),
    ),
    Entity(
        "mandate_expires",
        "mandate",
        "mandate",
        {**DIAGNOSTIC, "device_class": "timestamp", "value_template": "{{ value_json.expires }}"},
    ),
    Entity(
        "mandate_problem",
        "mandate",
        "mandate",
        {
            **DIAGNOSTIC,
            "device_class": "problem",
            "value_template": "{{ 'ON' if value_json.problem else 'OFF' }}",
        },
        platform="binary_sensor",
        attributes=_picked("value_json", "reference", "status", "renewal"),
    ),
)
