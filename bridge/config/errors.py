"""What is wrong with a configuration."""

from bridge.text.endings import WRONG, ForTheUser


class ConfigError(ForTheUser):
    """The configuration cannot be used; `mistakes` says what to write instead, one text per mistake."""

    status = WRONG

    def __init__(self, *mistakes: str) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes
