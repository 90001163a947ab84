"""A page's forms, filled in and sent as a browser without script does it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import requests


@dataclass
class Form:
    """One form of a page."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    choices: dict[str, list[str]] = field(default_factory=dict)
    words: str = ""


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._is_within = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.found.append(Form(said.get("action", "")))
            self._is_within = True
        if not self._is_within or "name" not in said:
            return
        form, name, value = self.found[-1], said["name"], said.get("value", "")
        if tag == "button":
            form.buttons.append((name, value))
        elif said.get("type") == "file":
            form.files.append(name)
        elif said.get("type") == "radio":
            form.choices.setdefault(name, []).append(value)
            if "checked" in said:
                form.fields[name] = value
        else:
            form.fields[name] = value

    def handle_endtag(self, tag: str) -> None:
        self._is_within &= tag != "form"

    def handle_data(self, data: str) -> None:
        if self._is_within:
            self.found[-1].words += data


def forms_of(page: requests.Response) -> list[Form]:
    """All forms of a page."""
    parser = _Forms()
    parser.feed(page.text)
    return parser.found


def send(
    session: requests.Session,
    page: requests.Response,
    form: Form,
    typed: Mapping[str, str],
    *,
    do: str | None = None,
    files: Mapping[str, list[Path]] | None = None,
) -> requests.Response:
    """Press a button of a form."""
    unknown = typed.keys() - form.fields.keys() - form.choices.keys()
    assert not unknown, f"{page.url} does not ask for {sorted(unknown)}, but for {sorted(form.fields)}"
    data = {**form.fields, **typed} | ({"do": do} if do else {})
    if do:
        assert ("do", do) in form.buttons, f"{page.url} has no button {do}"
    given = [
        (name, (path.name, path.read_bytes())) for name, paths in (files or {}).items() for path in paths
    ]
    assert {name for name, _ in given} <= set(form.files)
    everything = [*((name, (None, value)) for name, value in data.items()), *given]
    return session.post(urljoin(page.url, form.action), files=everything, timeout=60)  # type: ignore[arg-type]
