"""What the page says, as it stands in templates and code, and in what it was translated to."""

from collections.abc import Sequence
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import bridge.web

WEB = Path(str(bridge.web.__file__)).parent
TRANSLATIONS = {file.stem: file for file in sorted((WEB / "languages").glob("*.po"))}


def spoken() -> Catalog:
    """All sentences, in English."""
    catalog = Catalog()
    for _, _, sentence, _, _ in extract_from_dir(WEB, [("**.py", "python"), ("templates/**.html", "jinja2")]):
        catalog.add(sentence)
    return catalog


def translated(language: str) -> Catalog:
    with TRANSLATIONS[language].open("rb") as file:
        return read_po(file, language)


def forms(words: str | Sequence[str] | None) -> Sequence[str]:
    """A sentence, or its forms for one and for many."""
    return (words or "",) if isinstance(words, str | None) else words
