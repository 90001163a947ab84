"""What can be changed in the documents that the Energy API answers."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from bridge.simulator.faults import slots
from bridge.simulator.faults.alterations import places, replacing
from bridge.simulator.faults.fault import Alteration, Strike
from bridge.simulator.writing import text

INTERVALS = ("hourlyEnergy", "quarterHourlyEnergy")
LISTS = ("dailyEnergy", *INTERVALS)


def _lists(content: Any, names: Sequence[str] = LISTS) -> list[list[Any]]:
    found = [holder[key] for name in names for holder, key in places(content, f"**.{name}")]
    return [each for each in found if isinstance(each, list)]


def in_every_list(change: Alteration) -> Alteration:
    """The same change in each of a document's lists of slots."""

    def alteration(content: Any, strike: Strike) -> Any:
        for each in _lists(content):
            each[:] = change(each, strike)
        return content

    return alteration


def _overlapping(listed: slots.Slots, _strike: Strike) -> slots.Slots:
    return [
        {**slot, **{edge: _shifted(slot[edge], days) for edge in ("start", "end")}}
        for slot in listed
        for days in (-400, 0, 400)
    ]


def _shifted(moment: str, days: int) -> str:
    return text(datetime.fromisoformat(moment) + timedelta(days=days))


twice, shuffled, overlapping = map(in_every_list, (slots.twice, slots.shuffled, _overlapping))


def last_raised(content: Any, strike: Strike) -> Any:
    """The last quarter-hour or hour consumed so many Wh more."""
    for listed in _lists(content, INTERVALS):
        for counted, value in places(listed[-1:], "*.measurements.*.offtake.*.value"):
            counted[value] = round(counted[value] + strike.parameters["amount"] / 1000, 3)
    return content


def _extra(content: Any) -> Any:
    for holder, key in list(places(content, "**.*"))[::-1]:
        if isinstance(holder[key], dict):
            holder[key] = {"extra": {"value": [1, None]}, "x": "}", **holder[key]}
    return content


def _days_and_quarters(path: str, day: Any, quarter: Any) -> Callable[[Any], Any]:
    in_days = replacing(f"**.dailyEnergy{path}", lambda _: day)
    in_quarters = replacing(f"**.quarterHourlyEnergy{path}", lambda _: quarter)
    return lambda content: in_quarters(in_days(content))


ODD: dict[str, Callable[[Any], Any]] = {
    "list": lambda content: [content],
    "null": lambda _: None,
    "no-data": lambda content: {"_meta": content["_meta"]},
    "data-null": lambda content: {**content, "data": None},
    "data-list": lambda content: {**content, "data": []},
    "headpoint-null": lambda content: {**content, "data": {"headpoint": None}},
    "headpoint-text": lambda content: {**content, "data": {"headpoint": "metering-on-meter"}},
    "text-amounts": replacing("**.value", lambda amount: f"{amount} kWh"),
    "extra-fields": _extra,
    "slots-no-list": _days_and_quarters("", 9.133, {"items": 3}),
    "slots-null": _days_and_quarters(".*", None, None),
    "measurements-no-list": replacing("**.measurements", lambda _: {"offtake": 1}),
    "measurements-null": replacing("**.measurements", lambda _: None),
    "directions-no-objects": replacing("**.measurements.*.offtake", lambda _: 9.133),
    "times-no-times": replacing("**.start", lambda _: 20261118),
    "mandates-no-list": replacing("data.mandates", lambda _: {"items": []}),
    "mandates-null": replacing("data.mandates.*", lambda _: None),
}
