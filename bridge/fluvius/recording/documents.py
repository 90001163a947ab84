"""JSON without what may be somebody's: known fields and codes stay, amounts are those of somebody else."""

import base64
import json
import math
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from secrets import SystemRandom
from typing import Any

from bridge.fluvius.recording.pseudonyms import EAN, Pseudonyms
from bridge.fluvius.recording.texts import Texts, are_known, is_address, is_moment
from bridge.fluvius.recording.vocabulary import (
    CODES,
    KNOWN_VALUES,
    LAST_WORDS_OF_CODES,
    MOMENTS,
    PUBLIC_FACTORS,
    SECONDS,
    SECRETS,
)

JWT = "$jwt"  # header and claims of a token that says who signed in
MOST_ENTRIES = 1000  # of a list that are kept

# By how much amounts are changed. Below 0.7, what added up to two thousandths still does when rounded.
_LEAST, _MOST = 0.15, 0.7
_MOST_DECIMALS = 9
_LONGEST_NUMBER = 15  # digits that a binary number keeps
_PERSONAL_DIGITS = 7  # from so many on an integer may be a number of somebody
_LAST_WORD = re.compile(r"[A-Z]?[a-z]+$")


def decoded(text: str | bytes) -> Any:
    """JSON, numbers with a fraction as `Decimal`.

    Raises:
        ValueError, ArithmeticError, RecursionError: it is none.
    """

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is not a number")

    return json.loads(text, parse_float=Decimal, parse_constant=refuse)


class Documents:
    """What is left of JSON.

    Args:
        names: what stands for what.
        texts: what is left of texts.
        years: in which a moment may lie whose field is not known.
        chance: gives the factors of amounts, which are kept nowhere.
    """

    def __init__(
        self, names: Pseudonyms, texts: Texts, years: range, chance: random.Random | None = None
    ) -> None:
        self._names, self._texts, self._years = names, texts, years
        self._chance = chance or SystemRandom()
        self._factors: dict[tuple[str, str], Decimal] = defaultdict(self._factor)

    def document(self, content: Any, place: str) -> Any:
        """Decoded JSON, of which fractions are `Decimal`, as JSON again.

        Args:
            content: as it came.
            place: what it was the answer to: amounts of one field and place have one factor.

        Raises:
            RecursionError: it is nested too deeply.
        """
        return self._value(content, "", place, max(_decimals(content), default=0))

    def _factor(self) -> Decimal:
        return Decimal(math.exp(self._chance.uniform(math.log(_LEAST), math.log(_MOST))))

    def _value(self, value: Any, name: str, place: str, decimals: int) -> Any:
        if isinstance(value, dict):
            return {self.key(key): self._value(each, key, place, decimals) for key, each in value.items()}
        if isinstance(value, list):
            return [self._value(each, name, place, decimals) for each in value[:MOST_ENTRIES]]
        if isinstance(value, str):
            return self._text(value, name)
        if value is None or isinstance(value, bool):
            return value
        return self._number(value, name, place, decimals)

    def key(self, name: str) -> str:
        """A field's name; an address is one too."""
        return self._texts.address(name) if is_address(name) else self._texts.name(name)

    def _text(self, value: str, name: str) -> Any:
        texts, lower = self._texts, name.lower()
        if lower == "id_token" and (token := _jwt(value)):
            return {JWT: [self._value(each, "", "", 0) for each in token]}
        if found := texts.identity(name, value):
            return found
        if lower in SECRETS and lower not in {"code", "password"}:  # here these are an error's words
            return texts.secret(SECRETS[lower], value)
        digits = 3 if _is_code(name) else 10 if lower in SECONDS else 0
        is_code = value.isascii() and value.isdecimal() and len(value) <= digits
        years = range(10_000) if lower in MOMENTS else self._years
        if is_code or value in KNOWN_VALUES or is_moment(value, years):
            return value
        return texts.anything(value)

    def _number(self, value: int | Decimal, name: str, place: str, decimals: int) -> int | float:
        if isinstance(value, int):
            if EAN.fullmatch(str(value)):
                return int(self._names.ean(str(value)))
            is_code = _is_code(name) and 0 <= value < 1000
            if is_code or (name.lower() in SECONDS and 0 <= value < 10**11):
                return value
            if abs(value) >= 10**_PERSONAL_DIGITS:
                return int(math.copysign(10 ** min(len(str(abs(value))) - 1, _LONGEST_NUMBER), value))
        elif not -_LONGEST_NUMBER < value.adjusted() < _LONGEST_NUMBER:
            return math.copysign(1e30 if value and value.adjusted() > 0 else 0.0, value)
        if name.lower() in PUBLIC_FACTORS:
            return float(re.sub("[0-9]", "1", f"{value:f}"[:_LONGEST_NUMBER]))
        scaled = round(Decimal(value) * self._factors[place, name.lower()], decimals)
        is_whole = isinstance(value, int) and scaled == scaled.to_integral_value()
        return int(scaled) if is_whole else float(scaled)


def _decimals(content: Any) -> Iterator[int]:
    """How many decimals the fractions have: 2.2 beside 9.133 is written shorter, but no less exact."""
    if isinstance(content, dict):
        for each in content.values():
            yield from _decimals(each)
    elif isinstance(content, list):
        for each in content:
            yield from _decimals(each)
    elif isinstance(content, Decimal):
        exponent = content.as_tuple().exponent
        yield min(max(-exponent if isinstance(exponent, int) else 0, 0), _MOST_DECIMALS)


def _is_code(name: str) -> bool:
    """Whether a field holds a code, as `statusCode` does and `postalCode` does not."""
    last = _LAST_WORD.search(name)
    is_named = last is not None and last[0].lower() in LAST_WORDS_OF_CODES and are_known(name)
    return name.lower() in CODES or is_named


def _jwt(token: str) -> list[Any] | None:
    """Header and claims of a token; None if it has none."""
    try:
        header, claims, _ = token.split(".")
        padded = (f"{part}{'=' * (-len(part) % 4)}" for part in (header, claims))
        return [decoded(base64.urlsafe_b64decode(part)) for part in padded]
    except (ValueError, ArithmeticError, RecursionError):
        return None
