from collections.abc import Iterator

import pytest

from bridge.simulator import Simulator
from tests.rig.price_questions import NOW


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(now=lambda: NOW) as simulator:
        yield simulator
