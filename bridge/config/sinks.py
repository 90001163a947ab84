"""The keys below `sinks`: where readings go besides MQTT."""

import hashlib
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bridge.config import checks
from bridge.config.checks import Secret
from bridge.config.section import Section

# the password in the address of a database, in either form
_HIDDEN = r":[^/@]*(?=@)|password\s*=\s*('(\\.|[^'\\])*'|[^\s&]*)"


class PostgresqlSettings(Section):
    """A database that has every reading once."""

    dsn: Annotated[Secret, AfterValidator(checks.dsn)] = Field(
        description="The address of the database, such as postgresql://bridge@db.example.com/energy"
    )
    schema_: Annotated[str, AfterValidator(checks.schema)] = Field(
        default="fluvius", alias="schema", description="The schema that has the tables, such as fluvius"
    )
    hypertable: Literal["auto", "never"] = Field(default="auto", description="One of auto and never")

    @property
    def where(self) -> str:
        """Tells this database and schema from others; nothing of the password is in it."""
        open_words = re.sub(_HIDDEN, "", self.dsn.get_secret_value())
        return hashlib.sha256(f"{open_words} {self.schema_}".encode()).hexdigest()


class SinkSettings(Section):
    """Where readings go besides MQTT."""

    postgresql: PostgresqlSettings | None = Field(
        default=None, description="The keys dsn, schema, hypertable"
    )
