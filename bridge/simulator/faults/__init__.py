"""The ways in which Fluvius misbehaves. A new one is a row in `table.py`."""
