"""What a question is, and what belongs together: nothing here knows where it is asked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bridge.config import KeyPath
from bridge.config.paths import dotted
from bridge.setup.answers import Answers
from bridge.setup.tries import Found

Take = Callable[[Answers, str], str | None]  # keeps what was typed; or says what is wrong with it


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Attributes:
        key: its name, unique within a step.
        words: the question.
        take: keeps the answer.
        hint: more about it, in a sentence or two.
        default: what an empty answer stands for.
        choices: the answers that there are, and what each means; without any, it is answered freely.
        is_secret: whether nobody shall see what is typed.
        path: the key whose value is the answer as it is typed; None if it is more than that.
    """

    key: str
    words: str
    take: Take
    hint: str = ""
    default: str = ""
    choices: dict[str, str] = field(default_factory=dict)
    is_secret: bool = False
    path: KeyPath | None = None

    def value(self, text: str) -> str:
        """What is kept: a password's blanks are its own."""
        return text if self.is_secret else text.strip()


@dataclass(frozen=True, slots=True)
class Step:
    """Questions that belong together, and are tried together.

    Attributes:
        name: of the step.
        title: as a heading.
        words: what it is about.
        questions: asked in this order; each may depend on the answer to the one before.
        attempt: tries the answers, where there is something to try.
        trying: what is said meanwhile.
    """

    name: str
    title: str
    questions: Callable[[Answers], Iterator[Question]]
    words: str = ""
    attempt: Callable[[Answers], Found] | None = None
    trying: str = ""


def setting(answers: Answers, path: KeyPath, words: str, **more: object) -> Question:
    """A question about one key of the configuration, whose answer so far is proposed."""
    known = answers.at(*path)
    is_secret = bool(more.get("is_secret"))
    default = known if isinstance(known, str) and not is_secret else more.pop("default", "")
    more.pop("default", None)
    return Question(
        dotted(path),
        words,
        lambda answers, text: answers.try_to_put(path, text if is_secret else text.strip()),
        default=str(default),
        path=path,
        **more,  # type: ignore[arg-type]
    )


def aside(answers: Answers, key: str, words: str, choices: dict[str, str], hint: str = "") -> Question:
    """A question that leads the way; the first of the choices is proposed, or what was chosen before."""

    def take(answers: Answers, text: str) -> str | None:
        if text not in choices:
            return f"write one of {', '.join(choices)}"
        answers.asides[key] = text
        return None

    return Question(key, words, take, hint, answers.asides.get(key, next(iter(choices))), choices)
