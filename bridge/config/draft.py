"""What was written in files and variables, and what is wrong with it."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr, ValidationError

from bridge.config.contradictions import contradictions
from bridge.config.doubts import doubts
from bridge.config.errors import ConfigError
from bridge.config.keys import KEYS, KeyPath, anywhere, at, filled_in, kinds, section_of
from bridge.config.paths import PREFIX, dotted, path_of, variable_of, word_of
from bridge.config.reasons import reason, without_value
from bridge.config.section import Section
from bridge.config.settings import Settings
from bridge.config.text import Hidden, Unreadable, cut_short, named_secret, parse, read

_Form = TypeVar("_Form", bound=Section)


SHORT_NAMES: dict[str, KeyPath] = {
    "FLUVIUS_LOGIN": ("fluvius", "portal", "email"),
    "FLUVIUS_PASSWORD": ("fluvius", "portal", "password"),
    "FLUVIUS_EAN": ("meters", 0, "ean"),
    "FLUVIUS_METER_SERIAL": ("meters", 0, "serial"),
}

ADDON_DEFAULTS: dict[KeyPath, str] = {
    ("data_dir",): ".",
    ("homeassistant", "statistics"): "true",
    ("import_dir",): "/share/fluvius2mqtt",
    ("web",): "true",
}
_TOGETHER: dict[
    KeyPath, str
] = {  # a password is that of one place: the whole section is filled in, or none of it
    ("mqtt",): "host",
    ("fluvius", "portal"): "email",
}


@dataclass
class Draft:
    """What was written so far, by whom, and what is wrong with it."""

    file: Path | None
    is_addon: bool = False  # the file holds what was filled in on an add-on's page
    text: str = ""  # of the file
    tree: dict[str, Any] = field(default_factory=dict)
    variables: dict[KeyPath, str] = field(default_factory=dict)  # which variable a value came from
    secrets: Any = None  # what is in secrets.yaml, once it was read
    mistakes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """What relative paths are relative to."""
        return self.file.parent if self.file else Path()

    def where(self, path: KeyPath) -> str:
        """The file or variable in which a key stands or should stand, and the key."""
        for end in range(len(path), 0, -1):
            if variable := self.variables.get(path[:end]):
                return f"{variable} ({dotted(path)})"
        if self.is_addon:
            return f"Option {dotted(path)}"
        if self.file:
            return f"{self.file}: {dotted(path)}" if path else str(self.file)
        short = next((name for name, key in SHORT_NAMES.items() if key == path), None)
        return f"{short or PREFIX + variable_of(path)} ({dotted(path)})"

    def add_file(self, file: Path) -> None:
        """One file's keys. Nothing else is worth looking at while it cannot be read."""
        try:
            self.text = text = read(file)
        except ConfigError as error:
            raise ConfigError(*self.mistakes, f"{file}: {error}") from None
        self.add_text(text, self.secret)
        written = [at(self.tree, *path) for path, info in KEYS.items() if SecretStr in kinds(info.annotation)]
        if any(value and not isinstance(value, Hidden) for value in written):
            self.warn_if_public(file)
        for path, line in cut_short(self.text):
            if (info := KEYS.get(anywhere(path))) and SecretStr in kinds(info.annotation):
                self.warn_of_comment(self.where(path), line)

    def warn_of_comment(self, where: str, line: int) -> None:
        """A password may well hold a # that was meant as part of it."""
        self.warnings.append(
            f"{where}: on line {line} the value ends before the #, and the rest is a comment; put quotes"
            " around what is meant: 'value # rest of it', or 'value' # comment"
        )

    def add_text(self, text: str, secret: Callable[[str], str]) -> None:
        """What is in the file, whoever read it; `secret` gives the value of `!secret NAME`."""
        try:
            tree = parse(text, secret)
        except ConfigError as error:
            raise ConfigError(*self.mistakes, f"{self.file}: {error}") from None
        if not isinstance(tree, dict | None):
            raise ConfigError(f"{self.file}: holds no keys; write them as in config.example.yaml")
        self.tree = tree or {}

    def add_options(
        self, file: Path, below: dict[str, Any] | None = None, said_by: Path | None = None
    ) -> None:
        """What was filled in on an add-on's form, and an add-on's own defaults for the rest.

        Args:
            file: the options.
            below: what holds where nothing is filled in, or the form's default stands.
            said_by: the file in which that stands.
        """
        self.add_file(file)
        self.tree = filled_in(self.tree)
        if isinstance(prices := self.tree.get("prices"), list):
            self.tree["prices"] = [
                self.unfolded(("prices", place), each) for place, each in enumerate(prices)
            ]
        if tls := at(self.tree, "mqtt", "tls"):
            self.tree["mqtt"]["tls"] = self.unfolded(("mqtt", "tls"), tls)
        self._fill(below or {}, (), str(said_by))
        for path, value in ADDON_DEFAULTS.items():
            if at(self.tree, *path) is None:
                self.put(path, value, "the app")

    def _fill(self, below: dict[str, Any], path: KeyPath, said_by: str) -> None:
        for key, value in below.items():
            here = (*path, key)
            said = at(self.tree, *here)
            if isinstance(value, dict) and isinstance(said, dict):
                if here not in _TOGETHER or at(said, _TOGETHER[here]) is None:
                    self._fill(value, here, said_by)
            elif said is None or is_default(here, said):
                self.put(here, value, said_by)

    def unfolded(self, path: KeyPath, written: Any) -> Any:
        """What a form holds as text, because it nests deeper than forms do."""
        try:
            return filled_in(parse(written, self.secret)) if isinstance(written, str) else written
        except ConfigError as error:
            self.mistakes.append(f"{self.where(path)}: {error}")
            return Unreadable("?")

    def warn_if_public(self, file: Path) -> None:
        """A secret that every user of the machine can read is none."""
        if os.name == "posix" and file.stat().st_mode & 0o004:
            self.warnings.append(
                f"{file}: every user of this machine can read the secrets in it; run: chmod o-r {file}"
            )

    def secret(self, name: str) -> str:
        """What `!secret name` stands for. On an add-on's page Home Assistant has put it in already."""
        if self.is_addon:
            self.mistakes.append(
                f"Home Assistant knows no secret {word_of(name)}; write it into Home Assistant's secrets.yaml"
            )
            return Unreadable("?")
        file = self.folder / "secrets.yaml"
        if self.secrets is None:
            self.secrets = {}
            try:
                text = read(file)
                self.secrets = parse(text, self.secret) or {}
                self.warn_if_public(file)
                for path, line in cut_short(text):
                    self.warn_of_comment(f"{file}: {dotted(path)}", line)
            except ConfigError as error:
                self.mistakes.append(f"{file}: {error}; it has the values of !secret, such as {name}: ...")
                self.secrets = Unreadable("?")
            if not isinstance(self.secrets, dict | Unreadable):
                kind = "a list" if isinstance(self.secrets, list) else "text"
                self.mistakes.append(f"{file}: holds {kind}; write lines such as {name}: ... instead")
                self.secrets = Unreadable("?")
        if isinstance(self.secrets, Unreadable):
            return self.secrets
        value = at(self.secrets, name)
        if not isinstance(value, str):
            self.mistakes.append(f"{file}: {without_value(self.secrets, name)}")
            return Unreadable("?")
        return Hidden(value)

    def add_variables(self, environ: Mapping[str, str]) -> None:
        """FLUVIUS2MQTT_MQTT__HOST and the like, the shorter first: sections before their keys."""
        for variable in sorted(environ, key=lambda name: (len(name), name)):
            if not variable.startswith(PREFIX) or not environ[variable]:
                continue
            name = variable if anywhere(path_of(variable)) in KEYS else variable.removesuffix("_FILE")
            if anywhere(path_of(name)) in KEYS:
                self.take(variable, name, path_of(name), environ)
            else:
                near = get_close_matches(variable[len(PREFIX) :], [variable_of(key) for key in KEYS], n=1)
                advice = f"did you mean {PREFIX}{near[0]}?" if near else "the keys are in config.example.yaml"
                self.mistakes.append(f"{variable}: unknown key; {advice}")

    def add_short_names(self, environ: Mapping[str, str]) -> None:
        """FLUVIUS_LOGIN and the like, where nothing else says it; of a meter, where none is written down."""
        has_meters = self._has_meters()
        for name, path in SHORT_NAMES.items():
            variable = f"{name}_FILE" if environ.get(f"{name}_FILE") else name
            if not environ.get(variable):
                continue
            if at(self.tree, *path) or (path[0] == "meters" and has_meters):
                if environ.get(name) != at(self.tree, *path):
                    self.warnings.append(
                        f"{variable}: is ignored, because this comes first: {self.where(path)}"
                    )
            else:
                self.take(variable, name, path, environ)
        if environ.get("FLUVIUS_TIMEZONE", "") not in ("", "Europe/Brussels"):
            self.mistakes.append(
                "FLUVIUS_TIMEZONE: Fluvius's days are those of Europe/Brussels; remove the variable"
            )

    def _has_meters(self) -> bool:
        """Whether meters are written down, by more than variables of single keys."""
        meters = at(self.tree, "meters") or []
        return not isinstance(meters, list) or any(
            not isinstance(each, dict) or (at(each, "ean") and ("meters", place, "ean") not in self.variables)
            for place, each in enumerate(meters)
        )

    def take(self, variable: str, name: str, path: KeyPath, environ: Mapping[str, str]) -> None:
        """A variable's value, or what is in the file that it names if it ends in _FILE."""
        text = environ[variable]
        value: Any = Unreadable("?")
        try:
            if variable != name:
                text = Hidden(read(Path(text)).rstrip("\r\n"))
            info = KEYS[anywhere(path)]
            has_form = {tuple, Mapping}.intersection(kinds(info.annotation)) or section_of(info)
            if has_form:
                value = parse(text, self.secret)
            else:
                value = text if isinstance(text, Hidden) else named_secret(text, self.secret)
        except ConfigError as error:
            self.mistakes.append(f"{variable}: {'the file that it names ' * (variable != name)}{error}")
        if variable != name and environ.get(name):
            self.mistakes.append(f"{variable}: is set together with {name}; keep one of them")
        self.put(path, value, variable)

    def put(self, path: KeyPath, value: Any, variable: str) -> None:
        """Lays a value over what is there; the keys beside it stay, a list is replaced."""
        if isinstance(value, dict) and value:
            for key, inner in value.items():
                self.put((*path, key), inner, variable)
            return
        here: Any = self.tree
        for part, following in pairwise(path):
            if isinstance(part, int) and part == len(here):
                here.append({})
            elif isinstance(part, int) and part > len(here):
                self.mistakes.append(f"{variable}: there is no number {len(here)} yet; count from 0")
                return
            if not isinstance(at(here, part), list if isinstance(following, int) else dict):
                here[part] = [] if isinstance(following, int) else {}
            here = here[part]
        here[path[-1]] = value
        self.variables[path] = variable

    def must_be_right(self) -> None:
        """Raise what is wrong so far.

        Raises:
            ConfigError: with every mistake.
        """
        if self.mistakes:
            raise ConfigError(*self.mistakes)

    def settings(self) -> Settings | None:
        """The settings, or mistakes. Single values and contradictions are looked at in one go."""
        settings = self.validated(Settings, contradictions(self.tree))
        if settings:
            self.warnings += [f"{self.where(path)}: {doubt}" for path, doubt in doubts(settings)]
            settings.warn(self.warnings)
        return settings and settings.in_its_place()

    def validated(self, form: type[_Form], conflicts: Iterable[tuple[KeyPath, str]]) -> _Form | None:
        """What was written, in its form; None where that makes mistakes, which go on the list."""
        reasons: dict[KeyPath, str] = {}
        found = None
        try:
            found = form.model_validate(self.tree, context={"folder": self.folder})
        except ValidationError as error:
            for each in error.errors(include_url=False):
                path = tuple(part for part in each["loc"] if part not in ("(value)", "(keys)"))
                reasons.setdefault(path, reason(each, path, self.text))
        for path, conflict in conflicts:
            reasons.setdefault(path, conflict)
        self.mistakes += [f"{self.where(path)}: {why}" for path, why in reasons.items() if why]
        return found


def is_default(path: KeyPath, value: Any) -> bool:
    """Whether a form's value is the one that it begins with, and so nobody's wish."""
    info = KEYS.get(anywhere(path))
    usual: Any = ADDON_DEFAULTS.get(path, info.default if info else None)
    if isinstance(usual, tuple):
        return bool(usual) and value == list(usual)
    return str(value).lower() == str(usual).lower()
