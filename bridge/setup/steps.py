"""What is asked, in which order, to get from nothing to a bridge that works."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from bridge.config.doubts import check_digit_fits
from bridge.fluvius.files.columns import Unusable
from bridge.metering.model import Energy
from bridge.setup import tries
from bridge.setup.answers import Answers
from bridge.setup.broker_questions import broker_questions
from bridge.setup.meters import FoundMeter, ean_in, files_named, meters_in
from bridge.setup.prices import price_questions
from bridge.setup.questions import Question, Step, aside, setting
from bridge.setup.tries import Found
from bridge.text.words import slug

ACCOUNT, FILES = "account", "files"
YES, NO = "yes", "no"

_NAMES = {Energy.ELECTRICITY: "home", Energy.GAS: "gas"}
_LANGUAGES = {"en": "English", "nl": "Nederlands", "fr": "français", "de": "Deutsch"}


def steps(answers: Answers, environ: Mapping[str, str]) -> Iterator[Step]:
    """The steps one after the other: each follows from the answers to those before it.

    Args:
        answers: what was answered; read anew for each step.
        environ: the environment's variables: where a broker may be, and which language is spoken.
    """
    nearby = tries.brokers_nearby(environ)
    yield Step(
        "broker",
        "Your MQTT broker",
        partial(broker_questions, nearby=nearby),
        "Where readings are published. Found nearby: "
        + (", ".join(f"{each.host}:{each.port}" for each in nearby) or "none")
        + ".",
        tries.broker,
        "Trying the broker",
    )
    yield Step("source", "Where readings come from", _source)
    if answers.asides["source"] == FILES:
        yield Step("files", "Your files", _files, _ABOUT_FILES, _what_files_hold, "Reading")
    else:
        yield Step("account", "Your account", _account, _ABOUT_ACCOUNT, tries.sign_in, "Signing in")
        yield from _meters_of_account(answers)
    if len(answers.at("meters") or ()):
        yield Step("names", "Names", _names, "Of the devices in Home Assistant and of the topics.")
    if find_spec("websockets"):
        yield Step(
            "statistics",
            "Home Assistant's Energy dashboard",
            _statistics,
            "It shows each hour's energy at the hour at which it was used, if Home Assistant lets"
            " fluvius2mqtt write its statistics.",
        )
        if answers.asides["statistics"] == YES:
            yield Step("token", "", _token, "", tries.statistics, "Trying it")
    yield Step(
        "prices",
        "What it costs",
        price_questions,
        "If you like, what each day and month costs. You can also write prices into the file later.",
    )
    yield Step("language", "Language", partial(_language, environ=environ))


_ABOUT_FILES = (
    "On mijn.fluvius.be choose a meter, its history (Historiek), Historiek downloaden, and quarter-hours"
    " (Kwartiertotalen; of gas, hours: Uurtotalen). There is a file for each meter, and it says which one it"
    " is of."
)
_ABOUT_ACCOUNT = (
    "The password is tried once now, and goes to no one but Fluvius. It is kept in secrets.yaml, which only"
    " you can read."
)


def _meters_of_account(answers: Answers) -> Iterator[Step]:
    index = 0
    while True:
        title = "Your meter" if not index else f"Meter {index + 1}"
        questions = partial(_meter, index=index)
        attempt = partial(tries.meter, index=index)
        yield Step(f"meter {index + 1}", title, questions, "", attempt, "Asking Fluvius for its readings")
        index = len(answers.at("meters") or ())
        yield Step(f"more {index}", "", partial(_more, index=index))
        if answers.asides[f"more {index}"] == NO:
            return


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


def _files(answers: Answers) -> Iterator[Question]:
    yield Question(
        "files",
        "Files",
        _take_files,
        "Drag them into this window, or write their names, or that of their folder; CSV, or zip archives.",
        " ".join(map(str, answers.files)),
    )


def _take_files(answers: Answers, text: str) -> str | None:
    files = files_named(text)
    if not files:
        return "write the name of a file"
    try:
        found = meters_in(files)
    except Unusable as error:
        return str(error)
    take_files(answers, files, found)
    return None


def _what_files_hold(answers: Answers) -> Found:
    meters = ", ".join(f"{each['energy']} meter {each['ean']}" for each in answers.tree["meters"])
    return Found(works=True, words=f"{len(answers.files)} of Mijn Fluvius: {meters}")


def take_files(answers: Answers, files: list[Path], found: list[FoundMeter]) -> None:
    """Follow the meters that files are about, as far as they are not among the answers already."""
    answers.files = [each.resolve() for each in files]
    meters = answers.tree.setdefault("meters", [])
    known = {str(each.get("ean")) for each in meters if isinstance(each, dict)}
    for each in found:
        if each.ean not in known:
            meters.append(
                {"name": _free_name(answers, each.energy), "ean": each.ean, "energy": str(each.energy)}
                | {"source": "file"}
            )
    answers.tree.setdefault("import_dir", "import")


def _account(answers: Answers) -> Iterator[Question]:
    portal = ("fluvius", "portal")
    yield setting(answers, (*portal, "email"), "E-mail address")
    yield setting(answers, (*portal, "password"), "Password", is_secret=True)


def _meter(answers: Answers, index: int) -> Iterator[Question]:
    path = ("meters", index)
    yield Question(
        f"meters[{index}].ean",
        "EAN, address or file",
        partial(_take_meter, index=index),
        "The EAN has 18 digits and stands on every bill. Or paste the address of the meter's page on"
        " mijn.fluvius.be (.../verbruik/5414.../detail), or the name of a file that you downloaded there: it"
        " holds everything.",
        str(answers.at(*path, "ean") or ""),
    )
    if answers.asides.get(f"from a file {index}"):
        return
    energies = [Energy.ELECTRICITY, Energy.GAS]
    if index and not answers.at(*path, "energy"):
        energies.reverse()
    words = {str(each): "" for each in energies}
    known = answers.at(*path, "energy") or str(energies[0])
    yield Question(
        f"meters[{index}].energy",
        "It counts",
        lambda answers, text: answers.try_to_put((*path, "energy"), text),
        default=known,
        choices=words,
    )
    yield setting(
        answers,
        (*path, "serial"),
        "Serial number",
        hint="On the meter itself, and on its page on mijn.fluvius.be, such as 1SAG1100042062.",
    )


def _take_meter(answers: Answers, text: str, *, index: int) -> str | None:
    ean = re.sub(r"\s", "", ean_in(text))
    path = ("meters", index, "ean")
    answers.asides.pop(f"from a file {index}", None)
    if not re.fullmatch(r"[0-9]*", ean) and "://" not in text:
        return _take_meters_in(answers, text, index)
    doubted = answers.asides.get("doubted") == ean
    if len(ean) == 18 and ean.isdigit() and not check_digit_fits(ean) and not doubted:
        answers.asides["doubted"] = ean
        return (
            "there is a slip in it, most likely: the last digit of an EAN is worked out from the other 17,"
            " and this one does not fit them. If it is right all the same, type it again"
        )
    problem = answers.try_to_put(path, ean)
    if not problem and not answers.at("meters", index, "energy"):
        answers.put(("meters", index, "energy"), str(Energy.GAS if index else Energy.ELECTRICITY))
    return problem


def _take_meters_in(answers: Answers, text: str, index: int) -> str | None:
    files = files_named(text)
    try:
        found = meters_in(files)
    except Unusable as error:
        return f"{error}. Or write the 18 digits of the EAN"
    del answers.tree.setdefault("meters", [])[index:]
    for each in found:
        place = len(answers.tree["meters"])
        new = {"ean": each.ean, "serial": each.serial, "energy": str(each.energy)}
        answers.tree["meters"].append(new)
        if problem := answers.problem(("meters", place)):
            del answers.tree["meters"][index:]
            return f"meter {each.ean}: {problem}"
        answers.asides[f"from a file {place}"] = YES
    answers.files = list(dict.fromkeys([*answers.files, *(each.resolve() for each in files)]))
    return None


def _more(answers: Answers, index: int) -> Iterator[Question]:
    yield aside(answers, f"more {index}", "Another meter?", {NO: "", YES: ""})


def _names(answers: Answers) -> Iterator[Question]:
    for index, meter in enumerate(answers.tree["meters"]):
        energy = Energy(meter.get("energy", "electricity"))
        yield setting(
            answers,
            ("meters", index, "name"),
            f"Name of {energy} meter {meter['ean']}",
            default=_free_name(answers, energy),
        )


def _free_name(answers: Answers, energy: Energy) -> str:
    taken = {slug(str(each.get("name", ""))) for each in answers.at("meters") or ()}
    name, number = _NAMES[energy], 1
    while slug(name) in taken:
        number += 1
        name = f"{_NAMES[energy]} {number}"
    return name


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
    known = answers.at("language") or (spoken if spoken in _LANGUAGES else "en")
    yield Question(
        "language",
        "Names in Home Assistant are in",
        lambda answers, text: answers.try_to_put(("language",), text),
        default=known,
        choices=_LANGUAGES,
    )
