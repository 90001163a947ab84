"""A stand-in for Home Assistant's WebSocket API, as two real versions of it were seen to behave.

`make interop` proves the same against the real ones; this one is quick, and misbehaves on request.
"""

import json
import threading
from collections.abc import Iterator, Sequence
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

Rows = dict[datetime, tuple[float, float]]  # start → state, sum


@dataclass
class Core:
    """Home Assistant's statistics, and what it was asked."""

    version: str = "2026.11.0"
    admin: bool = True
    statistics: dict[str, Rows] = field(default_factory=dict)
    metadata: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    sign_ins: int = 0
    close_at_import: int | None = None  # the connection ends instead of the answer to this one, from 1
    forgets_imports: bool = False  # says yes, and writes nothing
    odd_answers: dict[str, Any] = field(default_factory=dict)  # by command
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
            answer = {"success": False, "error": {"code": refused.code, "message": str(refused)}}
        connection.send(json.dumps({"id": message["id"], "type": "result", **answer}))

    def _obey(self, message: dict[str, Any]) -> Any:
        if message["type"] in self.odd_answers:
            return self.odd_answers[message["type"]]
        match message["type"]:
            case "recorder/list_statistic_ids":
                return [{"statistic_id": each} for each in self.metadata]
            case "recorder/import_statistics":
                return self._import(message["metadata"], message["stats"])
            case "recorder/clear_statistics":
                for each in message["statistic_ids"]:
                    del self.statistics[each], self.metadata[each]
                return None
            case "recorder/statistics_during_period":
                return self._during(message)
            case "auth/current_user":
                return {"is_admin": self.admin}
            case unknown:
                raise _RefusedError("unknown_command", f"Unknown command: {unknown}")

    def _import(self, metadata: dict[str, Any], stats: Sequence[dict[str, Any]]) -> None:
        if not self.admin:
            raise _RefusedError("unauthorized", "Unauthorized")
        if self.refused_ids in metadata["statistic_id"]:
            raise _RefusedError("home_assistant_error", "Invalid statistic_id")
        if extra := set(metadata) - (_OLD if self.version < "2025.5" else _NEW):
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

    def _during(self, message: dict[str, Any]) -> dict[str, Any]:
        begin = datetime.fromisoformat(message["start_time"])
        end = datetime.fromisoformat(message.get("end_time", "9999-01-01T00:00:00+00:00"))
        found = {
            each: [
                {
                    "start": _milliseconds(start),
                    "end": _milliseconds(start + timedelta(hours=1)),
                    "sum": total,
                }
                for start, (_, total) in sorted(self.statistics.get(each, {}).items())
                if begin <= start < end
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
