"""`fluvius2mqtt run`: the bridge, until it is told to stop."""

import argparse
import gc
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from bridge.commands.starting import settings_for
from bridge.config import MetricsSettings, Settings, WebSettings
from bridge.homeassistant import supervisor
from bridge.service.keeper import Keeper
from bridge.text.endings import DONE, ForTheUser
from bridge.text.hosts import in_url
from bridge.text.installing import how_to_get
from bridge.text.log_lines import LastLines

_SECONDS_TO_STOP = 1.4

log = logging.getLogger(__name__)


def add_arguments(_: argparse.ArgumentParser) -> None:
    """None of its own."""


def command(arguments: argparse.Namespace) -> int:
    """Run the bridge; returns when it was told to stop."""
    settings = settings_for(arguments, may_be_empty=True)
    keeper = Keeper(settings, is_seen=settings.page is not None)
    if settings.metrics and find_spec("prometheus_client") is None:
        raise ForTheUser(f"metrics need prometheus-client; {how_to_get('metrics')}; or set metrics to false")
    with ExitStack() as meanwhile:
        if settings.page:
            meanwhile.enter_context(_page(settings.page, keeper, arguments.config))
        if settings.metrics_alone:
            meanwhile.enter_context(_metrics(settings.metrics_alone, keeper))
        gc.freeze()  # what is loaded stays: it is not looked through again whenever a large answer is read
        ended = _until_told_to_stop(keeper.run, keeper.stop)
    if not ended:  # in the middle of a request; whatever was kept is kept, and the last will says offline
        logging.shutdown()
        os._exit(DONE)
    return DONE


@contextmanager
def _page(page: WebSettings, keeper: Keeper, config: Path | None) -> Iterator[None]:
    """Meanwhile, the page is there."""
    try:
        from bridge.setup.place import place_of  # noqa: PLC0415
        from bridge.web import doors, server  # noqa: PLC0415 - an extra, and megabytes
        from bridge.web.house import House  # noqa: PLC0415
        from bridge.web.sessions import known_key  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ForTheUser(f"the page needs {error.name}; set web to false, or {how_to_get('web')}") from None
    place = place_of(config, os.environ)
    lines = LastLines()
    logging.getLogger().addHandler(lines)
    is_panel = supervisor.is_there(os.environ)
    door = doors.ingress(supervisor.asks_from(os.environ)) if is_panel else doors.configured(page)
    host = "0.0.0.0" if is_panel else page.host  # noqa: S104 - the door lets the Supervisor alone in

    key = known_key(keeper.settings.data_dir)

    def take_over(settings: Settings) -> None:
        keeper.take_over(settings)
        key.keep_in(settings.data_dir)  # not before: whoever sets nothing up leaves nothing behind

    def house() -> House:
        return House(
            keeper.settings,
            keeper.window,
            keeper.wish,
            lines.lines,
            place=place,
            take_over=take_over,
            trouble=keeper.trouble,
        )

    if keeper.settings.is_set_up:
        key.keep_in(keeper.settings.data_dir)
    with server.served(house, door, key, host=host, port=page.port) as port:
        if not is_panel:
            log.info("the page is at http://%s:%d", in_url(host), port)
        yield


@contextmanager
def _metrics(alone: MetricsSettings, keeper: Keeper) -> Iterator[None]:
    """Meanwhile, metrics are there."""
    from bridge.metrics import server  # noqa: PLC0415 - an extra
    from bridge.metrics.exposition import exposition  # noqa: PLC0415

    answer = exposition(lambda: keeper.settings, lambda: keeper.window, lambda: datetime.now(UTC))
    password = alone.password.get_secret_value() if alone.password else None
    with server.served(answer, host=alone.host, port=alone.port, password=password) as port:
        log.info("metrics are at http://%s:%d/metrics", in_url(alone.host), port)
        yield


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
