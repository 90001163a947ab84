"""Where the configuration is kept that people edit, by hand or on the page, and what goes before it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from bridge.config import FILE, ConfigError, KeyPath, Settings, home, load
from bridge.config.draft import Draft, is_default
from bridge.config.keys import at
from bridge.homeassistant import supervisor
from bridge.setup.answers import Answers

THE_SUPERVISOR = "Home Assistant"


@dataclass(frozen=True, slots=True)
class Place:
    """A file, and what goes before it.

    Attributes:
        file: it need not be there yet.
        environ: the environment's variables.
        options: of the add-on; None elsewhere.
    """

    file: Path
    environ: Mapping[str, str]
    options: Path | None = None

    def load(self) -> Settings:
        """The settings, as a run reads them.

        Raises:
            ConfigError, SupervisorError: see there.
        """
        if self.options:
            return supervisor.load(self.environ, connects=True)
        return load(self.file if os.path.lexists(self.file) else None, self.environ)

    def answers(self) -> Answers:
        """What stands in the file.

        Raises:
            ConfigError: it cannot be read.
        """
        answers = Answers(self.file, self.environ, self.options)
        if os.path.lexists(self.file):
            draft = Draft(self.file)
            draft.add_file(self.file)
            draft.must_be_right()
            answers.tree = draft.tree
        return answers

    def digest(self) -> str:
        """By which a change is known that somebody made meanwhile; of no file, that there is none."""
        try:
            return sha256(self.file.read_bytes()).hexdigest()
        except OSError:
            return ""

    def who_says(self, *path: str | int) -> str | None:
        """What goes before the file there: a variable, an option, Home Assistant; None if nothing does."""
        said = Draft(None)
        said.add_variables(self.environ)
        if not self.options:
            said.add_short_names(self.environ)
        if variable := next((name for key, name in said.variables.items() if _meet(key, path)), None):
            return variable
        if self.options:
            filled_in = Draft(self.options, is_addon=True)
            filled_in.add_options(self.options)
            value = at(filled_in.tree, *path)
            if value is not None and not is_default(path, value):
                return filled_in.where(path)
            if path == ("mqtt", "host") and self._has_broker():
                return THE_SUPERVISOR
        return None

    def _has_broker(self) -> bool:
        try:
            return bool(supervisor.broker(self.environ)["host"])
        except (supervisor.SupervisorError, ConfigError):
            return False


def place_of(config: Path | None, environ: Mapping[str, str]) -> Place:
    """Where a run with such arguments has its configuration."""
    if not config and supervisor.is_there(environ):
        options = supervisor.options(environ)
        return Place(options.with_name(FILE), environ, options)
    return Place(home(config, environ), environ)


def _meet(one: KeyPath, other: KeyPath) -> bool:
    """Whether one is the other, or within it."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
