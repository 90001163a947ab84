"""The simulated Fluvius: one HTTP server for the portal, the Energy API and the controls."""

from __future__ import annotations

import logging
import socket
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

from bridge.simulator import control
from bridge.simulator.energy_api import EnergyApi
from bridge.simulator.faults import (
    DATES,
    ENERGY_API,
    Faults,
    endpoints,
    find,
    instead_of_answering,
    parse_moment,
)
from bridge.simulator.household import (
    BRUSSELS,
    CONSUMPTION,
    DEFAULT_METERS,
    Register,
    SimulatedMeter,
    date_of,
    meter_day,
)
from bridge.simulator.measurements import (
    FROM_THE_START,
    Calorific,
    Correction,
    Measurements,
    Publication,
)
from bridge.simulator.portal import GRANULARITIES, HISTORY, SPIKES, Portal
from bridge.simulator.signin import API, TENANT, SignIn
from bridge.simulator.web import RefusedError, Request, Response, as_page, as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from email.message import Message

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class RequestRecord:
    """One request that was answered."""

    endpoint: str  # one of faults.ENDPOINTS
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


class Simulator:
    """A Fluvius on your desk. Use it as a context manager, or start and stop it.

    Args:
        meters: the account's meters.
        now: gives the simulated moment, an aware datetime; None: the real clock.
        email: the account's e-mail address.
        password: the account's password.
        port: 0 for any free port. A simulator that is started again keeps its port.
        host: the address to listen on.
    """

    def __init__(
        self,
        meters: Iterable[SimulatedMeter] = DEFAULT_METERS,
        now: Callable[[], datetime] | None = None,
        *,
        email: str = "you@example.com",
        password: str = "simulated",  # noqa: S107 - the secret of an account that does not exist
        port: int = 0,
        host: str = "127.0.0.1",
    ) -> None:
        self.now = now or _real_now
        self.host = host
        self.port = port
        self.requests: list[RequestRecord] = []
        self.stopping = Event()
        self.faults = Faults()
        self.measurements = Measurements(meters)
        self.sign_in = SignIn(email, password)
        self.granularities = dict(GRANULARITIES)
        self.portal = Portal(self.measurements, self.sign_in.accepts, self.granularities)
        self.energy_api = EnergyApi(self.measurements, self._now, lambda: self.url)
        self.lock = RLock()
        self._server: _Server | None = None

    # Its life

    def start(self) -> Self:
        """Begins to answer; returns itself."""
        self.stopping.clear()
        self._server = _Server((self.host, self.port), self)
        self.port = self._server.server_address[1]
        Thread(target=self._server.serve_forever, args=(0.02,), name="simulator", daemon=True).start()
        return self

    def stop(self) -> None:
        """Stops answering and breaks every connection, stalled ones too."""
        server, self._server = self._server, None
        if server is None:
            return
        self.stopping.set()
        server.shutdown()
        server.server_close()
        server.break_connections()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The portal's address."""
        host = "127.0.0.1" if self.host in ("", "0.0.0.0") else self.host  # noqa: S104 - not listening here
        return f"http://{host}:{self.port}"

    # Its clock

    def set_today(self, today: date | datetime) -> None:
        """Moves the clock; it runs on from there.

        Args:
            today: an aware datetime, or a date for 09:00 local time that day.
        """
        if not isinstance(today, datetime):
            today = datetime.combine(today, time(9, tzinfo=BRUSSELS))
        ahead = parse_moment(today) - _real_now()
        self.now = lambda: _real_now() + ahead

    # Its readings

    @property
    def meters(self) -> tuple[SimulatedMeter, ...]:
        """The account's meters."""
        return tuple(self.measurements.meters.values())

    def day_amounts(self, ean: str, day: date, *, serial: str | None = None) -> dict[Register, Decimal]:
        """What was counted that meter day, per (t, dc, u), as corrected by now, published or not.

        Empty before the meter's first day. With a serial, only what that one counted.
        """
        with self.lock:
            slot = self.measurements.day(self._meter(ean), day, self._now(), serial)
        return _decimals(slot.amounts) if slot else {}

    def slot_amounts(
        self, ean: str, day: date, *, serial: str | None = None
    ) -> dict[datetime, dict[Register, Decimal]]:
        """The same, for every quarter-hour (gas: hour) by its start in UTC."""
        with self.lock:
            slots = self.measurements.slots(self._meter(ean), day, self._now(), serial)
        return {slot.start: _decimals(slot.amounts) for slot in slots}

    def total_amounts(self, ean: str, first: date, last: date) -> dict[Register, Decimal]:
        """The sums of the days from first to last, both included."""
        sums: dict[Register, Decimal] = {}
        for ordinal in range(first.toordinal(), last.toordinal() + 1):
            for register, amount in self.day_amounts(ean, date.fromordinal(ordinal)).items():
                sums[register] = sums.get(register, Decimal(0)) + amount
        return sums

    def publication(self, ean: str, day: date) -> Publication:
        """When the day's amounts (`days`) and its slots (`intervals`) appear, in UTC."""
        return self.measurements.publication(self._meter(ean), day)

    def correct(
        self,
        ean: str,
        day: date,
        *,
        delta_wh: int,
        at: datetime | None = None,
        direction: int = CONSUMPTION,
        over: int = 3,
    ) -> None:
        """Changes a day's amounts and those of a few of its slots.

        Args:
            ean: the meter's.
            day: the meter day.
            delta_wh: how much more, or less when negative. A gas meter's litres follow.
            at: when the correction is published; None: at once.
            direction: 1 consumption, 2 injection.
            over: how many slots share it, the largest first.

        Raises:
            ValueError: there is less to take away, or nothing was counted.
        """
        moment = FROM_THE_START if at is None else parse_moment(at)
        with self.lock:
            self.measurements.add_correction(
                self._meter(ean), day, Correction(moment, delta_wh, direction, over, self._now())
            )

    def delay(
        self,
        ean: str,
        day: date,
        days_until: datetime | None = None,
        intervals_until: datetime | None = None,
    ) -> None:
        """Publishes a day's amounts, and its slots, at these moments instead of the usual ones."""
        with self.lock:
            usual = self.measurements.usual_publication(self._meter(ean), day)
            days = parse_moment(days_until) if days_until else usual.days
            intervals = parse_moment(intervals_until) if intervals_until else max(days, usual.intervals)
            self.measurements.delays[ean, day] = Publication(days, intervals)

    def provisional_gas(
        self, lasting: timedelta, *, ean: str | None = None, writing: str = "letters"
    ) -> None:
        """Gives the kWh of gas on a provisional calorific value first: other kWh, the same cubic metres.

        Args:
            lasting: from a day's publication until its definitive kWh are there.
            ean: of the meter; None: every gas meter of the account.
            writing: of the portal's `gcuv`, of which nobody knows it: letters (P, D), words (Voorlopig,
                Definitief), null, or number (the value itself). The Energy API writes P and D.
        """
        with self.lock:
            for meter in [self._meter(ean)] if ean else self.meters:
                if meter.energy == "gas":
                    self.measurements.calorific[meter.ean] = Calorific(lasting, writing)

    def exchange(self, ean: str, instant: datetime, serial: str) -> None:
        """Hangs another meter there, which counts from that instant on."""
        with self.lock:
            self.measurements.put(replace(self._meter(ean), exchange=(parse_moment(instant), serial)))

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
            name: see faults.CATALOG.
            times: how many requests it hits; None: as the catalog says, usually until cleared.
            after: how many matching requests it lets pass first.
            where: endpoint or group it hits instead of its usual one.
            ean: hits the requests for this meter only.
            **parameters: the fault's own. An event (a correction, an exchange) happens at once, to the meter
                `ean` or the first one; it takes no `times`, `after` or `where`.

        Raises:
            ValueError: an unknown name, place or parameter; the message lists the known ones.
        """
        with self.lock:
            if (fault := find(name)).is_event:
                control.happen(self, fault, ean, parameters)
            else:
                self.faults.add(name, times=times, after=after, where=where, ean=ean, **parameters)

    def clear(self, name: str | None = None) -> None:
        """Behaves again: one fault less, or none left. What was corrected or exchanged stays so."""
        with self.lock:
            self.faults.clear(name)

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
        """The answer to one request; every request but those of the controls is kept in `requests`."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        with self.lock:
            request = Request(method, parts.path, query, headers, body, self._now())
            if request.path.startswith("/simulator"):
                return control.answer(self, request)
            endpoint, ean = self._endpoint(request)
            request = replace(request, strikes=self.faults.strike(endpoint, ean))
            response = self._answer(request, endpoint, ean)
            record = RequestRecord(
                endpoint, ean, query, query.get("granularity"), response.status, request.now
            )
            self.requests.append(record)
        LOG.info("%s", record)
        return response

    def _answer(self, request: Request, endpoint: str, ean: str | None) -> Response:
        is_browser = request.headers.get("User-Agent", "").startswith("Mozilla/")
        if not is_browser and endpoint not in ENERGY_API:
            return as_page("Forbidden", "<p>Use a browser.</p>", 403)
        try:
            response = instead_of_answering(request) or self._honest_answer(request, endpoint, ean)
        except RefusedError as refusal:
            response = refusal.response
        if stall := request.strikes.get("stall"):
            response.pause = stall.parameters["seconds"]
        response.cut = "cut" in request.strikes
        if odd_date := request.strikes.get("odd-date"):
            response.has_date = False
            response.headers += DATES[odd_date.parameters["variant"]](request.now)
        return response

    def _honest_answer(self, request: Request, endpoint: str, ean: str | None) -> Response:
        if endpoint in ENERGY_API:
            return self.energy_api.answer(request, endpoint)
        if ean is not None:
            return (self.portal.spikes if endpoint == "spikes" else self.portal.history)(request, ean)
        answers = {
            "config": self.sign_in.config,
            "authorize": self.sign_in.authorize,
            "self-asserted": self.sign_in.self_asserted,
            "confirmed": self.sign_in.confirmed,
            "token": self.sign_in.token,
            "renewal": self.sign_in.token,
        }
        if endpoint == "redirect":
            return (self.sign_in.start if request.path.endswith("/start") else self.sign_in.complete)(request)
        if endpoint in answers:
            return answers[endpoint](request)
        if request.path == "/":
            return as_page("Mijn Fluvius", "<p>This is the simulator.</p>")
        return as_page("Not Found", status=404)

    def _endpoint(self, request: Request) -> tuple[str, str | None]:
        """The endpoint of a request, and the EAN it is about."""
        if found := self.energy_api.endpoint(request):
            return found
        if request.method == "GET" and (history := HISTORY.fullmatch(request.path)):
            is_day = self.portal.resolution(request) == "days"
            return ("readings-day" if is_day else "readings-interval"), history[1]
        if request.method == "GET" and (spikes := SPIKES.fullmatch(request.path)):
            return "spikes", spikes[1]
        endpoint = ROUTES.get((request.method, request.path), "elsewhere")
        if endpoint == "token" and request.form.get("grant_type") == "refresh_token":
            return "renewal", None
        return endpoint, None

    def _now(self) -> datetime:
        return self.now().astimezone(UTC)

    def _meter(self, ean: str) -> SimulatedMeter:
        meter = self.measurements.find(ean)
        if meter is None:
            raise ValueError(f"no meter has EAN {ean}; there are: {', '.join(self.measurements.meters)}")
        return meter

    def latest_day(self, ean: str) -> date:
        """The newest meter day whose amounts are published."""
        meter = self._meter(ean)
        day = date_of(meter.energy, self._now())
        while meter_day(meter.energy, day)[1] > self._now() or self.publication(ean, day).days > self._now():
            day -= timedelta(days=1)
        return day


ROUTES = {
    ("GET", "/api/global/msal/config"): "config",
    ("GET", f"{TENANT}/oauth2/v2.0/authorize"): "authorize",
    ("GET", f"{TENANT}/api/{API}/start"): "redirect",
    ("POST", f"{TENANT}/SelfAsserted"): "self-asserted",
    ("GET", f"{TENANT}/api/{API}/confirmed"): "confirmed",
    ("GET", f"{TENANT}/api/{API}/complete"): "redirect",
    ("POST", f"{TENANT}/oauth2/v2.0/token"): "token",
}


class _Server(ThreadingTCPServer):
    """Threads that die with the program, and connections that can be broken."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], simulator: Simulator) -> None:
        self.simulator = simulator
        self.connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def break_connections(self) -> None:
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, _request: Any, client_address: Any) -> None:
        LOG.debug("the connection with %s broke", client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16  # headers and body in one packet
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        simulator = self.server.simulator
        try:
            response = simulator.answer(self.command, self.path, self.headers, body)
        except Exception:
            LOG.exception("the simulator has a bug: %s %s", self.command, self.path)
            response = as_text("The simulator has a bug: see its log.", 500)
        if response.pause and simulator.stopping.wait(response.pause):
            self.close_connection = True
            return
        self.send(response)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = respond  # noqa: N815 - http.server's names

    def send(self, response: Response) -> None:
        self.send_response_only(response.status)
        if response.has_date:
            moment = self.server.simulator.now().astimezone(UTC)
            self.send_header("Date", format_datetime(moment, usegmt=True))
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.send_header("Cache-Control", "no-store")
        for name, value in response.headers:
            self.send_header(name, value)
        self.end_headers()
        if response.cut:
            self.wfile.write(response.body[: len(response.body) // 2])
            self.close_connection = True
        elif self.command != "HEAD":
            self.wfile.write(response.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        LOG.debug(format, *args)


def _real_now() -> datetime:
    return datetime.now(UTC)


def _decimals(amounts: dict[Register, int]) -> dict[Register, Decimal]:
    return {register: Decimal(amount).scaleb(-3) for register, amount in amounts.items()}
