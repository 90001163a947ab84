"""The Energy API v3: the readings of customers who gave a mandate, for energy service providers."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Never

from bridge import __version__
from bridge.config import EnergyApiSettings
from bridge.fluvius import clock
from bridge.fluvius.access import Access
from bridge.fluvius.energy_api import headpoints, mandates
from bridge.fluvius.energy_api.headpoints import Found
from bridge.fluvius.errors import (
    AnswerTooLarge,
    CredentialsRefused,
    NotYourMeter,
    QuestionRefused,
    ShapeChanged,
    TryLater,
)
from bridge.fluvius.http import PoliteSession, Response
from bridge.fluvius.seen import remembering_what_is_odd
from bridge.fluvius.source import Answer, left_out_in_words
from bridge.fluvius.spans import ONE_DAY, halved_if_refused, in_days, in_pieces
from bridge.fluvius.values import Span
from bridge.metering import meterday
from bridge.metering.mandate import Mandate
from bridge.metering.model import Energy, Meter
from bridge.text.foreign import LONGEST_NAME, clean

log = logging.getLogger(__name__)

_URLS = {
    "production": "https://apihub.fluvius.be/esco-live/v3",
    "sandbox": "https://apihub.fluvius.be/esco-sbx/v3",
}
# Bytes that an answer may have. Of a day: 100 quarter-hours of 600 bytes, and as many of others behind it.
_LARGEST_DAY = 512 * 1024
_LARGEST_LIST = 32 * 1024 * 1024  # of mandates: 100,000 of 330 bytes
_FIRST_MANDATES = datetime(2015, 1, 1, tzinfo=UTC)  # before the first digital meter
_SHORTEST = timedelta(minutes=1)  # as many mandates as one answer takes do not change in a shorter time
_A_MONTH = 31  # days: what is stored at once is seldom of more
_MOST_DAYS = 182  # of one question; with the day more, and the hour more of October, no more than 184
_HISTORY = timedelta(days=3 * 365)  # Fluvius has no more
_NAMED = 3  # of the things that could not be understood


class EnergyApi:
    """The source `energy_api`.

    Args:
        http: the session to make requests with.
        access: the token.
        settings: address, subscription key and contract.
    """

    def __init__(self, http: PoliteSession, access: Access, settings: EnergyApiSettings) -> None:
        self._http, self._access, self._settings = http, access, settings
        self._url = settings.url or _URLS[settings.environment]

    @remembering_what_is_odd
    def mandates(self, since: datetime | None = None) -> list[Mandate]:
        """The mandates of the contract: one request, and more where they are too many for one answer.

        Args:
            since: those alone that changed since this instant (aware); None: all.

        Raises:
            FluviusError: see its kinds.
        """
        changed = {"lastUpdatedFrom": in_utc(since)} if since else {}
        try:
            return self._listed(changed)
        except AnswerTooLarge:
            begin, end = since or _FIRST_MANDATES, self._http.now() + ONE_DAY
            found = self._changed_between(begin, end)  # the later ones last, if one changes meanwhile
            return list({each.identity: each for each in found}.values())

    def _changed_between(self, begin: datetime, end: datetime) -> Iterator[Mandate]:
        """Those that changed last in a time, in as many answers as it takes."""
        middle = begin + (end - begin) / 2
        for since, until in ((begin, middle), (middle, end)):
            try:
                yield from self._listed({"lastUpdatedFrom": in_utc(since), "lastUpdatedTo": in_utc(until)})
            except AnswerTooLarge:
                if until - since < _SHORTEST:
                    raise
                yield from self._changed_between(since, until)

    def _listed(self, filters: Mapping[str, str]) -> list[Mandate]:
        data = self._ask("get", "mandate", params=filters, at_most=_LARGEST_LIST)
        found = mandates.read(data)
        if len(found) < len(data["mandates"]):
            self._http.keep_odd("mandates in a form that is not known")
        return found

    @remembering_what_is_odd
    def readings(
        self, meter: Meter, reference: str, first: date, last: date, since: datetime | None
    ) -> Answer:
        """Days and intervals, as far as the meter's mandate allows them: one request.

        Args:
            meter: the meter.
            reference: its mandate's.
            first: the first meter day.
            last: the last meter day.
            since: what Fluvius stored since this instant (aware), of whichever day, instead of those days.

        Raises:
            FluviusError: see its kinds. `NotYourMeter` where Fluvius does not allow it.
        """
        found = self._stored(meter, reference, since) if since else self._used(meter, reference, first, last)
        readings = [reading for each in found for reading in each.readings]
        strange = sum((each.strange for each in found), Counter[str]())
        left_out = sorted(set[str]().union(*(each.left_out for each in found)))
        remark = _in_words(strange) or (left_out_in_words(left_out[:_NAMED]) if left_out else None)
        behind = next((each.behind for each in reversed(found) if each.behind), ())
        told_at = clock.said_by(self._http.latest.headers) if self._http.latest else None
        return Answer(readings, remark, all(each.is_whole for each in found), behind, told_at)

    def _used(self, meter: Meter, reference: str, first: date, last: date) -> list[Found]:
        """What was used on some days."""
        days = [_day(day, meter.energy) for day in meterday.span(first, last)]

        def ask(days: Sequence[Span]) -> Found:
            end = self._a_day_more(meter, days[-1][1])
            question = _question(meter, reference, "readTime", days[0][0], end)
            data = self._ask("get", "mandate/energy", params=question, at_most=len(days) * _LARGEST_DAY)
            edges = (meterday.day_of(each[0], meter.energy) for each in (days[0], days[-1]))
            return self._found(headpoints.read(data, meter, *edges))

        return [each for piece in in_pieces(days, _MOST_DAYS) for each in halved_if_refused(ask, piece)]

    def _stored(self, meter: Meter, reference: str, since: datetime) -> list[Found]:
        """What Fluvius stored since an instant, of whichever day.

        Days that begin elsewhere than ours, and of which it gave only a part anew, are asked for whole.
        """
        now = self._http.now()
        today = meterday.day_of(now, meter.energy)
        first, last = meter.first or date.min, min(meter.last or today, today)

        def ask(spans: Sequence[Span]) -> Found:
            question = _question(meter, reference, "insertTime", spans[0][0], spans[-1][1])
            at_most = max(len(spans), _A_MONTH) * _LARGEST_DAY
            data = self._ask("get", "mandate/energy", params=question, at_most=at_most)
            return self._found(headpoints.read(data, meter, first, last, by_middle=meter.days_only))

        spans = in_days(max(since, now - _HISTORY), now)
        found = [each for piece in in_pieces(spans, _MOST_DAYS) for each in halved_if_refused(ask, piece)]
        if undecided := set().union(*(each.undecided for each in found)):
            newest = max(undecided)
            oldest = min(day for day in undecided if (newest - day).days < _A_MONTH)
            found += self._used(meter, reference, oldest, newest)
        return found

    def _found(self, found: Found) -> Found:
        if found.strange:
            self._http.keep_odd("a headpoint in a form that is not known")
        return found

    def _a_day_more(self, meter: Meter, end: datetime) -> datetime:
        """Who asks for a day more than is needed misses no quarter-hour at the end, where that is allowed."""
        allowed = meterday.end_of(meter.last, meter.energy) if meter.last else end + ONE_DAY
        return max(end, min(end + ONE_DAY, self._http.now(), allowed))

    def verbatim(self, meter: Meter, reference: str, first: date, last: date, *, daily: bool) -> str:
        """What Fluvius answers about a span of meter days, in its own words: an object, as JSON.

        Raises:
            FluviusError: see its kinds. `NotYourMeter` where Fluvius does not allow it.
        """
        start, end = meterday.start_of(first, meter.energy), meterday.end_of(last, meter.energy)
        question = _question(meter, reference, "readTime", start, end)
        question["granularity"] = "daily" if daily else "hourly_quarterhourly"
        days = (last - first).days + 1
        answer = self._answer("get", "mandate/energy", params=question, at_most=days * _LARGEST_DAY)
        _data(answer)
        return answer.text

    def short_url(self, request: Mapping[str, Any]) -> tuple[str, str]:
        """The identifier of a link for a customer, and until when it works.

        Args:
            request: as `POST /api/shortUrlIdentifier` wants it, without the contract's number.

        Raises:
            FluviusError: see its kinds.
        """
        content = {"dataAccessContractNumber": self._settings.contract_number, **request}
        data = self._ask("post", "shortUrlIdentifier", json=content)
        if str(data.get("status")).lower() == "failed" or not data.get("shortUrlIdentifier"):
            raise ShapeChanged(f"The Energy API made no link: {data.get('status')}")
        return clean(data["shortUrlIdentifier"]), clean(data.get("validTo"), LONGEST_NAME)

    def mock(self, mandate: Mapping[str, Any]) -> None:
        """Make a mandate to test with, in the sandbox.

        Raises:
            FluviusError: see its kinds.
        """
        self._ask("post", "mandate/mock", json=dict(mandate))

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        data = _data(self._answer(method, path, **options))
        self._http.seen.count(data)
        return data

    def _answer(self, method: str, path: str, **options: Any) -> Response:
        self._http.take_time()
        response = self._with_bearer(self._access.bearer(), method, path, options)
        if response.status == 401 and not _is_about_the_key(response):
            response = self._with_bearer(self._access.another_bearer(renew=False), method, path, options)
        if response.status != 401:
            self._access.accepted()
        if response.status != 200:
            self._complain(response)
        return response

    def _with_bearer(self, bearer: str, method: str, path: str, options: Mapping[str, Any]) -> Response:
        headers = {
            "Authorization": f"Bearer {bearer}",
            "Ocp-Apim-Subscription-Key": self._settings.subscription_key.get_secret_value(),
            "Accept": "application/json",
            "User-Agent": f"fluvius2mqtt/{__version__}",
        }
        send: Callable[..., Response] = self._http.get if method == "get" else self._http.post
        return send(f"{self._url}/api/{path}", headers=headers, **options)

    def _complain(self, response: Response) -> Never:
        words = response.words()
        match response.status:
            case 401 if _is_about_the_key(response):
                refusal = CredentialsRefused(f"The Energy API refuses the subscription key: {words}")
                self._access.refuse(refusal)
            case 401:
                raise TryLater(f"The Energy API does not accept the token that it has just given: {words}")
            case 403 | 404:
                raise NotYourMeter(f"The Energy API does not allow this: {words}")
            case status:
                kind = QuestionRefused if status == 400 else ShapeChanged
                raise kind(f"The Energy API does not accept our request (HTTP {status}): {words}")


def _question(
    meter: Meter, reference: str, period_type: str, start: datetime, end: datetime
) -> dict[str, str]:
    return {
        "ean": meter.ean,
        "periodType": period_type,
        "referenceNumber": reference,
        "granularity": "daily" if meter.days_only else "daily,hourly_quarterhourly",
        "complexEnergyTypes": "active",
        "from": in_utc(start),
        "to": in_utc(end),
    }


def _day(day: date, energy: Energy) -> Span:
    return meterday.start_of(day, energy), meterday.end_of(day, energy)


def _is_about_the_key(response: Response) -> bool:
    return "subscription key" in response.text.lower()


def _data(answer: Response) -> Any:
    content = answer.json()
    if not isinstance(content, dict) or not isinstance(content.get("data"), dict):
        raise ShapeChanged("The Energy API answered something other than data")
    return content["data"]


def _in_words(strange: Counter[str]) -> str | None:
    if not strange:
        return None
    named = ", ".join(
        f"{number} times {clean(what, LONGEST_NAME)}" for what, number in strange.most_common(_NAMED)
    )
    return f"not everything that Fluvius gave could be understood: {named}"


def in_utc(instant: datetime) -> str:
    """An instant as the API writes it."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
