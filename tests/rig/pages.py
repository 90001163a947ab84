"""The page, asked over HTTP as a browser would."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

import requests
from werkzeug.routing import Map, Rule

from bridge.mqtt import Command
from bridge.service.window import Window
from bridge.web.doors import Door
from bridge.web.house import House
from bridge.web.pages import PAGES
from bridge.web.server import served
from bridge.web.sessions import Key
from tests.rig.world import World

OPEN = Door(only_as_this_machine=True)


class Browser:
    """Keeps cookies, and sends a page's forms with what their hidden fields hold."""

    def __init__(self, port: int, prefix: str = "", **headers: str) -> None:
        self.port = port
        self.root = f"http://127.0.0.1:{port}{prefix}"
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update(headers)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(self.root + path, timeout=10, **options)

    def post(self, path: str, fields: dict[str, str] | None = None, **options: Any) -> requests.Response:
        """As a form of the page at that path, or of the start's, would be sent."""
        hidden = {"form": self.token()}
        return self.session.post(self.root + path, data=hidden | (fields or {}), timeout=10, **options)

    def token(self) -> str:
        """What forms carry in this browser."""
        found = re.search(r'name="form" value="([^"]+)"', self.get("/sign-in").text)
        assert found
        return found[1]


@contextmanager
def page_of(
    world: World,
    *,
    window: Window | None = None,
    wish: Callable[[Command], None] = lambda _: None,
    door: Door = OPEN,
    log: Sequence[str] = (),
    key: Key | None = None,
) -> Iterator[Browser]:
    """The page of a household."""
    seen = window or Window()

    def house() -> House:
        return House(world.settings, seen, wish, lambda: log, world.clock)

    with served(house, door, key or Key(b"key"), host="127.0.0.1", port=0) as port:
        yield Browser(port)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attributes if tag == "a" and name == "href" and value]


def linked(browser: Browser, of_each: int) -> dict[str, list[str]]:
    """Where links lead from the start, by the names in `PAGES`: so many paths of each page and meter."""
    rules = Map([Rule(page.path, endpoint=name) for name, page in PAGES.items()], strict_slashes=False)
    names = rules.bind("localhost")
    paths: dict[str, list[str]] = {name: [] for name in PAGES}
    seen: Counter[tuple[str, str]] = Counter()
    waiting, known = ["/"], {"/"}
    while waiting:
        path = waiting.pop(0)
        name, values = names.match(urlsplit(path).path)
        if seen[name, str(values.get("name"))] == of_each:
            continue
        seen[name, str(values.get("name"))] += 1
        answer = browser.get(path)
        assert answer.status_code == 200, path
        if not answer.headers["Content-Type"].startswith("text/html"):
            continue
        paths[name].append(path)
        links = _Links()
        links.feed(answer.text)
        for link in links.found:
            there, _ = urldefrag(urljoin(answer.url, link))
            assert there.startswith(f"{browser.root}/"), f"{path} leads to {link}"
            to = there.removeprefix(browser.root)
            if to not in known:
                known.add(to)
                waiting.append(to)
    return paths


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def words_of(page: requests.Response) -> str:
    """What a person reads, in one line."""
    parser = _Words()
    parser.feed(page.text)
    return " ".join(" ".join(parser.words).split())
