"""Fluvius: the portal and the Energy API with the same meters, its bad days and its visitors."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bridge.simulator.day_ahead import DayAhead
from bridge.simulator.endpoints import DAY_AHEAD, ENERGY_API, endpoints
from bridge.simulator.energy_api import EnergyApi
from bridge.simulator.faults.answers import DATES
from bridge.simulator.faults.fault import ActiveFault
from bridge.simulator.faults.table import find
from bridge.simulator.household import SimulatedMeter
from bridge.simulator.meters import Meters
from bridge.simulator.portal import Portal
from bridge.simulator.portal.sign_in import SignIn
from bridge.simulator.request import Request
from bridge.simulator.response import RefusedError, Response, as_page

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class RequestRecord:
    """One request that was answered."""

    endpoint: str  # one of endpoints.ENDPOINTS
    ean: str | None
    query: dict[str, str]
    granularity: str | None
    status: int
    at: datetime  # simulated, UTC

    def __str__(self) -> str:
        edges = ("historyFrom", "historyUntil", "from", "to")
        window = "..".join(self.query[name][:10] for name in edges if name in self.query)
        words = (self.endpoint, self.ean, window, f"-> {self.status}")
        return " ".join(word for word in words if word)


class Fluvius(Meters):
    """What answers requests, honestly unless it was told to misbehave."""

    def __init__(
        self,
        meters: Iterable[SimulatedMeter],
        now: Callable[[], datetime] | None,
        sign_in: SignIn,
        address: Callable[[], str],
    ) -> None:
        super().__init__(meters, now)
        self.sign_in = sign_in
        self.portal = Portal(self.measurements, sign_in)
        self.energy_api = EnergyApi(self.measurements, lambda: self.instant, address)
        self.day_ahead = DayAhead()
        self.faults: list[ActiveFault] = []
        self.requests: list[RequestRecord] = []

    # Its bad days

    def fault(
        self,
        name: str,
        *,
        times: int | None = None,
        after: int = 0,
        where: str | None = None,
        ean: str | None = None,
        **parameters: Any,
    ) -> None:
        """Misbehaves from now on.

        Args:
            name: see faults.table.
            times: how many requests it hits; None: as the table says, usually until cleared.
            after: how many matching requests it lets pass first.
            where: endpoint or group it hits instead of its usual one.
            ean: hits the requests for this meter only.
            **parameters: the fault's own. An event (a correction, an exchange) happens at once, to the meter
                `ean` or the first one; it takes no `times`, `after` or `where`.

        Raises:
            ValueError: an unknown name, place or parameter; the message lists the known ones.
        """
        fault = find(name)
        complete = fault.complete(parameters)
        with self.lock:
            if fault.event:
                fault.event(self, ean, complete)
                return
            hit = endpoints(where or fault.where)
            times = fault.times if times is None else int(times)
            self.faults.append(ActiveFault(fault, complete, hit, times, int(after), ean))

    def clear(self, name: str | None = None) -> None:
        """Behaves again: one fault less, or none left. What was corrected or exchanged stays so."""
        with self.lock:
            self.faults = [each for each in self.faults if name not in (None, each.fault.name)]

    # Its visitors

    def count(self, group: str = "all", *, ean: str | None = None) -> int:
        """How many requests came for an endpoint, or a group: sign-in, renewal, readings, energy, all, ...

        With an EAN, only those about that meter.
        """
        wanted = endpoints(group)
        with self.lock:
            return sum(record.endpoint in wanted and ean in (None, record.ean) for record in self.requests)

    def forget_requests(self) -> None:
        """Begins to count anew."""
        with self.lock:
            self.requests.clear()

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Response:
        """The answer to one request, which is kept in `requests`."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        with self.lock:
            request = Request(method, parts.path, query, headers, body, self.instant)
            others = self.energy_api.endpoint(request) or self.day_ahead.endpoint(request)
            endpoint, ean = others or self.portal.endpoint(request)
            strikes = (fault.strike(endpoint, ean) for fault in self.faults)
            request = replace(request, strikes={each.fault.name: each for each in strikes if each})
            response = self._answer(request, endpoint, ean)
            granularity = query.get("granularity")
            record = RequestRecord(endpoint, ean, query, granularity, response.status, request.now)
            self.requests.append(record)
        LOG.info("%s", record)
        return response

    def _answer(self, request: Request, endpoint: str, ean: str | None) -> Response:
        is_browser = request.headers.get("User-Agent", "").startswith("Mozilla/")
        if not is_browser and "browsers-only" in request.strikes:
            return as_page("Forbidden", "<p>Use a browser.</p>", 403)
        try:
            response = request.answered_by_fault() or self._honest_answer(request, endpoint, ean)
        except RefusedError as refusal:
            response = refusal.response
        if stall := request.strikes.get("stall"):
            response.pause = stall.parameters["seconds"]
        response.cut = "cut" in request.strikes
        if odd_date := request.strikes.get("odd-date"):
            response.has_date = False
            response.headers += odd_date.variant(DATES)(request.now)
        return response

    def _honest_answer(self, request: Request, endpoint: str, ean: str | None) -> Response:
        if endpoint in ENERGY_API:
            return self.energy_api.answer(request, endpoint)
        if endpoint in DAY_AHEAD:
            return self.day_ahead.answer(request, endpoint)
        return self.portal.answer(request, endpoint, ean)
