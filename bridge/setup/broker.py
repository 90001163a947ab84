"""The broker, tried as `run` needs it; what was left there is taken away again."""

from collections.abc import Iterator
from contextlib import suppress

from bridge.config import Settings
from bridge.mqtt import BrokerAway, RoundTrip, SubscriptionRefused, topics
from bridge.mqtt.allowance import in_words
from bridge.mqtt.visitor import Visitor
from bridge.publishing.discovery import HOME_ASSISTANT_STATUS
from bridge.publishing.ours import ours

_TO_CONNECT = 10.0  # seconds
_EACH = 3.0  # seconds for a step
_QUIET = 0.3  # seconds without a retained message, after which there is none left
_SLOW = 20.0  # seconds, for the large one on a slow line
_LARGEST = 16_000  # bytes: `intervals` of the longest day, 100 quarter-hours, on a long topic


def try_broker(settings: Settings) -> tuple[bool, str]:
    """Whether a run could work, and what to do where it could not."""
    place = f"{settings.mqtt.host}:{settings.mqtt.port}"
    with Visitor(settings.mqtt) as visitor:
        try:
            visitor.arrive(_TO_CONNECT)
            problems = list(_problems(settings, visitor))
            strangers = [] if problems else _strangers(settings, visitor)
        except BrokerAway as error:
            return False, visitor.problem or str(error)
    if problems:
        return False, f"{place}: " + "; ".join(problems)
    words = f"{place} takes and delivers messages of {_LARGEST // 1000} kB, and keeps them"
    if strangers:
        words += (
            f"; {settings.mqtt.base_topic}/ has {len(strangers)} retained topics of another program, such as"
            f" {strangers[0]}: write another mqtt.base_topic, unless they are meant to be together"
        )
    return True, words


def _strangers(settings: Settings, visitor: Visitor) -> list[str]:
    """Retained topics where ours are going to be, and which we would not name so."""
    base = settings.mqtt.base_topic
    with suppress(BrokerAway, SubscriptionRefused):
        there = visitor.retained([f"{base}/#"], _EACH, _QUIET)
        return sorted(there.keys() - ours(there, base, settings.homeassistant.discovery_prefix).keys())
    return []


def _problems(settings: Settings, visitor: Visitor) -> Iterator[str]:
    base = settings.mqtt.base_topic
    below = {topics.bridge_check(base), *(f"{base}/{meter.name}/check" for meter in settings.followed)}
    outcomes = {visitor.round_trip(topic, retain=True, within=_EACH) for topic in sorted(below)}
    if outcomes != {RoundTrip.ARRIVED}:
        words = "; ".join(sorted(outcome.value for outcome in outcomes - {RoundTrip.ARRIVED}))
        yield f"{words}; it must allow {base}/#"
    else:
        yield from _too_large(visitor)
    yield from _without_requests(settings, visitor)
    if settings.homeassistant.discovery:
        yield from _without_discovery(settings, visitor)


def _too_large(visitor: Visitor) -> Iterator[str]:
    try:
        outcome = visitor.round_trip(payload="x" * _LARGEST, retain=True, within=_SLOW)
    except BrokerAway as error:
        outcome, why = RoundTrip.LOST, f"it ends the connection ({error})"
        visitor.arrive(_TO_CONNECT)
    else:
        why = in_words(visitor.left_out) if outcome is RoundTrip.TOO_LARGE else "it drops it without a word"
    if outcome is not RoundTrip.ARRIVED:
        yield (
            f"it does not take a message of {_LARGEST // 1000} kB, as large as a day's intervals: {why};"
            " what is larger than it allows is left out, everything else is published;"
            " raise its limit (Mosquitto: max_packet_size, message_size_limit)"
        )


def _without_requests(settings: Settings, visitor: Visitor) -> Iterator[str]:
    base = settings.mqtt.base_topic
    for topic in topics.requests(base, visitor.allowance.wildcards):
        if not visitor.may_listen(topic, _EACH):
            yield f"it does not let us listen to {topic}, so no command would arrive; it must allow {base}/#"


def _without_discovery(settings: Settings, visitor: Visitor) -> Iterator[str]:
    prefix = settings.homeassistant.discovery_prefix
    topic = f"{prefix}/fluvius2mqtt/check"
    outcome = visitor.round_trip(topic, within=_EACH)
    if outcome is RoundTrip.LOST:  # which is fine where we may write and not read
        outcome = _in_plain_words(settings, topic)
    if outcome in {RoundTrip.PUBLISH_REFUSED, RoundTrip.LOST}:
        yield (
            f"discovery: {outcome.value}; it must allow {prefix}/# for writing,"
            " or switch homeassistant.discovery off"
        )
    for topic in sorted({HOME_ASSISTANT_STATUS, f"{prefix}/status"}):
        if not visitor.may_listen(topic, _EACH):
            yield f"it does not let us listen to {topic}, so a start of Home Assistant goes unnoticed"


def _in_plain_words(settings: Settings, topic: str) -> RoundTrip:
    """What a broker says that does not deliver: MQTT 5 has words for what may not be written."""
    other = {"protocol": "5", "client_id": f"{settings.mqtt.client_id}-5"}
    with suppress(BrokerAway), Visitor(settings.mqtt.model_copy(update=other)) as visitor:
        visitor.arrive(_EACH)
        outcome = visitor.round_trip(topic, within=_EACH)
        return RoundTrip.ARRIVED if outcome is RoundTrip.LOST else outcome
    return RoundTrip.LOST
