"""What is asked about prices: one price with everything in it, or the parts of the bill."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from bridge.config import KeyPath
from bridge.config.keys import at
from bridge.metering.model import BRUSSELS, Energy
from bridge.setup.answers import Answers
from bridge.setup.questions import Question, aside

NOTHING = "nothing"
LATER, ALL_IN, PARTS = "later", "all-in", "parts"
_A_PRICE = "euros as a number, such as 0.31"
_WANTED = {"per_kw_year": "euros, such as 48.10", "fees": "euros, such as 53.56", "vat": "percent, such as 6"}
_PARTS = {"grid", "levies", "capacity", "fees_per_year"}
_MARKET = re.compile(r"market\s+(\S+)(?:\s+(\S+))?")
_DAY = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})")  # as people write it here
_NUMBER = re.compile(r"-?[0-9]+([.,][0-9]+)?")


def price_questions(answers: Answers, *, may_wait: bool = True) -> Iterator[Question]:
    """All that is asked; what is not entered costs nothing, or is unknown.

    Args:
        answers: read anew for each question.
        may_wait: whether somebody may want none now.
    """
    choices = {
        ALL_IN: "one price for a kWh, with everything in it",
        PARTS: "the parts of the bill, as on the supplier's tariff card: exact, capacity tariff included",
    }
    question = aside(answers, "prices", "Prices", {LATER: "not now"} | choices if may_wait else choices)
    yield question if may_wait else replace(question, default=answers.asides.get("prices", ""))
    answers.put(("prices",), None)
    if answers.asides.get("prices", LATER) == LATER:
        return
    now = datetime.now(UTC).astimezone(BRUSSELS)
    yield Question(
        "prices.from",
        "From which day do they hold",
        _take_day,
        "Before it, costs are unknown.",
        f"{now.year}-01-01",
    )
    counted = {Energy(each.get("energy", "electricity")) for each in answers.at("meters") or ()}
    for energy in sorted(counted):
        path = ("prices", len(answers.at("prices") or ()))
        begun = {"from": answers.asides["from"], "energy": str(energy)}
        begun |= {"vat": "0"} if answers.asides["prices"] == ALL_IN else {}
        answers.tree.setdefault("prices", []).append(begun)
        questions = _all_in if answers.asides["prices"] == ALL_IN else _parts
        yield from questions(answers, path, energy)


def changed_price(answers: Answers, place: int) -> Iterator[Question]:
    """What is asked of an entry that is there: as much as can be typed, and the rest stays as it is."""
    path = ("prices", place)
    entry: dict[str, Any] = answers.at(*path)
    yield Question(
        "prices.from",
        "From which day do they hold",
        partial(_take_begin, path=(*path, "from")),
        default=str(entry["from"]),
    )
    is_all_in = _PARTS.isdisjoint({*entry, *entry.get("consumption", {})}) and entry.get("vat") in {"0", 0}
    questions = _all_in if is_all_in else _parts
    yield from questions(answers, path, Energy(entry.get("energy", "electricity")))


def _all_in(answers: Answers, path: KeyPath, energy: Energy) -> Iterator[Question]:
    is_electricity = energy is Energy.ELECTRICITY
    hint = "Euros with VAT, such as 0.31" + (
        "; or two numbers, for the high and the low tariff. Without the capacity tariff, which is not by the"
        " kWh."
        if is_electricity
        else "."
    )
    yield from _price(answers, (*path, "consumption", "energy"), f"A kWh of {energy} costs", hint)
    if is_electricity:
        yield from _injection(answers, path)


def _parts(answers: Answers, path: KeyPath, energy: Energy) -> Iterator[Question]:
    is_electricity = energy is Energy.ELECTRICITY
    market = (
        "; or two numbers, for high and low; or `market 1.04 0.0089` for 1.04 x the day-ahead price + 0.0089"
    )
    price = partial(_price, answers)
    yield from price(
        (*path, "consumption", "energy"),
        f"Energy: a kWh of {energy} costs",
        f"Euros without VAT, such as 0.1342{market * is_electricity}.",
    )
    yield from price((*path, "consumption", "grid"), "Grid: euros for a kWh", default="0")
    yield from price((*path, "consumption", "levies"), "Levies: euros for a kWh", default="0")
    if is_electricity:
        yield from price(
            (*path, "capacity", "per_kw_year"), "Capacity tariff: euros for a kW and year", default="0"
        )
        yield from _injection(answers, path)
    if set(answers.at(*path, "fees_per_year") or ()) <= {"fees"}:  # others have names of their own
        yield from price(
            (*path, "fees_per_year", "fees"), "Fixed fees: euros a year, all together", default="0"
        )
    yield from price((*path, "vat"), "VAT in percent", "6 for households, 21 for others.", "6")


def _injection(answers: Answers, path: KeyPath) -> Iterator[Question]:
    hint = "Euros, such as 0.03. Press Enter if the meter injects nothing."
    return _price(answers, (*path, "injection", "energy"), "A kWh into the grid brings", hint, NOTHING)


def _price(
    answers: Answers, path: KeyPath, words: str, hint: str = "", default: str = ""
) -> Iterator[Question]:
    """The price that stands there is proposed; nothing is asked of one that cannot be typed."""
    known = answers.at(*path)
    proposed = default if known is None else _typed(known)
    if proposed is not None:
        take = partial(_take_price, path=path, known=known)
        yield Question(".".join(map(str, path)), words, take, hint, proposed)


def _typed(value: Any) -> str | None:
    """A price as it is typed; None if it says more than that."""
    if not isinstance(value, dict):
        return str(value)
    if value.keys() == {"high", "low"}:
        return f"{value['high']} {value['low']}"
    dynamic = value.get("dynamic")
    if value.keys() == {"dynamic"} and isinstance(dynamic, dict) and "factor" in dynamic:
        return f"market {dynamic['factor']} {dynamic.get('base', 0)}"
    return None


def _take_price(answers: Answers, text: str, *, path: KeyPath, known: Any) -> str | None:
    written = text.strip().lower()
    if known is not None and written == _typed(known):  # with what is not typed: per, say
        return None
    section, key = path[2], path[-1]
    if written == NOTHING and section == "injection":
        answers.put(path[:-1], None)
        return None
    if written == "0" and key in {"per_kw_year", "fees", "grid", "levies"}:
        answers.put(path[:-1] if section != "consumption" else path, None)
        return None
    value = _value(written, known)
    problem = f"{text!r} is not a price" if value is None else answers.try_to_put(path, value)
    return f"{problem.partition(';')[0]}; write {_WANTED.get(str(key), _A_PRICE)}" if problem else None


def _value(text: str, known: Any) -> Any:
    """A number, one for each of two tariffs, or what follows the market; None if it is none of these."""
    if found := _MARKET.fullmatch(text):
        numbers = [_number(each or "0") for each in found.groups()]
        if None in numbers:
            return None
        not_typed = at(known, "dynamic") or {}  # whether it is by the hour
        return {"dynamic": {**not_typed, "factor": numbers[0], "base": numbers[1]}}
    numbers = [_number(each) for each in text.split()]
    if None in numbers or len(numbers) not in (1, 2):
        return None
    return numbers[0] if len(numbers) == 1 else dict(zip(("high", "low"), numbers, strict=True))


def _number(text: str) -> str | None:
    return text.replace(",", ".") if _NUMBER.fullmatch(text) else None


def _take_day(answers: Answers, text: str) -> str | None:
    begin = _begin(text)
    entry = {"from": begin, "consumption": {"energy": "0"}, "vat": "0"}
    problem = answers.try_to_put(("prices",), [entry])
    answers.put(("prices",), None)
    if problem is None:
        answers.asides["from"] = begin
    return problem


def _take_begin(answers: Answers, text: str, *, path: KeyPath) -> str | None:
    return answers.try_to_put(path, _begin(text))


def _begin(text: str) -> str:
    """A day as the configuration writes it, 2026-03-15 for 15/3/2026; an instant stays one."""
    found = _DAY.fullmatch(text.strip())
    return f"{found[3]}-{found[2]:0>2}-{found[1]:0>2}" if found else text.strip()
