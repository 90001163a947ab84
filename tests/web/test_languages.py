"""The page in Dutch, French and German."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from bridge.web.speech import Language, speech
from tests.rig.languages import TRANSLATIONS, forms, spoken, translated
from tests.rig.pages import page_of, words_of
from tests.rig.world import World

PLACEHOLDER = re.compile(r"%\(\w+\)s")


def test_there_are_three_beside_english() -> None:
    assert set(TRANSLATIONS) == {"nl", "fr", "de"}


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_every_sentence_of_the_page_is_translated_and_no_other(language: str) -> None:
    said = {each.id for each in spoken() if each.id}
    known = translated(language)
    assert {each.id for each in known if each.id} ^ said == set(), "run: make languages"
    assert not known.obsolete
    assert [each.id for each in known if each.id and not all(forms(each.string))] == []
    assert [each.id for each in known if each.id and each.fuzzy] == []


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_a_translation_has_the_placeholders_of_its_sentence(language: str) -> None:
    for each in translated(language):
        for form, sentence in zip(forms(each.string), forms(each.id), strict=True):
            assert sorted(PLACEHOLDER.findall(form)) == sorted(PLACEHOLDER.findall(sentence)), form


def test_french_has_its_narrow_spaces_which_break_no_line() -> None:
    said = [form for each in translated("fr") if each.id for form in forms(each.string)]
    assert [form for form in said if re.search(r"[ \w][;:?!]( |$)", form)] == []


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("en", "1,234|€5.44|Friday, 20 November 2026|Sunday, 1 March 2026|Fri 20 Nov|20 Nov 2026, 13:45"),
        ("nl", "1.234|€ 5,44|vrijdag 20 november 2026|zondag 1 maart 2026|vr 20 nov|20 nov 2026, 13:45"),
        (
            "fr",
            "1 234|5,44 €|vendredi 20 novembre 2026|dimanche 1er mars 2026|ven. 20 nov.|20 nov. 2026, 13:45",
        ),
        (
            "de",
            "1.234|5,44 €|Freitag, 20. November 2026|Sonntag, 1. März 2026|Fr., 20. Nov.|20.11.2026, 13:45",
        ),
    ],
)
def test_numbers_and_dates_are_written_as_people_there_write_them(language: Language, written: str) -> None:
    say = speech(language)
    friday = date(2026, 11, 20)
    found = [
        say.number(Decimal(1234)),
        say.euros(Decimal("5.44")),
        say.day(friday),
        say.day(date(2026, 3, 1)),
        say.short_day(friday),
        say.instant(datetime(2026, 11, 20, 12, 45, tzinfo=UTC)),
    ]
    assert [" ".join(each.split()) for each in found] == written.split("|")


@pytest.mark.parametrize(
    ("wanted", "language", "words"),
    [
        ("nl-BE,nl;q=0.9,en;q=0.5", "nl", "Laatste volle dag"),
        ("fr-BE,fr", "fr", "Dernier jour complet"),
        ("de", "de", "Letzter ganzer Tag"),
        ("en-GB", "en", "Latest complete day"),
        ("pt", "fr", "Dernier jour complet"),  # else as it is configured
    ],
)
def test_a_page_speaks_the_browsers_language(desk: World, wanted: str, language: str, words: str) -> None:
    desk.changes["language"] = "fr"
    desk.fetch()
    with page_of(desk) as browser:
        page = browser.get("/meters/home", headers={"Accept-Language": wanted})
        assert f'<html lang="{language}">' in page.text
        assert words in words_of(page)


@pytest.mark.parametrize(
    ("language", "summer", "winter"),
    [
        ("en", "summer time", "winter time"),
        ("nl", "zomertijd", "wintertijd"),
        ("fr", "heure d’été", "heure d’hiver"),  # noqa: RUF001 - as it is written
        ("de", "Sommerzeit", "Winterzeit"),
    ],
)
def test_the_hour_that_the_clock_has_twice_is_told_apart(
    language: Language, summer: str, winter: str
) -> None:
    say = speech(language)
    quarters = [
        datetime(2026, 10, 24, 23, 45, tzinfo=UTC) + timedelta(minutes=15) * each for each in range(10)
    ]
    told = [say.time(each) for each in quarters]
    assert told[:2] == ["01:45", f"02:00 ({summer})"]
    assert told[4:6] == [f"02:45 ({summer})", f"02:00 ({winter})"]
    assert told[-1] == "03:00"
    assert say.instant(quarters[5]).endswith(f"02:00 ({winter})")
    assert say.time(datetime(2026, 3, 29, 1, tzinfo=UTC)) == "03:00"
