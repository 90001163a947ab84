"""The keys below `sinks`: where readings go besides MQTT."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bridge.config import checks
from bridge.config.checks import Secret
from bridge.config.section import Section


class PostgresqlSettings(Section):
    """A database that has every reading once."""

    dsn: Annotated[Secret, AfterValidator(checks.dsn)] = Field(
        description="The address of the database, such as postgresql://bridge@db.example.com/energy"
    )
    schema_: Annotated[str, AfterValidator(checks.schema)] = Field(
        default="fluvius", alias="schema", description="The schema that has the tables, such as fluvius"
    )
    hypertable: Literal["auto", "never"] = Field(default="auto", description="One of auto and never")


class SinkSettings(Section):
    """Where readings go besides MQTT."""

    postgresql: PostgresqlSettings | None = Field(
        default=None, description="The keys dsn, schema, hypertable"
    )
