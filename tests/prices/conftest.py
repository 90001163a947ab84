from collections.abc import Iterator

import pytest

from bridge.simulator import Simulator
from tests.prices.asking import NOW


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(now=lambda: NOW) as simulator:
        yield simulator
