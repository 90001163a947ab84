"""What is there when it is whole, or not at all: exports, and what is kept beside the ledger."""

import io
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from bridge.text.endings import ForTheUser


class OutputError(ForTheUser):
    """It cannot be written there; the message says why."""


@contextmanager
def whole(path: Path) -> Iterator[TextIO]:
    """Replace a file at once, when the whole of it is written without an error.

    It is its owner's alone (mode 0600), in UTF-8, with line ends as they are written.

    Raises:
        OSError: it cannot be written; what was there before is still there.
    """
    part = _unfinished(path)
    try:  # before there is a file: a signal may end us at any moment
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
        part.replace(path)
    finally:
        with suppress(OSError):  # it is in its place
            part.unlink()


@contextmanager
def opened(path: Path | None) -> Iterator[TextIO]:
    """A new file that is there when it is whole, or not at all; without a path, standard output.

    It is its owner's alone, in UTF-8, with line ends as they are written.

    Raises:
        OutputError: there is something of that name already, or it cannot be written.
    """
    try:
        if path is None:
            yield _standard_output()
            sys.stdout.flush()
        else:
            with _new(path) as file:
                yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"{path or 'standard output'} cannot be written ({error.strerror})") from error


@contextmanager
def opened_folder(path: Path) -> Iterator[Path]:
    """A new folder, its owner's alone, that is there when all in it is written, or not at all.

    Raises:
        OutputError: there is something of that name already, or it cannot be written.
    """
    _must_be_new(path)
    part = _unfinished(path)
    try:
        part.mkdir(0o700)
        yield part
        _must_be_new(path)
        part.rename(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror})") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)  # unless it is in its place


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")


def _standard_output() -> TextIO:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="")
    return sys.stdout


@contextmanager
def _new(path: Path) -> Iterator[TextIO]:
    _must_be_new(path)
    with whole(path) as file:
        yield file
        _must_be_new(path)


def _must_be_new(path: Path) -> None:
    if os.path.lexists(path):
        raise OutputError(f"{path} already exists and is left as it is; choose another name")
