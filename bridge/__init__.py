"""Fluvius meter readings on an MQTT broker."""

__version__ = "0.1.0"
