"""What is asked about prices: one price with everything in it, or the parts of the bill."""

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from bridge.config import KeyPath
from bridge.config.keys import at
from bridge.metering.model import BRUSSELS, Energy
from bridge.setup.answers import Answers
from bridge.setup.questions import Question, Step, aside

NOTHING = "nothing"
LATER, ALL_IN, PARTS, AS_IT_IS = "later", "all-in", "parts", "as it is"
_KINDS = {
    ALL_IN: "one price for a kWh, with everything in it",
    PARTS: "the parts of the bill, as on the supplier's tariff card: exact, capacity tariff included",
}
_A_PRICE = "euros as a number, such as 0.31"
_WANTED = {"per_kw_year": "euros, such as 48.10", "fees": "euros, such as 53.56", "vat": "percent, such as 6"}
_PARTS = {"grid", "levies", "capacity", "fees_per_year"}
_MARKET = re.compile(r"market\s+(\S+)(?:\s+(\S+))?")
_DAY = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})")  # as people write it here
_NUMBER = re.compile(r"-?[0-9]+([.,][0-9]+)?")


def price_questions(answers: Answers) -> Iterator[Question]:
    """What is asked at the first start; what is not entered costs nothing, or is unknown."""
    yield aside(answers, "prices", "Prices", {LATER: "not now"} | _KINDS)
    answers.put(("prices",), None)
    kind = answers.asides.get("prices", LATER)
    if kind == LATER:
        return
    yield _day_of(answers)
    for energy in sorted(_counted(answers)):
        yield from _entry(answers, kind, {"energy": energy})


def new_prices(answers: Answers) -> Iterator[Step]:
    """New prices from a day on: of each energy those that hold on that day are proposed, or stay."""
    everyone = sorted({*map(_whose, answers.at("prices") or ()), *_counted(answers)})
    yield Step("prices", "", partial(_which, everyone=everyone))
    for whose in everyone:
        if answers.asides[f"prices.{whose}"] != AS_IT_IS:
            yield Step(f"prices {whose}", f"Prices: {whose}", partial(_followed, whose=whose))


def _which(answers: Answers, *, everyone: Sequence[str]) -> Iterator[Question]:
    yield _day_of(answers)
    for whose in everyone:
        entry = _in_force(answers, whose)
        question = aside(answers, f"prices.{whose}", f"Prices: {whose}", _KINDS | {AS_IT_IS: ""})
        yield replace(question, default=answers.asides.get(question.key, _kind(entry) if entry else ""))


def _followed(answers: Answers, *, whose: str) -> Iterator[Question]:
    """What is asked of an entry that follows the one in force."""
    kind, entry = answers.asides[f"prices.{whose}"], _in_force(answers, whose) or {"energy": whose}
    if kind != _kind(entry):
        entry = {key: entry[key] for key in ("energy", "meters") if key in entry}
    yield from _entry(answers, kind, entry)
    *before, new = answers.at("prices")
    stay = [each for each in before if _whose(each) != whose or str(each["from"]) < new["from"]]
    answers.put(("prices",), [*stay, new])


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
    yield from _rest(answers, _kind(entry), path)


def _day_of(answers: Answers) -> Question:
    now = datetime.now(UTC).astimezone(BRUSSELS)
    day = answers.asides.setdefault("from", f"{now.year}-01-01")
    return Question(
        "prices.from", "From which day do they hold", _take_day, "Before it, costs are unknown.", day
    )


def _counted(answers: Answers) -> set[str]:
    """The energies that the meters count."""
    return {each.get("energy", "electricity") for each in answers.at("meters") or ()}


def _whose(entry: dict[str, Any]) -> str:
    """Of which energy an entry is, and of which meters if not of all."""
    return ", ".join([entry.get("energy") or "electricity", *(entry.get("meters") or ())])


def _in_force(answers: Answers, whose: str) -> dict[str, Any] | None:
    """The entry that holds on the day; before all of them, the first."""
    entries = [each for each in answers.at("prices") or () if _whose(each) == whose]
    entries.sort(key=lambda each: str(each["from"]))
    begun = [each for each in entries if str(each["from"]) <= answers.asides["from"]]
    return next(iter([*begun[-1:], *entries]), None)


def _kind(entry: dict[str, Any]) -> str:
    parts = _PARTS.intersection({*entry, *entry.get("consumption", {})})
    return ALL_IN if not parts and entry.get("vat") in {"0", 0} else PARTS


def _entry(answers: Answers, kind: str, begun: dict[str, Any]) -> Iterator[Question]:
    """Another entry, which begins with what is known of it."""
    prices: list[dict[str, Any]] = answers.tree.setdefault("prices", [])
    vat = {"vat": "0"} if kind == ALL_IN else {}
    prices.append({**vat, **deepcopy(begun), "from": answers.asides["from"]})
    yield from _rest(answers, kind, ("prices", len(prices) - 1))


def _rest(answers: Answers, kind: str, path: KeyPath) -> Iterator[Question]:
    questions = _all_in if kind == ALL_IN else _parts
    yield from questions(answers, path, Energy(answers.at(*path, "energy") or "electricity"))


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
    before = answers.at("prices")
    problem = answers.try_to_put(("prices",), [entry])
    answers.put(("prices",), before)
    if problem is None:
        answers.asides["from"] = begin
    return problem


def _take_begin(answers: Answers, text: str, *, path: KeyPath) -> str | None:
    return answers.try_to_put(path, _begin(text))


def _begin(text: str) -> str:
    """A day as the configuration writes it, 2026-03-15 for 15/3/2026; an instant stays one."""
    found = _DAY.fullmatch(text.strip())
    return f"{found[3]}-{found[2]:0>2}-{found[1]:0>2}" if found else text.strip()
