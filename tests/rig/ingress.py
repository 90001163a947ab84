"""Home Assistant's ingress: an app's page in a frame of its own, below a prefix that the app does not see.

So does their code: what a browser sends is passed on with its `Host`, and
every answer gets headers that have browsers tell nobody where they come from.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

PREFIX = "/api/hassio_ingress/qV7Q2yYqzpNTPqX"
NOT_PASSED_ON = {"connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding"}
ANSWERED = NOT_PASSED_ON | {"content-type", "date", "server"}
ITS_OWN = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}
FRAME = f"""<!doctype html><html lang="en"><title>Fluvius</title><link rel="icon" href="data:,">
<iframe title="Fluvius" src="{PREFIX}/" width="100%" height="700"></iframe>"""


@dataclass
class Panel:
    """Where a visitor finds it."""

    port: int
    prefix: str = PREFIX

    @property
    def url(self) -> str:
        """Home Assistant's page with the frame."""
        return f"http://127.0.0.1:{self.port}/"


@contextmanager
def ingress(app: str) -> Iterator[Panel]:
    """Home Assistant, with the page at this address as its panel."""
    place = urlsplit(app)

    class Visitor(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/":
                self._say(200, {"Content-Type": "text/html; charset=utf-8"}, FRAME.encode())
            elif self.path.startswith(f"{PREFIX}/"):
                self._pass_on()
            else:
                self._say(404, {}, b"404: Not Found")

        def do_POST(self) -> None:
            self.do_GET()

        def _pass_on(self) -> None:
            address = self.client_address[0]
            length = int(self.headers.get("Content-Length") or 0)
            headers = {
                **{name: value for name, value in self.headers.items() if name.lower() not in NOT_PASSED_ON},
                "X-Ingress-Path": PREFIX,
                "X-Forwarded-For": f"{address}, 172.30.32.1",
                "X-Forwarded-Host": self.headers["Host"],
                "X-Forwarded-Proto": "http",
                "X-Remote-User-Id": "0123",
                "X-Remote-User-Name": "someone",
            }
            asked = HTTPConnection(place.hostname or "", place.port, timeout=10)
            try:
                path = self.path.removeprefix(PREFIX)
                if body := self.rfile.read(length):  # passed on as it comes, for the app wants it so
                    pieces = {**headers, "Transfer-Encoding": "chunked"}
                    asked.request(self.command, path, iter([body]), pieces, encode_chunked=True)
                else:
                    asked.request(self.command, path, headers=headers)
                answer = asked.getresponse()
                kept = {name: each for name, each in answer.getheaders() if name.lower() not in ANSWERED}
                kind = answer.headers.get_content_type()
                self._say(answer.status, kept | {"Content-Type": kind}, answer.read())
            finally:
                asked.close()

        def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in (headers | ITS_OWN | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Visitor) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Panel(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()
