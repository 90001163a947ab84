"""A conversation with Home Assistant over its WebSocket API, one command at a time.

The protocol was tried against Home Assistant Core 2025.4.4 and 2026.11.0.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import urlsplit

from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from bridge.homeassistant.errors import CommandRefused, CoreAway, TokenRefused
from bridge.homeassistant.series import Described
from bridge.text.deadline import all_within
from bridge.text.foreign import LONGEST_NAME, clean
from bridge.text.words import Payload, to_json

_NO_ADMINISTRATOR = "the token is not an administrator's; make one with an administrator's account"

_PATIENCE = 60.0  # seconds for one answer: a small computer with years of statistics is slow
_A_MOMENT = 0.25  # seconds after which a wait looks around
_LARGEST_ANSWER = 64 * 1024 * 1024  # bytes: a list of all statistics of a big house


class Core:
    """A signed-in connection.

    Args:
        url: such as `ws://homeassistant.local:8123/api/websocket`.
        token: a long-lived access token of an administrator.
        attend: called often while waiting; may raise to end the wait.

    Attributes:
        version: Home Assistant's, such as `2026.11.0`.

    Raises:
        CoreAway: from every method.
        TokenRefused: from every method.
    """

    def __init__(self, url: str, token: str, attend: Callable[[], None] = lambda: None) -> None:
        self._attend = attend
        self._number = 0
        self._place = urlsplit(url).netloc
        with self._explained():
            # proxy: Home Assistant is at home, and a proxy for Fluvius is not meant for it
            self._connection: ClientConnection = connect(
                url, open_timeout=10, close_timeout=1, max_size=_LARGEST_ANSWER, proxy=None
            )
        try:
            self.version = self._sign_in(token)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the conversation."""
        with suppress(OSError, WebSocketException):
            self._connection.close()

    def ask(self, command: str, **fields: Any) -> Any:
        """Give a command; returns its result.

        Raises:
            CommandRefused: it was answered with an error.
        """
        self._number += 1
        self._say({"id": self._number, "type": command, **fields})
        deadline = time.monotonic() + _PATIENCE
        while (answer := self._hear(deadline)).get("id") != self._number or answer.get("type") != "result":
            pass
        if answer.get("success"):
            return answer.get("result")
        error = answer.get("error")
        error = error if isinstance(error, dict) else {"message": error}
        code, message = str(error.get("code")), str(error.get("message"))
        if code == "unauthorized":
            raise TokenRefused(_NO_ADMINISTRATOR)
        raise CommandRefused(code, message)

    def check(self) -> None:
        """Raise what `recorder/import_statistics` would raise, without importing anything."""
        with self.understood():
            if not self.ask("auth/current_user")["is_admin"]:
                raise TokenRefused(_NO_ADMINISTRATOR)
        self.statistics()

    @property
    def release(self) -> tuple[int, int]:
        """Of the version: the year and the month; of a version that is none, one of the far future."""
        if found := re.match(r"(\d{4})\.(\d{1,2})\b", self.version):
            return int(found[1]), int(found[2])
        return 9999, 1

    def statistics(self, *, sums_only: bool = True) -> dict[str, Described]:
        """The statistics by their ids, with those that Home Assistant is about to make of its sensors."""
        kind = {"statistic_type": "sum"} if sums_only else {}
        with self.understood():
            listed = self.ask("recorder/list_statistic_ids", **kind)
            return {
                str(each["statistic_id"]): Described(
                    each["source"], each["name"], each["statistics_unit_of_measurement"]
                )
                for each in listed
            }

    def sums(
        self, ids: Sequence[str], start: datetime, end: datetime
    ) -> dict[str, dict[datetime, float | None]]:
        """The rows of statistics from a start until before an end: their own starts, UTC, and sums.

        Args:
            ids: the statistics; those without rows are not in the answer.
            start: aware.
            end: aware.
        """
        with self.understood():
            answer = self.ask(
                "recorder/statistics_during_period",
                start_time=start.isoformat(),
                end_time=end.isoformat(),
                statistic_ids=ids,
                period="hour",
                types=["sum"],
            )
            if answer.keys() - set(ids):
                raise ValueError("an answer about statistics that were not asked for")
            found = {
                each: {datetime.fromtimestamp(row["start"] / 1000, UTC): row["sum"] for row in rows}
                for each, rows in answer.items()
            }
            return {
                each: {at: total for at, total in rows.items() if start <= at < end}
                for each, rows in found.items()
            }

    def _sign_in(self, token: str) -> str:
        deadline = time.monotonic() + _PATIENCE
        greeting = self._hear(deadline)
        if greeting.get("type") != "auth_required":
            raise CoreAway(f"what answers at {self._place} is not Home Assistant")
        self._say({"type": "auth", "access_token": token})
        if (said := self._hear(deadline).get("type")) not in {"auth_ok", "auth_invalid"}:
            raise CoreAway(f"Home Assistant at {self._place} answers something unexpected")
        if said == "auth_invalid":
            raise TokenRefused(
                "Home Assistant does not accept the token;"
                " make a long-lived access token on your profile page there"
            )
        return clean(greeting.get("ha_version"), LONGEST_NAME)

    def _say(self, message: Payload) -> None:
        """Send a message; the library itself would wait for ever for one who does not take it."""
        with self._explained(), all_within(_PATIENCE, lambda: [self._connection.socket]):
            self._connection.send(to_json(message))

    def _hear(self, deadline: float) -> Mapping[str, Any]:
        while time.monotonic() < deadline:
            self._attend()
            with self._explained(), suppress(TimeoutError):
                message = json.loads(self._connection.recv(timeout=_A_MOMENT))
                return message if isinstance(message, dict) else {}
        raise CoreAway(f"Home Assistant at {self._place} does not answer")

    @contextmanager
    def understood(self) -> Iterator[None]:
        """What is made of its answers within: anything odd is as good as no answer."""
        try:
            yield
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise CoreAway(f"Home Assistant at {self._place} answers something unexpected") from error

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except InvalidStatus as error:
            status = error.response.status_code
            raise CoreAway(f"Home Assistant at {self._place} answers with status {status}") from error
        except (OSError, RecursionError, WebSocketException, ValueError) as error:
            raise CoreAway(
                f"Home Assistant at {self._place} cannot be reached: {str(error) or type(error).__name__}"
            ) from error
