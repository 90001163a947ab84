"""What a try of something found."""

from dataclasses import dataclass

from bridge.text.endings import COULD_NOT


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the table."""

    what: str
    works: bool
    words: str
    status: int = COULD_NOT  # the exit status when it does not work
