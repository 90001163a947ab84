"""What Home Assistant counted of our MQTT sensors while they had a state class.

They have none any more, so Home Assistant asks its user for each what is to become of the statistics. They
are wrong by a day and more: they are cleared, of our sensors alone, and of those alone of which Home
Assistant itself finds that they have no state class (or do not exist): one that has it still, because it did
not hear of the change yet, would go on counting, and one that got it from its user is the user's.
"""

import logging
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from bridge.homeassistant.errors import CommandRefused

if TYPE_CHECKING:
    from bridge.homeassistant.core import Core

log = logging.getLogger(__name__)

_OVER = {"state_class_removed", "no_state"}  # among the issues of `recorder/validate_statistics`
_NO_DASHBOARD = {"not_found", "unknown_command"}


def find(core: "Core", unique_ids: Collection[str]) -> set[str]:
    """The statistic ids, which are entity ids, of those of our sensors of which there are statistics."""
    with core.understood():
        entities = core.ask("config/entity_registry/list")
        ours = {
            str(each["entity_id"])
            for each in entities
            if each["platform"] == "mqtt" and each["unique_id"] in unique_ids
        }
    return ours & core.statistics(sums_only=False).keys() if ours else set()


def clear(core: "Core", found: Collection[str]) -> set[str]:
    """Clear what is over.

    Returns:
        those that are over and that the Energy dashboard shows: they are left to the user.
    """
    with core.understood():
        issues = core.ask("recorder/validate_statistics")
        over = {each for each in found if _OVER & {issue["type"] for issue in issues.get(each, ())}}
    shown = over & set(_texts(_dashboard(core)))
    if free := sorted(over - shown):
        core.ask("recorder/clear_statistics", statistic_ids=free)
        log.info("cleared in Home Assistant, which had counted our sensors by itself: %s", ", ".join(free))
    return shown


def _dashboard(core: "Core") -> Any:
    try:
        return core.ask("energy/get_prefs")
    except CommandRefused as error:
        if error.code not in _NO_DASHBOARD:
            raise
        return None


def _texts(preferences: Any) -> Iterator[str]:
    match preferences:
        case str():
            yield preferences
        case dict():
            for each in preferences.values():
                yield from _texts(each)
        case list():
            for each in preferences:
                yield from _texts(each)
