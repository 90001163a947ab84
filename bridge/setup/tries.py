"""An answer, tried: what was found, in words."""

import socket
import threading
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from bridge.config import ConfigError, MqttSettings, Settings, StatisticsSettings
from bridge.fetching.progress import SWITCH_ON
from bridge.fluvius.errors import CredentialsRefused, FluviusError
from bridge.fluvius.http import PoliteSession
from bridge.fluvius.open import Now, open_access, open_portal
from bridge.fluvius.source import Stepwise
from bridge.folder import private
from bridge.folder.claim import FolderError, make
from bridge.homeassistant import door, supervisor
from bridge.homeassistant.errors import CommandRefused, CoreAway, TokenRefused
from bridge.metering import completeness, meterday
from bridge.metering.model import Energy, Meter, Reading, Unit
from bridge.setup.answers import Answers
from bridge.setup.broker import try_broker

_USUAL_BROKERS = ("localhost", "homeassistant.local")
_PATIENCE = 1.5  # seconds, for all of them: a name on the home network takes a moment, or for ever
_KEPT_OF_TRIES = ("token.json", "home-assistant.json")


class Found(NamedTuple):
    """What came of a try."""

    works: bool
    words: str
    is_final: bool = False  # other answers would not be tried either
    is_refused: bool = False  # by Fluvius


class Nothing:
    """A memory for one visit: what is found is for the user, not for the bridge."""

    def recall(self, _key: str) -> None:
        """It remembers nothing."""

    def remember(self, _key: str, _value: object) -> None:
        """It forgets at once."""


def brokers_nearby(environ: Mapping[str, str]) -> list[MqttSettings]:
    """The brokers that answer where one usually is, the Supervisor's first, with its account."""
    found = []
    if environ.get(supervisor.TOKEN):
        with suppress(supervisor.SupervisorError, ConfigError, ValueError):
            found.append(MqttSettings.model_validate(supervisor.broker(environ)))
    answering: dict[str, bool] = {}
    threads = [
        threading.Thread(target=lambda host=host: answering.update({host: _answers(host)}), daemon=True)
        for host in _USUAL_BROKERS
    ]
    for each in threads:
        each.start()
    deadline = monotonic() + _PATIENCE
    for each in threads:
        each.join(max(deadline - monotonic(), 0))
    return [*found, *(MqttSettings(host=host) for host in _USUAL_BROKERS if answering.get(host))]


def _answers(host: str) -> bool:
    with suppress(OSError), socket.create_connection((host, 1883), _PATIENCE):
        return True
    return False


def broker(answers: Answers) -> Found:
    """Whether the bridge could work with this broker."""
    try:
        return Found(*try_broker(answers.settings()))
    except ConfigError as error:
        return Found(works=False, words=str(error))


def sign_in(answers: Answers, now: Now) -> Found:
    """Whether Fluvius knows this account: asked once, and a refusal is remembered as every command does."""
    answers.asides.pop("signed_in", None)
    try:
        settings = answers.settings()
        make(settings.data_dir)
        with closing(PoliteSession()) as http:
            open_access(settings, http, now, asked=True).try_sign_in()
    except CredentialsRefused as error:
        is_final = error.not_before is not None and error.not_before > now()
        return Found(works=False, words=str(error), is_final=is_final, is_refused=True)
    except (ConfigError, FluviusError, FolderError) as error:
        return Found(works=False, words=str(error))
    answers.asides["signed_in"] = "yes"
    return Found(works=True, words="Fluvius knows you")


def meter(answers: Answers, index: int) -> Found:
    """Whether Fluvius has readings of the meter; asked where it has let us in just now."""
    if "signed_in" not in answers.asides:
        return Found(works=True, words="not asked: there was no sign-in; `fluvius2mqtt check` asks")
    try:
        settings = answers.settings()
        with closing(PoliteSession()) as http:
            source = open_portal(settings, http, Nothing(), _now, asked=True)
            days = settings.schedule.lookback_days
            return Found(*readings_of(source, settings.every_meter[index], _now(), days))
    except (ConfigError, FluviusError, FolderError) as error:
        return Found(works=False, words=str(error))


def statistics(answers: Answers) -> Found:
    """Whether Home Assistant takes statistics with this token."""
    try:
        settings = answers.settings()
        wanted = settings.homeassistant.statistics
        if not isinstance(wanted, StatisticsSettings):
            return Found(works=True, words="off")
        make(settings.data_dir)
        return home_assistant(wanted, settings.data_dir)
    except (ConfigError, FolderError) as error:
        return Found(works=False, words=str(error))


def home_assistant(wanted: StatisticsSettings, folder: Path) -> Found:
    """Whether a Home Assistant takes statistics; that it refuses the token is remembered in the folder."""
    try:
        with door.entered(wanted, door.refusals(wanted, folder), _now, asked=True) as core:
            core.check()
            return Found(works=True, words=f"Home Assistant {core.version} takes statistics")
    except (CoreAway, CommandRefused, FolderError, TokenRefused) as error:
        return Found(works=False, words=str(error))


def readings_of(source: Stepwise, meter: Meter, now: datetime, lookback_days: int) -> tuple[bool, str]:
    """Whether there are readings, and which: the newest day's intervals, or else the oldest's.

    Raises:
        FluviusError, FolderError: see there.
    """
    first, last = meterday.span_within(meter)
    window = [day for day in completeness.window(meter.energy, now, lookback_days) if first <= day <= last]
    if not window:
        return True, f"its from or until leaves nothing of the last {lookback_days} days to ask for"
    readings = source.days(meter, window[0], window[-1]).readings
    days = sorted({meterday.day_of(reading.start, meter.energy) for reading in readings})
    if not days:
        return False, (
            f"no readings since {window[0]}; compare the EAN and the serial number with mijn.fluvius.be,"
            " also after an exchange of the meter"
        )
    if other := _counts_otherwise(meter, readings):
        return False, other
    for day in (days[-1], days[0]):
        intervals = {reading.start for reading in source.intervals(meter, day).readings}
        if intervals:
            return True, f"days up to {days[-1]}, {len(intervals)} intervals on {day}"
    return True, f"days up to {days[-1]}, days only; {SWITCH_ON[meter.energy]}"


def _counts_otherwise(meter: Meter, readings: Iterable[Reading]) -> str | None:
    """Gas comes in m³ too; nothing else does."""
    answered = Energy.GAS if any(each.register.unit is Unit.M3 for each in readings) else Energy.ELECTRICITY
    if answered is meter.energy:
        return None
    return f"Fluvius answers with readings of {answered}; write energy: {answered} for this meter"


class Traces:
    """What tries leave in the data folder, so that whoever goes away unfinished leaves none.

    That credentials were refused stays, whatever becomes of the answers: a locked account is worse.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._was_there = folder, folder.exists()

    def wipe(self) -> None:
        """Leave nothing but refusals."""
        if self._was_there or not self._folder.exists():
            return
        with suppress(FolderError, OSError):
            for path in (self._folder / name for name in _KEPT_OF_TRIES):
                kept = private.parts(path)
                if kept.get("refusals") or kept.get("locks"):
                    private.replace(path, account=None, token=None)
                else:
                    path.unlink(missing_ok=True)
                    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
            self._folder.rmdir()


def _now() -> datetime:
    return datetime.now(UTC)


def data_dir_of(answers: Answers) -> Path:
    """Where tries remember what was refused."""
    try:
        return answers.settings().data_dir
    except ConfigError:
        return Settings().data_dir
