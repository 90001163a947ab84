"""The picture in the README.

python -m tests.picture demo.svg
chromium --headless --hide-scrollbars --default-background-color=00000000 --force-device-scale-factor=1.5 \\
    --window-size=1019,734 --screenshot=docs/demo.png demo.svg
"""

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

from bridge.demo import perform, story
from bridge.demo.events import Event, Sentence
from bridge.demo.stage import Stage
from bridge.metering.model import BRUSSELS

WIDTH, HEIGHT = 82, 28
PRESENT = datetime(2026, 9, 25, 9, tzinfo=BRUSSELS)  # the day in the picture has some of everything


class TakenError(Exception):
    pass


class Photographer:
    """Watches the demo until Fluvius has corrected a day."""

    def __init__(self) -> None:
        self.stage = Stage()
        self._ready = False

    @contextmanager
    def of(self, base: str, listen: str) -> Iterator[None]:
        self.stage.base, self.stage.listen = base, listen
        yield

    def show(self, event: Event) -> None:
        self.stage.show(event)
        self._ready |= isinstance(event, Sentence) and "revision" in event.text

    def refresh(self) -> None:
        self.stage.move_on()
        if self._ready and not self.stage.is_moving:
            raise TakenError

    def farewell(self, text: str) -> None:
        pass


def main() -> None:
    story.SECONDS_PER_SCENE = 1.5
    photographer = Photographer()
    with suppress(TakenError):
        perform(photographer, present=PRESENT)
    console = Console(width=WIDTH, height=HEIGHT, record=True, file=io.StringIO(), force_terminal=True)
    console.print(photographer.stage, height=HEIGHT)
    svg = console.export_svg(title="fluvius2mqtt demo", theme=MONOKAI)
    Path(sys.argv[1]).write_text(_without_seams(svg))


def _without_seams(svg: str) -> str:
    """With a font, a size and a place of the text in which block elements fill their cells."""
    svg = svg.replace("Fira Code,", "DejaVu Sans Mono,").replace("font-size: 20px", "font-size: 21px")
    svg = svg.replace("</style>", "text { transform: translateY(1px) }</style>", 1)
    return re.sub(r' clip-path="[^"]*"', "", svg)


if __name__ == "__main__":
    main()
