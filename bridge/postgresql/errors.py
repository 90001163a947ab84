"""What keeps changes waiting."""

from bridge.text.foreign import Quoting


class DatabaseAway(Quoting):
    """The database did not take them (yet); the message says why."""


class DatabaseRefuses(DatabaseAway):
    """It will not, until a person does something; the message says what."""


def lacks(user: str, right: str, grant: str) -> DatabaseRefuses:
    """What a user may not do, and what the owner runs.

    Args:
        user: of the database.
        right: in words.
        grant: what to grant.
    """
    return DatabaseRefuses(f"the user {user} may not {right}; its owner runs: GRANT {grant} TO {user}")
