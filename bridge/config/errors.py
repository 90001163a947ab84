"""What is wrong with a configuration."""


class ConfigError(Exception):
    """The configuration cannot be used; `mistakes` says what to write instead, one text per mistake."""

    def __init__(self, *mistakes: str) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes
