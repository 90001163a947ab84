"""An exchange with Fluvius ends in time and in size, whatever comes."""

import gzip
import socket
import ssl
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from bridge.fluvius.errors import FluviusError, ShapeChanged, TryLater
from bridge.fluvius.http import A_PAGE, PoliteSession
from tests.rig.trickle import OK, STAGES, saying, serving

PATIENCE = 0.4  # seconds for an exchange


def error_of(address: str, *, at_most: int = A_PAGE) -> FluviusError:
    session = PoliteSession(pause=lambda _: None, exchange_seconds=PATIENCE)
    with closing(session), pytest.raises(FluviusError) as caught:
        session.get(f"http://{address}/", at_most=at_most)
    assert session.count == 1
    return caught.value


@pytest.mark.parametrize("stage", STAGES)
def test_what_trickles_is_given_up(stage: str) -> None:
    with serving(saying(*STAGES[stage])) as address:
        error = error_of(address)
    assert isinstance(error, TryLater)
    assert "does not finish its" in str(error)
    assert not error.reached  # so it is not asked again at once


def test_a_connection_that_is_kept_is_given_up_too() -> None:
    seen = []

    def serve(guest: socket.socket) -> None:
        seen.append(guest)
        guest.recv(64 * 1024)
        guest.sendall(OK + b"Content-Length: 2\r\n\r\n[]")
        saying(OK, b"X-More: again\r\n")(guest)

    with serving(serve) as address:
        session = PoliteSession(pause=lambda _: None, exchange_seconds=PATIENCE)
        with closing(session):
            assert session.get(f"http://{address}/").json() == []
            with pytest.raises(TryLater, match="does not finish its"):
                session.get(f"http://{address}/")
    assert len(seen) == 1


def test_an_answer_that_ends_with_its_connection_and_in_time_is_whole() -> None:
    with (
        serving(saying(OK + b"\r\n[1]")) as address,
        closing(PoliteSession(exchange_seconds=PATIENCE)) as session,
    ):
        assert session.get(f"http://{address}/").json() == [1]


def test_a_proxy_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(saying(b"HTTP/1.1 200 Connection established\r\n", b"X-More: again\r\n")) as address:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{address}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        session = PoliteSession(pause=lambda _: None, exchange_seconds=PATIENCE)
        with closing(session), pytest.raises(TryLater, match="does not finish its"):
            session.get("https://fluvius.example/")


def test_tls_that_trickles_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", files[0], "-out", files[1]),
        ],
        check=True,
        capture_output=True,
    )
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(files[1]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files[1], files[0])

    def serve(guest: socket.socket) -> None:
        with context.wrap_socket(guest, server_side=True) as secure:
            saying(OK, b"X-More: again\r\n")(secure)

    with serving(serve) as address:
        session = PoliteSession(pause=lambda _: None, exchange_seconds=PATIENCE)
        with closing(session), pytest.raises(TryLater, match="does not finish its"):
            session.get(f"https://{address}/")


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_an_answer_larger_than_the_question_can_need_is_not_believed(*, packed: bool) -> None:
    body = b"[" + b"{}," * 100_000 + b"{}]"
    head = OK + (b"Content-Encoding: gzip\r\n" if packed else b"") + b"\r\n"
    with serving(saying(head + (gzip.compress(body) if packed else body))) as address:
        error = error_of(address, at_most=100_000)
    assert isinstance(error, ShapeChanged)
    assert "far more than was asked for" in str(error)


def test_a_packed_bomb_needs_little_memory() -> None:
    """A quarter of a gigabyte in a quarter of a megabyte."""
    script = f"""
        import resource, sys
        from bridge.fluvius.http import PoliteSession
        from bridge.fluvius.errors import ShapeChanged
        session = PoliteSession()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            session.get("http://" + sys.argv[1], at_most={A_PAGE})
        except ShapeChanged:
            print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    """
    bomb = gzip.compress(b"[" * 256 * 1024 * 1024, compresslevel=1)
    with serving(saying(OK + b"Content-Encoding: gzip\r\n\r\n" + bomb)) as address:
        command = [sys.executable, "-c", textwrap.dedent(script), address]
        more = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert int(more) < 24  # MB
