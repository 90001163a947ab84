"""The span of time that a client of the portal asks for."""

import re
from datetime import date, datetime, timedelta
from typing import NamedTuple

from bridge.simulator.household import BRUSSELS, Energy, date_of, meter_day
from bridge.simulator.request import Request
from bridge.simulator.response import RefusedError, gateway_error

MILLISECOND = timedelta(milliseconds=1)
AS_THE_PORTAL_DOES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d")


class Window(NamedTuple):
    """A span of time as it was asked, with the offsets it was asked in; the end belongs to it."""

    start: datetime
    end: datetime

    @property
    def has_local_offsets(self) -> bool:
        """Whether each end is written with the offset that Brussels has at that instant."""
        return all(moment.utcoffset() == moment.astimezone(BRUSSELS).utcoffset() for moment in self)

    def days(self, *ways: Energy) -> tuple[date, date]:
        """First and last day, when the window is of whole days in one of these ways.

        A window that does not begin and end with a day gives nothing: a last day before the first.
        """
        for energy in ways:
            first, last = date_of(energy, self.start), date_of(energy, self.end)
            if self == (meter_day(energy, first)[0], meter_day(energy, last)[1] - MILLISECOND):
                return first, last
        return date.max, date.min


def asked(request: Request) -> Window | None:
    """The window of a request; None where its offsets make the portal find nothing.

    Raises:
        RefusedError: 400, for moments must have an offset, come in order, and not lie too far apart.
    """
    window = Window(_moment(request, "historyFrom"), _moment(request, "historyUntil"))
    if window.start > window.end:
        raise RefusedError(gateway_error(400, "historyFrom comes after historyUntil."))
    short = request.strikes.get("short-spans")
    if short and window.end - window.start > timedelta(days=short.parameters["days"]):
        raise RefusedError(gateway_error(400, "The range is too long."))
    if "local-offsets-only" in request.strikes and not window.has_local_offsets:
        return None
    return window


def _moment(request: Request, name: str) -> datetime:
    text = request.query.get(name, "")
    if "local-offsets-only" in request.strikes and not AS_THE_PORTAL_DOES.fullmatch(text):
        raise RefusedError(gateway_error(400, f"{name} must look like 2026-10-25T00:00:00.000+02:00."))
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment
    except ValueError:
        pass
    raise RefusedError(gateway_error(400, f"{name} is no moment with an offset."))
