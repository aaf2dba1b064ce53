"""HTTP requests: which there are, what is refused and how. Every error is JSON, {"error": "..."}, and is counted."""

from __future__ import annotations

import io
import json
import time
from contextlib import suppress
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from edgedigits_runner.connections import Connection, Gone, Late
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.metrics import CONTENT_TYPE
from edgedigits_runner.model_service import Busy, Service
from edgedigits_runner.picture_errors import PictureError, UnreadKind
from edgedigits_runner.requests import METHODS, Refused, Request, check_place, read_request

if TYPE_CHECKING:
    from edgedigits_runner.connections import Budget

_GET, _POST = ("/health", "/metrics"), ("/predict",)
_JSON = "application/json"
_FAREWELL_S = 2.0


class Server(Protocol):
    """What a handler asks of the server that it belongs to."""

    server_port: int
    service: Service
    bodies: Budget


class Handler:
    """The requests of one connection, one after the other."""

    def __init__(self, connection: Connection, server: Server) -> None:
        self._connection, self._server, self._limits = connection, server, server.service.limits
        self._stream = io.BufferedReader(connection)
        self._request: Request | None = None
        self._unread = True  # what was sent, or is on its way, and is not taken yet

    def serve(self) -> None:
        """Until the client or the limits end it."""
        with suppress(Gone):
            while self._next():
                pass

    def refuse(self) -> None:
        """The answer where there is no room for one more."""
        with suppress(Gone):
            self._refused(Refused(503, f"{self._limits.connections} clients are served already; ask again"))

    def _next(self) -> bool:
        """Answers one request; whether another may follow."""
        self._request, self._unread = None, True
        self._connection.waits_since = monotonic()
        try:
            if not self._begins():
                return False
            self._request = read_request(self._stream)
            if self._request is None:
                return False
            self._answer(self._request)
            return self._stays()
        except Refused as error:
            late = self._connection.pushed_out and self._unread
            refusal = self._late() if late else Refused(error.status, str(error))
        except Late:
            refusal = self._late()
        return self._refused(refusal)  # only now: the error that was caught holds the image

    def _late(self) -> Refused:
        return Refused(408, f"the {'body' if self._request else 'request'} did not come in time; send it at once")

    def _begins(self) -> bool:
        """Waits for the first byte; False where none comes."""
        self._connection.deadline = monotonic() + self._limits.idle_s
        try:
            begun = bool(self._stream.peek(1))
        except Late:
            return False
        self._connection.deadline = monotonic() + self._limits.head_s
        return begun

    def _stays(self) -> bool:
        return self._request is not None and self._request.keeps and not self._unread

    def _answer(self, request: Request) -> None:
        check_place(request, self._server.server_port)
        if request.method not in METHODS:
            raise Refused(501, f"the method {request.method[:20]} is not known; use GET or POST")
        self._unread = bool(request.length)
        if request.path not in (*_GET, *_POST):
            raise Refused(404, f"nothing is at {request.path[:100]}; there are {', '.join((*_POST, *_GET))}")
        wanted = "POST" if request.path in _POST else "GET"
        if request.method != wanted:
            raise Refused(405, f"{request.path} takes {wanted}")
        self._known(request)

    def _known(self, request: Request) -> None:
        service = self._server.service
        self._connection.waits_since = None
        try:
            if request.path == "/metrics":
                self._send(200, CONTENT_TYPE, service.metrics.text().encode())
            elif request.path == "/health":
                health = service.health()
                self._send(200 if health["ok"] else 503, _JSON, _text(health))
            else:
                self._send(200, _JSON, _text(self._predict(request)))
        except UnreadKind as error:
            raise Refused(415, f"the image {error.message}") from error
        except PictureError as error:
            raise Refused(400, f"the body {error.message}") from error
        except Busy as error:
            raise Refused(503, error.message) from error
        except RunnerError as error:
            raise Refused(500, error.message) from error
        except MemoryError as error:
            raise Refused(413, "the image takes more memory than this service may have; give a smaller one") from error
        except (Refused, Late, Gone):
            raise
        except Exception as error:  # whatever a library raises, the client gets an answer
            raise Refused(500, f"the request failed ({type(error).__name__}: {str(error)[:200]})") from error

    def _predict(self, request: Request) -> dict[str, Any]:
        length, most = request.length, self._limits.body_bytes
        if length is None:
            raise Refused(411, "give the image as the body, with its Content-Length")
        if length > most:
            raise Refused(413, f"the body is {length} bytes; give at most {most}")
        if length == 0:
            raise Refused(400, "the body is empty; give the bytes of an image file")
        with self._server.bodies.part(length, self._limits.queue_s) as had:
            if not had:
                raise Refused(503, "other images are being read; ask again")
            return self._server.service.predict(self._body(request, length))

    def _body(self, request: Request, length: int) -> bytes:
        if request.waits:
            self._connection.send(b"HTTP/1.1 100 Continue\r\n\r\n", self._limits.answer_s)
        self._connection.deadline = monotonic() + self._limits.body_s
        self._connection.waits_since = monotonic()
        data = self._stream.read(length)
        self._connection.waits_since = None
        if len(data) < length:
            raise Refused(400, f"the body ended after {len(data)} of {length} bytes")
        self._unread = False
        return data

    def _refused(self, refusal: Refused) -> bool:
        """Answers; whether another request may follow."""
        self._connection.waits_since = monotonic()
        stays = self._stays()
        self._send(refusal.status, _JSON, _text({"error": str(refusal)}))
        if not stays:
            self._connection.read_away(_FAREWELL_S, 4 * self._limits.body_bytes)
        return stays

    def _send(self, status: int, kind: str, body: bytes) -> None:
        request = self._request
        path = request.path if request and request.path in (*_GET, *_POST) else "other"
        self._server.service.metrics.request(path, status)
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT", time.gmtime()),
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
        ]
        lines += [f"Allow: {'POST' if path in _POST else 'GET'}"] if status == 405 else []
        lines += ["Retry-After: 1"] if status == 503 else []
        lines += [] if self._stays() else ["Connection: close"]
        head = "\r\n".join([*lines, "", ""]).encode()
        self._connection.send(head + (b"" if request and request.method == "HEAD" else body), self._limits.answer_s)


def _text(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"
