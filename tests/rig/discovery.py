"""What discovery told Home Assistant, read from the broker."""

import json
from typing import Any

from tests.rig.mosquitto import Mosquitto

Configs = dict[str, dict[str, Any]]


def told(mosquitto: Mosquitto, prefix: str = "homeassistant") -> Configs:
    """The discovery messages that stand there, by topic."""
    retained = mosquitto.retained(f"{prefix}/#")
    return {
        topic.removeprefix(f"{prefix}/"): json.loads(payload)
        for topic, payload in retained.items()
        if topic.endswith("/config")
    }


def entities(configs: Configs, who: str, base: str = "fluvius") -> Configs:
    """The entities of a meter, or of the bridge, in either format."""
    node = f"{base}_{who}"
    found: Configs = {}
    for topic, config in configs.items():
        platform, its_node, *key = topic.split("/")[:-1]
        if its_node == node and platform == "device":
            found |= {key: each for key, each in config["components"].items() if set(each) != {"platform"}}
        elif its_node == node:
            found[key[0]] = config
    return found
