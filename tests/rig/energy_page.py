"""The Energy dashboard of Home Assistant from 2026.3 on, as a person fills it in and reads it."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from playwright.sync_api import Locator, Page, Route, StorageState

from tests.rig.chromium import started
from tests.rig.grid_connections import EXPORTED, IMPORTED, NAME, WAYS, Connection
from tests.rig.homeassistant import HomeAssistant

_AMOUNT = re.compile(r"-?[0-9.]+")


@contextmanager
def looking(ha: HomeAssistant, path: str, *, width: int = 1100, height: int = 900) -> Iterator[Page]:
    """A browser in which the owner is signed in, at a page of Home Assistant."""

    def stay_at_home(route: Route) -> None:
        if route.request.url.startswith(ha.url):
            route.continue_()
        else:
            route.abort()

    with started() as browser:
        tab = browser.new_page(
            viewport={"width": width, "height": height},
            storage_state=StorageState(
                origins=[
                    {
                        "origin": ha.url,
                        "localStorage": [
                            {"name": name, "value": value} for name, value in ha.browser_storage().items()
                        ],
                    }
                ]
            ),
            service_workers="block",
            locale="en-GB",
            timezone_id="Europe/Brussels",
        )
        tab.route("**/*", stay_at_home)
        tab.goto(ha.url + path)
        tab.wait_for_selector("home-assistant-main")
        yield tab


def add_connections(ha: HomeAssistant, wanted: Sequence[Connection], picture: Path | None = None) -> None:
    """Fill in the form of each, and save it; a picture is of the first one."""
    with looking(ha, "/config/energy", height=1600) as tab:
        for number, connection in enumerate(wanted):
            tab.get_by_role("button", name="Add grid connection").click()
            form = tab.locator("dialog-energy-grid-settings")
            _fill_in(form, connection)
            if picture and number == 0:
                tab.wait_for_timeout(1000)  # until what moves stands still
                form.locator("dialog").screenshot(path=picture)
            form.get_by_role("button", name="Save").click()
            form.locator("dialog").wait_for(state="hidden")


def totals(tab: Page) -> dict[str, tuple[Decimal, Decimal]]:
    """Energy and money by the names of the dashboard's table."""
    rows = tab.locator("hui-energy-sources-table-card tbody tr").all()
    texts = [[cell.strip() for cell in row.locator("th, td").all_inner_texts()] for row in rows]
    return {name: (_amount(energy), _amount(money)) for *_, name, energy, money in texts}


def days_back(tab: Page, days: int) -> None:
    """As many days before today."""
    for _ in range(days):
        tab.get_by_role("button", name="Previous").click()
        tab.wait_for_timeout(1000)


def _fill_in(form: Locator, connection: Connection) -> None:
    _choose(form, IMPORTED, connection[IMPORTED])
    _choose(form, EXPORTED, connection[EXPORTED])
    form.locator("ha-input").filter(has_text=NAME).locator("input").fill(connection[NAME])
    for label, way in WAYS.items():
        form.get_by_text(way).click()
        _choose(form, label, connection[label])


def _choose(form: Locator, label: str, statistic: str) -> None:
    picker = form.locator("ha-statistic-picker").filter(has_text=label)
    picker.click()
    picker.get_by_role("option").filter(has_text=statistic).click()
    picker.get_by_role("option").first.wait_for(state="detached")


def _amount(text: str) -> Decimal:
    found = _AMOUNT.search(text.replace("€", ""))
    return Decimal(found[0] if found else 0)
