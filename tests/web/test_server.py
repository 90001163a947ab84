"""The page's server comes and goes with the bridge."""

import threading
from contextlib import suppress

import requests

from tests.rig.pages import page_of
from tests.rig.world import World


def test_it_ends_in_good_order_while_it_is_answering(desk: World) -> None:
    for _ in range(100):
        with page_of(desk) as browser:
            visitor = threading.Thread(target=_visit, args=(browser.root,))
            visitor.start()
            browser.get("/static/style.css")
        visitor.join(5)
        assert not visitor.is_alive()


def _visit(root: str) -> None:
    with suppress(requests.RequestException):  # it may come too late
        requests.get(root + "/static/style.css", timeout=3)
