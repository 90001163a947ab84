"""Which of many days to ask Fluvius for next, oldest first, and what came of them: pure decisions.

Fluvius says nothing of the time before a meter was there, and nothing of quarter-hours before they were
switched on. A long silence is not asked through day by day: it is crossed in leaps, and its end is found by
halving. Only days that are old enough prove anything: what Fluvius did not publish yet is no silence.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby, takewhile

from bridge.metering import meterday
from bridge.metering.completeness import DayFacts
from bridge.metering.meterday import ONE_DAY
from bridge.metering.model import Energy

SPAN = 31  # days: what one request for daily amounts may span
LEAP_OF_DAYS = 31
LEAP_OF_SPANS = 6
LISTED = 30  # reasons why days are missing; more are counted

_PROOF = 3  # silent answers in a row, after which leaps begin

Heard = Sequence[bool | None]  # for each, oldest first: whether Fluvius said anything; None: not asked yet


def next_to_ask(heard: Heard, leap: int, settled: int) -> int | None:
    """The place of the next one to ask for; None when all are answered, or lie within a silence.

    Args:
        heard: what came of each so far.
        leap: how far one leap goes.
        settled: how many of them, from the first on, are so old that nothing more will come.
    """
    silent = silences(heard, leap, settled)
    place = next((i for i, answer in enumerate(heard) if answer is None and i not in silent), None)
    if place is None or place >= settled or _silent_in_a_row(heard[:place]) < _PROOF:
        return place
    left, landing = place - 1, min(place - 1 + leap, settled - 1)
    right = next((i for i in range(place, landing + 1) if heard[i] is not None), None)
    return landing if right is None else (left + right) // 2


def silences(heard: Heard, leap: int, settled: int) -> set[int]:
    """The places that were asked for in vain, or that a leap over a proven silence left out."""
    found: set[int] = set()
    left, silent_in_a_row = 0, 0
    for place, answer in enumerate(heard):
        if answer is None:
            continue
        if not answer:
            is_leap = silent_in_a_row >= _PROOF and place - left <= leap and place < settled
            found.update(range(left if is_leap else place, place + 1))
        left, silent_in_a_row = place, 0 if answer else silent_in_a_row + 1
    return found


def _silent_in_a_row(heard: Heard) -> int:
    """How many answers were silent since the last one that was not."""
    answers = (answer for answer in reversed(heard) if answer is not None)
    return sum(1 for _ in takewhile(lambda answer: not answer, answers))


@dataclass(frozen=True, slots=True)
class Question:
    """What one request asks for: daily amounts of a span of days, or one day's intervals."""

    first: date
    last: date
    of_intervals: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The days of a backfill, with what is known of them."""

    facts: Mapping[date, DayFacts]  # of every day from the first to the last, oldest first
    answered: Collection[date]  # the first days of those spans that were asked for
    begun_at: datetime  # aware; what was asked for before may have come since
    at_once: bool  # intervals come with the days, or may not be asked for
    odd: Collection[Question] = ()  # answered in a way that cannot be understood: not to be asked again now
    refused: Collection[Question] = ()  # Fluvius did not allow them
    settled: date = date.max  # the newest day of which nothing more will come

    def spans(self) -> list[tuple[date, date]]:
        """The days in such spans as one request may ask for."""
        days = list(self.facts)
        return [(days[i], days[min(i + SPAN, len(days)) - 1]) for i in range(0, len(days), SPAN)]

    def spans_heard(self) -> list[bool | None]:
        """What came of the spans; one without a gap need not be asked for."""
        return [self._span_heard(first, last) for first, last in self.spans()]

    def days_with_amounts(self) -> list[date]:
        """The days whose intervals are worth asking for."""
        return [day for day, facts in self.facts.items() if facts.daily]

    def days_heard(self) -> list[bool | None]:
        """What came of those days' intervals."""
        return [self._day_heard(self.facts[day]) for day in self.days_with_amounts()]

    def next_question(self) -> Question | None:
        """A span of daily amounts, or a day of intervals; None when all is asked."""
        place = next_to_ask(*self._of_spans())
        if place is not None:
            return Question(*self.spans()[place])
        place = None if self.at_once else next_to_ask(*self._of_days())
        if place is None:
            return None
        day = self.days_with_amounts()[place]
        return Question(day, day, of_intervals=True)

    def progress(self) -> tuple[int, int]:
        """How many steps are done, and of how many; a day is one as long as it may have intervals."""
        of_all, still_open = len(self.spans()), _left(*self._of_spans())
        if not self.at_once:
            without_amounts = len(self.facts) - len(self.days_with_amounts()) if still_open else 0
            of_all += len(self.facts)
            still_open += _left(*self._of_days()) + without_amounts
        return of_all - still_open, of_all

    def leapt_over(self) -> int:
        """How many days were not asked for, because they lie within a silence."""
        spans = self.spans()
        count = sum(len(meterday.span(*spans[place])) for place in _leapt_over(*self._of_spans()))
        return count if self.at_once else count + len(_leapt_over(*self._of_days()))

    def days_in_silence(self) -> set[date]:
        """The days whose intervals were asked for in vain, or that a leap over a proven silence left out."""
        days = self.days_with_amounts()
        return {days[place] for place in silences(*self._of_days())}

    def is_among(self, questions: Collection[Question], day: DayFacts) -> bool:
        """Whether one of some questions was about what a day lacks."""
        lacks_amounts = self.at_once or not day.daily
        return any(
            each.first <= day.date <= each.last and (each.of_intervals or lacks_amounts) for each in questions
        )

    def _of_spans(self) -> tuple[Heard, int, int]:
        """What `next_to_ask` takes, for the spans."""
        return self.spans_heard(), LEAP_OF_SPANS, sum(first <= self.settled for first, _ in self.spans())

    def _of_days(self) -> tuple[Heard, int, int]:
        """What `next_to_ask` takes, for the intervals of the days that have amounts."""
        settled = sum(day <= self.settled for day in self.days_with_amounts())
        return self.days_heard(), LEAP_OF_DAYS, settled

    def _span_heard(self, first: date, last: date) -> bool | None:
        days = [self.facts[day] for day in meterday.span(first, last)]
        if Question(first, last) in self.odd or all(
            day.complete if self.at_once else day.daily for day in days
        ):
            return True
        return any(day.daily for day in days) if first in self.answered else None

    def _day_heard(self, day: DayFacts) -> bool | None:
        if Question(day.date, day.date, of_intervals=True) in self.odd or _has_intervals(day):
            return True
        asked = day.asked_at is not None and day.asked_at >= self.begun_at
        return bool(day.interval_count) if asked else None


def _has_intervals(day: DayFacts) -> bool:
    """Whether there is nothing to ask for."""
    return day.complete and bool(day.interval_count) and not (day.corrected or day.disagrees)


def _leapt_over(heard: Heard, leap: int, settled: int) -> list[int]:
    """The places within a silence that were never asked for."""
    return [place for place in silences(heard, leap, settled) if heard[place] is None]


def _left(heard: Heard, leap: int, settled: int) -> int:
    """How many were neither asked for nor lie in a silence."""
    return heard.count(None) - len(_leapt_over(heard, leap, settled))


def silent_days(plan: Plan, first_with_intervals: date | None, energy: Energy, now: datetime) -> set[date]:
    """The days on which the meter had no intervals yet: Fluvius gave none, and none came before.

    Those that may still come are no proof, but go with the others where there never were any.
    """
    silent = plan.days_in_silence()
    late = {day for day in silent if meterday.is_late(day, energy, now)}
    if first_with_intervals is None:
        return silent if late else set()
    return {day for day in late if day < first_with_intervals}


def in_words(plan: Plan, energy: Energy, now: datetime) -> list[str]:
    """What a backfill found, what is missing and why, in lines for the user."""
    days = list(plan.facts)
    complete = [facts for facts in plan.facts.values() if facts.complete]
    bare = sum(not facts.interval_count for facts in complete)
    found = f"{_days(len(days))} from {days[0]} to {days[-1]}: {_number(len(complete))} complete"
    if bare:
        found += f", {bare} of them without {INTERVALS[energy]}"
    first = next((day for day, facts in plan.facts.items() if facts.daily), None)
    missing = ((day, facts) for day, facts in plan.facts.items() if not facts.complete)
    groups = list(_grouped((day, _reason(plan, facts, first, energy, now)) for day, facts in missing))
    lines = [f"missing: {_from_to(days)}: {reason}" for days, reason in groups[:LISTED]]
    if rest := sum(len(days) for days, _ in groups[LISTED:]):
        lines.append(f"missing: {rest} more days")
    if count := sum(facts.disagrees for facts in complete):
        lines.append(f"whose {INTERVALS[energy]} do not add up to the day, and do not count: {_days(count)}")
    if count := plan.leapt_over():
        lines.append(f"not asked for one by one, because no day near them has readings: {_days(count)}")
    return [found, *lines]


_ODD = "Fluvius's answer could not be understood; try again later"
INTERVALS = {Energy.ELECTRICITY: "quarter-hours", Energy.GAS: "hours"}


def _reason(plan: Plan, day: DayFacts, first: date | None, energy: Energy, now: datetime) -> str:
    """Why a day is not complete."""
    if plan.is_among(plan.odd, day):
        return _ODD
    if not day.daily:
        if not meterday.is_late(day.date, energy, now):
            return "Fluvius refused it" if plan.is_among(plan.refused, day) else "not published yet"
        before = first is None or day.date < first
        return (
            "Fluvius has nothing for that time; was the meter installed then?"
            if before
            else "Fluvius has no readings"
        )
    if not day.interval_count:
        return f"Fluvius has no {INTERVALS[energy]}"
    if day.disagrees:
        return f"its {INTERVALS[energy]} do not add up to the day's amount"
    return f"Fluvius does not have all amounts and {INTERVALS[energy]}"


def _grouped(reasons: Iterable[tuple[date, str]]) -> Iterator[tuple[list[date], str]]:
    """Consecutive days with the same reason."""
    groups = groupby(enumerate(reasons), lambda each: (each[1][0] - ONE_DAY * each[0], each[1][1]))
    for (_, reason), group in groups:
        yield [day for _, (day, _) in group], reason


def _from_to(days: Sequence[date]) -> str:
    return f"{days[0]} to {days[-1]}, {_days(len(days))}" if len(days) > 1 else f"{days[0]}"


def _days(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count} days"


def _number(count: int) -> str:
    return str(count) if count else "none"
