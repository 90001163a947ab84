"""All pages by the names that links use: each a row here and a function in a module of its subject."""

from collections.abc import Mapping

from bridge.web.page import Page
from bridge.web.pages import compare, meter, meters, prices, readings, state

BOTH = ("GET", "POST")

PAGES: Mapping[str, Page] = {
    "home": Page("/", meters.home),
    "meters": Page("/meters", meters.overview),
    "meter": Page("/meters/<name>", meter.show),
    "latest": Page("/meters/<name>/day", readings.latest),
    "day": Page("/meters/<name>/day/<on>", readings.day),
    "month": Page("/meters/<name>/month/<of>", readings.month),
    "year": Page("/meters/<name>/year/<int:of>", readings.year),
    "years": Page("/meters/<name>/years", readings.years),
    "prices": Page("/prices", prices.show),
    "compare": Page("/prices/compare", compare.show, BOTH),
    "state": Page("/state", state.show),
    "log": Page("/state/log", state.log_lines),
}
