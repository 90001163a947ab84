"""What may be asked for over MQTT, and the answers."""

from collections.abc import Callable, Mapping
from datetime import datetime

from bridge.config.asked import UsageError, check_keys
from bridge.fetching.cycle import Cycle, Fetcher
from bridge.fetching.due import Occasion, is_recent
from bridge.ledger import LedgerError
from bridge.mqtt import Command, topics
from bridge.service.answers import done, refused
from bridge.service.backfills import BackfillRequests
from bridge.service.statistics import Statistics
from bridge.service.trouble import Trouble
from bridge.service.view import View
from bridge.text.foreign import clean
from bridge.text.wishes import wish
from bridge.text.words import Payload, local

_KEYS: Mapping[str, tuple[str, ...]] = {  # of those that may be JSON objects
    "backfill": ("from", "to", "meter", "transaction"),
    **dict.fromkeys(("refresh", "republish", "fetch_history", "stop_history"), ("transaction",)),
}
_BEGIN_HISTORY = {"backfill", "fetch_history"}
_ONLY_NOTED = {*_BEGIN_HISTORY, "history_from", "stop_history"}  # so never too early


class Requests:
    """Heeds them.

    Args:
        fetcher: knows when Fluvius was asked last.
        view: what is published again, and where answers go.
        statistics: what is compared again.
        backfills: what is asked of backfills.
        trouble: with the ledger.
        now: the present instant, aware.
        cycle: asks Fluvius.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        view: View,
        statistics: Statistics,
        *,
        backfills: BackfillRequests,
        trouble: Trouble,
        now: Callable[[], datetime],
        cycle: Callable[[Occasion], Cycle],
    ) -> None:
        self._fetcher, self._view, self._statistics, self._trouble = fetcher, view, statistics, trouble
        self._now, self._cycle, self._goes_on = now, cycle, True
        self._answers: dict[str, Callable[[Command], Payload]] = {
            "refresh": self._refresh,
            "republish": self._republish,
            "backfill": backfills.begin,
            "history_from": backfills.set_first,
            "fetch_history": backfills.begin_from_the_set_day,
            "stop_history": backfills.stop,
        }

    def end_soon(self) -> None:
        """Begin nothing that a single run does not bring to an end."""
        self._goes_on = False

    def obey(self, command: Command) -> None:
        """Do what is asked for, and answer."""
        self._respond(command, self._answer(command))

    def obey_meanwhile(self, command: Command) -> None:
        """Do only what takes no time, while Fluvius or Home Assistant is being waited for."""
        if command.name in _ONLY_NOTED:
            self.obey(command)
        else:
            self._respond(command, refused(command, "busy just now; ask again in a minute"))

    def _answer(self, command: Command) -> Payload:
        answer = self._answers.get(command.name)
        if answer is None:
            return refused(command, f"no such request; there are {', '.join(topics.REQUESTS)}")
        try:
            if known := _KEYS.get(command.name):
                check_keys(wish(command.payload) or (), known)
        except UsageError as error:
            return refused(command, clean(error))
        if command.name in _BEGIN_HISTORY and not self._goes_on:
            return refused(command, "this is a single run; type `fluvius2mqtt backfill --from DAY` instead")
        try:
            return answer(command)
        except LedgerError as error:
            self._trouble.noticed(error)
            return refused(command, str(error))

    def _respond(self, command: Command, answer: Payload) -> None:
        if command.answer:
            command.answer(answer)
        else:
            self._view.respond(command.name, answer)

    def _republish(self, command: Command) -> Payload:
        self._view.broker.try_again()
        with self._trouble.endured():
            self._view.broker.say_online()
        self._view.again()
        self._statistics.compare(all_of_it=True, asked=True)
        if why := self._view.unpublished or self._view.publisher.left_out:
            return refused(command, f"not everything could be published: {why}")
        if waits := self._statistics.why_they_wait:
            return refused(command, f"everything is published, but not all statistics are there: {waits}")
        return done(command, {})

    def _refresh(self, command: Command) -> Payload:
        last = self._fetcher.visits.asked_last()
        if last and is_recent(last, self._now()):
            self._statistics.compare(asked=True)
            return refused(
                command, f"Fluvius was asked at {local(last)}; it is asked at most once in five minutes"
            )
        self._statistics.doubt()
        cycle = self._cycle(Occasion.ASKED)
        if cycle.errors:
            return refused(command, "; ".join(map(str, cycle.errors)))
        if self._view.unpublished:
            why = f"what Fluvius answered is kept, but could not be published yet: {self._view.unpublished}"
            return refused(command, why)
        if waits := self._statistics.why_they_wait:
            why = f"what Fluvius answered is published, but not all statistics are there: {waits}"
            return refused(command, why)
        new_days = {name: [day.isoformat() for day in days] for name, days in cycle.new_days.items()}
        return done(command, {"requests": cycle.requests, "new_days": new_days})
