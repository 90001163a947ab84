"""An interview, answered by what it proposes."""

from bridge.setup.interview import Interview


def answers_of(interview: Interview) -> dict[str, str]:
    """What each question of the next step proposes."""
    step = interview.step()
    assert step
    return {each.question.key: each.text for each in interview.asked(step)}
