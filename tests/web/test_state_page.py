"""How everything is, also while nothing is."""

from pathlib import Path

from tests.rig.mosquitto import eventually
from tests.rig.newcomer import arriving
from tests.rig.pages import page_of, words_of
from tests.rig.world import World

METER = """\
web: true
mqtt: {host: 127.0.0.1, port: 1}
meters: [{name: home, ean: "541448820000000008", source: file}]
"""


def test_a_bridge_that_cannot_start_says_why_on_every_page_that_needs_it(tmp_path: Path) -> None:
    ledger = tmp_path / "data" / "ledger.sqlite"
    ledger.parent.mkdir()
    ledger.write_bytes(b"rot" * 1000)
    with arriving(tmp_path, text=METER) as newcomer:
        eventually(lambda: newcomer.keeper.trouble, 10)
        for path in "/state", "/settings":
            said = newcomer.look(path).words
            assert "Restore a backup, or move it away" in said, path
            assert "restart the bridge" in said, path
        assert "just started" not in newcomer.look("/state").words
        meters = newcomer.browser.get("/meters")
        assert (meters.status_code, "Restore a backup" in words_of(meters)) == (503, True)


def test_a_bridge_that_just_started_looks_around(desk: World) -> None:
    with page_of(desk, log=["a line"]) as browser:
        said = words_of(browser.get("/state"))
    assert "The bridge has just started; it looks around." in said
    assert "a line" in said
