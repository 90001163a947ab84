"""How Fluvius's answers look: which codes they use, and the shape of those that nobody understood.

For whoever mends what is not understood. A shape has the names of fields and the kinds of values, never a
value: no amount, name, address or token.
"""

import json
import logging
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import reduce, wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, Self, TypeVar

from bridge.text.foreign import clean
from bridge.text.words import Payload, local

if TYPE_CHECKING:
    from bridge.fluvius.http import PoliteSession, Response

log = logging.getLogger(__name__)

# What is known of codes, by the field: the portal's, then the Energy API's. Another one is worth a word.
KNOWN: Mapping[str, frozenset[str]] = {
    "dc": frozenset({"0", "1", "2"}),
    "t": frozenset({"1", "2"}),
    "u": frozenset({"3", "5"}),
    "vs": frozenset({"2"}),
    "st": frozenset({"0"}),
    "gcuv": frozenset({"null", "P", "D", "Voorlopig", "Definitief", "a number"}),
    "validationState": frozenset({"READ", "VAL", "EST", "NVAL"}),
    "gasConversionFactor": frozenset({"P", "D", "C", "null"}),
    "unit": frozenset({"kWh", "m3", "kVArh", "kW", "kVA"}),
    "$type": frozenset(
        {
            *("metering-on-meter", "metering-on-headpoint", "metering-on-headpoint-and-meter"),
            *("submetering-offtake", "submetering-production", "submetering-auxiliary"),
        }
    ),
}
_KEPT = 10  # odd answers
_LONGEST = 1000  # characters of a shape, for people
_MOST_CODES = 30  # of a field
_MOST_OF_CODES = 100  # above it is no code
_DEEP, _MOST_FIELDS = 12, 120  # of a shape: levels, and fields in all
_FIELD = re.compile(r"[$_]?[A-Za-z][A-Za-z_]{0,39}[0-9]{0,2}")  # another key may be a number of somebody
_CODE = re.compile(r"[A-Za-z0-9]{1,6}|(sub)?metering-[a-z-]{1,40}")  # another word may be somebody's name
_MOST_ENTRIES = 1000  # of a list that are looked at
_THEIRS = re.compile(r"[:(0-9]")  # from there on it may be Fluvius's words
_NUMBERS = re.compile(r"[0-9]{4,}")

_EAN = re.compile(r"[0-9]{18}")

T = TypeVar("T")
P = ParamSpec("P")


class _Asks(Protocol):
    _http: "PoliteSession"


A = TypeVar("A", bound=_Asks)


def remembering_what_is_odd(method: Callable[Concatenate[A, P], T]) -> Callable[Concatenate[A, P], T]:
    """Keep the shape of the answer that a source did not understand."""

    @wraps(method)
    def remembering(source: A, /, *arguments: P.args, **options: P.kwargs) -> T:
        with source._http.keeping_what_is_odd():  # noqa: SLF001 - the decorated method is the source's own
            return method(source, *arguments, **options)

    return remembering


@dataclass(frozen=True, slots=True)
class Odd:
    """An answer that was not understood, in whole or in part."""

    at: str  # when it came last, local
    about: str  # the EAN of its address; empty where it has none
    request: str  # the path of that, without numbers
    why: str
    status: int
    type: str  # of its content, as it says
    shape: Any  # fields and kinds of values, as JSON
    times: int = 1

    def to_payload(self) -> Payload:
        """For `status`, as JSON."""
        return {name: value for name, value in asdict(self).items() if name != "about"}

    def __str__(self) -> str:
        said = f"{self.at}, {self.request}: {self.why} (HTTP {self.status}, {self.type or 'of no kind'})"
        return f"{said}: {json.dumps(self.shape, ensure_ascii=False)[:_LONGEST]}"


class Seen:
    """What one source answered, over the years.

    Args:
        odd: the last answers that were not understood, oldest first.
        codes: how often each code was seen, by its field.
    """

    def __init__(
        self, odd: list[Odd] | None = None, codes: Mapping[str, Mapping[str, int]] | None = None
    ) -> None:
        self.odd = odd or []
        self.codes: dict[str, Counter[str]] = defaultdict(Counter)
        for name, counts in (codes or {}).items():
            self.codes[name].update(counts)

    @classmethod
    def from_note(cls, note: Any) -> Self:
        """Read back what `to_note` wrote; anything else is a fresh start."""
        try:
            return cls([Odd(**each) for each in note["odd"]], note["codes"])
        except (AttributeError, KeyError, TypeError, ValueError):
            return cls()

    def to_note(self) -> Payload:
        """As JSON, for the ledger."""
        return {
            "odd": [asdict(each) for each in self.odd],
            "codes": {name: dict(n) for name, n in self.codes.items()},
        }

    @property
    def new_codes(self) -> Counter[str]:
        """Those that were not known when this was written: `vs 7`, and how often."""
        return Counter(
            {
                f"{name} {code}": n
                for name, found in self.codes.items()
                for code, n in found.items()
                if code not in KNOWN.get(name, ())
            }
        )

    def keep(self, response: "Response", at: datetime, why: str) -> None:
        """Keep the shape of an answer that was not understood, in whole or in part.

        Args:
            response: the answer.
            at: when it came, aware.
            why: what was not understood; of it is kept what comes before a colon, a bracket or a number.
        """
        ean = _EAN.search(response.url)
        path = response.url.partition("?")[0].partition("//")[2].partition("/")[2]
        odd = Odd(
            at=local(at),
            about=ean[0] if ean else "",
            request=_NUMBERS.sub("…", clean(path, 100)),
            why=clean(_THEIRS.split(why, maxsplit=1)[0].strip(), 100),
            status=response.status,
            type=clean(response.headers.get("Content-Type") or "", 60),
            shape=_shape_of(response),
        )
        same = [each for each in self.odd if replace(each, at=odd.at, times=1) == odd]
        others = [each for each in self.odd if each not in same]
        times = 1 + sum(each.times for each in same)
        self.odd = [*others, replace(odd, times=times)][-_KEPT:]

    def count(self, document: Any) -> None:
        """Count the codes of an answer; a new one is said in the log."""
        for (name, code), times in _codes(document).items():
            counts = self.codes[name]
            if code not in counts:
                if len(counts) >= _MOST_CODES:
                    continue
                if code not in KNOWN[name]:
                    log.info("Fluvius writes %s %s, which was not seen before", name, code)
            counts[code] += times


def shape(value: Any) -> Any:
    """Fields and kinds of values: `{"d": "text", "v": [{"dc": "number"}]}`. Of a list, all together."""
    return _within(_shape(value, _DEEP), [_MOST_FIELDS])


def _shape(value: Any, levels: int) -> Any:
    if isinstance(value, dict | list) and levels == 0:
        return "..."
    if isinstance(value, dict):
        names = [(name if _FIELD.fullmatch(name) else "…", each) for name, each in value.items()]
        return {name: _shape(each, levels - 1) for name, each in names[:_MOST_FIELDS]}
    if isinstance(value, list):
        entries = [_shape(each, levels - 1) for each in value[:_MOST_ENTRIES]]
        return [reduce(_together, entries)] if entries else []
    return _kind(value)


def _within(kinds: Any, left: list[int]) -> Any:
    """The first fields of a shape, so many of them in all."""
    if isinstance(kinds, dict):
        kept = {}
        for name, each in kinds.items():
            if left[0] <= 0:
                break
            left[0] -= 1
            kept[name] = _within(each, left)
        return kept
    return [_within(each, left) for each in kinds] if isinstance(kinds, list) else kinds


def _kind(value: Any) -> str:
    kinds = {type(None): "null", bool: "true or false", str: "text"}
    return kinds.get(type(value), "number")


def _together(one: Any, other: Any) -> Any:
    if one == other:
        return one
    if isinstance(one, dict) and isinstance(other, dict):
        every = [*one, *(name for name in other if name not in one)][:_MOST_FIELDS]
        return {
            name: _together(one[name], other[name])
            if name in one and name in other
            else one.get(name, other.get(name))
            for name in every
        }
    if isinstance(one, list) and isinstance(other, list):
        return [_together(one[0], other[0])] if one and other else one or other
    kinds = {*_kinds(one), *_kinds(other)}
    return " or ".join(sorted(kinds))


def _kinds(kind: Any) -> list[str]:
    return kind.split(" or ") if isinstance(kind, str) else ["object" if isinstance(kind, dict) else "list"]


def _shape_of(response: "Response") -> Any:
    try:
        return shape(response.json())
    except Exception:  # noqa: BLE001 - whatever it is, it is no JSON, and that is all there is to say
        begins = "a page" if response.text.lstrip().startswith("<") else "no JSON"
        return f"{begins} of {len(response.text):,} characters"


def _codes(document: Any) -> Counter[tuple[str, str]]:
    """The codes of an answer, by their fields, and how often each of them is there."""
    found: list[tuple[str, type, Any]] = []  # with the type, or True would count as 1
    parts = [document]
    for part in parts:
        if isinstance(part, list):
            parts += part
        elif isinstance(part, dict):
            for name, value in part.items():
                if isinstance(value, (dict, list)):
                    parts.append(value)
                elif name in KNOWN:
                    found.append((name, type(value), value))
    codes = Counter[tuple[str, str]]()
    for (name, _, value), times in Counter(found).items():
        codes[name, _code(name, value)] += times
    return codes


def _code(name: str, value: Any) -> str:
    """A code as it is counted. What may be an amount or somebody's name is only said to be there."""
    if value is None:
        return "null"
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_OF_CODES
    if (is_count and name != "gcuv") or str(value) in KNOWN[name]:
        return str(value)
    if isinstance(value, str) and _CODE.fullmatch(value) and not value.isdecimal():
        return value
    return f"a {_kind(value)}"
