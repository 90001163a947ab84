"""A Fluvius in a process of its own, for what is measured."""

import json
import urllib.request
from datetime import datetime
from typing import Any


class FluviusNextDoor:
    """`fluvius2mqtt simulate` in a process of its own."""

    def __init__(self, url: str) -> None:
        self.url = url

    def move_to(self, now: datetime) -> None:
        self._control("PUT", "now", {"now": now.isoformat()})

    def counted(self) -> dict[str, int]:
        """Requests since the last time that this was asked, by endpoint."""
        requests: dict[str, int] = self._control("GET", "")["requests"]
        self._control("DELETE", "requests")
        return requests

    def _control(self, method: str, name: str, content: object = None) -> Any:
        body = json.dumps(content or {}).encode()
        request = urllib.request.Request(f"{self.url}/simulator/{name}", body, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)
