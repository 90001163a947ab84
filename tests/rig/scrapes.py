"""What Prometheus does: asks for metrics, and understands them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from bridge.config import Settings
from bridge.metrics.exposition import exposition
from bridge.metrics.server import served
from bridge.service.window import Window

ROOT = Path(__file__).parents[2]
OPEN_METRICS = {"Accept": "application/openmetrics-text;version=1.0.0"}

Samples = dict[str, float]  # `name{label="value"}`, without the prefix that all have


def understood(text: str) -> Samples:
    """Every sample of an exposition, by its name and labels in alphabetical order."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            key = f"{sample.name}{{{labels}}}" if labels else sample.name
            assert key not in found
            found[key.removeprefix("fluvius2mqtt_")] = sample.value
    return found


@contextmanager
def metrics_of(
    settings: Settings,
    window: Window,
    now: Callable[[], datetime],
    *,
    host: str = "127.0.0.1",
    password: str | None = None,
) -> Iterator[str]:
    """Metrics at an address of their own."""
    answer = exposition(lambda: settings, lambda: window, now)
    with served(answer, host=host, port=0, password=password) as port:
        yield f"http://127.0.0.1:{port}/metrics"


def scraped(address: str) -> Samples:
    answer = requests.get(address, headers=OPEN_METRICS, timeout=10)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    return understood(answer.text)
