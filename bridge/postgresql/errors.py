"""What keeps changes waiting."""

from bridge.text.foreign import Quoting


class DatabaseAway(Quoting):
    """The database did not take them (yet); the message says why."""


class DatabaseRefuses(DatabaseAway):
    """It will not, until a person does something; the message says what."""
