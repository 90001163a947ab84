"""What may be changed later, each by itself: the steps of the first start once more."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from bridge.config import ScheduleSettings
from bridge.setup import steps, tries
from bridge.setup.answers import Answers
from bridge.setup.interview import Route
from bridge.setup.meter_steps import NO, YES, files, meter, names
from bridge.setup.place import Place
from bridge.setup.prices import changed_price, new_prices
from bridge.setup.questions import Question, Step
from bridge.setup.sign_ins import SignIns

SECTIONS: Mapping[str, tuple[str, ...]] = {  # and the key whose value tells where it comes from
    "account": ("fluvius", "portal", "email"),
    "meters": ("meters",),
    "names": ("meters",),
    "prices": ("prices",),
    "broker": ("mqtt", "host"),
    "statistics": ("homeassistant", "statistics"),
    "schedule": ("schedule", "at"),
    "language": ("language",),
}


def first_start(place: Place, spoken: str, sign_ins: SignIns) -> Route:
    """All that is asked, without what is said elsewhere already.

    Args:
        place: where the configuration will be.
        spoken: the language that is proposed.
        sign_ins: try the account.
    """
    said = {name for name, path in SECTIONS.items() if place.who_says(*path)}
    said |= {"statistics"} if place.options else set()  # of its own Home Assistant
    nearby = [] if "broker" in said else tries.brokers_nearby(place.environ)

    def route(answers: Answers) -> Iterator[Step]:
        for step in steps.steps(answers, nearby, {"LANG": spoken}, sign_ins):
            if step.name in said:
                answers.asides.setdefault(step.name, NO)
            else:
                yield step

    return route


def section(name: str, place: Place, spoken: str, sign_ins: SignIns) -> Route:
    """What is asked to change one of `SECTIONS`."""
    routes: Mapping[str, Callable[[], Route]] = {
        "account": lambda: _only(steps.account(sign_ins)),
        "meters": lambda: _another_meter(place.answers()),
        "names": lambda: _only(names()),
        "prices": lambda: new_prices,
        "broker": lambda: _only(steps.broker(tries.brokers_nearby(place.environ))),
        "statistics": lambda: steps.energy_dashboard,
        "schedule": lambda: _only(Step("schedule", "", _schedule)),
        "language": lambda: _only(steps.language({"LANG": spoken})),
    }
    return routes[name]()


def price(place: int) -> Route:
    """What is asked to change an entry of the prices."""
    return _only(Step("prices", "", partial(changed_price, place=place)))


def _only(step: Step) -> Route:
    return lambda _: iter([step])


def _another_meter(before: Answers) -> Route:
    def of_account(answers: Answers) -> Iterator[Step]:
        answers.asides["signed_in"] = YES  # by the bridge
        yield meter(len(before.at("meters") or ()))

    def of_files(_: Answers) -> Iterator[Step]:
        yield files()
        yield names()

    return of_account if before.at("fluvius", "portal") else of_files


def _schedule(answers: Answers) -> Iterator[Question]:
    at = answers.at("schedule", "at") or ScheduleSettings().at
    yield Question(
        "schedule.at",
        "Times of day",
        _take_times,
        "In Belgium, such as 06:15 12:15. Yesterday's readings come in the course of the morning; Fluvius is"
        " asked only for what is missing.",
        " ".join(map(str, at)),
    )


def _take_times(answers: Answers, text: str) -> str | None:
    return answers.try_to_put(("schedule", "at"), re.split(r"[\s,;]+", text.strip()))
