"""Metrics as Prometheus reads them: OpenMetrics where that is asked for, else its own older text."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Metric, ProcessCollector, make_wsgi_app
from prometheus_client.registry import Collector

from bridge.config import Settings
from bridge.metrics.families import families
from bridge.metrics.seen import Seen, look
from bridge.service.window import Window

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class _Around(Collector):
    """Looks around each time that somebody asks."""

    def __init__(self, seen: Callable[[], Seen]) -> None:
        self._seen = seen

    def collect(self) -> Iterator[Metric]:
        yield from families(self._seen())


def exposition(
    settings: Callable[[], Settings], window: Callable[[], Window], now: Callable[[], datetime]
) -> "WSGIApplication":
    """Answers with all metrics, whoever asks, at whatever path.

    Args:
        settings: those that hold now.
        window: through which the bridge is seen that runs now.
        now: the present instant, aware.
    """
    registry = CollectorRegistry()
    registry.register(_Around(lambda: look(settings(), window(), now())))
    ProcessCollector(registry=registry)  # memory, processor time, open files
    return make_wsgi_app(registry)
