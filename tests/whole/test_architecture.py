"""The page about the house shows it as it is."""

from tests.rooms import PAGE, arrows, page


def test_the_drawing_is_that_of_the_imports() -> None:
    text = PAGE.read_text("utf-8")
    assert text == page(text), "run `make rooms`"


def test_every_room_is_on_the_page_and_says_what_it_is_for() -> None:
    text = PAGE.read_text("utf-8")
    for room in arrows():
        assert f"| `{room}` | " in text
