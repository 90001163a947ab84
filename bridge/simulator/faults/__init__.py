"""The ways in which Fluvius misbehaves, and how it may be as well.

A new fault is a row in `table.py`, a new variant one in `variants.py`.
"""
