"""What is asked of the broker."""

import re
from collections.abc import Iterator, Sequence
from functools import partial

from bridge.config import MqttSettings
from bridge.setup.answers import Answers
from bridge.setup.questions import Question, setting

_PORTS = {"mqtt": "", "mqtts": "8883"}


def broker_questions(answers: Answers, *, nearby: Sequence[MqttSettings]) -> Iterator[Question]:
    """Its address, and the account that it knows.

    Args:
        answers: what was answered before is proposed.
        nearby: brokers that answer, the Supervisor's first, with its account.
    """
    host = answers.at("mqtt", "host") or (nearby[0].host if nearby else "localhost")
    port = answers.at("mqtt", "port") or (str(nearby[0].port) if nearby else "1883")
    yield Question(
        "mqtt.host",
        "Address",
        partial(_take_broker, nearby=nearby),
        "A name or an IP address; with its port where that is not 1883, and mqtts:// where it is encrypted.",
        host if port == "1883" else f"{host}:{port}",
    )
    if answers.asides.get("broker") != "of the Supervisor":
        known = str(answers.at("mqtt", "username") or "")
        hint = f"{'Write -' if known else 'Press Enter'} if it takes anyone."
        yield Question("mqtt.username", "User name", _take_user, hint, known)
        if answers.at("mqtt", "username"):
            yield setting(answers, ("mqtt", "password"), "Password", is_secret=True)
        else:
            answers.put(("mqtt", "password"), None)


def _take_broker(answers: Answers, text: str, *, nearby: Sequence[MqttSettings]) -> str | None:
    found = re.fullmatch(r"(?:(mqtts?)://)?(\[[0-9a-fA-F:]+\]|[^:/\s]+)(?::([0-9]+))?/?", text.strip())
    if not found:
        return "write a name or an IP address, such as 192.168.1.5 or 192.168.1.5:1883"
    port = found[3] or _PORTS[found[1] or "mqtt"]
    if not isinstance(answers.at("mqtt", "tls"), dict):  # which says more than we ask
        answers.put(("mqtt", "tls"), "true" if found[1] == "mqtts" or port == "8883" else "")
    problem = answers.try_to_put(("mqtt", "port"), port) or answers.try_to_put(
        ("mqtt", "host"), found[2].strip("[]")
    )
    if not problem and (known := next((each for each in nearby if each.username), None)):
        if answers.asides.pop("broker", None):  # its account is no other broker's
            _forget_account(answers)
        if (known.host, known.port) == (found[2], int(port or 1883)):  # as Home Assistant's Supervisor says
            answers.asides["broker"] = "of the Supervisor"
            answers.put(("mqtt", "username"), known.username)
            answers.put(("mqtt", "password"), known.password.get_secret_value() if known.password else "")
    return problem


def _take_user(answers: Answers, text: str) -> str | None:
    name = text.strip()
    if name == "-":
        _forget_account(answers)
        return None
    return answers.try_to_put(("mqtt", "username"), name)


def _forget_account(answers: Answers) -> None:
    for key in ("username", "password"):
        answers.put(("mqtt", key), None)
