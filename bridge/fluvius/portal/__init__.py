"""Mijn Fluvius, the portal of households."""
