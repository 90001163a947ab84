"""Documents in JSON and XML, as others wrote them."""

import json
from decimal import Decimal
from typing import Any
from xml.parsers import expat

from bridge.prices.errors import NotUnderstood

Record = dict[str, Any]

_LONGEST_TEXT = 10_000  # characters, of one element


def from_json(text: str | bytes) -> Any:
    """A document in JSON, numbers with a fraction as exact decimals.

    Raises:
        NotUnderstood: it is none.
    """
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_number)
    except (ArithmeticError, RecursionError, ValueError):
        raise NotUnderstood("the answer is not JSON") from None


def is_page(text: str) -> bool:
    """Whether an answer is a page for people."""
    return text[:200].lstrip().lower().startswith(("<!doctype html", "<html"))


def from_xml(text: str, repeated: frozenset[str]) -> tuple[str, Record]:
    """A document in XML: the name of its outermost element, and what is in it.

    Texts come by the names of their elements, without namespaces; the elements that may be repeated come as
    lists of such records. There is no tree of elements in memory, and no document type: with one, a few bytes
    can stand for billions.

    Args:
        text: the document.
        repeated: the names of the elements that may be repeated.

    Raises:
        NotUnderstood: it is none.
    """
    reader = _Reader(repeated)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.begin
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.add
    parser.StartDoctypeDeclHandler = _no_type
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, ValueError):  # half a character is a ValueError
        raise NotUnderstood("the answer is not XML") from None
    return reader.name, reader.records[0]


class _Reader:
    """Takes in a document as it is parsed."""

    def __init__(self, repeated: frozenset[str]) -> None:
        self.name = ""
        self.records: list[Record] = [{}]  # the innermost last
        self._repeated, self._text = repeated, ""

    def begin(self, name: str, _: object) -> None:
        self._text = ""
        self.name = self.name or _local(name)
        if _local(name) in self._repeated:
            self.records.append({})

    def add(self, text: str) -> None:
        self._text += text
        if len(self._text) > _LONGEST_TEXT:
            raise NotUnderstood("the answer has a text that does not end")

    def end(self, name: str) -> None:
        if _local(name) in self._repeated:
            record = self.records.pop()
            self.records[-1].setdefault(_local(name), []).append(record)
        else:
            self.records[-1][_local(name)] = self._text.strip()
        self._text = ""


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _no_type(*_: object) -> None:
    raise NotUnderstood("the answer has a document type, which prices never have")


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a price")
