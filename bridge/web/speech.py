"""The page in a visitor's language: words, numbers and dates as people there write them."""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Literal

from babel import Locale
from babel.dates import format_date, format_datetime, format_skeleton, format_time
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal

from bridge.metering.model import BRUSSELS
from bridge.web.refusals import understood

Language = Literal["en", "nl", "fr", "de"]
LANGUAGES: tuple[Language, ...] = ("en", "nl", "fr", "de")

_UNKNOWN = "\N{EN DASH}"
_FOLDER = Path(__file__).with_name("languages")
_LOCALES = {"en": "en_GB", "nl": "nl_BE", "fr": "fr_BE", "de": "de_BE"}


class Speech:
    """One language, as it is spoken in Belgium.

    Amounts are decimals; instants are aware, and told in Europe/Brussels.
    """

    def __init__(self, language: Language) -> None:
        self.language = language
        self._locale = Locale.parse(_LOCALES[language])
        self._words, self._plurals, self._which = _catalog(language)

    @property
    def colon(self) -> str:
        """As it follows a word: in French after a narrow space that breaks no line."""
        return "\N{NARROW NO-BREAK SPACE}:" if self.language == "fr" else ":"

    def gettext(self, words: str) -> str:
        """A sentence; what has no translation stays English."""
        return self._words.get(words, words)

    def ngettext(self, one: str, many: str, count: int) -> str:
        """The sentence for so many."""
        forms = self._plurals.get(one)
        return forms[self._which(count)] if forms else (one if count == 1 else many)

    def told(self, words: str) -> str | None:
        """The page's words for those of the bridge; None if it has none, and they stay English."""
        if (found := understood(words)) is None:
            return None
        sentence, parts = found
        days = {
            name: self.day(date.fromisoformat(parts[name])) for name in ("first", "last") if name in parts
        }
        return self.gettext(sentence) % {**parts, **days}

    def number(self, amount: Decimal | None, digits: int = 3, *, always: bool = False) -> str:
        """With at most so many digits behind the comma, or always so many; unknown is a dash."""
        if amount is None:
            return _UNKNOWN
        behind = ("0" if always else "#") * digits
        return format_decimal(amount, f"#,##0.{behind}" if digits else "#,##0", locale=self._locale)

    def euros(self, amount: Decimal | None) -> str:
        """Euros and cents; unknown is a dash."""
        return _UNKNOWN if amount is None else format_currency(amount, "EUR", locale=self._locale)

    def day(self, day: date) -> str:
        """Friday 20 November 2026."""
        return self._first(day, format_date(day, "full", locale=self._locale))

    def short_day(self, day: date) -> str:
        """Fri 20 Nov, or as it is short elsewhere."""
        return self._first(day, format_skeleton("MMMEd", day, locale=self._locale))

    def short_date(self, day: date) -> str:
        """15/03/2026, or as it is typed elsewhere."""
        return f"{day:%d.%m.%Y}" if self.language == "de" else f"{day:%d/%m/%Y}"

    def weekday(self, day: date) -> str:
        """Fri, or as it is short elsewhere."""
        return format_date(day, "ccc", locale=self._locale)

    def month(self, month: date) -> str:
        """November 2026."""
        return format_skeleton("yMMMM", month, locale=self._locale)

    def month_name(self, month: date) -> str:
        """Nov."""
        return format_date(month, "LLL", locale=self._locale)

    def time(self, instant: datetime) -> str:
        """13:45; of the hour that the clock has twice, which of the two it is."""
        text = format_time(instant, "HH:mm", tzinfo=BRUSSELS, locale=self._locale)
        return f"{text}{self._which_of_two(instant)}"

    def instant(self, instant: datetime | str) -> str:
        """20 Nov 2026, 13:45; also of a text that an instant was written as."""
        if isinstance(instant, str):
            instant = datetime.fromisoformat(instant)
        text = format_datetime(instant, "medium", tzinfo=BRUSSELS, locale=self._locale).rpartition(":")[0]
        return f"{self._first(instant.astimezone(BRUSSELS), text)}{self._which_of_two(instant)}"

    def _which_of_two(self, instant: datetime) -> str:
        """Nothing where the clock says this time once."""
        local = instant.astimezone(BRUSSELS)
        if local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset():
            return ""
        which = self.gettext("winter time") if local.fold else self.gettext("summer time")
        return f" ({which})"

    def _first(self, day: date, text: str) -> str:
        """In French a month begins with its 1er, which Babel does not know."""
        return re.sub(r"\b1 ", "1er ", text, count=1) if self.language == "fr" and day.day == 1 else text


_Catalog = tuple[dict[str, str], dict[str, tuple[str, ...]], Callable[[int], int]]


@lru_cache
def _catalog(language: Language) -> _Catalog:
    """Sentences by their English, those with a plural by its singular, and which form is for how many."""
    if language == "en":
        return {}, {}, lambda count: int(count != 1)
    with (_FOLDER / f"{language}.po").open("rb") as file:
        catalog = read_po(file, language)
    words: dict[str, str] = {}
    plurals: dict[str, tuple[str, ...]] = {}
    for each in catalog:
        match each.id, each.string:
            case str(english), str(text) if english and text:
                words[english] = text
            case (str(english), *_), (*forms,) if all(forms):
                plurals[english] = tuple(map(str, forms))
    # French says "0 jour"; the three others say "1 day, 0 days".
    return words, plurals, (lambda n: int(n > 1)) if language == "fr" else (lambda n: int(n != 1))


@lru_cache
def speech(language: Language) -> Speech:
    """One for all visitors who speak it."""
    return Speech(language)
