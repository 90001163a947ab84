"""Why there is no connection to the broker, and what to do about it, in the user's words."""

import logging
import socket
import ssl

from paho.mqtt.client import WebsocketConnectionError
from paho.mqtt.reasoncodes import ReasonCode

from bridge.config import MqttSettings
from bridge.text.foreign import clean

_log = logging.getLogger(__name__)

LOGIN = "check mqtt.username and mqtt.password, and who the broker lets in"

# The reason codes of CONNACK and DISCONNECT in MQTT 5, part 2.4 of the standard. paho translates the
# return codes of MQTT 3.1.1 into them.
REASONS = {
    130: "it calls what was sent a protocol error: try the other mqtt.protocol",
    132: "it does not speak MQTT {protocol}: set mqtt.protocol to {other_protocol}",
    133: "it does not accept the client id {client_id!r}: choose another mqtt.client_id",
    134: f"it refused the user name or password: {LOGIN}",
    135: f"it does not authorise {{user}}: {LOGIN}",
    136: "it says that it is not available now",
    137: "it says that it is busy",
    138: "it has banned this client: look at the broker's settings",
    139: "it is shutting down",
    141: "it heard nothing for too long: is the network slow, or was this machine asleep?",
    142: "another client connected with the client id {client_id!r}: give each its own mqtt.client_id",
    144: "it does not accept the topic of the last will: check mqtt.base_topic and the broker's access list",
    149: "a message was larger than it accepts: look at the broker's settings",
    151: "a quota of the broker is used up",
    154: "it does not keep retained messages, without which the bridge cannot work: "
    "switch them on (Mosquitto: retain_available true), or use another broker",
    155: "it takes no messages at QoS 1, without which the bridge cannot work: "
    "allow them (Mosquitto: max_qos 1 or 2), or use another broker",
}

FOR_GOOD = {154, 155}  # until someone changes the broker: no use in asking often

KEEPALIVE_TIMEOUT = 141  # the same list

SOON = 5  # seconds

# OpenSSL's X509_V_ERR_*
CERTIFICATES = {
    9: "is not valid yet: is the clock of this machine right?",
    10: "has expired: renew it, or see whether the clock of this machine is right",
    18: "is signed by itself: put it into mqtt.tls.ca_file",
    62: "is for another host name: write the name that it is for into mqtt.host",
    64: "is for another IP address: write the name that it is for into mqtt.host",
}


class Problem:
    """What is wrong now; what was wrong before stands in the log, each problem once until it is over.

    Attributes:
        words: for the user; None while connected.

    Args:
        words: at first.
        level: of what is said in the log.
    """

    def __init__(self, words: str, level: int = logging.WARNING) -> None:
        self.words: str | None = words
        self._level = level
        self._told: set[str] = set()

    def tell(self, words: str) -> None:
        """Something is wrong."""
        self.words = words = clean(words)
        if words not in self._told:
            self._told.add(words)
            _log.log(self._level, "%s Trying again.", words)

    def is_over(self) -> None:
        """There is a connection."""
        self.words = None
        self._told.clear()


def of_reason(code: int, name: str, settings: MqttSettings) -> str:
    """The broker answered, and said why not: a reason code, and how the standard calls it."""
    words = REASONS.get(code, f"it says {name.lower()!r}")
    return f"The broker at {_place(settings)} refuses the connection: " + words.format(
        protocol=settings.protocol,
        other_protocol='"3.1.1"' if settings.protocol == "5" else '"5"',
        client_id=settings.client_id,
        user=settings.username or "a client without user name",
    )


def of_silence(settings: MqttSettings) -> str:
    """Nothing has been heard of the broker yet."""
    tls = "no TLS" if settings.tls_settings else "TLS (mqtt.tls)"
    return (
        f"The broker at {_place(settings)} has not answered yet: "
        f"is it an MQTT broker, does it want {tls}, or does it hang?"
    )


def of_no_answer(reason: ReasonCode, settings: MqttSettings) -> str:
    """The connection ended before the broker said anything."""
    if reason.value == KEEPALIVE_TIMEOUT:
        return of_silence(settings)
    tls = "a client certificate (mqtt.tls.cert_file)" if settings.tls_settings else "TLS (mqtt.tls)"
    return (
        f"The broker at {_place(settings)} closes the connection without an answer: does it want {tls}, "
        f"a transport other than {settings.transport}, or a protocol other than {settings.protocol}? "
        "Or does it keep no retained messages, or take none at QoS 1?"
    )


def of_standstill(settings: MqttSettings) -> str:
    """There is a connection, and nothing comes by it."""
    return f"The broker at {_place(settings)} stopped answering."


def of_exception(error: Exception, settings: MqttSettings) -> str:
    """What no one foresaw ended the thread that speaks with the broker."""
    return (
        f"The connection to the broker at {_place(settings)} broke with {error!r}: "
        "the broker said what no MQTT broker would, or this is a bug."
    )


def of_loss(
    reason: ReasonCode,
    from_broker: bool,
    held: float,
    largest: tuple[int, str] | None,
    settings: MqttSettings,
) -> str:
    """There was a connection.

    Args:
        reason: as paho gives it.
        from_broker: whether the broker said so.
        held: for how many seconds.
        largest: of the messages under way: bytes and topic.
        settings: to name.
    """
    if from_broker:
        return of_reason(reason.value, str(reason), settings)
    if reason.value == KEEPALIVE_TIMEOUT:
        return of_standstill(settings)
    if largest:
        size, topic = largest
        return (
            f"The broker at {_place(settings)} closed the connection while it was told something, "
            f"at most {size} bytes on {topic}: is that more than it accepts, or forbidden?"
        )
    if held < SOON:  # Mosquitto 2.0 does not tell why it does so, even in MQTT 5
        question = f"does another client use {settings.client_id!r} too? Give each its own mqtt.client_id"
        return f"The broker at {_place(settings)} closed the connection soon after it was made: {question}."
    return f"The broker at {_place(settings)} closed the connection."


def of_error(error: Exception, settings: MqttSettings) -> str:
    """There was no connection at all."""
    place = f"the broker at {_place(settings)}"
    match error:
        case ssl.SSLCertVerificationError():
            words = f"The certificate of {place} {_certificate(error)}."
        case ssl.SSLError():
            reason = (error.reason or str(error)).replace("_", " ").lower()
            words = f"{place} does not speak TLS with us ({reason}): check mqtt.port and mqtt.tls."
        case WebsocketConnectionError():
            keys = "check mqtt.path, mqtt.transport and mqtt.port"
            words = f"{place} does not speak websockets at {settings.path}: {keys}."
        case socket.gaierror() | UnicodeError():  # the latter for a..b
            words = f"The host {settings.host!r} is not known: check mqtt.host, or the network."
        case ConnectionRefusedError():
            words = f"{place} is not there: is it running, and are mqtt.host and mqtt.port right?"
        case ConnectionError():
            words = f"{place} hangs up: check mqtt.port, mqtt.tls and mqtt.transport."
        case TimeoutError():
            words = f"{place} does not answer: is it on, mqtt.host right, and no firewall between?"
        case OSError():
            words = f"{place} cannot be reached: {error.strerror or error}."
        case _:
            words = f"{place} answers what no MQTT broker would ({error!r}): check mqtt.port."
    return words[0].upper() + words[1:]


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    unknown = f"is not trusted ({error.verify_message}): set mqtt.tls.ca_file to the authority that signed it"
    return CERTIFICATES.get(error.verify_code, unknown)


def _place(settings: MqttSettings) -> str:
    return f"{settings.host}:{settings.port}"
