"""What is asked about meters: out of files, out of an account, and what they are called."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bridge.config.doubts import check_digit_fits
from bridge.config.prices import ean_of
from bridge.fluvius.files.columns import Unusable
from bridge.metering.model import Energy
from bridge.setup import tries
from bridge.setup.answers import Answers
from bridge.setup.meters import FoundMeter, ean_in, files_named, meters_in
from bridge.setup.questions import Question, Step, aside, setting
from bridge.setup.tries import Found
from bridge.text.words import slug

YES, NO = "yes", "no"
_NAMES = {Energy.ELECTRICITY: "home", Energy.GAS: "gas"}
_ABOUT_FILES = (
    "On mijn.fluvius.be choose a meter, its history (Historiek), Historiek downloaden, and quarter-hours"
    " (Kwartiertotalen; of gas, hours: Uurtotalen). There is a file for each meter, and it says which one it"
    " is of."
)


def files() -> Step:
    """The files, read."""
    return Step("files", "Your files", _files, _ABOUT_FILES, _what_files_hold, "Reading")


def meter(index: int) -> Step:
    """One meter of the account, asked for."""
    title = "Your meter" if not index else f"Meter {index + 1}"
    attempt = partial(tries.meter, index=index)
    questions = partial(_meter, index=index)
    return Step(f"meter {index + 1}", title, questions, "", attempt, "Asking Fluvius for its readings")


def names() -> Step:
    """What the meters are called."""
    return Step("names", "Names", _names, "Of the devices in Home Assistant and of the topics.")


def meters_of_account(answers: Answers) -> Iterator[Step]:
    """One after the other, until there is no other."""
    index = 0
    while True:
        yield meter(index)
        index = len(answers.at("meters") or ())
        yield Step(f"more {index}", "", partial(_more, index=index))
        if answers.asides[f"more {index}"] == NO:
            return


def _files(answers: Answers) -> Iterator[Question]:
    yield Question(
        "files",
        "Files",
        _take_files,
        "Drag them into this window, or write their names, or that of their folder; CSV, or zip archives.",
        " ".join(map(str, answers.files)),
    )


def _take_files(answers: Answers, text: str) -> str | None:
    named = files_named(text)
    if not named:
        return "write the name of a file"
    try:
        found = meters_in(named)
    except Unusable as error:
        return str(error)
    take_files(answers, named, found)
    return None


def _what_files_hold(answers: Answers) -> Found:
    meters = ", ".join(f"{each['energy']} meter {each['ean']}" for each in answers.tree["meters"])
    return Found(works=True, words=f"{len(answers.files)} of Mijn Fluvius: {meters}")


def take_files(answers: Answers, files: list[Path], found: list[FoundMeter]) -> None:
    """Follow the meters that files are about, as far as they are not among the answers already."""
    answers.files = [each.resolve() for each in files]
    meters = answers.tree.setdefault("meters", [])
    known = {ean_of(str(each.get("ean"))) for each in meters if isinstance(each, dict)}
    for each in found:
        if each.ean not in known:
            meters.append(
                {"name": _free_name(answers, each.energy), "ean": each.ean, "energy": str(each.energy)}
                | {"source": "file"}
            )
    answers.tree.setdefault("import_dir", "import")


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
    ean = ean_of(ean_in(text))
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
    named = files_named(text)
    try:
        found = meters_in(named)
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
    answers.files = list(dict.fromkeys([*answers.files, *(each.resolve() for each in named)]))
    return None


def _more(answers: Answers, index: int) -> Iterator[Question]:
    yield aside(answers, f"more {index}", "Another meter?", {NO: "", YES: ""})


def _names(answers: Answers) -> Iterator[Question]:
    for index, meter in enumerate(answers.tree["meters"]):
        energy = Energy(meter.get("energy", "electricity"))
        yield setting(
            answers,
            ("meters", index, "name"),
            f"Name of {energy} meter {ean_of(meter['ean'])}",
            default=meter.get("name") or _free_name(answers, energy),
        )


def _free_name(answers: Answers, energy: Energy) -> str:
    taken = {slug(str(each.get("name", ""))) for each in answers.at("meters") or ()}
    name, number = _NAMES[energy], 1
    while slug(name) in taken:
        number += 1
        name = f"{_NAMES[energy]} {number}"
    return name
