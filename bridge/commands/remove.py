"""`fluvius2mqtt remove`: takes everything of ours off the broker, whether or not the ledger remembers it."""

import argparse
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bridge.commands.starting import settings_for
from bridge.config import Settings
from bridge.folder.claim import FolderError, FolderTaken, claim
from bridge.ledger import Ledger, LedgerError
from bridge.mqtt import BrokerAway, Message, PublishRefused, RoundTrip, SubscriptionRefused, topics
from bridge.mqtt.visitor import Visitor
from bridge.publishing.ours import BRIDGE, DISCOVERY, ours
from bridge.publishing.retained import discovery_first
from bridge.text.endings import COULD_NOT, DONE, ForTheUser

_PATIENCE = 10.0  # seconds for the broker to be there
_LOOK, _QUIET = 300.0, 2.0  # seconds for all that is there, and between two messages
_HIDES = {RoundTrip.SUBSCRIBE_REFUSED, RoundTrip.LOST}  # an access list hides messages, and says nothing
_AT_ONCE = 200  # topics
_HIDDEN = "those that the ledger remembers and the broker does not show"


class NotRemoved(ForTheUser):
    """Something is still there; the message says why and what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whether it is agreed to already."""
    parser.add_argument("--yes", action="store_true", help="do not ask")


def command(arguments: argparse.Namespace) -> int:
    """As `remove`."""
    return remove(settings_for(arguments, "critical"), yes=arguments.yes)


def remove(settings: Settings, *, yes: bool) -> int:
    """Say what there is of ours, and take it off the broker; returns the exit status.

    Args:
        settings: the configuration: whose base topic, and which broker.
        yes: whether that was agreed to; otherwise whoever sits at the terminal is asked.

    Raises:
        NotRemoved: the broker is away, or does not let go of everything.
        FolderError: a bridge is running in the data folder, or it cannot be written.
        LedgerError: what was taken off cannot be forgotten.
    """
    with _ledger(settings.data_dir) as ledger, _broker(settings) as broker:
        return _Errand(settings, broker, ledger).run(yes=yes)


class _Errand:
    """One removal."""

    def __init__(self, settings: Settings, broker: Visitor, ledger: Ledger | None) -> None:
        self._broker, self._ledger = broker, ledger
        self._base, self._prefix = settings.mqtt.base_topic, settings.homeassistant.discovery_prefix
        self._discovers = settings.discovers
        self._places = (f"{self._base}/#", f"{self._prefix}/+/+/config", f"{self._prefix}/+/+/+/config")
        self._blind: set[str] = set()  # those that the broker does not show
        self._place = f"{settings.mqtt.host}:{settings.mqtt.port}"

    def run(self, *, yes: bool) -> int:
        found = self._find()
        if not found:
            if self._blind:
                raise NotRemoved("the broker does not let us look, and no ledger remembers what is there")
            print(f"nothing of fluvius2mqtt is there, on {self._place} below {self._base} and {self._prefix}")
            return DONE
        for line in self._in_words(found):
            print(line)
        if not (yes or _agreed()):
            print("nothing was removed; add --yes to remove all of it")
            return COULD_NOT
        print(f"{self._take_all(found)} topics were removed; every reading is still in the ledger")
        return DONE

    def _find(self) -> dict[str, str]:
        """What is to be taken off: topic → whose it is."""
        remembered = self._ledger.outbox.published_topics() if self._ledger else {}
        there = self._look()
        found = ours(there, self._base, self._prefix)
        for topic in remembered.keys() - found.keys():
            found[topic] = self._whose(topic) if topic in there else _HIDDEN
        if there.get(topics.bridge_state(self._base)) == b"online":
            _warn("a bridge is online, and publishes everything again: stop it first")
        if found and self._discovers and DISCOVERY not in found.values():
            _warn(
                f"nothing of Home Assistant's discovery is shown: if the broker hides {self._prefix}/# from"
                " us, let us read it, or Home Assistant keeps its devices"
            )
        return found

    def _look(self) -> dict[str, bytes]:
        """What stands where our topics are, as far as the broker shows it."""
        places = [each for each in self._places if each not in self._blind]
        try:
            found = self._broker.retained(places, _LOOK, _QUIET) if places else {}
            if found or not places or self._broker.round_trip() not in _HIDES:
                return found
        except SubscriptionRefused as refusal:
            places = [refusal.topic_filter]
        except BrokerAway:  # some hang up on a wildcard
            if not self._broker.connected:
                self._broker.arrive(_PATIENCE)
        _warn(f"the broker does not show us {', '.join(places)}; there, the ledger is all we know")
        self._blind.update(places)
        return self._look()

    def _whose(self, topic: str) -> str:
        if topic.endswith("/config"):
            return DISCOVERY
        name = topic.removeprefix(f"{self._base}/").partition("/")[0]
        return BRIDGE if name == "bridge" else name

    def _in_words(self, found: Mapping[str, str]) -> Iterator[str]:
        yield f"fluvius2mqtt has these on {self._place}:"
        examples = {whose: topic for topic, whose in sorted(found.items(), reverse=True)}
        for whose, count in sorted(Counter(found.values()).items()):
            topic_s = "topic" if count == 1 else "topics"
            yield f"  {count} {topic_s} of {whose}, such as {examples[whose]}"

    def _take_all(self, found: Collection[str]) -> int:
        """And look again: some brokers do not show everything at once, or throw away what they took."""
        taken: set[str] = set()
        refused: list[str] = []
        while new := set(found) - taken:
            refused += self._take(discovery_first(sorted(new)))
            taken |= new
            found = ours(self._look(), self._base, self._prefix)
        if left := [*found, *refused]:
            raise NotRemoved(
                f"{len(left)} of {len(taken)} topics could not be removed, such as {left[0]}: look at the"
                " broker's access list, and whether a bridge with this base topic still runs"
            )
        return len(taken)

    def _take(self, gone: Sequence[str]) -> list[str]:
        """Empty some topics; returns those of which it is known that the broker refused it."""
        refused = []
        for i in range(0, len(gone), _AT_ONCE):
            some = gone[i : i + _AT_ONCE]
            try:
                self._broker.publish([Message(topic, "") for topic in some])
            except PublishRefused as refusal:
                refused.append(refusal.topic)
            else:
                if self._ledger:
                    self._ledger.outbox.remove_published_topics(some)
        return refused


@contextmanager
def _broker(settings: Settings) -> Iterator[Visitor]:
    try:
        with Visitor(settings.mqtt) as broker:
            broker.arrive(_PATIENCE)
            yield broker
    except BrokerAway as error:
        raise NotRemoved(error) from None


@contextmanager
def _ledger(folder: Path) -> Iterator[Ledger | None]:
    """The ledger, while no bridge works in it; None where there is none, or none that can be read."""
    with ExitStack() as stack:
        if not _is_there(folder / "ledger.sqlite"):
            yield None
            return
        try:
            stack.enter_context(claim(folder))
        except FolderTaken:
            raise FolderError(
                f"a bridge is running in {folder}, and would publish everything again; stop it first"
            ) from None
        try:  # a stream, or what waits for it would be dropped
            ledger = stack.enter_context(Ledger(folder / "ledger.sqlite", stream=True))
        except LedgerError as error:
            _warn(f"{error}. Only what the broker shows can be removed")
            ledger = None
        yield ledger


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        raise FolderError(f"{path} cannot be read; run this as the user who runs the bridge") from None


def _agreed() -> bool:
    """What the person at the terminal says, if there is one."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    try:
        return input("Remove all of it? [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        return False


def _warn(words: str) -> None:
    print(f"fluvius2mqtt: {words}", file=sys.stderr)
