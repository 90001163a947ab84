"""One request, and what a page needs to answer it."""

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from werkzeug.exceptions import NotFound
from werkzeug.routing import MapAdapter
from werkzeug.wrappers import Request, Response

from bridge import __version__
from bridge.config.asked import UsageError, meters_named
from bridge.ledger import LedgerError, Records
from bridge.metering.model import Meter
from bridge.web import vocabulary
from bridge.web.answers import Answers
from bridge.web.findings import Findings
from bridge.web.house import House
from bridge.web.interviews import Interviews
from bridge.web.reports import Reports
from bridge.web.sessions import FORM_FIELD, Session
from bridge.web.speech import LANGUAGES, Language, Speech, speech

_HERE = Path(__file__).parent


def spoken(request: Request, otherwise: Language) -> Speech:
    """As the browser asks for, or otherwise."""
    asked_for = request.accept_languages.best_match(LANGUAGES)
    return speech(next((each for each in LANGUAGES if each == asked_for), otherwise))


@dataclass
class Visit:
    """What a page is given."""

    request: Request
    house: House
    urls: MapAdapter
    session: Session
    token: str  # of forms
    answers: Answers  # to what was asked for on the page
    interviews: Interviews  # about the configuration
    reports: Reports
    findings: Findings

    @cached_property
    def speech(self) -> Speech:
        """The browser's language, or the configuration's."""
        return spoken(self.request, self.house.settings.language)

    def url(self, endpoint: str, /, **values: object) -> str:
        """Where a page is, relative to this one: so it works below any prefix."""
        path, _, query = self.urls.build(endpoint, values).partition("?")
        there = posixpath.relpath(path, posixpath.dirname(self.request.path) or "/")
        return f"{there}?{query}" if query else there

    def page(self, template: str, /, status: int = 200, **values: object) -> Response:
        """A page of HTML."""
        html = _templates().get_template(template).render(self._common() | values)
        return Response(html, status, mimetype="text/html")

    def to(self, endpoint: str, /, **values: object) -> Response:
        """Have the browser go there."""
        return Response(status=303, headers={"Location": self.url(endpoint, **values)})

    def ask(self, command: str, /, **request: str) -> str:
        """Ask the bridge for something; returns the mark by which its answer is found."""
        return self.answers.ask(self.house.wish, command, self.house.now(), **request)

    def found(self, error: LedgerError) -> None:
        """Have the page about how everything is say it too."""
        self.findings.found(self.house.window, error, self.house.now())

    @contextmanager
    def meter(self, name: str) -> Iterator[tuple[Records, Meter]]:
        """The ledger, and the meter of that name in it.

        Raises:
            NotFound: there is none.
        """
        with self.house.records() as records:
            try:
                (meter,) = meters_named(self.house.meters(records), name)
            except UsageError:
                raise NotFound from None
            yield records, meter

    def _common(self) -> dict[str, object]:
        return {
            "visit": self,
            "url": self.url,
            "say": self.speech,
            "words": vocabulary.names(self.speech),
            "parts": partial(vocabulary.part, self.speech),
            "why": partial(vocabulary.why, self.speech),
            "form_field": Markup('<input type="hidden" name="{}" value="{}">').format(FORM_FIELD, self.token),
            "version": __version__,
            "path": self.request.path,
        }


@pass_context
def _gettext(context: Context, words: str) -> str:
    say: Speech = context["say"]
    return say.gettext(words)


@pass_context
def _ngettext(context: Context, one: str, many: str, count: int) -> str:
    say: Speech = context["say"]
    return say.ngettext(one, many, count)


@cache
def _templates() -> Environment:
    templates: Any = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.install_gettext_callables(_gettext, _ngettext, newstyle=True)  # the extension's
    return cast("Environment", templates)
