"""What Home Assistant and openHAB are told: the tables of entities, in either of two formats.

What real Home Assistant cores (2025.4.4 and 2026.11.0) accept was tried; see `tests/interop.py`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bridge import URL, __version__
from bridge.metering.model import SIDES, Meter
from bridge.mqtt import topics
from bridge.publishing.entities import OF_BRIDGE, OF_METER, Entity
from bridge.text import names
from bridge.text.names import Language, told_apart
from bridge.text.words import Payload, identifier, to_json

HOME_ASSISTANT_STATUS = "homeassistant/status"  # by default, whatever the discovery prefix is
MIGRATE = '{"migrate_discovery": true}'  # an entity's next configuration comes in the other format

Format = Literal["components", "device"]


_MIJN_FLUVIUS = "https://mijn.fluvius.be"


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
    language: Language = "en"

    def of_meter(self, meter: Meter, published: Collection[str]) -> dict[str, Payload]:
        """What to tell of a meter.

        Args:
            meter: the meter.
            published: its topics, below its own; an entity exists while its topic does.
        """
        device = {
            "identifiers": [self._node(meter.ean)],
            "name": told_apart(meter.label, self.base),
            "manufacturer": "Fluvius",
            "model": names.MODELS[meter.energy][self.language],
            **({"serial_number": meter.serial} if meter.serial else {}),
            **({"configuration_url": _MIJN_FLUVIUS} if meter.source == "portal" else {}),
            "via_device": self._node("bridge"),
        }
        there = [entity for entity in OF_METER if entity.needs in published]
        entities = {entity.key: self._config(entity, meter.name, meter.ean) for entity in there}
        if "intervals" in published:
            entities["latest_day"] |= self._slots(meter, published)
        return self._messages(meter.ean, device, entities, OF_METER)

    def of_bridge(self, sources: Collection[str]) -> dict[str, Payload]:
        """What to tell of the bridge itself.

        Args:
            sources: where readings come from: `portal`, `energy_api`.
        """
        device = {
            "identifiers": [self._node("bridge")],
            "name": told_apart("Fluvius", self.base),
            "manufacturer": "fluvius2mqtt",
            "model": "Bridge",
            "sw_version": __version__,
            "configuration_url": URL,
        }
        there = [entity for entity in OF_BRIDGE if entity.needs in {"info", *sources}]
        entities = {entity.key: self._config(entity, "bridge", "bridge") for entity in there}
        return self._messages("bridge", device, entities, OF_BRIDGE)

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
        below = f"{self.base}/{name}"
        shows = "image_topic" if entity.platform == "image" else "state_topic"
        about = f"{below}/{entity.attributes_topic or entity.topic}"
        return {
            "name": names.of_entity(entity.key, self.language),
            "unique_id": _unique_id(self.base, who, entity),
            "default_entity_id": f"{entity.platform}.{entity_id}",
            "object_id": entity_id,  # the same, for cores before late 2025
            "qos": 1,
            **({shows: f"{below}/{entity.topic}"} if entity.topic else {}),
            **({"command_topic": f"{below}/{entity.command}"} if entity.command else {}),
            **entity.about,
            **(_attributes(about, entity.attributes) if entity.attributes else {}),
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
        return _node(self.base, who)


_ORIGIN = {"name": "fluvius2mqtt", "sw_version": __version__, "support_url": URL}


def unique_ids(base: str, meter: Meter) -> set[str]:
    """Of what Home Assistant is told of a meter and should make no statistics of, by whatever format."""
    return {_unique_id(base, meter.ean, entity) for entity in OF_METER if "state_class" not in entity.about}


def _unique_id(base: str, who: str, entity: Entity) -> str:
    return f"{_node(base, who)}_{entity.key}"


def _node(base: str, who: str) -> str:
    return f"{identifier(base)}_{who}"


def _attributes(topic: str, template: str) -> Payload:
    return {"json_attributes_topic": topic, "json_attributes_template": template}


def as_json(messages: Mapping[str, Payload]) -> dict[str, str]:
    """Discovery messages as they are published."""
    return {topic: to_json(payload) for topic, payload in messages.items()}
