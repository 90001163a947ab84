"""What keeps changes waiting."""

from bridge.text.foreign import Quoting


class DatabaseAway(Quoting):
    """The database did not take them (yet); the message says why."""


class DatabaseRefuses(DatabaseAway):
    """It will not, until a person does something; the message says what."""


def lacks(user: str, right: str, grant: str, on: str) -> DatabaseRefuses:
    """What a user may not do, and what the owner runs.

    Args:
        user: of the database.
        right: in words.
        grant: what to grant, on which kind of thing.
        on: its name.
    """
    words = f"GRANT {grant} {_quoted(on)} TO {_quoted(user)}"
    return DatabaseRefuses(f"the user {user} may not {right}; its owner runs: {words}")


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
