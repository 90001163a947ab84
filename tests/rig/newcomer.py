"""Somebody who starts the bridge in an empty folder, and has nothing but its page."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests

from bridge.config import FILE, Settings, load
from bridge.service.keeper import Keeper
from bridge.setup.place import Place
from bridge.web.house import House
from bridge.web.server import served
from bridge.web.sessions import Key
from tests.rig.forms import Form, forms_of, send
from tests.rig.pages import OPEN, Browser, words_of

WAITS = {"FLUVIUS2MQTT_WEB": "true"}


class Clock:
    """The true one, or one that is ahead of it."""

    ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Newcomer:
    """Types into forms.

    Attributes:
        page: what is before them.
        seen: all that the page ever said.
    """

    def __init__(self, keeper: Keeper, place: Place, port: int, clock: Clock | None = None) -> None:
        self.keeper, self.place, self.clock = keeper, place, clock or Clock()
        self.browser = Browser(port)
        self.browser.session.headers["Accept-Language"] = "en"
        self.seen: list[str] = []
        self.browser.session.hooks["response"].append(
            lambda response, *_, **__: self.seen.append(f"{response.headers}\n{response.text}")
        )
        self.page: requests.Response = requests.Response()

    @property
    def words(self) -> str:
        return words_of(self.page)

    def later(self, **duration: float) -> None:
        """The page's clock goes on."""
        self.clock.ahead += timedelta(**duration)

    def look(self, path: str = "/") -> "Newcomer":
        self.page = self.browser.get(path)
        assert self.page.status_code == 200, self.words
        return self

    def answer(self, *files: Path, do: str = "answer", **typed: str) -> "Newcomer":
        """Answer what is asked: `__` stands for a dot, and a short name for the only one that ends so."""
        form = self.form("setup")
        known = {name.rpartition(".")[2]: name for name in [*form.fields, *form.choices]}
        given = {known.get(name, name.replace("__", ".")): text for name, text in typed.items()}
        chosen = {form.files[0]: list(files)} if files else {}
        self.page = send(self.browser.session, self.page, form, given, do=do, files=chosen)
        assert self.page.status_code == 200, self.words
        return self

    def press(self, action: str, **fields: str) -> "Newcomer":
        """Send a form of the page that has its own address."""
        form = self.form(action, **fields)
        self.page = send(self.browser.session, self.page, form, {})
        assert self.page.status_code == 200, self.words
        return self

    def form(self, action: str, **fields: str) -> Form:
        found = [
            each
            for each in forms_of(self.page)
            if each.action.endswith(action) and fields.items() <= each.fields.items()
        ]
        assert found, f"{self.page.url} has no form {action}: {self.words}"
        return found[0]


@contextmanager
def arriving(
    folder: Path, environ: Mapping[str, str] | None = None, text: str | None = None
) -> Iterator[Newcomer]:
    """`fluvius2mqtt run` in a folder, with what the environment says and perhaps a file, and its page."""
    file, said = folder / FILE, {**WAITS, **(environ or {})}
    if text is not None:
        file.write_text(text, "utf-8")
    settings = load(file if file.exists() else None, {"FLUVIUS2MQTT_DATA_DIR": str(folder / "data"), **said})
    with arrived(Place(file, said), settings) as newcomer:
        yield newcomer


@contextmanager
def arrived(place: Place, settings: Settings) -> Iterator[Newcomer]:
    """The bridge and its page, wherever that is."""
    clock = Clock()
    with keeping(Keeper(settings, is_seen=True)) as keeper:

        def house() -> House:
            return House(
                keeper.settings,
                keeper.window,
                keeper.wish,
                lambda: (),
                clock,
                place=place,
                take_over=keeper.take_over,
                trouble=keeper.trouble,
            )

        with served(house, OPEN, Key(b"key"), host="127.0.0.1", port=0) as port:
            yield Newcomer(keeper, place, port, clock)


@contextmanager
def keeping(keeper: Keeper) -> Iterator[Keeper]:
    """A keeper at work, until the end of the block."""
    thread = threading.Thread(target=keeper.run, name="keeper")
    thread.start()
    try:
        yield keeper
        assert thread.is_alive()
    finally:
        keeper.stop()
        thread.join(5)
        assert not thread.is_alive(), "the keeper does not stop"
