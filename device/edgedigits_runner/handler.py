"""HTTP requests: which there are, what is refused and how."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from edgedigits_runner.errors import RunnerError
from edgedigits_runner.metrics import CONTENT_TYPE
from edgedigits_runner.pictures import PictureError, UnreadKind

if TYPE_CHECKING:
    from edgedigits_runner.serve import Server

MOST_BYTES = 16 * 2**20
_GET, _POST = ("/health", "/metrics"), ("/predict",)


class _Refused(Exception):
    """A request that is wrong: its status and what would do."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Handler(BaseHTTPRequestHandler):
    """POST /predict, GET /health, GET /metrics; every error is JSON: {"error": "..."}."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds that a silent client may hold a thread
    server_version = "edgedigits-runner"

    def do_GET(self) -> None:
        self._answer(_GET)

    def do_POST(self) -> None:
        self._answer(_POST)

    def do_HEAD(self) -> None:
        self._answer(())

    do_PUT = do_DELETE = do_PATCH = do_HEAD  # known, and not allowed

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a line per image would fill the journal of a small machine; /metrics counts them."""

    def _answer(self, allowed: tuple[str, ...]) -> None:
        path = self.path.partition("?")[0]
        try:
            if path not in (*_GET, *_POST):
                raise _Refused(404, f"nothing is at {path}; there are {', '.join((*_POST, *_GET))}")
            if path not in allowed:
                raise _Refused(405, f"{path} takes {'POST' if path in _POST else 'GET'}")
            self._known(path)
        except _Refused as refusal:
            self.close_connection = True  # what the body holds, if it was not read, must not be taken for a request
            self._send_json(path, refusal.status, {"error": str(refusal)})
            self._read_away()

    def _known(self, path: str) -> None:
        service = self.server.service
        if path == "/metrics":
            self._send(path, 200, CONTENT_TYPE, service.metrics.text().encode())
        elif path == "/health":
            health = service.health()
            self._send_json(path, 200 if health["ok"] else 503, health)
        else:
            self._predict()

    def _predict(self) -> None:
        try:
            found = self.server.service.predict(self._body())
        except UnreadKind as error:
            raise _Refused(415, f"the image {error.message}") from error
        except PictureError as error:
            raise _Refused(400, f"the body {error.message}") from error
        except RunnerError as error:
            raise _Refused(500, error.message) from error
        self._send_json("/predict", 200, found)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise _Refused(411, "give the image as the body, with its Content-Length")
        if int(length) > MOST_BYTES:
            raise _Refused(413, f"the body is {length} bytes; give at most {MOST_BYTES}")
        if length == "0":
            raise _Refused(400, "the body is empty; give the bytes of an image file")
        data = self.rfile.read(int(length))
        self._read = True
        if len(data) < int(length):
            raise _Refused(400, f"the body ended after {len(data)} of {length} bytes")
        return data

    _read = False

    def _read_away(self) -> None:
        """A client that is still sending would see a reset instead of the answer: take some of it, then let go."""
        left = 0 if self._read else 4 * MOST_BYTES
        self.connection.settimeout(1)
        try:
            while left > 0 and (block := self.rfile.read1(2**16)):
                left -= len(block)
        except OSError:
            pass

    def _send_json(self, path: str, status: int, value: dict[str, Any]) -> None:
        self._send(path, status, "application/json", json.dumps(value).encode() + b"\n")

    def _send(self, path: str, status: int, kind: str, body: bytes) -> None:
        self.server.service.metrics.request(path if path in (*_GET, *_POST) else "other", status)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status == 405:
            self.send_header("Allow", "POST" if path in _POST else "GET")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
