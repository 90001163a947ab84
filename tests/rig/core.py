"""A stand-in for Home Assistant's WebSocket API, as two real versions of it were seen to behave.

`make interop` proves the same against the real ones; this one is quick, and misbehaves on request.
"""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

TOKEN = "a token of an administrator"
_OLD = {"source", "statistic_id", "name", "unit_of_measurement", "has_sum", "has_mean"}
_NEW = _OLD | {"mean_type", "unit_class"}

_FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)

Rows = dict[datetime, tuple[float, float]]  # start → state, sum


@dataclass
class Core:
    """Home Assistant's statistics, and what it was asked."""

    version: str = "2026.11.0"
    admin: bool = True
    statistics: dict[str, Rows] = field(default_factory=dict)
    metadata: dict[str, dict[str, Any]] = field(default_factory=dict)
    entities: list[dict[str, Any]] = field(default_factory=list)  # the registry
    state_classes: dict[str, str] = field(default_factory=dict)  # of its sensors that have one, by entity id
    issue: str = "state_class_removed"  # with the statistics of sensors that have none
    preferences: dict[str, Any] | None = None  # of the Energy dashboard
    asked: list[dict[str, Any]] = field(default_factory=list)
    sign_ins: int = 0
    close_at_import: int | None = None  # the connection ends instead of the answer to this one, from 1
    closes_after: str | None = None  # likewise, but this command was obeyed, once
    forgets_imports: bool = False  # says yes, and writes nothing
    knows_newer_keys: bool | None = None  # of a statistic's description; None: as its version does
    refused: list[str] = field(default_factory=list)  # what it was asked and did not want
    odd_answers: dict[str, Any] = field(default_factory=dict)  # by command
    unknown: str | None = None  # a command that it does not know
    refused_ids: str = "none"  # a part of the statistic ids that it does not want
    odd_welcome: Any = None  # what it says to every token, if anything
    is_silent: bool = False  # lets everyone in, and answers nothing
    port: int = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/api/websocket"

    @property
    def imports(self) -> list[dict[str, Any]]:
        return [message for message in self.asked if message["type"] == "recorder/import_statistics"]

    def loses(self, begin: datetime, end: datetime = _FOR_EVER) -> None:
        """All rows from an instant until before another one."""
        for rows in self.statistics.values():
            for start in [start for start in rows if begin <= start < end]:
                del rows[start]

    @property
    def cleared(self) -> list[str]:
        asked = (each for each in self.asked if each["type"] == "recorder/clear_statistics")
        return [statistic_id for each in asked for statistic_id in each["statistic_ids"]]

    def has_sensor(
        self, unique_id: str, entity_id: str, state_class: str | None = None, platform: str = "mqtt"
    ) -> None:
        """A sensor that it counted for years; its state class now: None has none any more."""
        self.entities.append({"entity_id": entity_id, "platform": platform, "unique_id": unique_id})
        self.statistics[entity_id] = {datetime(2026, 1, 1, tzinfo=UTC): (1.0, 1.0)}
        self.metadata[entity_id] = _metadata("recorder", entity_id)
        if state_class:
            self.state_classes[entity_id] = state_class

    @contextmanager
    def open(self) -> Iterator["Core"]:
        with serve(self.talk, "127.0.0.1", self.port) as server:
            self.port = server.socket.getsockname()[1]
            with serving(server):
                yield self

    def talk(self, connection: ServerConnection) -> None:
        try:
            if self._lets_in(connection):
                for text in connection:
                    message = json.loads(text)
                    self.asked.append(message)
                    self._answer(connection, message)
        except ConnectionClosed:
            pass

    def _lets_in(self, connection: ServerConnection) -> bool:
        connection.send(json.dumps({"type": "auth_required", "ha_version": self.version}))
        self.sign_ins += 1
        said = json.loads(connection.recv())
        if self.odd_welcome is not None:
            connection.send(json.dumps(self.odd_welcome))
            return False
        if said != {"type": "auth", "access_token": TOKEN}:
            connection.send(json.dumps({"type": "auth_invalid", "message": "Invalid access token"}))
            return False
        connection.send(json.dumps({"type": "auth_ok", "ha_version": self.version}))
        return True

    def _answer(self, connection: ServerConnection, message: dict[str, Any]) -> None:
        if message["type"] == "recorder/import_statistics" and len(self.imports) == self.close_at_import:
            self.close_at_import = None
            connection.close()
            return
        if self.is_silent:
            return
        try:
            answer = {"success": True, "result": self._obey(message)}
        except _RefusedError as refused:
            self.refused.append(message["type"])
            answer = {"success": False, "error": {"code": refused.code, "message": str(refused)}}
        if message["type"] == self.closes_after:
            self.closes_after = None
            connection.close()
            return
        connection.send(json.dumps({"id": message["id"], "type": "result", **answer}))

    def _obey(self, message: dict[str, Any]) -> Any:
        if message["type"] in self.odd_answers:
            return self.odd_answers[message["type"]]
        if message["type"] not in self._commands.keys() - {self.unknown}:
            raise _RefusedError("unknown_command", f"Unknown command: {message['type']}")
        return self._commands[message["type"]](message)

    @property
    def _commands(self) -> dict[str, Callable[[dict[str, Any]], Any]]:
        return {
            "auth/current_user": lambda _: {"is_admin": self.admin},
            "config/entity_registry/list": lambda _: self.entities,
            "energy/get_prefs": lambda _: self._dashboard(),
            "recorder/clear_statistics": lambda message: self.clear(message["statistic_ids"]),
            "recorder/import_statistics": lambda message: self._import(message["metadata"], message["stats"]),
            "recorder/list_statistic_ids": lambda _: self._list(),
            "recorder/statistics_during_period": self._during,
            "recorder/validate_statistics": lambda _: self._complaints(),
        }

    def _dashboard(self) -> dict[str, Any]:
        if self.preferences is None:
            raise _RefusedError("not_found", "No prefs")
        return self.preferences

    def clear(self, statistic_ids: Sequence[str]) -> None:
        for each in statistic_ids:
            self.statistics.pop(each, None)
            self.metadata.pop(each, None)

    def _list(self) -> list[dict[str, Any]]:
        about_to_be = {each: _metadata("recorder", each) for each in self.state_classes}
        return [
            {
                "statistic_id": each,
                "source": known["source"],
                "name": known["name"],
                "statistics_unit_of_measurement": known["unit_of_measurement"],
            }
            for each, known in (about_to_be | self.metadata).items()
        ]

    def _complaints(self) -> dict[str, list[dict[str, Any]]]:
        """What Home Assistant finds wrong."""
        over = [
            each
            for each, known in self.metadata.items()
            if known["source"] == "recorder" and each not in self.state_classes
        ]
        return {each: [{"type": self.issue, "data": {"statistic_id": each}}] for each in over}

    def _import(self, metadata: dict[str, Any], stats: Sequence[dict[str, Any]]) -> None:
        if not self.admin:
            raise _RefusedError("unauthorized", "Unauthorized")
        if self.refused_ids in metadata["statistic_id"]:
            raise _RefusedError("home_assistant_error", "Invalid statistic_id")
        if extra := set(metadata) - (_NEW if self.is_new else _OLD):
            raise _RefusedError(
                "invalid_format", f"extra keys not allowed @ data['metadata']['{min(extra)}']"
            )
        starts = [datetime.fromisoformat(row["start"]) for row in stats]
        assert all(start == start.replace(minute=0, second=0, microsecond=0) for start in starts)
        if self.forgets_imports:
            return
        rows = self.statistics.setdefault(metadata["statistic_id"], {})
        rows |= {start: (row["state"], row["sum"]) for start, row in zip(starts, stats, strict=True)}
        self.metadata[metadata["statistic_id"]] = metadata

    @property
    def is_new(self) -> bool:
        if self.knows_newer_keys is not None:
            return self.knows_newer_keys
        year, month, *_ = self.version.split(".")
        return (int(year), int(month)) >= (2025, 11)

    def _during(self, message: dict[str, Any]) -> dict[str, Any]:
        begin = datetime.fromisoformat(message["start_time"])
        end = datetime.fromisoformat(message.get("end_time", _FOR_EVER.isoformat()))
        found = {
            each: [
                {
                    "start": _milliseconds(start),
                    "end": _milliseconds(start + timedelta(hours=1)),
                    "sum": total,
                }
                for start, (_, total) in sorted(
                    row for row in self.statistics.get(each, {}).items() if begin <= row[0] < end
                )
            ]
            for each in message["statistic_ids"]
        }
        return {each: rows for each, rows in found.items() if rows}

    def hours(self, statistic_id: str) -> dict[datetime, float]:
        """What the Energy dashboard shows: by how much the sum grew in each hour."""
        rows = sorted(self.statistics[statistic_id].items())
        return {
            start.astimezone(UTC): round(total - before, 6)
            for (_, (_, before)), (start, (_, total)) in pairwise(rows)
        }


class _RefusedError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _metadata(source: str, statistic_id: str) -> dict[str, Any]:
    return {
        "source": source,
        "statistic_id": statistic_id,
        "name": None,
        "unit_of_measurement": "kWh",
        "has_sum": True,
    }


@contextmanager
def serving(server: Server) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
