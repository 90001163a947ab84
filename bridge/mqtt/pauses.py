"""How long to wait between two attempts to connect."""


class Pauses:
    """Longer and longer, until a connection holds.

    Args:
        shortest: seconds after the first attempt.
        longest: seconds, at most.

    Attributes:
        next: seconds before the next attempt.
    """

    def __init__(self, shortest: float, longest: float) -> None:
        self.shortest, self.longest, self.next = shortest, longest, 0.0

    def take(self) -> float:
        """The pause before this attempt, in seconds; the one after it is twice as long."""
        pause = self.next
        self.next = min(max(2 * pause, self.shortest), self.longest)
        return pause

    def held(self, seconds: float) -> None:
        """A connection was lost that had held so long."""
        if seconds > self.longest:
            self.next = self.shortest

    def lengthen(self) -> None:
        """The next attempt will hardly do better."""
        self.next = self.longest
