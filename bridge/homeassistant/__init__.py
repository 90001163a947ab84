"""What Home Assistant is told beside MQTT."""

from collections.abc import Mapping
from importlib.util import find_spec

from pydantic import SecretStr

from bridge.config import ConfigError, HomeAssistantSettings, Settings, StatisticsSettings
from bridge.homeassistant import supervisor
from bridge.text.installing import how_to_get

_NEEDS_STATISTICS = "Home Assistant's Energy dashboard needs statistics; set homeassistant.statistics"


def advice(settings: Settings) -> str | None:
    """What is probably missing, for the user: the Energy dashboard shows statistics only."""
    return _NEEDS_STATISTICS if settings.discovers and settings.homeassistant.statistics is False else None


def statistics_settings(
    settings: HomeAssistantSettings, environment: Mapping[str, str]
) -> StatisticsSettings | None:
    """Which Home Assistant takes the statistics; None: none. An add-on knows its own.

    Raises:
        ConfigError: nobody says which, or what they need is not installed.
    """
    statistics = settings.statistics
    if statistics is False:
        return None
    if find_spec("websockets") is None:
        raise ConfigError(f"homeassistant.statistics: needs websockets; {how_to_get('homeassistant')}")
    if isinstance(statistics, StatisticsSettings):
        return statistics
    token = environment.get(supervisor.TOKEN)
    if not token:
        raise ConfigError(
            "homeassistant.statistics: true is for Home Assistant's app; write the keys url and token"
        )
    return StatisticsSettings(url=supervisor.websocket(environment), token=SecretStr(token))
