"""Grid connections of the Energy dashboard, as our pages tell people to fill them in."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.rig.commands import ROOT

PAGES = (ROOT / "docs" / "homeassistant.md", ROOT / "addon" / "DOCS.md")
IMPORTED, EXPORTED = "energy imported from grid", "energy exported to grid"
NAME = "display name"
COSTS, COMPENSATION = "entity with the total costs", "entity with the total compensation"
WAYS = {
    COSTS: "Use an entity tracking the total costs",
    COMPENSATION: "Use an entity tracking the total compensation",
}

Connection = Mapping[str, str]  # label of a field → what to choose


def connections_of(page: Path) -> Sequence[Connection]:
    """What a page of the documentation says of two tariffs: the first rows of its table."""
    text = page.read_text("utf-8")
    assert all(way in " ".join(text.split()) for way in WAYS.values()), f"{page} names other ways"
    rows = [_cells(line) for line in text.splitlines() if line.startswith("| ")]
    at = next(number for number, row in enumerate(rows) if IMPORTED in row)
    return [dict(zip(rows[at], row, strict=True)) for row in rows[at + 1 : at + 3]]


def _cells(line: str) -> list[str]:
    return [cell.strip(" *") for cell in line.strip("|").split("|")]
