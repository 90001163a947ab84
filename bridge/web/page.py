"""What a page is: where it is, and what shows it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from werkzeug.wrappers import Response


@dataclass(frozen=True, slots=True)
class Page:
    """One entry of the table in `bridge.web.pages`."""

    path: str  # a rule of Werkzeug's routing
    show: Callable[..., Response]  # given the visit, and the parts of the path
    methods: Sequence[str] = ("GET",)
    largest: int = 64 * 1024  # bytes of a form with files
