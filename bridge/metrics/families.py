"""Every metric there is, a row each: its name is a promise, and no label tells of a meter."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)

from bridge import __version__
from bridge.ledger.health import State
from bridge.metrics.seen import Seen
from bridge.text.words import Payload

Samples = Iterable[tuple[tuple[str, ...], float]]  # the labels' values, and the number


class Row(NamedTuple):
    """One metric; one of which nothing is known is left out."""

    name: str  # a counter's without its _total
    words: str
    labels: tuple[str, ...]
    samples: Callable[[Seen], Samples]
    kind: type[GaugeMetricFamily | CounterMetricFamily] = GaugeMetricFamily


def families(seen: Seen) -> Iterator[Metric]:
    """All of them."""
    yield InfoMetricFamily("fluvius2mqtt_build", "Which version runs.", {"version": __version__})
    for row in _ROWS:
        family = row.kind(f"fluvius2mqtt_{row.name}", row.words, labels=row.labels)
        for labels, value in row.samples(seen):
            family.add_metric(labels, value)
        if family.samples:
            yield family
    yield from _lag(seen)


def _lag(seen: Seen) -> Iterator[Metric]:
    lag = GaugeHistogramMetricFamily(
        "fluvius2mqtt_meter_lag",
        "Meters by how many days Fluvius may have published since their latest complete one.",
        labels=["source"],
    )
    for source, each in (seen.counted.lags if seen.counted else {}).items():
        lag.add_metric([source], list(each.buckets()), each.days)
    if lag.samples:
        yield lag


def _heartbeat(seen: Seen) -> Samples:
    if figures := seen.window.figures:
        yield (), figures.at.timestamp()


def _requests(seen: Seen) -> Samples:
    if figures := seen.window.figures:
        yield from figures.requests.items()


def _refusals(seen: Seen) -> Samples:
    if figures := seen.window.figures:
        yield from (((source,), count) for source, count in figures.refusals.items())


def _states(seen: Seen) -> Samples:
    for source, said in _sources(seen):
        yield from (((source, state), float(said["state"] == state)) for state in State)


def _successes(seen: Seen) -> Samples:
    for source, said in _sources(seen):
        if said["last_success"]:
            yield (source,), datetime.fromisoformat(said["last_success"]).timestamp()


def _failures(seen: Seen) -> Samples:
    yield from (((source,), said["failures_in_a_row"]) for source, said in _sources(seen))


def _sources(seen: Seen) -> Iterator[tuple[str, Payload]]:
    """What `bridge/health` says of those that are asked: of broker and ledger it says other things."""
    health = seen.window.status.health if seen.window.status else {}
    yield from ((name, said) for name, said in health.items() if "failures_in_a_row" in said)


def _problems(seen: Seen) -> Samples:
    if status := seen.window.status:
        parts = {*status.health, "broker", "ledger"}
        yield from (((part,), float(part in status.problem)) for part in sorted(parts))


def _cycles(seen: Seen) -> Samples:
    if figures := seen.window.figures:
        yield from (((outcome,), count) for outcome, count in figures.cycles.items())


def _last_cycle(seen: Seen) -> Samples:
    if (figures := seen.window.figures) and figures.last_cycle:
        yield (), figures.last_cycle.timestamp()


def _last_cycle_seconds(seen: Seen) -> Samples:
    if (figures := seen.window.figures) and figures.last_cycle:
        yield (), figures.last_cycle_seconds


def _meters(seen: Seen) -> Samples:
    yield from (
        ((source,), lag.meters) for source, lag in (seen.counted.lags if seen.counted else {}).items()
    )


def _waiting_meters(seen: Seen) -> Samples:
    if seen.window.figures and seen.settings.mqtt.publish.meters:
        yield ("mqtt",), seen.window.figures.unpublished
    if seen.counted:
        yield from (((sink,), count) for sink, count in seen.counted.meters.items())


def _waiting_readings(seen: Seen) -> Samples:
    if seen.counted:
        yield from (((sink,), count) for sink, count in seen.counted.readings.items())


def _waiting_changes(seen: Seen) -> Samples:
    """Of the sinks that say so on `bridge/health`."""
    yield from (((sink,), said["waiting"]) for sink, said in _sources(seen) if "waiting" in said)


def _connected(seen: Seen) -> Samples:
    if figures := seen.window.figures:
        yield (), float(figures.connected)


def _readable(seen: Seen) -> Samples:
    if seen.ledger_size is not None:
        yield (), float(seen.counted is not None)


def _size(seen: Seen) -> Samples:
    if seen.ledger_size is not None:
        yield (), seen.ledger_size


_ROWS = (
    Row("heartbeat_timestamp_seconds", "When the bridge was last seen at work.", (), _heartbeat),
    Row(
        "requests",
        "Requests to Fluvius since the start, and what became of them.",
        ("source", "outcome"),
        _requests,
        CounterMetricFamily,
    ),
    Row(
        "refusals",
        "Credentials that Fluvius refused since the start.",
        ("source",),
        _refusals,
        CounterMetricFamily,
    ),
    Row("source_state", "1 for the state that a source is in.", ("source", "state"), _states),
    Row(
        "source_last_success_timestamp_seconds", "When a source last answered well.", ("source",), _successes
    ),
    Row("source_failures_in_a_row", "Failures since a source last answered well.", ("source",), _failures),
    Row("problem", "1 where a person should look, as bridge/problem says.", ("part",), _problems),
    Row("cycles", "Runs over all meters since the start.", ("outcome",), _cycles, CounterMetricFamily),
    Row("last_cycle_timestamp_seconds", "When the last run ended.", (), _last_cycle),
    Row(
        "last_cycle_duration_seconds",
        "How long the last run took, with all that was published.",
        (),
        _last_cycle_seconds,
    ),
    Row("meters", "Meters that are followed.", ("source",), _meters),
    Row("outbox_meters", "Meters of which something waits for a sink.", ("sink",), _waiting_meters),
    Row("outbox_readings", "Readings that wait for a sink.", ("sink",), _waiting_readings),
    Row("outbox_changes", "Days, peaks and costs that wait for a sink.", ("sink",), _waiting_changes),
    Row("broker_connected", "Whether the broker is connected.", (), _connected),
    Row("ledger_readable", "Whether the ledger can be read.", (), _readable),
    Row("ledger_size_bytes", "The size of the ledger, with its log.", (), _size),
)
