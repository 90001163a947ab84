from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mosquitto import Mosquitto


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that lets everyone in."""
    with Mosquitto(tmp_path / "mosquitto") as broker:
        yield broker
