"""All pages by the names that links use: each a row here and a function in a module of its subject."""

from collections.abc import Mapping

from bridge.web.page import Page
from bridge.web.pages import (
    asking,
    compare,
    export,
    files,
    history,
    meter,
    meters,
    prices,
    readings,
    report,
    settings,
    setup,
    state,
)
from bridge.web.uploads import LARGEST

BOTH, POST = ("GET", "POST"), ("POST",)

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
    "data": Page("/data", history.data),
    "history": Page("/data/history", history.show),
    "fetch_history": Page("/data/fetch-history", history.fetch, POST),
    "stop_history": Page("/data/stop-history", history.stop, POST),
    "files": Page("/data/files", files.show),
    "import": Page("/data/import", files.take, POST, largest=LARGEST),
    "export": Page("/data/export", export.show),
    "readings": Page("/data/export/readings", export.readings),
    "setup": Page("/setup", setup.show, BOTH, largest=LARGEST),
    "leave": Page("/setup/leave", setup.leave, POST),
    "settings": Page("/settings", settings.show),
    "change": Page("/settings/change/<name>", settings.change, POST),
    "remove": Page("/settings/remove", settings.remove, POST),
    "change_price": Page("/settings/prices/change", settings.change_price, POST),
    "remove_price": Page("/settings/prices/remove", settings.remove_price, POST),
    "state": Page("/state", state.show),
    "log": Page("/state/log", state.log_lines),
    "ask": Page("/state/ask/<name>", asking.ask, POST),
    "asked": Page("/state/asked/<mark>", asking.asked),
    "report": Page("/state/report", report.show),
    "make_report": Page("/state/make-report", report.make, POST),
    "report_file": Page("/state/report/<name>", report.look),
    "save_report": Page("/state/fluvius2mqtt-report.zip", report.save),
}
