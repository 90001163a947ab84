import pytest

from tests.rig.core import TOKEN, Core
from tests.rig.world import World


@pytest.fixture
def world(desk: World, core: Core) -> World:
    """A household with Home Assistant and without a broker."""
    desk.changes["homeassistant.statistics"] = {"url": core.url, "token": TOKEN}
    return desk
