"""What the bridge says of itself: `bridge/health`, `bridge/problem` and `bridge/history`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from bridge.ledger.health import SourceHealth
from bridge.metering.model import Backfill
from bridge.text.words import Payload


@dataclass(frozen=True, slots=True)
class Condition:
    """How everything is that the bridge depends on; the texts are for the user, empty where all is well."""

    now: datetime  # aware
    parts: Mapping[str, SourceHealth]  # portal, energy_api, statistics
    left_out: str = ""  # what the broker does not take
    ledger_unusable: str = ""
    ledger_damaged: str = ""

    def health(self) -> Payload:
        """For `bridge/health`: each part by its name."""
        report: Payload = {name: part.to_payload(self.now) for name, part in self.parts.items()}
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


def history(first: date, job: Backfill | None, meter: str, words: str | None) -> Payload:
    """For `bridge/history`: from which day on it would be fetched, and how far what is fetched has come.

    Args:
        first: that day.
        job: what is worked on, if anything.
        meter: its meter's name.
        words: what it waits for, or None.
    """
    return {
        "from": first.isoformat(),
        "state": ("waiting" if words else "fetching") if job else "idle",
        "progress": _percent(job) if job else None,
        "backfill": of_backfill(job, meter) if job else None,
        "words": words if job else None,
    }


def of_backfill(job: Backfill, meter: str) -> Payload:
    """What is fetched, and how many requests of how many are done."""
    span = {"from": job.first.isoformat(), "to": job.last.isoformat()}
    return {"meter": meter, **span, "done": job.done, "of": job.of_all}


def _percent(job: Backfill) -> int:
    return 100 * job.done // job.of_all if job.of_all else 0
