"""A bridge is kept running: another one after each change of the configuration, none while there is none."""

import logging
import threading
from dataclasses import replace

from bridge import __version__
from bridge.config import Settings
from bridge.folder.claim import FolderError, claim
from bridge.ledger import Ledger, LedgerUnavailable
from bridge.mqtt import Command
from bridge.service.answers import refused
from bridge.service.bridge import Bridge
from bridge.service.window import Window
from bridge.text.endings import ForTheUser
from bridge.text.words import Payload

log = logging.getLogger(__name__)

_AGAIN = 60.0  # seconds after which a folder or a ledger is looked at again that could not be used
_PASSING = FolderError, LedgerUnavailable  # others let go of it, or make room; a damaged one is put right


class Keeper:
    """`run` belongs to the thread that works; everything else may be called from anywhere.

    Args:
        settings: the configuration to begin with.
        is_seen: whether there is a page: it says why the bridge cannot start, and shows its meters.
    """

    def __init__(self, settings: Settings, *, is_seen: bool = False) -> None:
        self.settings = settings
        self.window = Window(shows_meters=is_seen)
        self.trouble: str | None = None  # why the bridge did not start
        self._is_seen = is_seen
        self._lock = threading.RLock()  # a bridge that is asked too much answers at once
        self._bridge: Bridge | None = None
        self._unanswered: dict[int, Command] = {}  # of this bridge
        self._has_run = False  # the latest of them
        self._news = threading.Event()
        self._is_told_to_stop = False

    def run(self) -> None:
        """Work until told to stop.

        Raises:
            ForTheUser: the bridge ended by itself; or it cannot start, and there is no page that says so.
        """
        while not self._is_told_to_stop:
            patience = None
            try:
                self._work()
            except ForTheUser as error:
                if self._has_run or not self._is_seen:  # it has to be started anew, as a whole
                    raise
                if self.trouble != str(error):
                    log.error("%s", error)  # noqa: TRY400 - it is no bug, so that nobody needs a traceback
                self.trouble = str(error)
                patience = _AGAIN if isinstance(error, _PASSING) else None
            self._news.wait(patience)
            self._news.clear()

    def take_over(self, settings: Settings) -> None:
        """Go on with another configuration."""
        self.settings, self.trouble = settings, None
        self._wake()

    def stop(self) -> None:
        """End soon."""
        self._is_told_to_stop = True
        self._wake()

    def wish(self, command: Command) -> None:
        """Ask the bridge for something; who waits for an answer is told when there is no bridge."""
        with self._lock:
            if bridge := self._bridge:
                bridge.wish(self._awaited(command))
                return
        if command.answer:
            why = self.trouble or (
                "it is just starting" if self.settings.is_set_up else "it is not set up yet"
            )
            command.answer(refused(command, f"the bridge does not run: {why}"))

    def _awaited(self, command: Command) -> Command:
        """The same, answered once: by the bridge, or when that has ended."""
        if (answer := command.answer) is None:
            return command
        self._unanswered[id(command)] = command

        def answered(payload: Payload) -> None:
            with self._lock:
                is_awaited = self._unanswered.pop(id(command), None)
            if is_awaited:
                answer(payload)

        return replace(command, answer=answered)

    def _wake(self) -> None:
        self._news.set()
        if bridge := self._bridge:
            bridge.stop()

    def _work(self) -> None:
        """One bridge, until something is new."""
        self.window, self._has_run = Window(shows_meters=self._is_seen), False
        settings = self.settings
        if self._is_told_to_stop:
            return
        if not settings.is_set_up:
            waiting = f"; files in {settings.import_dir} wait until then" if settings.import_dir else ""
            log.warning("no meter is configured yet, and nothing is fetched%s", waiting)
            return
        path = settings.data_dir / "ledger.sqlite"
        with claim(settings.data_dir), Ledger(path, stream=settings.mqtt.stream) as ledger:
            self._bridge = bridge = Bridge(settings, ledger, window=self.window)
            log.info(
                "fluvius2mqtt %s follows %s",
                __version__,
                settings.followed_in_words("whoever gave a mandate"),
            )
            try:
                if not self._news.is_set():
                    self._has_run, self.trouble = True, None
                    bridge.run()
            finally:
                self._ended()

    def _ended(self) -> None:
        with self._lock:
            self._bridge, unanswered, self._unanswered = None, self._unanswered, {}
        for command in unanswered.values():
            if command.answer:
                command.answer(refused(command, "the bridge was stopped meanwhile; ask again"))
