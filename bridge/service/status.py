"""What the bridge says of itself: `bridge/info`, `bridge/health`, `bridge/problem`, `bridge/history`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from bridge import __version__
from bridge.config import Settings
from bridge.fetching.cycle import Fetcher
from bridge.homeassistant import advice
from bridge.homeassistant.recorder import Recorder
from bridge.ledger.health import SourceHealth
from bridge.metering.model import BRUSSELS, Backfill
from bridge.postgresql.sink import Sink
from bridge.publishing.publisher import BridgeStatus, Publisher
from bridge.service.backfills import Backfills
from bridge.service.pricing import Pricing
from bridge.service.trouble import Trouble
from bridge.text.words import Payload, local

_SHOWN = 100  # meters on bridge/info


@dataclass(frozen=True, slots=True)
class Condition:
    """How everything is that the bridge depends on; the texts are for the user, empty where all is well."""

    now: datetime  # aware
    parts: Mapping[str, SourceHealth]  # portal, energy_api, statistics, day_ahead, postgresql
    waiting: int = 0  # days, peaks and costs that the database does not have yet
    left_out: str = ""  # what the broker does not take
    ledger_unusable: str = ""
    ledger_damaged: str = ""

    def health(self) -> Payload:
        """For `bridge/health`: each part by its name."""
        report: Payload = {name: part.to_payload(self.now) for name, part in self.parts.items()}
        if "postgresql" in report:
            report["postgresql"]["waiting"] = self.waiting
        if self.left_out:
            report["broker"] = {"state": "limited", "last_error": self.left_out}
        if trouble := self.ledger_unusable or self.ledger_damaged:
            state = "unusable" if self.ledger_unusable else "damaged"
            report["ledger"] = {"state": state, "last_error": trouble}
        return report

    def problem(self, advice: str | None) -> Payload:
        """For `bridge/problem`: whether a person should look, and what is wrong with which part.

        Args:
            advice: what is no problem and yet worth doing.
        """
        words = {name: part.problem(self.now) for name, part in self.parts.items()}
        words |= {"broker": self.left_out, "ledger": self.ledger_unusable or self.ledger_damaged}
        wrong = {name: word for name, word in words.items() if word}
        return {"problem": bool(wrong), **wrong, "advice": advice}


def history(first: date, backfill: Backfill | None, meter: str, words: str | None) -> Payload:
    """For `bridge/history`: from which day on it would be fetched, and how far what is fetched has come.

    Args:
        first: that day.
        backfill: what is worked on, if anything.
        meter: its meter's name.
        words: what it waits for, or None.
    """
    return {
        "from": first.isoformat(),
        "state": ("waiting" if words else "fetching") if backfill else "idle",
        "progress": _percent(backfill) if backfill else None,
        "backfill": of_backfill(backfill, meter) if backfill else None,
        "words": words if backfill else None,
    }


def of_backfill(backfill: Backfill, meter: str) -> Payload:
    """What is fetched, and how many requests of how many are done."""
    span = {"from": backfill.first.isoformat(), "to": backfill.last.isoformat()}
    return {"meter": meter, **span, "done": backfill.done, "of": backfill.of_all}


def _percent(backfill: Backfill) -> int:
    return 100 * backfill.done // backfill.of_all if backfill.of_all else 0


class Status:
    """Looks at everything that there is to say something of.

    Args:
        settings: the configuration.
        started: since when the bridge runs, aware.
        fetcher: knows the meters, and how the sources do.
        backfills: what is worked on.
        publisher: what the broker does not take.
        recorder: of Home Assistant, if there is one.
        pricing: how day-ahead prices do.
        sink: how the database does, if there is one.
        trouble: with the ledger.
        now: the present instant, aware.
        next_run: when Fluvius is asked next.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        started: datetime,
        fetcher: Fetcher,
        backfills: Backfills,
        publisher: Publisher,
        recorder: Recorder | None,
        pricing: Pricing,
        sink: Sink | None,
        trouble: Trouble,
        now: Callable[[], datetime],
        next_run: Callable[[], datetime],
    ) -> None:
        self._settings, self._started, self._fetcher, self._backfills = settings, started, fetcher, backfills
        self._publisher, self._recorder, self._pricing = publisher, recorder, pricing
        self._sink, self._trouble, self._now, self._next_run = sink, trouble, now, next_run

    def report(self) -> BridgeStatus:
        """How everything is."""
        condition = self._condition()
        backfill, waits_for = self._backfills.current, self._backfills.waits_for
        name = self._backfills.name(backfill) if backfill else ""
        return BridgeStatus(
            info=self._info(backfill),
            health=condition.health(),
            problem=condition.problem(self._advice()),
            history=history(self._backfills.first(), backfill, name, waits_for),
        )

    def _advice(self) -> str | None:
        return self._recorder.health.advice if self._recorder else advice(self._settings)

    def _condition(self) -> Condition:
        others = {
            "statistics": self._recorder.health if self._recorder else None,
            "day_ahead": self._pricing.health,
            "postgresql": self._sink.health if self._sink else None,
        }
        return Condition(
            self._now(),
            {**self._fetcher.health, **{name: each for name, each in others.items() if each}},
            waiting=self._sink.waiting if self._sink else 0,
            left_out=self._publisher.left_out,
            ledger_unusable=self._trouble.unusable or "",
            ledger_damaged=self._trouble.damaged or "",
        )

    def _info(self, backfill: Backfill | None) -> Payload:
        return {
            "version": __version__,
            "started": local(self._started),
            "timezone": str(BRUSSELS),
            "meters": [
                {
                    "meter": meter.name,
                    "name": meter.label,
                    "ean": meter.ean,
                    "serial": meter.serial,
                    "energy": meter.energy,
                }
                for meter in self._fetcher.meters[:_SHOWN]
            ],
            "next_run": local(self._next_run()),
            **({"backfill": of_backfill(backfill, self._backfills.name(backfill))} if backfill else {}),
        }
