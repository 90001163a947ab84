"""What our pages say of the Energy dashboard; `interop` fills in its real form by their words."""

from pathlib import Path

import pytest

from bridge.text.names import of_cost, of_register
from tests.rig.grid_connections import COMPENSATION, COSTS, EXPORTED, IMPORTED, NAME, PAGES, connections_of


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_high_goes_with_high_and_low_with_low_as_statistics_are_called(page: Path) -> None:
    assert connections_of(page) == [
        {
            IMPORTED: f"home: {of_register(f'consumption_{tariff}', 'en')}",
            EXPORTED: f"home: {of_register(f'injection_{tariff}', 'en')}",
            NAME: f"{tariff.capitalize()} tariff",
            COSTS: f"home: {of_cost('cost', f'consumption_{tariff}', 'en')}",
            COMPENSATION: f"home: {of_cost('compensation', f'injection_{tariff}', 'en')}",
        }
        for tariff in ("high", "low")
    ]
