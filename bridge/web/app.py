"""The page: who asks for what, and the headers that every answer has."""

import logging
import mimetypes
from collections.abc import Callable, Iterable
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

from werkzeug.exceptions import Forbidden, HTTPException, NotFound
from werkzeug.routing import Map, MapAdapter, Rule
from werkzeug.wrappers import Request, Response

from bridge.fetching.readable import NothingKnown
from bridge.folder.claim import unwritable
from bridge.ledger import LedgerError
from bridge.text.endings import ForTheUser
from bridge.web.answers import Answers
from bridge.web.doors import Door, is_from_elsewhere, why_elsewhere
from bridge.web.findings import Findings
from bridge.web.house import House
from bridge.web.interviews import Interviews
from bridge.web.pages import PAGES
from bridge.web.patience import Patience
from bridge.web.reports import Reports
from bridge.web.scrapes import metrics
from bridge.web.sessions import FORM_FIELD, Key, Session, Sessions
from bridge.web.uploads import LARGEST
from bridge.web.visit import Visit, spoken

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)

_STATIC = Path(__file__).with_name("static")
_LARGEST_FORM = 64 * 1024  # bytes

# Nothing from elsewhere, nothing inline. A frame is Home Assistant's panel, which has the same origin.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class App:
    """A WSGI application.

    Args:
        house: what the page looks at now.
        door: who may look.
        key: for cookies.
    """

    def __init__(self, house: Callable[[], House], door: Door, key: Key) -> None:
        self._house, self._door = house, door
        self._sessions = Sessions(key, door.password, lambda: house().now())
        self._patience = Patience(lambda: house().now())
        self._answers, self._reports, self._findings = Answers(), Reports(), Findings()
        self._interviews = Interviews(lambda: house().now())
        self._rules = Map(
            [Rule(each.path, endpoint=name, methods=each.methods) for name, each in PAGES.items()]
            + [Rule("/static/<name>", endpoint="static"), Rule("/sign-in", endpoint="sign_in")]
            + [Rule("/metrics", endpoint="metrics", methods=["GET"])]
            + [Rule("/sign-out", endpoint="sign_out", methods=["POST"])],
            strict_slashes=False,
            merge_slashes=False,
        )
        self._static = {path.name: path.read_bytes() for path in sorted(_STATIC.iterdir())}

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        request.max_content_length = self.largest(request)  # Werkzeug puts files aside, not into memory
        response = _with_headers(self._answer(request))
        response.call_on_close(request.close)  # with it the files of a form
        return response(environ, start_response)

    def largest(self, request: Request) -> int:
        """How many bytes of a request are worth receiving: a form's, or a file's of who may give one."""
        session = self._sessions.of(request)
        if self._door.is_shut(request) or is_from_elsewhere(request) or self._must_sign_in(session):
            return _LARGEST_FORM
        if request.mimetype != "multipart/form-data":  # others go into memory
            return _LARGEST_FORM
        try:
            endpoint, _ = self._urls(request).match()
        except HTTPException:
            return _LARGEST_FORM
        return PAGES[endpoint].largest if endpoint in PAGES else _LARGEST_FORM

    def too_large(self, request: Request) -> Response:
        """What is answered to one that is not received."""
        if self._door.is_shut(request):
            return _with_headers(Response(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
        visit = self._visit(request)
        most = LARGEST // 1024**2 if self.largest(request) == LARGEST else None
        return _with_headers(visit.page("too_large.html", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, most=most))

    def _urls(self, request: Request) -> MapAdapter:
        return self._rules.bind("", path_info=request.path, default_method=request.method)

    def _must_sign_in(self, session: Session) -> bool:
        return self._door.password is not None and not session.signed_in

    def _answer(self, request: Request) -> Response:
        self._interviews.tidy()
        if self._door.is_shut(request):
            words = spoken(request, self._house().settings.language).gettext(self._door.words_when_shut)
            return Response(f"{words}\n", 403, mimetype="text/plain")
        visit = self._visit(request)
        response = self._guarded(visit)
        if visit.session.is_new:
            self._sessions.keep(visit.session, response)
        return response

    def _visit(self, request: Request) -> Visit:
        session = self._sessions.of(request)
        return Visit(
            request,
            self._house(),
            self._urls(request),
            session,
            token=self._sessions.token(session),
            answers=self._answers,
            interviews=self._interviews,
            reports=self._reports,
            findings=self._findings,
        )

    def _guarded(self, visit: Visit) -> Response:
        try:
            return self._dispatched(visit)
        except HTTPException as error:
            if error.response is not None or error.code is None:
                return Response(status=error.code or 500)
            return visit.page("error.html", error.code, code=error.code, words=str(error.description or ""))
        except NothingKnown as nothing:
            return visit.page("nothing.html", words=str(nothing))
        except ForTheUser as error:
            if isinstance(error, LedgerError):
                visit.found(error)
            return visit.page("error.html", 503, code=503, words=str(error))
        except Exception:
            log.exception("the page %s failed", visit.request.path)
            return visit.page("error.html", 500, code=500, words="")

    def _dispatched(self, visit: Visit) -> Response:
        endpoint, values = visit.urls.match()
        if endpoint == "static":
            return self._file(visit.request, values["name"])
        if endpoint == "metrics":
            return metrics(visit, self._door, self._patience)
        if endpoint != "sign_in" and self._must_sign_in(visit.session):
            return visit.to("sign_in")
        if visit.request.method == "POST":
            self._must_be_ours(visit)
        if endpoint == "sign_in":
            return self._sign_in(visit)
        if endpoint == "sign_out":
            visit.session = self._sessions.sign_out(visit.session)
            return visit.to("sign_in")
        return PAGES[endpoint].show(visit, **values)

    def _must_be_ours(self, visit: Visit) -> None:
        if is_from_elsewhere(visit.request):  # before anything of it is read
            raise Forbidden(why_elsewhere(visit.request))
        try:
            token = visit.request.headers.get("X-Form") or visit.request.form.get(FORM_FIELD)
        except OSError as error:  # what is large is put aside while it is read
            raise unwritable(Path(gettempdir()), error) from None
        if not token or not self._sessions.is_ours(visit.session, token):
            raise Forbidden("This form is too old, or not of this page: go back and try again.")

    def _sign_in(self, visit: Visit) -> Response:
        if visit.request.method != "POST":
            return visit.page("sign_in.html", wrong=False, pause=None)
        address = visit.request.remote_addr or ""
        if pause := self._patience.pause(address):
            return visit.page("sign_in.html", 429, wrong=False, pause=int(pause.total_seconds()) + 1)
        is_right = self._door.opens_for(visit.request.form.get("password", ""))
        if not self._patience.judged(address, "the page", is_right=is_right):
            return visit.page("sign_in.html", 403, wrong=True, pause=None)
        visit.session = visit.session.after_sign_in()
        return visit.to("home")

    def _file(self, request: Request, name: str) -> Response:
        content = self._static.get(name)
        if content is None:
            raise NotFound
        response = Response(content, mimetype=mimetypes.guess_type(name)[0])
        response.headers["Cache-Control"] = "no-cache"  # asked for each time, and sent when it changed
        response.set_etag(sha256(content).hexdigest()[:16])
        return response.make_conditional(request)


def _with_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response
