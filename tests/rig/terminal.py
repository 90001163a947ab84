"""A person at a real terminal: what is typed, and what the screen shows."""

import fcntl
import os
import pty
import select
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rig.commands import environment
from tests.rig.forks import Forked

CTRL_C = "\x03"


class Session:
    """A command in a terminal of 80 columns."""

    def __init__(self, process: Forked, terminal: int) -> None:
        self._process, self._terminal = process, terminal
        self.seen = ""  # all of it
        self._read = 0  # as far as the person has read
        self.typed = 0  # characters

    def says(self, words: str, within: float = 20.0) -> str:
        """Wait for words; returns what was shown until then, since the last ones."""
        deadline = time.monotonic() + within
        while words not in self.seen[self._read :]:
            assert time.monotonic() < deadline, f"no {words!r} in:\n{self.seen}"
            assert self._look(), f"it ended without {words!r}:\n{self.seen}"
        end = self.seen.index(words, self._read) + len(words)
        shown, self._read = self.seen[self._read : end], end
        return shown

    def types(self, text: str, end: str = "\r") -> None:
        self.typed += len(text) + len(end)
        os.write(self._terminal, f"{text}{end}".encode())

    def answers(self, question: str, text: str = "") -> None:
        """Wait for a question, and answer it."""
        self.says(question)
        if ": " not in question:
            self.says(": ")
        self.types(text)

    def presses_ctrl_c(self) -> None:
        """Again where it came a moment before Python began to read, for then it waits for a key."""
        for _ in range(10):
            self.types(CTRL_C, "")
            if self._process.ends_within(2):
                return

    def ends(self) -> int:
        """Its exit status."""
        while self._look():
            pass
        return self._process.wait(30)

    def _look(self) -> bool:
        if select.select([self._terminal], [], [], 20.0)[0]:
            try:
                chunk = os.read(self._terminal, 65536)
            except OSError:  # nobody has the other end any more
                return False
            self.seen += chunk.decode().replace("\r\n", "\n")
            return bool(chunk)
        return False


@contextmanager
def at_a_terminal(folder: Path, *words: str, **env: str) -> Iterator[Session]:
    """A command that is typed in a folder, and killed in the end if need be."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    surroundings = {**environment(), "COLUMNS": "80", "TERM": "xterm", "LANG": "en_GB.UTF-8", **env}
    process = Forked.at_a_terminal(folder, words, surroundings, theirs)
    os.close(theirs)
    session = Session(process, ours)
    try:
        yield session
    finally:
        process.kill()
        process.wait(10)
        os.close(ours)
    assert "Traceback" not in session.seen, session.seen
