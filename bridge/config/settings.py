"""Every key there is: the file, the environment variables, the messages and the JSON Schema come from here.

A description completes the sentence "write ..." in a message.
"""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    PrivateAttr,
    SecretStr,
    Tag,
)

from bridge.config import checks
from bridge.config.bounds import instant_of
from bridge.config.checks import Address, Bound, Flag, LocalFile, LocalPath, Secret, Text, Time, Topic
from bridge.config.prices import DayAheadSettings, PriceSettings, timeline
from bridge.config.section import Section
from bridge.metering.contract import Timeline
from bridge.metering.model import Energy, Meter
from bridge.text.words import slug


class TlsSettings(Section):
    """How the connection to the broker is encrypted."""

    ca_file: LocalFile | None = Field(
        default=None, description="A PEM file with the authority that signed the broker's certificate"
    )
    cert_file: LocalFile | None = Field(default=None, description="A PEM file with the client's certificate")
    key_file: LocalFile | None = Field(
        default=None, description="A PEM file with the key of the client's certificate"
    )
    insecure: bool = Field(
        default=False, description="True to accept whatever certificate the broker shows, or false"
    )


class MqttSettings(Section):
    """Where the readings go."""

    host: Annotated[str, AfterValidator(checks.host)] = Field(
        default="localhost", description="The broker's host name or IP address, without mqtt:// and port"
    )
    tls: Annotated[Flag | Annotated[TlsSettings, Tag("(keys)")], Discriminator(checks.form)] = Field(
        default=False,
        description="True to encrypt, false, or the keys ca_file, cert_file, key_file, insecure",
    )
    port: Annotated[int, Field(ge=1, le=65535), BeforeValidator(checks.port)] = Field(
        default=None,
        validate_default=True,
        description="The broker's port, a number from 1 to 65535, by default 1883 and with tls 8883",
        json_schema_extra={"default": 1883},
    )
    username: Text | None = Field(default=None, description="The user name that the broker knows")
    password: SecretStr | None = Field(default=None, description="The password that belongs to username")
    client_id: Text = Field(
        default="fluvius2mqtt", description="A name that no other client of the broker has"
    )
    protocol: Literal["3.1.1", "5"] = Field(default="3.1.1", description='The MQTT version, "3.1.1" or "5"')
    transport: Literal["tcp", "websockets"] = Field(default="tcp", description="One of tcp and websockets")
    path: Annotated[str, AfterValidator(checks.path)] = Field(
        default="/mqtt", description="The path of the broker's websockets, such as /mqtt"
    )
    keepalive: int = Field(
        default=60,
        ge=10,
        le=3600,
        description="After how many seconds of silence to see whether the broker is there, 10 to 3600",
    )
    base_topic: Topic = Field(
        default="fluvius",
        description="The topic above all others, without # and +, no / at either end, no $ in front",
    )
    stream: bool = Field(
        default=False,
        description="True to publish every new or corrected interval by itself too, on .../reading, or false",
    )
    chart: bool = Field(
        default=True,
        description="True to publish a picture of the latest complete day, on .../chart, or false",
    )

    @property
    def tls_settings(self) -> TlsSettings | None:
        """How to encrypt; None where the connection is not encrypted."""
        if isinstance(self.tls, bool):
            return TlsSettings() if self.tls else None
        return self.tls


class PortalSettings(Section):
    """The account on Mijn Fluvius."""

    email: Annotated[str, AfterValidator(checks.email)] | None = Field(
        default=None, description="The e-mail address of the account on Mijn Fluvius"
    )
    password: SecretStr | None = Field(
        default=None, description="The password of the account on Mijn Fluvius"
    )
    remember_me: bool = Field(
        default=False,
        description="True to tick the box that keeps the account signed in for longer, or false",
    )
    token: SecretStr | None = Field(
        default=None, description="A bearer token, to use instead of signing in with e-mail and password"
    )
    url: Address = Field(
        default="https://mijn.fluvius.be", description="The address of Mijn Fluvius, https://mijn.fluvius.be"
    )


class CertificateSettings(Section):
    """What proves to the Energy API who is asking."""

    private_key_file: LocalFile = Field(description="A PEM file with the certificate's private key")
    thumbprint: Annotated[str, AfterValidator(checks.thumbprint)] = Field(
        description="The certificate's SHA-1 thumbprint, 40 hexadecimal digits"
    )


class EnergyApiSettings(Section):
    """The contract with Fluvius as an energy service provider."""

    environment: Literal["production", "sandbox"] = Field(
        default="production", description="One of production and sandbox"
    )
    tenant_id: Text = Field(description="The tenant's id, from the contract")
    client_id: Text = Field(description="The client's id, from the contract")
    scope: Text = Field(description="The contract's scope, which ends in /.default")
    subscription_key: Secret = Field(description="The subscription key of the Energy API")
    contract_number: Text = Field(description="The number of the data access contract")
    client_secret: SecretStr | None = Field(
        default=None, description="The client's secret, where there is no certificate"
    )
    certificate: CertificateSettings | None = Field(
        default=None, description="The keys private_key_file and thumbprint, where there is no client_secret"
    )
    url: Address | None = Field(
        default=None, description="The address of the Energy API, https://...; by default from environment"
    )
    authority: Address | None = Field(
        default=None, description="The address that hands out tokens, https://...; by default from tenant_id"
    )


class FluviusSettings(Section):
    """Where the readings come from."""

    portal: PortalSettings | None = Field(
        default=None, description="The keys of an account on Mijn Fluvius: email and password"
    )
    energy_api: EnergyApiSettings | None = Field(
        default=None,
        description="The keys of a contract for the Energy API: environment, tenant_id, client_id, scope, "
        "subscription_key, contract_number, and client_secret or certificate",
    )


class MeterSettings(Section):
    """A meter to follow."""

    name: Annotated[Text, AfterValidator(checks.name)] | None = Field(
        default=None,
        description="A name for the device and, as a slug, for topics, such as home; by default the EAN",
    )
    ean: Annotated[str, AfterValidator(checks.ean)] = Field(
        description="The connection's EAN: 18 digits, on every bill and in Mijn Fluvius",
        json_schema_extra={"pattern": "^[0-9]{18}$"},
    )
    serial: Text | None = Field(
        default=None, description="The number on the meter itself, such as 1SAG1100042062"
    )
    energy: Energy = Field(default=Energy.ELECTRICITY, description="One of electricity and gas")
    source: Literal["portal", "energy_api"] | None = Field(
        default=None, description="One of portal and energy_api"
    )
    since: Bound | None = Field(
        default=None,
        alias="from",
        description="A date, or an instant such as 2026-03-15T14:00:00+01:00: nothing before it counts",
    )
    until: Bound | None = Field(
        default=None,
        description="A date, or an instant such as 2026-03-15T14:00:00+01:00: nothing from then on counts",
    )

    def followed(self, source: str) -> Meter:
        """The meter as the rest of the bridge knows it."""
        return Meter(
            name=slug(self.name or self.ean),
            ean=self.ean,
            energy=self.energy,
            serial=self.serial or "",
            source=self.source or source,
            since=instant_of(self.since, self.energy) if self.since else None,
            until=instant_of(self.until, self.energy) if self.until else None,
            label=(self.name or self.ean).strip(),
        )


class ScheduleSettings(Section):
    """When Fluvius is asked."""

    at: Annotated[tuple[Time, ...], AfterValidator(checks.distinct)] = Field(
        default=("06:15", "09:15", "12:15", "18:15"),
        description='Times of day in Europe/Brussels, each once, such as ["06:15", "12:15"]',
        json_schema_extra={"minItems": 1},
    )
    jitter_minutes: int = Field(
        default=10, ge=0, le=180, description="By how much to begin later, by chance: 0 to 180 minutes"
    )
    lookback_days: int = Field(
        default=7,
        ge=5,  # Fluvius publishes up to four days late, and only then shows that a meter has no intervals
        le=31,  # one request
        description="How far back days are awaited, 5 to 31 days; corrections are looked for in 31",
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
        Field(default=False, description="False, in the add-on also true, or the keys url and token")
    )


class CapacityTariffSettings(Section):
    """How peaks are billed."""

    floor_kw: Decimal = Field(
        default=Decimal("2.5"),
        ge=0,
        lt=1_000_000,
        description="What a month's peak counts for at least, in kW, such as 2.5",
    )


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
    language: Literal["en", "nl", "fr", "de"] = Field(
        default="en", description="The language of names in Home Assistant, one of en, nl, fr and de"
    )
    data_dir: LocalPath = Field(
        default=Path("data"),
        validate_default=True,
        description="The folder for ledger and tokens, such as data",
    )
    log: LogSettings = Field(default=LogSettings(), description="The keys level and format")
    _warnings: tuple[str, ...] = PrivateAttr(default=())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is probably not meant, a line each."""
        return self._warnings

    @property
    def followed(self) -> tuple[Meter, ...]:
        """The meters as the rest of the bridge knows them."""
        only = "portal" if self.fluvius.portal else "energy_api"
        return tuple(meter.followed(only) for meter in self.meters)

    def timeline(self, meter: Meter) -> Timeline:
        """The contracts of a meter, configured or made by a mandate; without any, its costs are unknown."""
        return timeline(self.prices, meter)
