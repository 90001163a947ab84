"""What was answered so far: the configuration as it will be written, and what leads the way to it."""

from collections.abc import Collection, Mapping
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

from bridge.config import ConfigError, KeyPath, Settings
from bridge.config.draft import Draft
from bridge.config.keys import at
from bridge.config.text import parse


class Answers:
    """Answers, each checked by the configuration's own models.

    Args:
        file: the configuration file, which need not be there; relative paths are relative to it.
        environ: the environment's variables, which go before the file's keys as they do in a run.
        options: an add-on's options, which go before them too.

    Attributes:
        tree: the configuration's keys, passwords too.
        files: what was downloaded from Mijn Fluvius, to be imported in the end.
        asides: answers that are not written: which way was taken.
        source: the file in which mistakes are; another one where a script has written the answers.
    """

    def __init__(self, file: Path, environ: Mapping[str, str], options: Path | None = None) -> None:
        self.file, self._environ, self._options = file, environ, options
        self.source = file
        self.tree: dict[str, Any] = {}
        self.files: list[Path] = []
        self.asides: dict[str, str] = {}

    def copy(self) -> "Answers":
        """The same answers, to go on with another way."""
        other = Answers(self.file, self._environ, self._options)
        other.tree, other.files, other.asides = deepcopy(self.tree), list(self.files), dict(self.asides)
        other.source = self.source
        return other

    def keep_the_page(self) -> None:
        """Switch the page on where the environment does, for the next start may be without that."""
        if self._environ.get("FLUVIUS2MQTT_WEB", "").strip().lower() == "true":
            self.put(("web",), True)

    def at(self, *path: str | int) -> Any:
        """The answer at a path of the configuration; None where there is none."""
        return at(self.tree, *path)

    def put(self, path: KeyPath, value: Any) -> None:
        """Keep an answer; an empty one takes the key out."""
        here: Any = self.tree
        for part, following in pairwise(path):
            empty: Any = [] if isinstance(following, int) else {}
            if isinstance(part, str):
                here = here.setdefault(part, empty)
                continue
            if part == len(here):
                here.append(empty)
            here = here[part]
        if value in (None, "", {}, []):
            here.pop(path[-1], None)
        else:
            here[path[-1]] = value

    def try_to_put(self, path: KeyPath, value: Any) -> str | None:
        """Keep an answer if it fits; else say what is wrong with it, and keep what was there."""
        before = deepcopy(self.tree)
        self.put(path, value)
        problem = self.problem(path)
        if problem:
            self.tree = before
        return problem

    def problem(self, path: KeyPath) -> str | None:
        """What `check` would say of the answer at a path, or of one below it."""
        return self.problems([path]).get(path)

    def problems(self, paths: Collection[KeyPath]) -> dict[KeyPath, str]:
        """What `check` would say of the answers at some paths, or below them, in one go."""
        if not paths:
            return {}
        draft = self._draft()
        places = {draft.where(path): path for path in paths}
        draft.add_variables(self._environ)
        draft.settings()
        found: dict[KeyPath, str] = {}
        for mistake in draft.mistakes:
            for where, path in places.items():
                rest = mistake.removeprefix(where)
                if rest != mistake and rest[0] in ":.[":
                    found.setdefault(path, rest.partition(": ")[2])
        return found

    def settings(self) -> Settings:
        """The settings as far as they were answered, to try them; what goes together is not looked at.

        Raises:
            ConfigError: they cannot be used.
        """
        draft = self._draft_of_a_run(self.tree)
        draft.add_variables(self._environ)
        found = draft.validated(Settings, ())
        if draft.mistakes or not found:
            raise ConfigError(*draft.mistakes)
        return found

    def prove(self, text: str, secrets: Mapping[str, str]) -> None:
        """Read a configuration as a run will read it from the file.

        Args:
            text: of the file.
            secrets: what stands in secrets.yaml.

        Raises:
            ConfigError: with every mistake.
        """
        draft = Draft(self.file, secrets=dict(secrets))
        written = parse(text, draft.secret)
        mistakes, draft = draft.mistakes, self._draft_of_a_run(written)
        draft.mistakes += mistakes
        draft.add_variables(self._environ)
        if not self._options:
            draft.file = self.source
            draft.add_short_names(self._environ)
        draft.settings()
        if draft.mistakes:
            raise ConfigError(*draft.mistakes)

    def _draft_of_a_run(self, tree: dict[str, Any]) -> Draft:
        if self._options is None:
            return Draft(self.file, tree=deepcopy(tree))
        draft = Draft(self._options, is_addon=True)
        draft.add_options(self._options, deepcopy(tree), self.file)
        return draft

    def _draft(self) -> Draft:
        return Draft(self.file, tree=deepcopy(self.tree))
