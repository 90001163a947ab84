"""Answers to requests over MQTT."""

from collections.abc import Iterator
from typing import Any

from bridge.metering.model import Backfill
from bridge.mqtt import Command
from bridge.text.wishes import wish
from bridge.text.words import Payload, to_json

_LONGEST_MARK = 200  # characters of a request's transaction


def done(command: Command, data: Payload) -> Payload:
    """What was asked for is done."""
    return {"status": "ok", "data": data, **transaction(command)}


def refused(command: Command, why: str) -> Payload:
    """It is not done."""
    return {"status": "error", "error": why, "data": {}, **transaction(command)}


def outcomes(backfill: Backfill, meter: str) -> Iterator[Payload]:
    """What came of a backfill, for each who asked for it."""
    is_done = backfill.state == "done"
    span = {"from": backfill.first.isoformat(), "to": backfill.last.isoformat()}
    data = {"state": backfill.state, "meter": meter, **span}
    words = (backfill.words or "").splitlines()
    for mark in backfill.marks:
        yield {
            "status": "ok" if is_done else "error",
            **({} if is_done else {"error": "; ".join(words)}),
            "data": {**data, "found": words} if is_done else data,
            **(mark if isinstance(mark, dict) else {}),
        }


def transaction(command: Command) -> dict[str, Any]:
    """The request's own mark, so that who asked recognises the answer; anything short will do."""
    request = wish(command.payload) or {}
    if "transaction" in request and len(to_json(request["transaction"])) <= _LONGEST_MARK:
        return {"transaction": request["transaction"]}
    return {}
