"""Texts, addresses and pages without what may be somebody's: known words stay, the rest is its shape.

Because nothing stays that is not known, it does not matter how something is written: in percent signs,
entities or base64, backwards or apart.
"""

import json
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from bridge.fluvius.recording.pseudonyms import EAN, EMAIL, Pseudonyms
from bridge.fluvius.recording.vocabulary import KNOWN_HOSTS, KNOWN_VALUES, SECRETS, SERIALS, WORDS

_MOMENT = re.compile(
    r"(?P<year>[0-9]{4})-[0-9]{2}-[0-9]{2}"
    r"(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_TOKEN = re.compile(r"[^\W_]+")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")  # of quarterHourlyEnergy, of SA
_CODE_OF_AZURE = re.compile(r"AADB2C[0-9]{5}|AADSTS[0-9]{5,7}")
_ASSIGNED = re.compile(r"[=:]\s*(?=\{)")
_NOISE = re.compile(r"(?:\b[xX0]+\b[^\w<>]*){3,}")
_PLAIN = KNOWN_VALUES | {"", "true", "false"}
_TYPED = {"password", "state", "nonce"}  # by people, or by chance: whatever it looks like
_YEARS = range(2000, 2200)
_MOST_OBJECTS = 200  # of a page that are looked at
_LONGEST, _LONGEST_PAGE = 1000, 100_000  # characters that are kept


def is_known(word: str) -> bool:
    """Whether a word, or each part of one such as quarterHourlyEnergy, is nobody's."""
    if word.lower() in WORDS:
        return True
    parts = _PARTS.findall(word)
    return "".join(parts) == word and all(part.lower() in WORDS for part in parts)


def are_known(text: str) -> bool:
    """Whether a name consists of nothing but such words."""
    tokens = _TOKEN.findall(text)
    return bool(tokens) and not re.sub(r"[A-Za-z0-9._~$-]", "", text) and all(map(is_known, tokens))


def is_address(text: str) -> bool:
    """Whether a text is nothing but an absolute address."""
    return bool(re.match(r"https?://\S+\Z", text, re.IGNORECASE))


def is_moment(text: str, years: range) -> bool:
    """Whether a text is nothing but a date or an instant of those years."""
    found = _MOMENT.fullmatch(text)
    return bool(found and int(found["year"]) in years)


class Texts:
    """What is left of texts.

    Args:
        names: what stands for what.
    """

    def __init__(self, names: Pseudonyms) -> None:
        self._names = names

    def text(self, text: str, longest: int = _LONGEST) -> str:
        """Known words, test numbers for EANs, and the shape of the rest: `Xxx, 00 kWh`."""
        kept, begin = [], 0
        text = text[:longest]
        for ean in EAN.finditer(text):
            kept += [self._shape(text[begin : ean.start()]), self._names.ean(ean[0])]
            begin = ean.end()
        return "".join([*kept, self._shape(text[begin:])])

    def page(self, page: str, objects: Callable[[Any], Any]) -> str:
        """A page: its tags, its known words, and the objects of its scripts.

        Args:
            page: as it came.
            objects: what is left of a decoded JSON object.
        """
        kept, begin, left = [], 0, _MOST_OBJECTS
        for assigned in _ASSIGNED.finditer(page):
            if assigned.end() < begin or not left:
                continue
            left -= 1
            try:
                value, end = json.JSONDecoder(parse_float=Decimal).raw_decode(page, assigned.end())
                within = json.dumps(objects(value))
            except (ValueError, ArithmeticError, RecursionError):
                continue
            kept += [self._quiet(page[begin : assigned.end()]), within.replace("</", "<\\/")]
            begin = end
        return "".join([*kept, self._quiet(page[begin:])])[:_LONGEST_PAGE]

    def address(self, text: str) -> str:
        """An absolute or relative address: known hosts, paths and names of parameters."""
        try:
            parts = urlsplit(text)
            host = parts.hostname
        except ValueError:
            return self.text(text)
        if parts.scheme and parts.scheme not in {"http", "https"}:
            return self.text(text)
        begin = f"{parts.scheme}:" if parts.scheme else ""
        if host:
            begin += f"//{self.host(host)}"
        query = urlencode(self.query(parse_qsl(parts.query, keep_blank_values=True)))
        return begin + self.path(parts.path) + (f"?{query}" if query else "") + "#" * bool(parts.fragment)

    def host(self, host: str) -> str:
        """A known host, or one that there cannot be."""
        return host if host in KNOWN_HOSTS else self._names.host(host)

    def path(self, path: str) -> str:
        """A path, part by part."""
        return "/".join(quote(self._part(unquote(part)), safe="$@") for part in path.split("/"))

    def query(self, pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
        """The fields of a question or a form. Values that are not known are told apart, and no more."""
        return {self.name(name): self._answered(name, value) for name, value in pairs}

    def name(self, name: str) -> str:
        """A field's name, if it is known; otherwise one that stands for it."""
        if known := self._names.known(name):
            return known
        if EAN.fullmatch(name):
            return self._names.ean(name)
        return name if are_known(name) else self._names.of("field", name)

    def identity(self, name: str, value: str) -> str | None:
        """What stands for a number or an address of somebody; None where it is none."""
        if known := self._names.known(value):
            return known
        if EAN.fullmatch(value):
            return self._names.ean(value)
        if name.lower() in SERIALS and value:
            return self._names.serial(value)
        return self._names.email(value) if EMAIL.fullmatch(value) else None

    def secret(self, kind: str, value: str) -> str:
        """What stands for a secret; of several words, for each."""
        if kind == "scope":
            return " ".join(self._scope(each) for each in value.split())
        if kind in {"field", "policy"}:
            return self.name(value)
        return self._names.of(kind, value) if value else value

    def anything(self, text: str) -> str:
        """An address, a path, or whatever it is."""
        if is_address(text):
            return self.address(text)
        return self.path(text) if text.startswith("/") else self.text(text)

    def _answered(self, name: str, value: str) -> str:
        lower = name.lower()
        if found := self.identity(name, value):
            return found
        is_plain = value in _PLAIN or re.fullmatch(r"[0-9]{1,2}", value) or is_moment(value, _YEARS)
        if is_plain and lower not in _TYPED:
            return value
        if lower in SECRETS:
            return self.secret(SECRETS[lower], value)
        if lower in {"error", "error_description", "redirect_uri"}:
            return self.anything(value)
        return self._names.of("value", value)

    def _scope(self, scope: str) -> str:
        return scope if scope in KNOWN_VALUES else self._names.of("scope", scope)

    def _part(self, part: str) -> str:
        if known := self._names.known(part):
            return known
        if EAN.fullmatch(part):
            return self._names.ean(part)
        return part if not part or are_known(part) else self._names.of("part", part)

    def _quiet(self, text: str) -> str:
        """Without what does not tell anything any more."""
        return _NOISE.sub("x ", self.text(text, len(text)))

    def _shape(self, text: str) -> str:
        words = _TOKEN.sub(_shown, text)
        return "".join(
            each if each.isascii() and each.isprintable() else " ?"[not each.isspace()] for each in words
        )


def _shown(word: re.Match[str]) -> str:
    if is_known(word[0]) or _CODE_OF_AZURE.fullmatch(word[0]):
        return word[0]
    return "".join("0" if each.isdigit() else "X" if each.isupper() else "x" for each in word[0])
