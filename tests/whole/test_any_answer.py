"""Whatever Fluvius answers, and wherever: never a crash, and never an amount that it did not say.

Each answer in turn is replaced by something that hypothesis makes up, or by the real answer with a few
things in it changed. Fluvius answers like itself before and after.
"""

import copy
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bridge.config import Settings
from bridge.fetching.cycle import Cycle, Fetcher
from bridge.fetching.due import Occasion
from bridge.fluvius.errors import FluviusError
from bridge.ledger import Ledger
from bridge.ledger.health import SourceHealth
from bridge.metering.meterday import intervals_of, span
from bridge.metering.model import Direction, Meter, Register, Tariff, Unit
from bridge.publishing import payloads
from bridge.simulator import Simulator
from bridge.simulator.portal import Portal
from bridge.simulator.request import Request
from bridge.simulator.response import Response
from bridge.text.words import to_json
from tests.rig.chance import often
from tests.rig.world import GAS, HOME, SHED, Clock, World

SIGN_IN = ["config", "authorize", "redirect", "self-asserted", "confirmed", "token", "renewal"]
READINGS = ["readings-day", "readings-interval"]
LOOKED_AT = span(date(2026, 11, 12), date(2026, 11, 24))

pytestmark = [
    pytest.mark.chance,
    # in a thread: a signal does not interrupt int(Decimal("1e999999999"))
    pytest.mark.timeout(often(120, soak=1200), method="thread"),
]
in_examples = settings(
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# What Fluvius might say

WORDS = [
    *("d", "de", "v", "t", "dc", "u", "vs", "st", "auth", "authority", "clientId", "redirectUri", "scopes"),
    *("protectedResourceMap", "csrf", "transId", "api", "hosts", "tenant", "policy", "AttributeFields", "ID"),
    *("IS_PASSWORD", "status", "errorCode", "message", "access_token", "refresh_token", "expires_in"),
]
ADDRESSES = [
    *(
        "https://127.0.0.1:1/",
        "http://localhost:1/x",
        "http://example.org/",
        "//[",
        "http://[::1",
        "https://",
    ),
    *("https://a..b:99999/", "/", "", "javascript:0", "https://127.0.0.1:1/?code=1&state=2", "?error=x"),
    *(
        "https://127.0.0.1:x/",
        "https://\u0660\u2488com/",
        "http://localhost:1/\n",
        "https://mijn.fluvius.be/?",
    ),
]
TIMES = [
    "2026-11-20T23:00:00Z",
    "2026-11-19T23:00:00+00:00",
    "9999-12-31T23:59:59-12:00",
    "0001-01-01T00:00Z",
]
NUMBERS = [
    *("1e999999999", "1e-999999999", "-0", "-0.0", "-1", "NaN", "-Infinity", "0.12345678949", "1e9"),
    *(
        "999999999.9999999999",
        "1" * 5000,
        "1E5",
        "3",
        "0",
        "1",
        "2",
        "true",
        "null",
        '"1"',
        "[1]",
        "{}",
        "1e",
    ),
]
DATES = [
    *("Sat, 21 Nov 2026 09:30:00 GMT", "Sat, 21 Nov 2026 09:30:00", "1 Jan 99999 00:00:00 GMT", "soon", "-1"),
    *("1 Jan 2026 00:00:00 +99999999999999999999", "9" * 5000, "\xb2", "1e3", "", "1 Jan 1 00:00:00 -9999"),
]
STATUSES = [
    200,
    200,
    200,
    201,
    204,
    206,
    301,
    302,
    304,
    307,
    400,
    401,
    403,
    404,
    408,
    418,
    429,
    500,
    503,
    599,
]
KINDS = [
    "application/json",
    "text/html",
    "application/json; charset=utf-16",
    "text/plain; charset=klingon",
    "",
]

texts = st.text(max_size=20) | st.sampled_from(
    [*WORDS, *ADDRESSES, *TIMES, "\ud800", "é", "a\r\nb", "x" * 70_000]
)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.integers(0, 5) | texts
values: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=12,
)
lines = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30)


@dataclass(frozen=True)
class Instead:
    """Something else altogether."""

    status: int
    kind: str
    body: bytes

    def of(self, response: Response) -> Response:
        return replace(response, status=self.status, content_type=self.kind, body=self.body)


@dataclass(frozen=True)
class Almost:
    """The real answer's JSON, also that in a page, with a few things changed."""

    edits: list[tuple[int, str, Any]]

    def of(self, response: Response) -> Response:
        text = response.body.decode()
        for begin in (0, *(match.end() for match in re.finditer(r"var \w+ = ", text))):
            try:
                content, end = json.JSONDecoder().raw_decode(text, begin)
            except ValueError:
                continue
            changed = json.dumps(self._edited(content))
            return replace(response, body=(text[:begin] + changed + text[end:]).encode())
        return response

    def _edited(self, content: Any) -> Any:
        content = [content]
        for number, what, value in self.edits:
            places = list(_places(content))
            container, key = places[number % len(places)]
            match what:
                case "drop":
                    del container[key]
                case "rename" if isinstance(container, dict):
                    container[str(value)] = container.pop(key)
                case "twice" if isinstance(container, list):
                    container.append(copy.deepcopy(container[key]))
                case _:
                    container[key] = value
            if not content:
                return None
        return content[0]


@dataclass(frozen=True)
class OtherNumber:
    """The real answer with one of its numbers written otherwise."""

    index: int
    number: str

    def of(self, response: Response) -> Response:
        text = response.body.decode()
        numbers = list(re.finditer(r"(?<=: )[\d.]+", text))
        if not numbers:
            return response
        one = numbers[self.index % len(numbers)]
        return replace(response, body=(text[: one.start()] + self.number + text[one.end() :]).encode())


@dataclass(frozen=True)
class OtherHead:
    """The real answer with another status, or another header."""

    status: int | None
    header: str
    value: str

    def of(self, response: Response) -> Response:
        value = self.value.encode("latin-1", "replace").decode("latin-1").replace("\n", " ")
        kept = [(name, value) for name, value in response.headers if name != self.header]
        return replace(response, status=self.status or response.status, headers=[*kept, (self.header, value)])


@dataclass(frozen=True)
class CutShort:
    """The real answer's beginning."""

    bytes_left: int

    def of(self, response: Response) -> Response:
        return replace(response, body=response.body[: self.bytes_left])


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    pairs = enumerate(content) if isinstance(content, list) else content.items()
    for key, inner in list(pairs):
        yield content, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


bodies = (
    st.binary(max_size=60)
    | values.map(lambda value: json.dumps(value).encode())
    | st.lists(values, max_size=3).map(lambda value: json.dumps(value).encode())
    | st.sampled_from([b"[" * 100_000, b"", b"[]", b"{}", b"<html>Onderhoud</html>", b"\xff\xfe[\x00]\x00"])
)
edits = st.tuples(st.integers(0, 5000), st.sampled_from(["drop", "rename", "twice", "replace"]), values)
oddities: st.SearchStrategy[Any] = st.one_of(
    st.builds(Instead, st.sampled_from(STATUSES), st.sampled_from(KINDS), bodies),
    st.builds(Almost, st.lists(edits, min_size=1, max_size=3)),
    st.builds(Almost, st.lists(edits, min_size=1, max_size=3)),
    st.builds(OtherNumber, st.integers(0, 5000), st.sampled_from(NUMBERS)),
    st.builds(OtherHead, st.none(), st.just("Location"), st.sampled_from(ADDRESSES) | lines),
    st.builds(OtherHead, st.just(429), st.just("Retry-After"), st.sampled_from(DATES) | lines),
    st.builds(OtherHead, st.sampled_from(STATUSES), st.just("Set-Cookie"), lines),
    st.builds(CutShort, st.integers(0, 3000)),
)

HUGE_NUMBER = OtherNumber(1, "1e999999999")  # as an int it would be written out, which takes for ever
HUGE_PATIENCE = OtherHead(429, "Retry-After", "9" * 5000)  # Python refuses to read so long an int


# Who listens to it


class OddFluvius(Simulator):
    """A Fluvius that answers one kind of request oddly."""

    where: str = ""
    oddity: Any = None
    said: list[bytes]

    def _answer(self, request: Request, endpoint: str, ean: str | None) -> Response:
        response = super()._answer(request, endpoint, ean)
        if endpoint != self.where:
            return response
        odd: Response = self.oddity.of(response)
        self.said.append(odd.body)
        return odd


@dataclass
class Desk:
    """A household that has known Fluvius for some days, or for none."""

    simulator: OddFluvius
    clock: Clock
    settings: Settings
    meter: Meter

    def fetch(self) -> Cycle:
        with self.at_work() as (_, fetcher):
            return fetcher.fetch(Occasion.SCHEDULE)

    @contextmanager
    def at_work(self) -> Iterator[tuple[Ledger, Fetcher]]:
        with Ledger(self.settings.data_dir / "ledger.sqlite") as ledger:
            yield (
                ledger,
                Fetcher(self.settings, ledger, self.clock, pause=lambda _: None, between=lambda _: None),
            )

    def wait_for_tomorrow(self) -> None:
        with self.at_work() as (ledger, _):
            health = SourceHealth.from_note(ledger.notes.recall("source/portal"))
        self.clock.instant = max(
            self.clock.instant + timedelta(hours=25),
            (health.not_before or self.clock.instant) + timedelta(seconds=1),
        )

    def check(self, said: list[bytes]) -> None:
        """Everything is said as it is, or as Fluvius said it."""
        numbers = {number for body in said for number in _numbers_in(body)}
        with self.at_work() as (ledger, fetcher):
            _is_json(
                payloads.status(
                    self.meter, ledger.days.latest_complete_day(self.meter), fetcher.progress(self.meter)
                )
            )
            for day in (facts for facts in ledger.days.facts(self.meter, LOOKED_AT) if facts.complete):
                truth = _in_our_words(self.simulator.day_amounts(self.meter.ean, day.date))
                _compare(day.daily, truth, numbers)
                assert {register.direction for register in day.daily} >= {each.direction for each in truth}
                if self.meter.name == "shed":
                    continue
                slots = self.simulator.slot_amounts(self.meter.ean, day.date)
                intervals = ledger.days.intervals(self.meter, day.date)
                assert [each.start for each in intervals] == intervals_of(day.date, self.meter.energy)
                for each in intervals:
                    _compare(each.amounts, _in_our_words(slots[each.start]), numbers)
            if latest := ledger.days.latest_complete_day(self.meter):
                _is_json(payloads.day(self.meter, latest))
                if intervals := ledger.days.intervals(self.meter, latest.date):
                    _is_json(payloads.intervals(self.meter, latest, intervals))


def _compare(known: Mapping[Register, Decimal], truth: dict[Register, Decimal], said: set[Decimal]) -> None:
    for register, amount in known.items():
        assert truth.get(register) == amount or amount in said, f"{register}: {amount} was invented"


def _numbers_in(body: bytes) -> Iterator[Decimal]:
    for text in re.findall(rb"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", body):
        try:
            number = Decimal(text.decode())
            if number < 10**9:
                yield round(number, 9)
        except InvalidOperation:
            continue


def _in_our_words(amounts: dict[tuple[int, int, int], Decimal]) -> dict[Register, Decimal]:
    directions = {1: Direction.CONSUMPTION, 2: Direction.INJECTION}
    tariffs = {0: Tariff.TOTAL, 1: Tariff.HIGH, 2: Tariff.LOW}
    units = {3: Unit.KWH, 5: Unit.M3}
    return {Register(directions[t], tariffs[dc], units[u]): amount for (t, dc, u), amount in amounts.items()}


def _is_json(payload: dict[str, Any]) -> None:
    json.loads(to_json(payload))


@dataclass(frozen=True)
class Past:
    """What there is before the odd answer: nothing, or some good days."""

    folder: Path
    simulator: OddFluvius
    clock: Clock
    settings: Settings

    @contextmanager
    def desk(self, *, token: bool) -> Iterator[Desk]:
        clock, odd = copy.copy(self.clock), self.simulator
        sign_in = odd.sign_in
        odd.sign_in = copy.deepcopy(sign_in)
        odd.portal = Portal(odd.measurements, odd.sign_in)
        odd.now, odd.said = clock, []
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(self.folder, folder, dirs_exist_ok=True)
            if not token:
                (Path(folder) / "token.json").unlink(missing_ok=True)
            known = self.settings.model_copy(update={"data_dir": Path(folder)})
            try:
                yield Desk(odd, clock, known, known.followed[0])
            finally:
                odd.clear()
                odd.where, odd.sign_in = "", sign_in


@pytest.fixture(scope="module")
def pasts(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Past]]:
    """One meter's possible pasts, by name."""
    clock = Clock("2026-11-20 09:00")
    with OddFluvius(now=clock) as odd:
        pasts = {}
        for name in ("none", "days"):
            world = World(tmp_path_factory.mktemp(name), odd, clock, broker_port=1)
            world.meters = [request.param]
            world.data_dir.mkdir()
            past = Past(world.data_dir, odd, clock, _in_short(world.settings))
            if name == "days":
                assert not Desk(odd, clock, past.settings, past.settings.followed[0]).fetch().errors
                clock.pass_by(days=1)
            pasts[name] = replace(past, clock=copy.copy(clock))
        yield pasts


def _in_short(settings: Settings) -> Settings:
    """Looks two days back, which the configuration does not allow: for the sake of speed."""
    return settings.model_copy(update={"schedule": settings.schedule.model_copy(update={"lookback_days": 2})})


def listen(desk: Desk, where: str, oddity: Any) -> None:
    """One cycle with odd answers, and the next day one with good ones."""
    desk.simulator.where, desk.simulator.oddity = where, oddity
    cycle = desk.fetch()
    assert all(isinstance(error, FluviusError) for error in cycle.errors)
    desk.check(desk.simulator.said)
    desk.simulator.where = ""
    desk.wait_for_tomorrow()
    assert desk.fetch().errors == []
    desk.check(desk.simulator.said)


@pytest.mark.parametrize(
    ("pasts", "past"),
    [
        pytest.param(HOME, "none", id="fresh"),
        pytest.param(HOME, "days", id="electricity"),
        pytest.param(GAS, "days", id="gas"),
    ],
    indirect=["pasts"],
)
@pytest.mark.parametrize("where", READINGS)
@settings(in_examples, max_examples=often(6, soak=200))
@given(oddity=oddities)
@example(oddity=HUGE_NUMBER)
@example(oddity=HUGE_PATIENCE)
def test_odd_readings_are_no_readings(pasts: dict[str, Past], past: str, where: str, oddity: Any) -> None:
    with pasts[past].desk(token=True) as desk:
        listen(desk, where, oddity)


@pytest.mark.parametrize("pasts", [pytest.param(SHED, id="sign-in")], indirect=True)
@pytest.mark.parametrize("where", SIGN_IN)
@settings(in_examples, max_examples=often(5, soak=160))
@given(oddity=oddities)
@example(oddity=HUGE_NUMBER)
@example(oddity=HUGE_PATIENCE)
def test_an_odd_sign_in_is_tried_again_later(pasts: dict[str, Past], where: str, oddity: Any) -> None:
    with pasts["days"].desk(token=where == "renewal") as desk:
        listen(desk, where, oddity)
        assert desk.simulator.said
