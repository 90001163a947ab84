"""Fluvius meter readings on an MQTT broker."""

__version__ = "0.1.0"
URL = "https://github.com/fluvius2mqtt/fluvius2mqtt"
IS_RELEASED = False  # whether PyPI and ghcr.io have it: until then everything is installed from a copy of URL
