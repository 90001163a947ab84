"""Mijn Fluvius: the readings of a household's own meters."""

import logging
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from bridge.fluvius.access import Access
from bridge.fluvius.errors import NotYourMeter, ShapeChanged, TryLater
from bridge.fluvius.http import PoliteSession, Response
from bridge.fluvius.portal import peaks, slots
from bridge.fluvius.source import Answer, Memory
from bridge.fluvius.values import Span
from bridge.metering import meterday
from bridge.metering.model import BRUSSELS, Energy, Meter, Peak

log = logging.getLogger(__name__)

_DAYS_AT_ONCE = 31  # as clients were seen to ask
_TRY_OTHERS_AFTER_DAYS = 30
_ONE_MILLISECOND = timedelta(milliseconds=1)
# Bytes that a day's slots may have: 100 quarter-hours with four amounts of 100 bytes, ten times over. Also
# where days were asked for: which code gives which length is found by trying.
_LARGEST_DAY = 512 * 1024

# `granularity` is undocumented. The code that was seen to give what is wanted comes first. When it gives
# slots of another length, the others are tried, once a month; what is found is remembered.
_DAYS = (4, 3, 2, 1)
_INTERVALS = {Energy.ELECTRICITY: (1, 3, 2, 4), Energy.GAS: (2, 3, 1, 4)}


class Portal:
    """The source `portal`.

    Args:
        http: the session to make requests with.
        access: whose meters they are.
        url: the portal's address.
        memory: where it is kept which code gave what.
    """

    def __init__(self, http: PoliteSession, access: Access, url: str, memory: Memory) -> None:
        self._http, self._access, self._url, self._memory = http, access, url, memory

    def days(self, meter: Meter, first: date, last: date) -> Answer:
        """The daily amounts of a span of meter days: one request for each 31 of them.

        Raises:
            FluviusError: see its kinds.
        """
        answers = [
            self._spans(meter, "days", _DAYS, spans) for spans in _days_at_once(first, last, meter.energy)
        ]
        return Answer(
            readings=[reading for answer in answers for reading in answer.readings],
            remark=next((answer.remark for answer in answers if answer.remark), None),
        )

    def intervals(self, meter: Meter, day: date) -> Answer:
        """The quarter-hours (electricity) or hours (gas) of exactly one meter day, as the portal wants it.

        Raises:
            FluviusError: see its kinds.
        """
        return self._spans(meter, "intervals", _INTERVALS[meter.energy], _intervals_of(day, meter.energy))

    def verbatim(self, meter: Meter, first: date, last: date, *, daily: bool) -> Iterator[str]:
        """What Fluvius answers about a span of meter days, in its own words: lists of slots, as JSON.

        Raises:
            FluviusError: see its kinds.
        """
        if daily:
            what, codes, requests = "days", _DAYS, _days_at_once(first, last, meter.energy)
        else:
            what, codes = "intervals", _INTERVALS[meter.energy]
            requests = [_intervals_of(day, meter.energy) for day in meterday.span(first, last)]
        remembered = self._memory.recall(f"portal/{meter.ean}/{what}") or {}
        for spans in requests:
            answer = self._history(meter, what, remembered.get("code", codes[0]), spans)
            if not isinstance(answer.json(), list):
                raise ShapeChanged("Fluvius answered something else than a list of slots")
            yield answer.text

    def peaks(self, meter: Meter, first: date, last: date) -> list[Peak]:
        """The monthly peaks from the month of one day to that of another, where the meter has any.

        Raises:
            FluviusError: see its kinds.
        """
        start = meterday.start_of(meterday.month_of(first), meter.energy)
        end = meterday.end_of(last, meter.energy)
        parameters = {
            "historyFrom": _local(start),
            "historyUntil": _local(end - _ONE_MILLISECOND),
            "asServiceProvider": "false",
            "meterSerialNumber": meter.serial,
        }
        path = f"/verbruik/api/meter-measurement-spikes/{meter.ean}"
        return peaks.read(self._get(meter, path, parameters).json(), (start, end))

    def _spans(self, meter: Meter, what: str, codes: Sequence[int], spans: Sequence[Span]) -> Answer:
        """The readings of consecutive slots, by whichever code gives slots of that length."""
        key = f"portal/{meter.ean}/{what}"
        remembered = self._memory.recall(key) or {}
        code = remembered.get("code", codes[0])
        found = self._slots(meter, what, code, spans)
        if not found.lengths and code != codes[0]:
            code = codes[0]  # silence may mean that Fluvius gives them by the usual code again
            found = self._slots(meter, what, code, spans)
            if _has_length(found, spans):
                self._memory.remember(key, {"code": code})
        if _has_length(found, spans) or not found.lengths:
            return _answer(found)
        log.warning("%s: asked for %s, Fluvius answered %s", meter.name, what, _in_words(found))
        today = self._http.now().date()
        if (
            today - date.fromisoformat(remembered.get("in_vain", "2000-01-01"))
        ).days >= _TRY_OTHERS_AFTER_DAYS:
            self._memory.remember(key, {"in_vain": today.isoformat()})
            for other in codes:
                if other != code and _has_length(tried := self._slots(meter, what, other, spans), spans):
                    log.info("%s: found %s by granularity %d", meter.name, what, other)
                    self._memory.remember(key, {"code": other})
                    return _answer(tried)
        return Answer([], f"asked for {what}, Fluvius answered {_in_words(found)}")

    def _slots(self, meter: Meter, what: str, code: int, spans: Sequence[Span]) -> slots.Slots:
        answer = self._history(meter, what, code, spans)
        return slots.read(answer.json(), set(spans), meter.serial, meter.energy)

    def _history(self, meter: Meter, what: str, code: int, spans: Sequence[Span]) -> Response:
        parameters = {
            "historyFrom": _local(spans[0][0]),
            "historyUntil": _local(spans[-1][1] - _ONE_MILLISECOND),
            "granularity": str(code),
            "asServiceProvider": "false",
            "meterSerialNumber": meter.serial,
        }
        if what == "intervals":
            parameters["mandateDisplayMode"] = "1"
        days = (spans[-1][1] - spans[0][0]).days + 1
        path = f"/verbruik/api/meter-measurement-history/{meter.ean}"
        return self._get(meter, path, parameters, at_most=days * _LARGEST_DAY)

    def _get(
        self, meter: Meter, path: str, parameters: dict[str, str], *, at_most: int = _LARGEST_DAY
    ) -> Response:
        self._http.take_time()
        bearer = self._access.bearer()
        response = self._with_bearer(bearer, path, parameters, at_most)
        for renew in (True, False):
            if response.status == 401:
                response = self._with_bearer(
                    self._access.another_bearer(renew=renew), path, parameters, at_most
                )
        if response.status != 401:
            self._access.accepted()
        match response.status:
            case 200:
                return response
            case 401:
                raise TryLater("Fluvius does not accept the token that it has just given")
            case 403 | 404:
                raise NotYourMeter(
                    f"Fluvius does not know meter {meter.serial} at EAN {meter.ean} for this account;"
                    " compare both with mijn.fluvius.be, also after an exchange of the meter"
                )
            case status:
                raise ShapeChanged(
                    f"Fluvius does not accept our request for readings (HTTP {status});"
                    " look for a newer version of fluvius2mqtt"
                )

    def _with_bearer(self, bearer: str, path: str, parameters: dict[str, str], at_most: int) -> Response:
        headers = {"Authorization": f"Bearer {bearer}", "Accept": "application/json"}
        return self._http.get(f"{self._url}{path}", params=parameters, headers=headers, at_most=at_most)


def _days_at_once(first: date, last: date, energy: Energy) -> list[list[Span]]:
    """The days of a span, in as many requests as they take."""
    days = [
        (meterday.start_of(day, energy), meterday.end_of(day, energy)) for day in meterday.span(first, last)
    ]
    return [days[i : i + _DAYS_AT_ONCE] for i in range(0, len(days), _DAYS_AT_ONCE)]


def _intervals_of(day: date, energy: Energy) -> list[Span]:
    length = meterday.interval_length(energy)
    return [(start, start + length) for start in meterday.intervals_of(day, energy)]


def _has_length(found: slots.Slots, spans: Sequence[Span]) -> bool:
    return not found.lengths.isdisjoint({end - start for start, end in spans})


def _answer(found: slots.Slots) -> Answer:
    n = found.misunderstood
    return Answer(
        found.readings, f"{n} of Fluvius's slots could not be understood and are awaited" if n else None
    )


def _in_words(found: slots.Slots) -> str:
    return " and ".join(f"slots of {length}" for length in sorted(found.lengths))


def _local(instant: datetime) -> str:
    """Local time with its own offset and milliseconds: the two ends of a clock-change day differ in it."""
    return instant.astimezone(BRUSSELS).isoformat(timespec="milliseconds")
