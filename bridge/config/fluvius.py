"""The keys below `fluvius` and `meters`: where the readings come from, and whose they are."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from bridge.config import checks
from bridge.config.bounds import instant_of
from bridge.config.checks import Address, Bound, LocalFile, Secret, Text
from bridge.config.section import Section
from bridge.metering.model import Energy, Meter
from bridge.text.words import slug


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


class ShardSettings(Section):
    """This bridge's part of the meters, where several share them."""

    index: int = Field(
        ge=0, description="This bridge's number, counted from 0; where all share one file, in the environment"
    )
    of: int = Field(ge=1, le=10_000, description="How many bridges share the meters, such as 8")


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
    shard: ShardSettings | None = Field(
        default=None, description="The keys index and of, where several bridges share the meters"
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
    serial: Annotated[Text, AfterValidator(checks.serial)] | None = Field(
        default=None, description="The number on the meter itself, such as 1SAG1100042062"
    )
    energy: Energy = Field(default=Energy.ELECTRICITY, description="One of electricity and gas")
    source: Literal["portal", "energy_api", "file"] | None = Field(
        default=None,
        description="One of portal, energy_api and file",
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
