"""All that the program can say, read in one go."""

import re

import pytest

from tests.rig.messages import messages

STILTED = {  # what nobody says, and what to write instead
    r"\bturned us away": "refuses the connection",
    r"(?<![Tt]here )\bis no (?!longer|more\b|other|harm)\w+": "is not a ...",
    r", say\b": "for example",
    r"\bbelong into\b": "belong in",
    r"\bstands where\b": "is where ... should be",
    r"\bcan not\b": "cannot",
    r"\bby chance\b": "at random",
    r"\bdisbelieve": "ignore",
    r"\bsomething else than\b": "something other than",
    r"\bstands beside\b": "is set together with",
    r"\bcome out of files\b": "come from files",
    r"\btake[ns]? off\b|\btake (all|everything)\b.* off\b": "remove",
    r"\bworks? in …": "is running in",
    r", for (it|they) (is|are)\b": "because",
    r"!$": "a full stop, or nothing",
}
ELSEWHERE = ("simulator/",)  # Fluvius's words, not ours


@pytest.mark.parametrize("words", STILTED)
def test_no_message_has_words_that_nobody_says(words: str) -> None:
    found = [
        f"{place}:{line}: {text}"
        for place, line, text in messages()
        if re.search(words, text.strip()) and not place.startswith(ELSEWHERE)
    ]
    assert found == [], f"write {STILTED[words]}"


def test_the_list_has_what_is_logged_raised_printed_and_described() -> None:
    texts = {text for _, _, text in messages()}
    for known in (
        "nothing is missing; looking again at %s",
        "Fluvius does not accept this password; correct fluvius.portal.password",
        "… is not a date; write it like 2026-11-20",
        "The password of the account on Mijn Fluvius",
        "prints a bearer token for the portal",
    ):
        assert known in texts
    assert len(texts) > 800
