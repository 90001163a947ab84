"""What the demo tells: four mornings of a household, its bridge, and a Fluvius with its usual moods."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from bridge.demo.audience import Audience
from bridge.demo.events import Sentence
from bridge.simulator import Simulator

MORNINGS = 3  # before the present one
SECONDS_PER_SCENE = 6.0
SECONDS_BETWEEN_REQUESTS = 0.35

_SECONDS_TO_ANSWER = 30.0
_DAY, _LUNCH = timedelta(days=1), timedelta(hours=3, minutes=15)
_CORRECTION = 1_437  # Wh


class Story:
    """The director: moves the clock, lets things happen at Fluvius, asks for a refresh, and says so.

    Args:
        simulator: Fluvius.
        audience: the director's connection to the broker.
        say: takes each sentence.
        pause: waits so many seconds; may raise to end the story.
        present: the last morning, in local time.
    """

    def __init__(
        self,
        simulator: Simulator,
        audience: Audience,
        say: Callable[[Sentence], None],
        pause: Callable[[float], None],
        present: datetime,
    ) -> None:
        self._simulator, self._audience, self._say, self._pause = simulator, audience, say, pause
        self._home = simulator.meters[0].ean
        self._first = present - MORNINGS * _DAY
        self._at = self._first
        late = self._first + 2 * _DAY
        simulator.delay(
            self._home, (late - _DAY).date(), intervals_until=late + _LUNCH - timedelta(minutes=15)
        )
        simulator.set_today(self._first)

    def tell(self) -> None:
        """From the first morning to the present."""
        first, second, third, last = (self._first + n * _DAY for n in range(MORNINGS + 1))

        self._scene(
            first,
            "A new bridge signs in to a simulated Mijn Fluvius and fetches the last week,"
            " the newest day first.",
        )
        self._wait_until(
            lambda: self._audience.payload("bridge/health").get("portal", {}).get("last_success")
        )
        self._rest()

        self._scene(
            second, f"Another morning, and a refresh is asked for on MQTT: {first:%A} arrives, whole."
        )
        self._refresh()

        self._scene(second + _LUNCH, f"Fluvius corrects {first:%A}. The bridge compares, and asks again.")
        self._correct(first)

        self._scene(
            third,
            f"The quarter-hours of {second:%A} are late."
            " A day that is not complete is awaited, never guessed.",
        )
        self._refresh()
        self._scene(third + _LUNCH, f"They have come, and with them {second:%A}, complete.")
        self._refresh()

        self._scene(last, f"{third:%A} arrives, and this is the present.")
        self._refresh()
        self._tell(
            f"This is the present. So far: {self._count('sign-in')}, {self._count('readings')}, each reading"
            " once. The bridge would go on like this for years."
        )

    def _correct(self, day: datetime) -> None:
        before = self._audience.payload("home/total")
        self._simulator.correct(self._home, day.date(), delta_wh=_CORRECTION)
        self._ask()
        after, corrected = self._audience.payload("home/total"), self._audience.payload("home/day")
        if before and after and corrected:
            self._tell(
                f"Fluvius corrected {day:%A} by {Decimal(_CORRECTION) / 1000:+} kWh: revision"
                f" {corrected['revision']}. The total follows, from {before['consumption']['total']} to"
                f" {after['consumption']['total']} kWh; nothing counts twice."
            )
        self._rest()

    def _scene(self, at: datetime, text: str) -> None:
        self._at = at
        self._simulator.set_today(at)
        self._tell(text)

    def _tell(self, text: str) -> None:
        self._say(Sentence(text, self._at))

    def _refresh(self) -> None:
        self._ask()
        self._rest()

    def _ask(self) -> None:
        """Ask as a user would, and wait for the answer."""
        question = f"{self._at:%A %H:%M}".lower()
        self._audience.say("bridge/request/refresh", json.dumps({"transaction": question}))
        self._wait_until(
            lambda: self._audience.payload("bridge/response/refresh").get("transaction") == question
        )

    def _count(self, what: str) -> str:
        number = self._simulator.count(what)
        names = {"sign-in": "sign-in", "readings": "request for readings"}
        head, _, tail = names[what].partition(" ")
        return f"{number} {head}{'s' * (number != 1)} {tail}".strip()

    def _rest(self) -> None:
        self._pause(SECONDS_PER_SCENE)

    def _wait_until(self, condition: Callable[[], object]) -> None:
        """Until it holds; or, where it never does, until the story has to go on all the same."""
        for _ in range(int(_SECONDS_TO_ANSWER / 0.05)):
            if condition():
                return
            self._pause(0.05)
