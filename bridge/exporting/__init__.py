"""Readings out of the ledger as CSV, JSON or Parquet, one by one, however many there are."""

from bridge.exporting.export import DELIMITERS, POINTS, Export, Wanted

__all__ = ["DELIMITERS", "POINTS", "Export", "Wanted"]
