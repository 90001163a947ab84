"""The system's Chromium."""

from collections.abc import Iterator
from contextlib import contextmanager
from shutil import which

from playwright.sync_api import Browser, sync_playwright

# By a name of its own Home Assistant is no safe place, for which browsers hold back what they else say.
_ARGUMENTS = ["--no-sandbox", "--host-resolver-rules=MAP homeassistant.local 127.0.0.1"]
_FIRST_PAINT = """() => new Promise(found => new PerformanceObserver(list => {
    const paint = list.getEntriesByName("first-contentful-paint")[0];
    if (paint) found(paint.startTime);
}).observe({type: "paint", buffered: true}))"""


@contextmanager
def started() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=which("chromium"), args=_ARGUMENTS)
        yield browser
        browser.close()


def first_paints(url: str, times: int) -> list[float]:
    """Seconds until something is to be read, each time for a visitor who was never there."""
    seconds = []
    with started() as browser:
        for _ in range(times):
            context = browser.new_context(viewport={"width": 360, "height": 800})
            tab = context.new_page()
            tab.goto(url)
            seconds.append(tab.evaluate(_FIRST_PAINT) / 1000)
            context.close()
    return seconds
