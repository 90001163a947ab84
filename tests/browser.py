"""Every page in a real browser: `make browser`.

Chromium looks at what a household's page links to, as wide as a telephone, a tablet and a desk, in light and
dark, in four languages, with and without script.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, Page

from bridge.service.window import Window
from bridge.simulator import Simulator
from bridge.web.doors import Door
from bridge.web.pages import PAGES
from tests.rig.cards import FIXED
from tests.rig.chromium import started
from tests.rig.commands import PASSWORD
from tests.rig.ingress import ingress
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.newcomer import arriving
from tests.rig.pages import Browser, linked, page_of
from tests.rig.world import GAS, HOME, Clock, World
from tests.rig.years import fill

WIDTHS = 360, 800, 1400
VIEWS: tuple[tuple[int, Literal["light", "dark"]], ...] = (360, "light"), (1400, "dark")
NAME = '<b>"Anna\'s" & Söhne</b> behind the second gate'
OF_EACH = 2  # paths of one page and meter that are looked at
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
LAYOUT = Path(__file__).with_name("browser.js").read_text("utf-8")


@dataclass
class Site:
    """A page that is served, and where its links lead, by the names in `PAGES`."""

    browser: Browser
    panel: Browser  # the same as Home Assistant's Supervisor reaches it
    paths: dict[str, list[str]] = field(default_factory=dict)

    @property
    def one_of_each(self) -> list[str]:
        """A path of each page that a link leads to."""
        return [paths[0] for paths in self.paths.values() if paths]

    def url(self, path: str) -> str:
        return self.browser.root + path


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with started() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A household with three meters: one knows two years, one has a name like HTML; a bridge has run."""
    folder, clock = tmp_path_factory.mktemp("household"), Clock("2026-10-27 09:00")
    with ExitStack() as stack:
        simulator = stack.enter_context(Simulator(now=clock))
        broker = stack.enter_context(Mosquitto(folder / "mosquitto"))
        world, window = World(folder, simulator, clock, broker.port), Window()
        behind = {**HOME, "name": NAME, "ean": "541448820000000022", "serial": "1SAG1100042063"}
        world.meters = [HOME, GAS, behind]
        dearer = FIXED | {"from": "2026-10-28", "injection": {"energy": {"high": "0.03", "low": "0.02"}}}
        world.changes = {"prices": [FIXED, dearer], "schedule.lookback_days": 10}
        with world.ledger() as ledger:
            fill(ledger, world.meter(), until=date(2026, 9, 30), days=500, below=30)
        wish = stack.enter_context(world.running(window=window)).wish
        eventually(lambda: window.status and window.status.health, within=20)
        browser = stack.enter_context(page_of(world, window=window, wish=wish, log=["all is well"] * 100))
        supervisor = Door(only_from="127.0.0.1")
        panel = stack.enter_context(page_of(world, window=window, wish=wish, door=supervisor))
        yield Site(browser, panel, linked(browser, OF_EACH))


@contextmanager
def looking(chromium: Chromium, *, complains: str = "-", **options: Any) -> Iterator[Page]:
    """A visitor's tab: all comes from here, and the console has nothing but what is expected."""
    context: BrowserContext = chromium.new_context(viewport={"width": 1400, "height": 800}, **options)
    tab = context.new_page()
    complaints: list[str] = []
    hosts: set[str] = set()
    tab.on(
        "console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None
    )
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("requestfailed", lambda request: complaints.append(f"{request.url}: {request.failure}"))
    tab.on("request", lambda request: hosts.add(urlsplit(request.url).hostname or ""))
    yield tab
    context.close()
    expected = complains, "net::ERR_ABORTED"  # the tab went on before all was there
    assert [each for each in complaints if not any(words in each for words in expected)] == []
    assert hosts <= {"127.0.0.1", "homeassistant.local", ""}


def faults_of(tab: Page) -> list[str]:
    """What is cut off or lies over something else, at three widths."""
    found: list[str] = []
    tab.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    for width in WIDTHS:
        tab.set_viewport_size({"width": width, "height": 800})
        found += [f"{tab.url} at {width}: {fault}" for fault in tab.evaluate(LAYOUT)]
    return found


def violations_of(tab: Page) -> list[str]:
    """What axe-core says of it, on a telephone in light and on a desk in dark."""
    found = []
    tab.evaluate(AXE)
    for width, scheme in VIEWS:
        tab.set_viewport_size({"width": width, "height": 800})
        tab.emulate_media(color_scheme=scheme)
        said = tab.evaluate("axe.run({resultTypes: ['violations']}).then(found => found.violations)")
        found += [
            f"{tab.url} at {width}, {scheme}: {each['id']}: {node['html']}: {node['failureSummary']}"
            for each in said
            for node in each["nodes"]
        ]
    return found


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ("<p style='white-space: nowrap'>" + "long " * 200, "the page is"),
        ("<p style='width: 3em; overflow: hidden'>" + "long" * 9, "is wider than its box"),
        ("<div style='width: 3em; overflow: auto'><table><td>" + "long" * 9, "is wider than its box"),
        ("<p style='height: 1em; overflow: hidden'>" + "long " * 200, "is higher than its box"),
        ("<a href='a'>one</a><a href='b' style='margin-left: -1em'>other</a>", "one overlaps <a"),
        ("<svg><text y='20'>one</text><text y='25'>other</text></svg>", "one overlaps <text"),
        ("<svg style='overflow: visible'><text x='-20' y='20'>one</text></svg>", "is out of its picture"),
    ],
)
def test_what_is_not_whole_is_found(chromium: Chromium, html: str, fault: str) -> None:
    with looking(chromium) as tab:
        tab.set_content(f"<!doctype html><body style='margin: 2em'>{html}")
        assert any(fault in each for each in faults_of(tab))


# What is no page to be read, and where a form leads.
OTHERS = {"log", "readings", "save_report", "report_file", "asked", "setup"}
READ = [name for name, page in PAGES.items() if "GET" in page.methods and name not in OTHERS]


@pytest.mark.parametrize("name", READ)
def test_a_page_is_whole_and_in_reach_of_everyone(chromium: Chromium, site: Site, name: str) -> None:
    assert site.paths[name], "no link leads there"
    with looking(chromium, locale="en-GB") as tab:
        for path in site.paths[name]:
            tab.goto(site.url(path))
            assert faults_of(tab) == []
            if path == site.paths[name][0]:  # of others of its kind axe says the same, and takes long for it
                assert violations_of(tab) == []


@pytest.mark.parametrize("language", ["nl-BE", "fr-BE", "de-BE"])
def test_it_is_whole_in_each_language(chromium: Chromium, site: Site, language: str) -> None:
    with looking(chromium, locale=language) as tab:
        for path in site.one_of_each:
            tab.goto(site.url(path))
            assert tab.locator("html").get_attribute("lang") == language[:2]
            assert faults_of(tab) == []


def test_everything_can_be_read_without_script(chromium: Chromium, site: Site) -> None:
    with looking(chromium, java_script_enabled=False) as plain, looking(chromium) as tab:
        for path in site.one_of_each:
            plain.goto(site.url(path))
            tab.goto(site.url(path))
            assert set(tab.inner_text("body").split()) <= set(plain.inner_text("body").split()), path


def test_what_is_asked_for_is_whole(chromium: Chromium, site: Site) -> None:
    with looking(chromium, locale="en-GB") as tab:
        tab.goto(site.url("/state"))
        tab.get_by_role("button", name="Publish again").click()
        tab.get_by_text("everything is on the broker again").wait_for()
        assert faults_of(tab) + violations_of(tab) == []
        tab.goto(site.url("/state/report"))
        tab.get_by_role("button", name="Make a report").click()
        tab.get_by_role("link", name="Save the report").wait_for()
        assert faults_of(tab) + violations_of(tab) == []


@pytest.mark.parametrize("language", ["en-GB", "nl-BE", "fr-BE", "de-BE"])
def test_two_contracts_beside_each_other_are_whole(chromium: Chromium, site: Site, language: str) -> None:
    with looking(chromium, locale=language) as tab:
        tab.goto(site.url("/prices/compare"))
        tab.locator("textarea").fill(json.dumps({"prices": [FIXED | {"vat": 21}]}))
        tab.locator("main form button").click()
        tab.locator("main table").first.wait_for()
        assert faults_of(tab) + violations_of(tab) == []


def test_a_name_with_markup_is_a_name(chromium: Chromium, site: Site) -> None:
    with looking(chromium, locale="en-GB") as tab:
        tab.goto(site.url("/meters"))
        tab.get_by_role("link", name=NAME).click()
        assert tab.inner_text("h1") == NAME


def test_the_pages_of_bad_days_are_whole(chromium: Chromium, tmp_path: Path) -> None:
    clock = Clock("2026-11-21 09:00")
    with Simulator(now=clock) as simulator:
        world = World(tmp_path, simulator, clock, broker_port=1)
        with page_of(world) as browser, looking(chromium) as tab:
            for path in "/", "/meters", "/state":
                tab.goto(browser.root + path)
                assert faults_of(tab) + violations_of(tab) == []


def test_errors_are_whole(chromium: Chromium, site: Site) -> None:
    with looking(chromium, complains="Failed to load resource") as tab:
        for path, status in (("/nowhere", 404), ("/meters/nobody/day", 404)):
            answer = tab.goto(site.url(path))
            assert answer
            assert answer.status == status
            assert faults_of(tab) + violations_of(tab) == []


def test_signing_in_is_whole_and_works(chromium: Chromium, tmp_path: Path) -> None:
    clock = Clock("2026-11-21 09:00")
    with Simulator(now=clock) as simulator:
        world = World(tmp_path, simulator, clock, broker_port=1)
        world.fetch()
        with (
            page_of(world, door=Door("open sesame")) as browser,
            looking(chromium, complains="Failed to load resource", locale="en-GB") as tab,
        ):
            tab.goto(browser.root)
            assert faults_of(tab) + violations_of(tab) == []
            for password, heading in ("open", "Sign in"), ("open sesame", "home"):
                tab.get_by_label("Password of this page").fill(password)
                tab.get_by_role("button", name="Sign in").click()
                assert tab.inner_text("h1") == heading
                assert faults_of(tab) + violations_of(tab) == []
            tab.goto(f"{browser.root}/state")
            elsewhere = tab.context.new_page()
            elsewhere.goto(browser.root)
            elsewhere.get_by_role("button", name="Sign out").click()
            assert elsewhere.inner_text("h1") == "Sign in"
            tab.bring_to_front()
            tab.wait_for_url("**/sign-in")  # and no page within the log


def test_every_page_works_in_home_assistants_frame(chromium: Chromium, site: Site) -> None:
    with ingress(site.panel.root) as panel, looking(chromium, locale="en-GB") as tab:
        tab.goto(panel.url.replace("127.0.0.1", "homeassistant.local"))
        frame = tab.frame(url="**/hassio_ingress/**")
        assert frame
        root = tab.url.rstrip("/") + panel.prefix
        for path in site.one_of_each:
            frame.goto(root + path)
            assert frame.inner_text("h1", timeout=3000), path
        frame.goto(f"{root}/sign-in")
        frame.get_by_label("Password of this page").fill("none is asked for")
        frame.get_by_role("button", name="Sign in").click()
        frame.wait_for_url("**/meters")
        frame.goto(f"{root}/state")
        frame.get_by_role("button", name="Publish again").click()
        frame.get_by_text("everything is on the broker again").wait_for()


def test_from_an_empty_folder_to_yesterdays_picture(
    chromium: Chromium, tmp_path: Path, today: Simulator, mosquitto: Mosquitto
) -> None:
    """With clicks and typing alone; each question is whole."""
    at = {"FLUVIUS2MQTT_FLUVIUS__PORTAL__URL": today.url}
    answers = [
        ("Your MQTT broker", {"Address": f"127.0.0.1:{mosquitto.port}"}),
        ("Where readings come from", {}),
        ("Your account", {"E-mail address": "me@example.com", "Password": PASSWORD}),
        ("Your meter", {"EAN, or the address": HOME["ean"], "Serial number": HOME["serial"]}),
        ("Another meter?", {}),
        ("Names", {}),
        ("Home Assistant's Energy dashboard", {}),
        ("What it costs", {}),
        ("Language", {}),
        ("What will be written", {}),
    ]
    today.sign_in.email = "me@example.com"
    with arriving(tmp_path, at) as newcomer, looking(chromium, locale="en-GB") as tab:
        tab.goto(newcomer.browser.root)
        for heading, typed in answers:
            tab.get_by_role("heading", level=1, name=heading).wait_for()
            assert faults_of(tab) + violations_of(tab) == []
            for label, text in typed.items():
                tab.get_by_label(label).first.fill(text)
            tab.locator("main button").first.click()
        tab.locator("main svg").first.wait_for(timeout=40_000)
        assert tab.inner_text("h1") == "home"
        tab.goto(f"{newcomer.browser.root}/settings")
        assert faults_of(tab) + violations_of(tab) == []
