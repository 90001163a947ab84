"""`fluvius2mqtt run`: the bridge, until it is told to stop."""

import argparse
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable

from bridge import __version__
from bridge.commands.starting import settings_for
from bridge.folder.claim import claim
from bridge.ledger import Ledger
from bridge.service.bridge import Bridge
from bridge.text.endings import DONE

_SECONDS_TO_STOP = 1.4

log = logging.getLogger(__name__)


def add_arguments(_: argparse.ArgumentParser) -> None:
    """None of its own."""


def command(arguments: argparse.Namespace) -> int:
    """Run the bridge; returns when it was told to stop."""
    settings = settings_for(arguments)
    with claim(settings.data_dir):
        with Ledger(settings.data_dir / "ledger.sqlite", stream=settings.mqtt.stream) as ledger:
            bridge = Bridge(settings, ledger)
            followed = ", ".join(meter.label for meter in settings.followed) or "whoever gave a mandate"
            log.info("fluvius2mqtt %s follows %s", __version__, followed)
            ended = _until_told_to_stop(bridge.run, bridge.stop)
        if not ended:  # in the middle of a request; whatever was kept is kept, and the last will says offline
            logging.shutdown()
            os._exit(DONE)
    return DONE


def _until_told_to_stop(work: Callable[[], None], stop: Callable[[], None]) -> bool:
    """Work in a thread until SIGTERM or Ctrl-C; returns whether the work came to its end.

    A thread, because nothing else ends a request that hangs (in a name lookup, say) within two seconds.
    """
    # A signal may reach another thread: it wakes this one only by what Python then writes to the socket.
    wakes, wakened = socket.socketpair()
    wakes.setblocking(False)
    signal.set_wakeup_fd(wakes.fileno())
    told_to_stop: list[int] = []
    failures: list[BaseException] = []

    def working() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again below
            failures.append(error)
        wakes.send(b"\0")

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: told_to_stop.append(number))
    worker = threading.Thread(target=working, name="bridge", daemon=True)
    worker.start()
    wakened.recv(1)
    if told_to_stop:
        log.info("stopping")
        stop()
    worker.join(_SECONDS_TO_STOP)
    if failures:
        raise failures[0]
    return not worker.is_alive()
