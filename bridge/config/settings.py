"""Every key there is: the file, the environment variables, the messages and the JSON Schema come from here.

A description completes the sentence "write ..." in a message. The keys below `mqtt` are in `broker`, those
below `fluvius` and `meters` in `fluvius`, those below `prices` and `day_ahead` in `prices`, those below
`sinks` in `sinks`.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, PrivateAttr, Tag

from bridge.config import checks
from bridge.config.broker import MqttSettings
from bridge.config.checks import Flag, LocalPath, Secret, Time, Topic
from bridge.config.fluvius import FluviusSettings, MeterSettings
from bridge.config.prices import DayAheadSettings, PriceSettings, timeline
from bridge.config.section import Section
from bridge.config.sinks import SinkSettings
from bridge.metering.contract import Timeline
from bridge.metering.model import Meter
from bridge.metering.shard import ALL, Shard


class ScheduleSettings(Section):
    """When Fluvius is asked."""

    at: Annotated[tuple[Time, ...], AfterValidator(checks.distinct)] = Field(
        default=("06:15", "09:15", "12:15", "18:15"),
        description='Times of day in Europe/Brussels, each once, such as ["06:15", "12:15"]',
        json_schema_extra={"minItems": 1},
    )
    jitter_minutes: int = Field(
        default=10, ge=0, le=180, description="How many minutes later to begin at most, at random: 0 to 180"
    )
    lookback_days: int = Field(
        default=7,
        ge=5,  # Fluvius publishes up to four days late, and only then shows that a meter has no intervals
        le=31,  # one request
        description="For how many days late readings are waited for, 5 to 31",
    )


class StatisticsSettings(Section):
    """The Home Assistant that keeps the statistics."""

    url: Annotated[str, AfterValidator(checks.websocket)] = Field(
        description="The address of Home Assistant, such as ws://homeassistant.local:8123/api/websocket"
    )
    token: Secret = Field(description="A long-lived access token, made on the profile page of Home Assistant")


class HomeAssistantSettings(Section):
    """What Home Assistant is told."""

    discovery: bool = Field(
        default=True, description="True for devices and sensors that appear by themselves, or false"
    )
    discovery_prefix: Topic = Field(
        default="homeassistant", description="The topic on which Home Assistant listens, homeassistant"
    )
    discovery_format: Literal["components", "device"] = Field(
        default="components", description="One of components and device"
    )
    statistics: Annotated[Flag | Annotated[StatisticsSettings, Tag("(keys)")], Discriminator(checks.form)] = (
        Field(
            default=False, description="False, in Home Assistant's app also true, or the keys url and token"
        )
    )


class LedgerSettings(Section):
    """What is kept of what was read."""

    keep_months: int | None = Field(
        default=None,
        ge=14,  # costs look back twelve months, and peaks too; the latest may still lack days in the next
        le=1200,
        description="For how many months quarter-hours are kept, the one under way among them, 14 at least",
    )


class CapacityTariffSettings(Section):
    """How peaks are billed."""

    floor_kw: Decimal = Field(
        default=Decimal("2.5"),
        ge=0,
        lt=1_000_000,
        description="What a month's peak counts for at least, in kW, such as 2.5",
    )


class WebSettings(Section):
    """The page: where it is reached."""

    host: Annotated[str, AfterValidator(checks.host)] = Field(
        default="127.0.0.1", description="The address on which the page listens, such as 127.0.0.1 or 0.0.0.0"
    )
    port: int = Field(
        default=8087, ge=1, le=65535, description="The page's port, a number from 1 to 65535, such as 8087"
    )
    password: Secret | None = Field(default=None, description="The password that the page asks for")


class MetricsSettings(Section):
    """Where metrics are served by themselves."""

    host: Annotated[str, AfterValidator(checks.host)] = Field(
        default="127.0.0.1", description="The address on which Prometheus asks, such as 127.0.0.1 or 0.0.0.0"
    )
    port: int = Field(
        default=9087,
        ge=1,
        le=65535,
        description="The port of metrics, a number from 1 to 65535, such as 9087",
    )
    password: Secret | None = Field(default=None, description="The password that Prometheus has to know")


class LogSettings(Section):
    """What is told along the way."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="One of debug, info, warning and error"
    )
    format: Literal["text", "json"] = Field(default="text", description="One of text and json")


class Settings(Section):
    """Everything that a user can set."""

    mqtt: MqttSettings = Field(default=MqttSettings(), description="The keys of the broker: host, port, ...")
    fluvius: FluviusSettings = Field(
        default=FluviusSettings(), description="The keys of one source or both: portal, energy_api"
    )
    meters: tuple[MeterSettings, ...] = Field(
        default=(), description="A list of meters, each with the keys ean and, for the portal, serial"
    )
    schedule: ScheduleSettings = Field(
        default=ScheduleSettings(), description="The keys at, jitter_minutes, lookback_days"
    )
    homeassistant: HomeAssistantSettings = Field(
        default=HomeAssistantSettings(),
        description="The keys discovery, discovery_prefix, discovery_format, statistics",
    )
    prices: tuple[PriceSettings, ...] = Field(
        default=(), description="A list of prices, each with the keys from, consumption and vat"
    )
    day_ahead: DayAheadSettings = Field(
        default=DayAheadSettings(), description="The key source and, for entsoe, the key token"
    )
    capacity_tariff: CapacityTariffSettings = Field(
        default=CapacityTariffSettings(), description="The key floor_kw"
    )
    ledger: LedgerSettings = Field(default=LedgerSettings(), description="The key keep_months")
    web: Annotated[Flag | Annotated[WebSettings, Tag("(keys)")], Discriminator(checks.form)] = Field(
        default=False, description="True for a page on this machine, false, or the keys host, port, password"
    )
    sinks: SinkSettings = Field(default=SinkSettings(), description="The key postgresql")
    metrics: Annotated[Flag | Annotated[MetricsSettings, Tag("(keys)")], Discriminator(checks.form)] = Field(
        default=False,
        description="True for /metrics on the page or this machine, false, or the keys host, port, password",
    )
    language: Literal["en", "nl", "fr", "de"] = Field(
        default="en",
        description="The language of names in Home Assistant and of the page, one of en, nl, fr and de",
    )
    data_dir: LocalPath = Field(
        default=Path("data"),
        validate_default=True,
        description="The folder for ledger and tokens, such as data",
    )
    import_dir: LocalPath | None = Field(
        default=None, description="A folder: files from Mijn Fluvius that are put there are imported"
    )
    log: LogSettings = Field(default=LogSettings(), description="The keys level and format")
    _warnings: tuple[str, ...] = PrivateAttr(default=())
    _timelines: dict[Meter, Timeline] = PrivateAttr(default_factory=dict)  # asked for at every turn

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is probably not meant, a line each."""
        return self._warnings

    def warn(self, lines: Iterable[str]) -> None:
        """Say once, when all is read, what is probably not meant."""
        self._warnings = tuple(lines)

    @property
    def is_set_up(self) -> bool:
        """Whether there is anything to do; without it, the page asks."""
        portal = self.fluvius.portal
        return bool((portal and (portal.email or portal.token)) or self.fluvius.energy_api or self.meters)

    @property
    def discovers(self) -> bool:
        """Whether Home Assistant is told of devices: of what is published."""
        return self.homeassistant.discovery and self.mqtt.publish.meters

    @property
    def page(self) -> WebSettings | None:
        """Where the page is reached; None where there is none."""
        if isinstance(self.web, bool):
            return WebSettings() if self.web else None
        return self.web

    @property
    def metrics_alone(self) -> MetricsSettings | None:
        """Where metrics are served by themselves; None where they are on the page, or nowhere."""
        if isinstance(self.metrics, bool):
            return MetricsSettings() if self.metrics and not self.page else None
        return self.metrics

    @property
    def followed(self) -> tuple[Meter, ...]:
        """This bridge's meters of the configuration, as the rest of it knows them."""
        shard = self.shard
        return tuple(meter for meter in self.every_meter if shard.has(meter.ean))

    @property
    def mandates_make_meters(self) -> bool:
        """Whether the configuration has none, so that those of the mandates are followed."""
        return self.fluvius.energy_api is not None and not self.meters

    @property
    def every_meter(self) -> tuple[Meter, ...]:
        """All meters of the configuration, in its order, whichever bridge follows them."""
        only = "portal" if self.fluvius.portal else "energy_api"
        return tuple(meter.followed(only) for meter in self.meters)

    @property
    def shard(self) -> Shard:
        """This bridge's part of the meters: all of them, unless several share them."""
        energy_api = self.fluvius.energy_api
        part = energy_api.shard if energy_api else None
        return Shard(part.index, part.of) if part else ALL

    def followed_in_words(
        self, mandates: str, meter: Callable[[Meter], str] = lambda meter: meter.label
    ) -> str:
        """Whom this bridge follows.

        Args:
            mandates: what to say where the mandates make the meters.
            meter: what to say of a meter.
        """
        words = (", ".join(map(meter, self.followed)) or "nobody") if self.meters else mandates
        if self.shard is ALL:
            return words
        others = len(self.meters) - len(self.followed)
        left_out = f"; {others} of the configured meters are other shards'" if others else ""
        return f"{words} ({self.shard}{left_out})"

    def in_its_place(self) -> Self:
        """The settings of one of several bridges with one file: nothing that it writes is another's too."""
        if self.shard is ALL:
            return self
        name = self.shard.name
        mqtt = self.mqtt.model_copy(
            update={
                "base_topic": f"{self.mqtt.base_topic}/{name}",
                "client_id": f"{self.mqtt.client_id}-{name}",
            }
        )
        return self.model_copy(update={"mqtt": mqtt, "data_dir": self.data_dir / name})

    def timeline(self, meter: Meter) -> Timeline:
        """The contracts of a meter, configured or made by a mandate; without any, its costs are unknown."""
        if meter not in self._timelines:
            self._timelines[meter] = timeline(self.prices, meter)
        return self._timelines[meter]
