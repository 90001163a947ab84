"""The keys below `mqtt`: where the readings go."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, SecretStr, Tag

from bridge.config import checks
from bridge.config.checks import Flag, LocalFile, Text, Topic
from bridge.config.section import Section


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


class PublishSettings(Section):
    """What is retained on the broker, beside what the bridge says of itself."""

    meters: bool = Field(
        default=True, description="True to publish meters, false where somebody else has all they count"
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
    publish: PublishSettings = Field(default=PublishSettings(), description="The key meters")
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
