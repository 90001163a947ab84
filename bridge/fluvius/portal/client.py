"""Mijn Fluvius: the readings of a household's own meters."""

import logging
from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial

from bridge.fluvius.access import Access
from bridge.fluvius.errors import NotYourMeter, QuestionRefused, ShapeChanged, TryLater
from bridge.fluvius.http import PoliteSession, Response
from bridge.fluvius.portal import peaks, slots, windows
from bridge.fluvius.portal.notes import Notes
from bridge.fluvius.seen import remembering_what_is_odd
from bridge.fluvius.source import Answer, Memory, left_out_in_words
from bridge.fluvius.spans import halved_if_refused, in_pieces
from bridge.fluvius.values import Span
from bridge.metering import meterday
from bridge.metering.model import Energy, Meter, Peak

log = logging.getLogger(__name__)

_DAYS_AT_ONCE = 31  # as clients were seen to ask
_FEWEST_AT_ONCE = 7  # whatever is refused: a month must not become dozens of questions
# Bytes that a day's slots may have: 100 quarter-hours with four amounts of 100 bytes, ten times over. Also
# where days were asked for: which code gives which length is found by trying.
_LARGEST_DAY = 512 * 1024

# `granularity` is undocumented. The code that was seen to give what is wanted comes first. When it gives
# slots of another length, the others are tried, once a month; what is found is remembered.
_FOR_DAYS = (4, 3, 2, 1)
_FOR_INTERVALS = {Energy.ELECTRICITY: (1, 3, 2, 4), Energy.GAS: (2, 3, 1, 4)}


class Portal:
    """The source `portal`.

    Args:
        http: the session to make requests with.
        access: whose meters they are.
        url: the portal's address.
        memory: where it is kept which code gave what.
    """

    def __init__(self, http: PoliteSession, access: Access, url: str, memory: Memory) -> None:
        self._http, self._access, self._url = http, access, url
        self._notes = Notes(memory, http.now)

    @remembering_what_is_odd
    def days(self, meter: Meter, first: date, last: date) -> Answer:
        """The daily amounts of a span of meter days: one request for each 31 of them.

        Raises:
            FluviusError: see its kinds.
        """
        remembered = self._notes.of(meter, "span")
        at_once = _DAYS_AT_ONCE if self._notes.may_try(remembered) else remembered["days"]
        pieces = in_pieces(windows.days(first, last, meter.energy), at_once)
        halves = {"days": max(-(-at_once // 2), _FEWEST_AT_ONCE), "in_vain": self._notes.today()}
        try:
            answers = [
                answer
                for piece in pieces
                for answer in halved_if_refused(partial(self._found, meter, "days", _FOR_DAYS), piece)
            ]
        except QuestionRefused:
            self._notes.keep(meter, "span", halves)
            raise
        if len(answers) > len(pieces):
            self._notes.keep(meter, "span", halves)
        return Answer(
            readings=[reading for answer in answers for reading in answer.readings],
            remark=next((answer.remark for answer in answers if answer.remark), None),
        )

    @remembering_what_is_odd
    def intervals(self, meter: Meter, day: date) -> Answer:
        """The quarter-hours (electricity) or hours (gas) of exactly one meter day, as the portal wants it.

        Raises:
            FluviusError: see its kinds.
        """
        spans = windows.intervals(day, meter.energy)
        return self._found(meter, "intervals", _FOR_INTERVALS[meter.energy], spans)

    def verbatim(self, meter: Meter, first: date, last: date, *, daily: bool) -> Iterator[str]:
        """What Fluvius answers about a span of meter days, in its own words: lists of slots, as JSON.

        Raises:
            FluviusError: see its kinds.
        """
        if daily:
            what, codes = "days", _FOR_DAYS
            requests = in_pieces(windows.days(first, last, meter.energy), _DAYS_AT_ONCE)
        else:
            what, codes = "intervals", _FOR_INTERVALS[meter.energy]
            requests = [windows.intervals(day, meter.energy) for day in meterday.span(first, last)]
        remembered = self._notes.of(meter, what)
        for spans in requests:
            by_calendar = bool(self._notes.of(meter, f"{what}/window").get("by_calendar"))
            answer = self._history(meter, what, remembered.get("code", codes[0]), spans, by_calendar)
            if not isinstance(answer.json(), list):
                raise ShapeChanged("Fluvius answered something other than a list of slots")
            yield answer.text

    @remembering_what_is_odd
    def peaks(self, meter: Meter, first: date, last: date) -> list[Peak]:
        """The monthly peaks from the month of one day to that of another, where the meter has any.

        Raises:
            FluviusError: see its kinds.
        """
        path = f"/verbruik/api/meter-measurement-spikes/{meter.ean}"

        def ask(months: Sequence[Span]) -> peaks.Found:
            document = self._get(meter, path, windows.parameters(meter, months)).json()
            self._http.seen.count(document)
            return peaks.read(document, (months[0][0], months[-1][1]))

        found = halved_if_refused(ask, windows.months(first, last, meter.energy))
        if any(each.misunderstood for each in found):
            self._http.keep_odd("monthly peaks in a form that is not known")
        return [peak for each in found for peak in each.peaks]

    def _found(self, meter: Meter, what: str, codes: Sequence[int], spans: Sequence[Span]) -> Answer:
        """The readings of consecutive slots; of gas by gas days, or else by calendar days.

        Silence may mean that there is nothing yet. So the other way is tried once a month, until one of them
        gave something, which is remembered.
        """
        if meter.energy is not Energy.GAS:
            return self._spans(meter, what, codes, spans)
        window = f"{what}/window"
        remembered = self._notes.of(meter, window)
        by_calendar = remembered.get("by_calendar", False)
        answer = self._spans(meter, what, codes, spans, by_calendar=by_calendar)
        is_known = "by_calendar" in remembered
        if not (is_known or answer.readings or answer.remark) and self._notes.may_try(remembered):
            if (other := self._spans(meter, what, codes, spans, by_calendar=True)).readings:
                answer, by_calendar = other, True
                log.info("%s: found %s by calendar days", meter.name, what)
            else:
                self._notes.keep(meter, window, {"in_vain": self._notes.today()})
        if answer.readings and not is_known:
            self._notes.keep(meter, window, {"by_calendar": by_calendar})
        return answer

    def _spans(
        self,
        meter: Meter,
        what: str,
        codes: Sequence[int],
        spans: Sequence[Span],
        *,
        by_calendar: bool = False,
    ) -> Answer:
        """The same in windows of one way, by whichever code gives slots of that length."""
        remembered = self._notes.of(meter, what)
        code = remembered.get("code", codes[0])
        found = self._slots(meter, what, code, spans, by_calendar)
        if not found.lengths and code != codes[0]:
            code = codes[0]  # silence may mean that Fluvius gives them by the usual code again
            found = self._slots(meter, what, code, spans, by_calendar)
            if _has_length(found, spans):
                self._notes.keep(meter, what, {"code": code})
        if _has_length(found, spans) or not found.lengths:
            return _answer(found)
        log.warning("%s: asked for %s, Fluvius answered %s", meter.name, what, _in_words(found))
        if self._notes.may_try(remembered):
            self._notes.keep(meter, what, {"in_vain": self._notes.today()})
            for other in (each for each in codes if each != code):
                if _has_length(tried := self._slots(meter, what, other, spans, by_calendar), spans):
                    log.info("%s: found %s by granularity %d", meter.name, what, other)
                    self._notes.keep(meter, what, {"code": other})
                    return _answer(tried)
        return Answer([], f"asked for {what}, Fluvius answered {_in_words(found)}")

    def _slots(
        self, meter: Meter, what: str, code: int, spans: Sequence[Span], by_calendar: bool
    ) -> slots.Slots:
        answer = self._history(meter, what, code, spans, by_calendar)
        document = answer.json()
        self._http.seen.count(document)
        found = slots.read(document, set(spans), meter.serial, meter.energy)
        if found.misunderstood:
            self._http.keep_odd("slots in a form that is not known")
        return found

    def _history(
        self, meter: Meter, what: str, code: int, spans: Sequence[Span], by_calendar: bool
    ) -> Response:
        asked = windows.parameters(meter, spans, by_calendar=by_calendar)
        parameters = {**asked, "granularity": str(code)}
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
                words = f": {said}" if (said := response.words()) else ""
                kind = QuestionRefused if status == 400 else ShapeChanged
                raise kind(
                    f"Fluvius does not accept our request for readings (HTTP {status}{words});"
                    " look for a newer version of fluvius2mqtt"
                )

    def _with_bearer(self, bearer: str, path: str, parameters: dict[str, str], at_most: int) -> Response:
        headers = {"Authorization": f"Bearer {bearer}", "Accept": "application/json"}
        return self._http.get(f"{self._url}{path}", params=parameters, headers=headers, at_most=at_most)


def _has_length(found: slots.Slots, spans: Sequence[Span]) -> bool:
    return not found.lengths.isdisjoint({end - start for start, end in spans})


def _answer(found: slots.Slots) -> Answer:
    remark = None
    if n := found.misunderstood:
        why = f": {', '.join(found.reasons)}" if found.reasons else ""
        remark = f"{n} of Fluvius's slots could not be understood and are awaited{why}"
    elif found.left_out:
        remark = left_out_in_words(found.left_out)
    return Answer(found.readings, remark)


def _in_words(found: slots.Slots) -> str:
    return " and ".join(f"slots of {length}" for length in sorted(found.lengths))
