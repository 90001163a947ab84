"""What is asked, in which order, to get from nothing to a bridge that works."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from importlib.util import find_spec

from bridge.config import MqttSettings
from bridge.setup import tries
from bridge.setup.answers import Answers
from bridge.setup.broker_questions import broker_questions
from bridge.setup.meter_steps import NO, YES, files, meters_of_account, names
from bridge.setup.prices import price_questions
from bridge.setup.questions import Question, Step, aside, setting
from bridge.setup.sign_ins import SignIns

ACCOUNT, FILES = "account", "files"
LANGUAGE_NAMES = {"en": "English", "nl": "Nederlands", "fr": "français", "de": "Deutsch"}


def steps(
    answers: Answers, nearby: Sequence[MqttSettings], environ: Mapping[str, str], sign_ins: SignIns
) -> Iterator[Step]:
    """The steps one after the other: each follows from the answers to those before it.

    Args:
        answers: what was answered; read anew for each step.
        nearby: brokers that may be meant.
        environ: the environment's variables: which language is spoken.
        sign_ins: try the account.
    """
    yield broker(nearby)
    yield Step("source", "Where readings come from", _source)
    if answers.asides["source"] == FILES:
        yield files()
    else:
        yield account(sign_ins)
        yield from meters_of_account(answers)
    if len(answers.at("meters") or ()):
        yield names()
    yield from energy_dashboard(answers)
    yield prices()
    yield language(environ)


def broker(nearby: Sequence[MqttSettings]) -> Step:
    """Which broker, tried."""
    found = ", ".join(f"{each.host}:{each.port}" for each in nearby) or "none"
    return Step(
        "broker",
        "Your MQTT broker",
        partial(broker_questions, nearby=nearby),
        f"Where readings are published. Found nearby: {found}.",
        tries.broker,
        "Trying the broker",
    )


def account(sign_ins: SignIns) -> Step:
    """The account, tried."""
    return Step(ACCOUNT, "Your account", _account, _ABOUT_ACCOUNT, sign_ins.attempt, "Signing in")


def energy_dashboard(answers: Answers) -> Iterator[Step]:
    """Whether statistics are written, and the token for that, tried."""
    if not find_spec("websockets"):
        return
    yield Step(
        "statistics",
        "Home Assistant's Energy dashboard",
        _statistics,
        "It shows each hour's energy at the hour at which it was used, if Home Assistant lets"
        " fluvius2mqtt write its statistics.",
    )
    if answers.asides["statistics"] == YES:
        yield Step("token", "", _token, "", tries.statistics, "Trying it")


def prices() -> Step:
    """What it costs."""
    return Step(
        "prices",
        "What it costs",
        price_questions,
        "If you like, what each day and month costs. You can also write prices into the file later.",
    )


def language(environ: Mapping[str, str]) -> Step:
    """The language of names."""
    return Step("language", "Language", partial(_language, environ=environ))


_ABOUT_ACCOUNT = (
    "The password is tried once now, and goes to no one but Fluvius. It is kept in secrets.yaml, which only"
    " you can read."
)


def _source(answers: Answers) -> Iterator[Question]:
    yield aside(
        answers,
        "source",
        "Which",
        {
            ACCOUNT: "you sign in on mijn.fluvius.be with e-mail and password: the bridge does the same, and"
            " brings yesterday's readings every day by itself",
            FILES: "you sign in with itsme or eID, or want no password here: you download your history on"
            " mijn.fluvius.be now and then, and the bridge reads the files",
        },
    )


def _account(answers: Answers) -> Iterator[Question]:
    portal = ("fluvius", "portal")
    yield setting(answers, (*portal, "email"), "E-mail address")
    yield setting(answers, (*portal, "password"), "Password", is_secret=True)


def _statistics(answers: Answers) -> Iterator[Question]:
    yield aside(answers, "statistics", "Write them?", {NO: "", YES: ""})


def _token(answers: Answers) -> Iterator[Question]:
    path = ("homeassistant", "statistics")
    yield Question(
        "homeassistant.statistics.url",
        "Address of Home Assistant",
        _take_home_assistant,
        default=answers.at(*path, "url") or "ws://homeassistant.local:8123/api/websocket",
    )
    hint = (
        "Make one in Home Assistant, as an administrator: your profile (bottom left), Security, Long-lived"
        " access tokens."
    )
    yield setting(answers, (*path, "token"), "Access token", is_secret=True, hint=hint)


def _take_home_assistant(answers: Answers, text: str) -> str | None:
    """Also as it stands in a browser."""
    address = re.sub(r"^http", "ws", text.strip())
    if "://" not in address:
        address = f"ws://{address}"
    if not re.search(r"\w/\w", address):
        address = (
            address.rstrip("/") + ("" if re.search(r":[0-9]+/?$", address) else ":8123") + "/api/websocket"
        )
    return answers.try_to_put(("homeassistant", "statistics", "url"), address)


def _language(answers: Answers, *, environ: Mapping[str, str]) -> Iterator[Question]:
    spoken = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")[:2]
    known = answers.at("language") or (spoken if spoken in LANGUAGE_NAMES else "en")
    yield Question(
        "language",
        "Names in Home Assistant are in",
        lambda answers, text: answers.try_to_put(("language",), text),
        default=known,
        choices=LANGUAGE_NAMES,
    )
