"""Who may see the page: this machine, whoever has the password, or Home Assistant on behalf of its users."""

from dataclasses import dataclass
from hmac import compare_digest
from urllib.parse import urlsplit

from werkzeug.wrappers import Request

from bridge.config import WebSettings
from bridge.text.hosts import is_called_as_this_machine
from bridge.web.refusals import N_


@dataclass(frozen=True, slots=True)
class Door:
    """One way in.

    Args:
        password: what a visitor has to know; None where nothing is asked.
        only_from: the one address that may ask at all; None for any that gets here.
        only_as_this_machine: whether the page answers only where it is called by a name of this machine; a
            site whose name was made to lead here could read it otherwise.
    """

    password: str | None = None
    only_from: str | None = None
    only_as_this_machine: bool = False

    def is_shut(self, request: Request) -> bool:
        """Whether nobody is let in who comes like this, whatever they know."""
        if self.only_from is not None:
            return request.remote_addr != self.only_from
        return self.only_as_this_machine and not is_called_as_this_machine(request.headers.get("Host", ""))

    @property
    def words_when_shut(self) -> str:
        """What those are told, in English."""
        if self.only_from is not None:
            return N_("This page is not for you.")
        return N_(
            "Without a password this page answers only as localhost, on its own machine: set web.password."
        )

    def opens_for(self, password: str) -> bool:
        """Whether it is the right one."""
        return self.password is None or compare_digest(password.encode(), self.password.encode())


def configured(page: WebSettings) -> Door:
    """The door of a page that people reach by its own address."""
    password = page.password.get_secret_value() if page.password else None
    return Door(password, only_as_this_machine=password is None)


def ingress(supervisor: str) -> Door:
    """The door of the app's panel: Home Assistant knows its users, and passes on what they ask for.

    Args:
        supervisor: the address from which it asks.
    """
    return Door(only_from=supervisor)


def is_from_elsewhere(request: Request) -> bool:
    """Whether another site made the browser send this."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    if origin == "null" and "X-Ingress-Path" in request.headers:  # which no form can say
        return False  # Home Assistant has browsers tell nobody where they come from
    return origin is not None and _address(origin) != request.headers.get("Host")


def why_elsewhere(request: Request) -> str:
    """What those are told who are refused for it: a proxy that changes names looks like another site."""
    origin, host = request.headers.get("Origin", "null"), request.headers.get("Host")
    if "Sec-Fetch-Site" in request.headers or origin == "null":
        return "Another site led here: open this page by its own address."
    return (
        f"This was sent from {origin}, but here the page is called {host}: another site led here, or a proxy"
        " before the page says another name than the browser does. Have the proxy pass on Host as it came"
        " (nginx: proxy_set_header Host $http_host)."
    )


def _address(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None
