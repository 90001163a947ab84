"""All pages by the names that links use: each a row here and a function in a module of its subject."""

from collections.abc import Mapping

from bridge.web.page import Page
from bridge.web.pages import meters, state

BOTH = ("GET", "POST")

PAGES: Mapping[str, Page] = {
    "home": Page("/", meters.home),
    "meters": Page("/meters", meters.overview),
    "meter": Page("/meters/<name>", meters.one),
    "state": Page("/state", state.show),
    "log": Page("/state/log", state.log_lines),
}
