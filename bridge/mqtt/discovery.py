"""What Home Assistant and openHAB are told: a table with a row per entity, in either of two formats.

What real Home Assistant cores (2025.4.4 and 2026.11.0) accept was tried; see `tests/interop.py`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bridge import URL, __version__
from bridge.config.checks import identifier
from bridge.model import Energy, Meter
from bridge.mqtt import topics
from bridge.views import SIDES, Payload

HOME_ASSISTANT_STATUS = "homeassistant/status"  # by default, whatever the discovery prefix is
MIGRATE = '{"migrate_discovery": true}'  # an entity's next configuration comes in the other format

Format = Literal["components", "device"]


@dataclass(frozen=True, slots=True)
class Entity:
    """A row: something that Home Assistant shows."""

    key: str  # the end of its ids: never changed, or people's dashboards lose it
    name: str
    topic: str  # below the meter, or below `bridge`
    needs: str  # the topic below the meter without which there is nothing to show
    about: Mapping[str, str] = field(default_factory=dict)
    platform: str = "sensor"
    attributes: str = ""  # a template for the same topic


_UNIT = {
    "consumption": {"device_class": "energy", "unit_of_measurement": "kWh"},
    "injection": {"device_class": "energy", "unit_of_measurement": "kWh"},
    "net": {"device_class": "energy", "unit_of_measurement": "kWh"},
    "volume": {"device_class": "gas", "unit_of_measurement": "m³"},
    "production": {"device_class": "energy", "unit_of_measurement": "kWh"},
    "auxiliary": {"device_class": "energy", "unit_of_measurement": "kWh"},
}
_POWER = {"device_class": "power", "unit_of_measurement": "kW", "state_class": "measurement"}
_TOPIC = {"button": "command_topic", "image": "image_topic"}
_DIAGNOSTIC = {"entity_category": "diagnostic"}


def _of(span: str, leaf: str, name: str) -> Entity:
    """An amount that starts at 0 with each `day` or `month`."""
    about = {
        **_UNIT[leaf.partition("/")[0]],
        "state_class": "total",
        "value_template": "{{ value_json." + leaf.replace("/", ".") + " }}",
        "last_reset_value_template": "{{ value_json.start }}",
    }
    return Entity(_key(span, leaf), name, topic=span, needs=f"{span}/{leaf}", about=about)


def _running(leaf: str, name: str) -> Entity:
    """Not `total_increasing`: Home Assistant would take a correction downwards for a reset."""
    about = {**_UNIT[leaf.partition("/")[0]], "state_class": "total"}
    return Entity(_key("total", leaf), name, topic=f"total/{leaf}", needs=f"total/{leaf}", about=about)


def _key(what: str, leaf: str) -> str:
    return f"{what}_{leaf.removesuffix('/total').replace('/', '_')}"


_METER = (
    _of("day", "consumption/total", "Consumption of the day"),
    _of("day", "consumption/high", "Consumption of the day, high tariff"),
    _of("day", "consumption/low", "Consumption of the day, low tariff"),
    _of("day", "injection/total", "Injection of the day"),
    _of("day", "injection/high", "Injection of the day, high tariff"),
    _of("day", "injection/low", "Injection of the day, low tariff"),
    _of("day", "net", "Net consumption of the day"),
    _of("day", "volume/total", "Gas volume of the day"),
    _of("day", "production/total", "Production of the day"),
    _of("day", "auxiliary/total", "Auxiliary consumption of the day"),
    _running("consumption/total", "Total consumption"),
    _running("consumption/high", "Total consumption, high tariff"),
    _running("consumption/low", "Total consumption, low tariff"),
    _running("injection/total", "Total injection"),
    _running("injection/high", "Total injection, high tariff"),
    _running("injection/low", "Total injection, low tariff"),
    _running("volume/total", "Total gas volume"),
    _running("production/total", "Total production"),
    _running("auxiliary/total", "Total auxiliary consumption"),
    _of("month", "consumption/total", "Consumption of the month"),
    _of("month", "injection/total", "Injection of the month"),
    _of("month", "net", "Net consumption of the month"),
    _of("month", "volume/total", "Gas volume of the month"),
    Entity(
        "peak",
        "Peak of the month",
        "peak",
        "peak",
        {**_POWER, "value_template": "{{ value_json.peak }}"},
        attributes="{{ {'start': value_json.start, 'end': value_json.end} | tojson }}",
    ),
    Entity(
        "peak_mean",
        "Mean peak as billed",
        "peak",
        "peak",
        {**_POWER, "value_template": "{{ value_json.mean }}"},
        attributes="{{ {'months': value_json.months, 'with_this_month': value_json.mean_with_this_month}"
        " | tojson }}",
    ),
    Entity(
        "chart", "Chart of the day", "chart", "chart", {"content_type": "image/svg+xml"}, platform="image"
    ),
    Entity("latest_day", "Latest complete day", "day/date", "day/date", {"device_class": "date"}),
    Entity(
        "latest_day_age",
        "Age of the latest complete day",
        "status",
        "day/date",
        {
            **_DIAGNOSTIC,
            "device_class": "duration",
            "unit_of_measurement": "d",
            "value_template": "{{ value_json.age_days }}",
        },
    ),
    Entity(
        "problem",
        "Data problem",
        "status",
        "status",
        {
            **_DIAGNOSTIC,
            "device_class": "problem",
            "value_template": "{{ 'ON' if value_json.problem else 'OFF' }}",
        },
        platform="binary_sensor",
        attributes="{{ {'error': value_json.error, 'advice': value_json.advice,"
        " 'days_awaited': value_json.days_awaited} | tojson }}",
    ),
    Entity(
        "mandate_expires",
        "End of the mandate",
        "mandate",
        "mandate",
        {**_DIAGNOSTIC, "device_class": "timestamp", "value_template": "{{ value_json.expires }}"},
    ),
    Entity(
        "mandate_problem",
        "Mandate to be renewed",
        "mandate",
        "mandate",
        {
            **_DIAGNOSTIC,
            "device_class": "problem",
            "value_template": "{{ 'ON' if value_json.problem else 'OFF' }}",
        },
        platform="binary_sensor",
        attributes="{{ {'reference': value_json.reference, 'status': value_json.status,"
        " 'renewal': value_json.renewal} | tojson }}",
    ),
)

_BRIDGE = (
    Entity(
        "state",
        "Connection",
        "state",
        "info",
        {**_DIAGNOSTIC, "device_class": "connectivity", "payload_on": "online", "payload_off": "offline"},
        platform="binary_sensor",
    ),
    Entity(
        "version", "Version", "info", "info", {**_DIAGNOSTIC, "value_template": "{{ value_json.version }}"}
    ),
    *(
        Entity(
            f"{source}_last_success",
            f"Last answer of the {words}",
            "health",
            source,
            {
                **_DIAGNOSTIC,
                "device_class": "timestamp",
                "value_template": "{{ value_json." + source + ".last_success }}",
            },
        )
        for source, words in (("portal", "portal"), ("energy_api", "Energy API"))
    ),
    Entity(
        "next_run",
        "Next run",
        "info",
        "info",
        {**_DIAGNOSTIC, "device_class": "timestamp", "value_template": "{{ value_json.next_run }}"},
    ),
    Entity("refresh", "Ask Fluvius now", "request/refresh", "info", platform="button"),
)


@dataclass(frozen=True, slots=True)
class Discovery:
    """Writes the discovery messages: topic → payload.

    Entities keep their unique ids when a meter is renamed: they are made of the base topic, which tells
    two bridges in one Home Assistant apart, and the EAN.
    """

    base: str  # the base topic
    prefix: str = "homeassistant"
    format: Format = "components"
    available: bool = True  # False: the bridge comes and goes, and what it said stands meanwhile

    def of_meter(self, meter: Meter, published: Collection[str]) -> dict[str, Payload]:
        """What to tell of a meter.

        Args:
            meter: the meter.
            published: its topics, below its own; an entity exists while its topic does.
        """
        device = {
            "identifiers": [self._node(meter.ean)],
            "name": meter.label,
            "manufacturer": "Fluvius",
            "model": "Gas meter" if meter.energy is Energy.GAS else "Electricity meter",
            **({"serial_number": meter.serial} if meter.serial else {}),
            "via_device": self._node("bridge"),
        }
        there = [entity for entity in _METER if entity.needs in published]
        entities = {entity.key: self._config(entity, meter.name, meter.ean) for entity in there}
        if "intervals" in published:
            entities["latest_day"] |= self._slots(meter, published)
        return self._messages(meter.ean, device, entities, _METER)

    def of_bridge(self, sources: Collection[str]) -> dict[str, Payload]:
        """What to tell of the bridge itself.

        Args:
            sources: where readings come from: `portal`, `energy_api`.
        """
        device = {
            "identifiers": [self._node("bridge")],
            "name": "Fluvius" if self.base == "fluvius" else f"Fluvius ({self.base})",
            "manufacturer": "fluvius2mqtt",
            "model": "Bridge",
            "sw_version": __version__,
        }
        there = [entity for entity in _BRIDGE if entity.needs in {"info", *sources}]
        entities = {entity.key: self._config(entity, "bridge", "bridge") for entity in there}
        return self._messages("bridge", device, entities, _BRIDGE)

    def is_its(self, topic: str) -> bool:
        """Whether a topic, of those we publish, is one of discovery."""
        return topic.startswith(f"{self.prefix}/") and topic.endswith("/config")

    def is_in_other_format(self, topic: str) -> bool:
        """Whether a topic is one of discovery, but not as this would write it."""
        is_device = topic.startswith(f"{self.prefix}/device/")
        return self.is_its(topic) and is_device != (self.format == "device")

    def _messages(
        self, who: str, device: Payload, entities: Mapping[str, Payload], table: Sequence[Entity]
    ) -> dict[str, Payload]:
        about = {"device": device, "origin": _ORIGIN}
        node = self._node(who)
        if self.format == "components":
            return {
                f"{self.prefix}/{entity.platform}/{node}/{entity.key}/config": {
                    **entities[entity.key],
                    **about,
                }
                for entity in table
                if entity.key in entities
            }
        # An entity that is gone has to be named without anything but its platform, or it would stay.
        components = {
            entity.key: {"platform": entity.platform, **entities.get(entity.key, {})} for entity in table
        }
        return {f"{self.prefix}/device/{node}/config": {**about, "components": components}}

    def _config(self, entity: Entity, name: str, who: str) -> Payload:
        entity_id = f"{identifier(self.base)}_{identifier(name)}_{entity.key}"
        below = f"{self.base}/{name}/{entity.topic}"
        return {
            "name": entity.name,
            "unique_id": f"{self._node(who)}_{entity.key}",
            "default_entity_id": f"{entity.platform}.{entity_id}",
            "object_id": entity_id,  # the same, for cores before late 2025
            "qos": 1,
            _TOPIC.get(entity.platform, "state_topic"): below,
            **entity.about,
            **(_attributes(below, entity.attributes) if entity.attributes else {}),
            **(self._availability if entity.key != "state" else {}),
        }

    @property
    def _availability(self) -> Payload:
        return {"availability_topic": topics.bridge_state(self.base)} if self.available else {}

    def _slots(self, meter: Meter, published: Collection[str]) -> Payload:
        """The day's intervals as attributes: bare amounts, a tenth of the topic's size for the recorder."""
        sides = [side for side in SIDES if f"day/{side}/total" in published]
        amounts = ", ".join(f"'{side}': slots | map(attribute='{side}') | list" for side in sides)
        return _attributes(
            topics.of_meter(self.base, meter.name, "intervals"),
            "{% set slots = value_json.intervals %}"
            "{{ {'start': slots[0].start, 'resolution': value_json.resolution, " + amounts + "} | tojson }}",
        )

    def _node(self, who: str) -> str:
        return f"{identifier(self.base)}_{who}"


_ORIGIN = {"name": "fluvius2mqtt", "sw_version": __version__, "support_url": URL}


def _attributes(topic: str, template: str) -> Payload:
    return {"json_attributes_topic": topic, "json_attributes_template": template}
