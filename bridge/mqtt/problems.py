"""Why there is no connection to the broker, and what to do about it, in the user's words."""

import socket
import ssl

from paho.mqtt.client import WebsocketConnectionError
from paho.mqtt.reasoncodes import ReasonCode

from bridge.config import MqttSettings

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
    154: "it does not keep retained messages, which the bridge needs: change the broker's settings",
}

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


def of_reason(reason: ReasonCode, settings: MqttSettings) -> str:
    """The broker answered, and said why not."""
    words = REASONS.get(reason.value, f"it says {str(reason).lower()!r}")
    return f"The broker at {_place(settings)} turned us away: " + words.format(
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
        f"a transport other than {settings.transport}, or a protocol other than {settings.protocol}?"
    )


def of_loss(reason: ReasonCode, from_broker: bool, held: float, settings: MqttSettings) -> str:
    """There was a connection, for `held` seconds."""
    if from_broker:
        return of_reason(reason, settings)
    if reason.value == KEEPALIVE_TIMEOUT:
        return f"The broker at {_place(settings)} stopped answering."
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
            words = f"{place} does not speak websockets at /mqtt: check mqtt.transport and mqtt.port."
        case socket.gaierror() | UnicodeError():  # the latter for a..b
            words = f"The host {settings.host!r} is not known: check mqtt.host, or the network."
        case ConnectionRefusedError():
            words = f"{place} is not there: is it running, and are mqtt.host and mqtt.port right?"
        case ConnectionError():
            words = f"{place} hangs up: check mqtt.port, mqtt.tls and mqtt.transport."
        case TimeoutError():
            words = f"{place} does not answer: is it on, mqtt.host right, and no firewall between?"
        case OSError():
            words = f"{place} can not be reached: {error.strerror or error}."
        case _:
            words = f"{place} answers what no MQTT broker would ({error!r}): check mqtt.port."
    return words[0].upper() + words[1:]


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    unknown = f"is not trusted ({error.verify_message}): set mqtt.tls.ca_file to the authority that signed it"
    return CERTIFICATES.get(error.verify_code, unknown)


def _place(settings: MqttSettings) -> str:
    return f"{settings.host}:{settings.port}"
