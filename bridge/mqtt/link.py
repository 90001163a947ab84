"""Paho's client, made from the configuration, and what has to be mended from outside.

The reasons behind what looks odd here were found in the source of paho-mqtt 2.2 and are tested in
`tests/mqtt/test_mqtt.py`:

- paho ends its thread when connecting fails with anything but an `OSError`, and at any exception that a
  callback raises.
- paho loses a packet that a websocket takes only in part.
- paho keeps what was not acknowledged and sends it after the next connect, even with a clean session
  and even after something newer. It is dropped on every connect: its owner publishes anew.
"""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from bridge.config import ConfigError, MqttSettings, TlsSettings

_SEND_BUFFER = 512 * 1024  # bytes: more than is ever under way


class Link(paho.Client):
    """Paho's client, but nothing ends its thread unexplained.

    Args:
        settings: how to connect.
        tls: with which TLS, if with any.
        may_connect: waits until it is time to connect; false when that will never be again.
        on_failed: told why an attempt to connect failed.
        on_broken: told, as the last thing on paho's thread, what this client will not survive.

    Attributes:
        gone: whether the thread has ended.
    """

    def __init__(
        self,
        settings: MqttSettings,
        tls: ssl.SSLContext | None,
        may_connect: Callable[[], bool],
        on_failed: Callable[[Exception], None],
        on_broken: Callable[[Exception], None],
    ) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            settings.client_id,
            protocol=MQTTProtocolVersion.MQTTv5 if settings.protocol == "5" else MQTTProtocolVersion.MQTTv311,
            transport=settings.transport,
        )
        self.gone = False
        self._may_connect, self._on_failed, self._on_broken = may_connect, on_failed, on_broken
        self.max_inflight_messages = 0  # unlimited: `Deliveries` counts, so that nothing queues inside paho
        self.reconnect_delay_set(0, 0)  # `may_connect` pauses
        self.on_socket_open = lambda *_: self._set_up_socket()
        if settings.transport == "websockets":
            self.ws_set_options(settings.path)
        if settings.username is not None:
            password = settings.password.get_secret_value() if settings.password else None
            self.username_pw_set(settings.username, password)
        if tls:
            self.tls_set_context(tls)
        self.connect_async(settings.host, settings.port, keepalive=settings.keepalive, clean_start=True)

    def reconnect(self) -> MQTTErrorCode:
        """Connect when it is time; on paho's thread."""
        if not self._may_connect():
            return self.disconnect()
        try:
            return super().reconnect()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next attempt may succeed
            self._on_failed(error)
            return MQTTErrorCode.MQTT_ERR_NO_CONN

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:
        """What paho's thread does. Whatever ends it: someone is told."""
        try:
            return super().loop_forever(timeout, retry_first_connection)
        except Exception as error:  # noqa: BLE001 - paho lets through what its callbacks raise
            self._on_broken(error)
            return MQTTErrorCode.MQTT_ERR_UNKNOWN
        finally:
            self.gone = True

    def cut(self) -> None:
        """End the connection without a goodbye, so that the broker publishes the last will."""
        with suppress(OSError), self._twin() as twin:
            twin.shutdown(socket.SHUT_RDWR)

    def acknowledge_at_once(self) -> None:
        """Let the kernel not wait 40 ms with its TCP acknowledgement, for as long the broker would not go on.

        By default Mosquitto sends its next small packet only then. The option is Linux's, and it forgets it.
        """
        if hasattr(socket, "TCP_QUICKACK") and isinstance(connection := self.socket(), socket.socket):
            with suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _set_up_socket(self) -> None:
        """So that it takes every packet whole, and keeps none back until the broker has answered another.

        An acknowledgement of ours has no answer: what follows it would wait 40 ms for the broker's kernel.
        """
        with suppress(OSError), self._twin() as twin:
            twin.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
            twin.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _twin(self) -> socket.socket:
        connection = self.socket()
        if connection is None:
            raise OSError("not connected")
        return socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM)


def tls_context(tls: TlsSettings) -> ssl.SSLContext:
    """What the configuration says of TLS, with its files read.

    Raises:
        ConfigError: a file can not be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if tls.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.ca_file is None:
        context.load_default_certs()
    else:
        with _blaming("ca_file", tls.ca_file, "certificates"):
            context.load_verify_locations(tls.ca_file)
    if tls.cert_file is not None:
        with _blaming(
            "cert_file", tls.cert_file, "a certificate, with its key in it or, unencrypted, in key_file"
        ):
            # an empty password, or OpenSSL would ask for one at the terminal
            context.load_cert_chain(tls.cert_file, tls.key_file, password="")
    return context


@contextmanager
def _blaming(key: str, file: Path, content: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise ConfigError(f"mqtt.tls.{key}: {file} has to be a PEM file with {content} ({why}).") from error
