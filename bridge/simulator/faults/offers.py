"""What can be changed in the day-ahead prices that are offered: steps with start, length and price."""

from typing import Any

from bridge.simulator.faults.fault import Strike

Offer = dict[str, Any]


def with_hole(offer: Offer, strike: Strike) -> Offer:
    """So many steps are not there, from the one of that number on."""
    first, count = strike.parameters["first"], strike.parameters["steps"]
    del offer["steps"][first : first + count]
    return offer


def twice(offer: Offer, strike: Strike) -> Offer:
    """Every step twice, the second time so many EUR/MWh more."""
    more = strike.parameters["difference"]
    offer["steps"] = [
        each for step in offer["steps"] for each in (step, {**step, "price": round(step["price"] + more, 2)})
    ]
    return offer


def in_hours(offer: Offer, _strike: Strike) -> Offer:
    """Each hour has the mean price of its steps."""
    hours: dict[int, list[float]] = {}
    for step in offer["steps"]:
        hours.setdefault(step["start"] // 3600 * 3600, []).append(step["price"])
    offer["steps"] = [
        {"start": start, "length": 3600, "price": round(sum(prices) / len(prices), 4)}
        for start, prices in hours.items()
    ]
    return offer


def empty(offer: Offer, _strike: Strike) -> Offer:
    """Nothing is there."""
    return {**offer, "steps": []}


def of_another_day(offer: Offer, strike: Strike) -> Offer:
    """The prices are said to be those of so many days later."""
    for step in offer["steps"]:
        step["start"] += strike.parameters["days"] * 24 * 3600
    return offer
