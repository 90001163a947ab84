"""What a person sees of the demo: lines where the output is piped, a picture in a terminal."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Protocol, TextIO

from rich.console import Console
from rich.live import Live

from bridge.demo.events import Arrived, Event, Remark, Sentence
from bridge.demo.stage import Stage
from bridge.text.installing import this_program

_WIDTH = 120
_LIVELY = 4.0  # seconds after an event in which the picture may change by itself


class View(Protocol):
    """Shows the events of the demo."""

    def of(self, base: str, listen: str) -> AbstractContextManager[None]:
        """Begin, and in the end put everything back.

        Args:
            base: the base topic.
            listen: a command that shows the same messages in another terminal.
        """

    def show(self, event: Event) -> None:
        """Take an event."""

    def refresh(self) -> None:
        """Be called ten times a second."""

    def farewell(self, text: str) -> None:
        """Say something after the end."""


def view_of(output: TextIO) -> View:
    """The view that suits an output."""
    console = Console(file=output)
    picture = console.is_terminal and not console.is_dumb_terminal and console.encoding.startswith("utf")
    return Terminal(console) if picture else Lines(output)


class Lines:
    """One line an event: `HH:MM:SS topic payload`, and the story's sentences behind a `#`."""

    def __init__(self, output: TextIO) -> None:
        self._output = output

    @contextmanager
    def of(self, _base: str, listen: str) -> Iterator[None]:
        """Begin."""
        self._write(f"# To listen in another terminal: {listen}")
        yield

    def show(self, event: Event) -> None:
        """Write a line."""
        match event:
            case Sentence(text, at):
                self._write(f"# {at:%A %d %B, %H:%M}: {text}")
            case Remark(text):
                self._write(f"# {text}")
            case Arrived(topic, payload):
                line = f"{time.strftime('%H:%M:%S')} {topic} {payload}"
                self._write(line if len(line) <= _WIDTH else f"{line[: _WIDTH - 3]}...")

    def refresh(self) -> None:
        """Nothing to do."""

    def farewell(self, text: str) -> None:
        """Write a last line, if anyone still reads."""
        with suppress(BrokenPipeError):
            self._write(f"# {text}")

    def _write(self, line: str) -> None:
        print(line.encode(self._output.encoding, "replace").decode(self._output.encoding), file=self._output)
        self._output.flush()


class Terminal:
    """The stage on the terminal's other screen."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stage = Stage()
        self._lively_until = 0.0
        self._size = console.size
        self._live = Live(console=console, screen=True, auto_refresh=False, redirect_stdout=False)

    @contextmanager
    def of(self, base: str, listen: str) -> Iterator[None]:
        """Begin, and give the terminal back in the end."""
        self._stage.base, self._stage.listen = base, listen
        with self._live:
            yield
        self._console.print(f"For your own readings, type: {this_program()} init", soft_wrap=True)

    def show(self, event: Event) -> None:
        """Take an event."""
        self._stage.show(event)
        self._lively_until = time.monotonic() + _LIVELY

    def refresh(self) -> None:
        """Paint, if anything may have changed."""
        if time.monotonic() < self._lively_until or self._size != self._console.size:
            self._size = self._console.size
            self._stage.move_on()
            self._live.update(self._stage, refresh=True)

    def farewell(self, text: str) -> None:
        """Say something on the usual screen."""
        self._console.print(text)
