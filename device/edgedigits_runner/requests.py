"""The head of an HTTP/1 request, read strictly: what two programs could read in two ways is refused."""

from __future__ import annotations

import re
from typing import IO, NamedTuple

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT")
_MOST_LINE, _MOST_HEAD, _MOST_FIELDS = 2**13, 2**14, 64  # bytes, bytes, header fields
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST = re.compile(rb"(%s) ([!-~\x80-\xff]+) HTTP/([0-9])\.([0-9])" % _TOKEN)
_SIMPLE = re.compile(rb"%s [!-~\x80-\xff]+" % _TOKEN)
_FIELD = re.compile(rb"(%s):[ \t]*([\t -~\x80-\xff]*?)[ \t]*" % _TOKEN)


class Refused(Exception):
    """A request that is wrong: its status and what would do."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Request(NamedTuple):
    """`fields` by lower-case name, each as often as it came; `length` of the body in bytes, None where none was given."""

    method: str
    path: str
    fields: dict[str, list[str]]
    length: int | None
    minor: int

    @property
    def keeps(self) -> bool:
        """Whether the client will ask more on this connection."""
        return self.minor > 0 and "close" not in ",".join(self.fields.get("connection", [])).lower()

    @property
    def waits(self) -> bool:
        """Whether the client sends its body only when told to."""
        return [value.lower() for value in self.fields.get("expect", [])] == ["100-continue"]


def read_request(stream: IO[bytes]) -> Request | None:
    """The next request up to its body, None where the stream ends before one; Refused where it can't be taken."""
    line = _line(stream, _MOST_LINE, 414, "the request line")
    while line in (b"\r\n", b"\n"):  # some clients send one more after a body
        line = _line(stream, _MOST_LINE, 414, "the request line")
    if not line:
        return None
    method, target, minor = _request_line(_stripped(line))
    fields = _fields(stream)
    return Request(method, target.partition("?")[0], fields, _length(fields), minor)


def check_place(request: Request, port: int) -> None:
    """Refused for a name that is not this machine's own: a web page may give its own name this machine's address."""
    own = {f"{name}{end}" for name in ("127.0.0.1", "localhost", "[::1]") for end in ("", f":{port}")}
    hosts = request.fields.get("host", [])
    if len(hosts) > 1 or (not hosts and request.minor):
        raise Refused(400, f"found {len(hosts)} Host fields; give one")
    if hosts and hosts[0].lower() not in own:
        raise Refused(421, f"nothing is served as {_short(hosts[0])}; ask 127.0.0.1:{port} or localhost:{port}")
    for origin in request.fields.get("origin", []):
        if origin.lower() not in {f"http://{name}" for name in own}:
            raise Refused(403, f"pages of {_short(origin)} may not ask; pages of http://127.0.0.1:{port} may")


def _line(stream: IO[bytes], most: int, status: int, what: str) -> bytes:
    line = stream.readline(most + 1)
    if len(line) > most:
        raise Refused(status, f"{what} is longer than {most} bytes")
    if line and not line.endswith(b"\n"):
        raise Refused(400, "the request ended within its head")
    return line


def _stripped(line: bytes) -> bytes:
    return line[: -2 if line.endswith(b"\r\n") else -1]


def _request_line(line: bytes) -> tuple[str, str, int]:
    """(method, target, minor version)."""
    found = _REQUEST.fullmatch(line)
    if found is None and _SIMPLE.fullmatch(line):
        raise Refused(505, "HTTP/0.9 is not spoken here; use HTTP/1.1")
    if found is None:
        raise Refused(400, f"{_short(line.decode('latin-1'))} is no request; give METHOD PATH HTTP/1.1")
    if found[3] != b"1":
        raise Refused(505, f"HTTP/{found[3].decode()}.{found[4].decode()} is not spoken here; use HTTP/1.1")
    return found[1].decode(), found[2].decode("latin-1"), int(found[4])


def _fields(stream: IO[bytes]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    left, number = _MOST_HEAD, 0
    while (line := _line(stream, left, 431, "the head of the request")) not in (b"\r\n", b"\n"):
        left, number = left - len(line), number + 1
        field = _FIELD.fullmatch(_stripped(line))
        if not line:
            raise Refused(400, "the request ended within its head")
        if field is None:
            raise Refused(400, f"{_short(line.decode('latin-1'))} is no header field; give NAME: VALUE")
        if number > _MOST_FIELDS:
            raise Refused(431, f"more than {_MOST_FIELDS} header fields")
        found.setdefault(field[1].decode().lower(), []).append(field[2].decode("latin-1"))
    return found


def _length(fields: dict[str, list[str]]) -> int | None:
    codings = ",".join(fields.get("transfer-encoding", [])).lower()
    given = [length.strip() for field in fields.get("content-length", []) for length in field.split(",")]
    if len(given) + bool(codings) > 1:
        raise Refused(400, "the length of the body is given twice; give one Content-Length and no Transfer-Encoding")
    if codings == "chunked":
        raise Refused(411, "give the body whole, with its Content-Length")
    if codings:
        raise Refused(501, f"Transfer-Encoding {_short(codings)} is not known; give the body as it is")
    if not given:
        return None
    if not re.fullmatch("[0-9]+", given[0]):
        raise Refused(400, f"Content-Length {_short(given[0])} is no number of bytes")
    digits = given[0].lstrip("0")
    return int(digits[:18] or 0)  # cut off, it is still far above any limit


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
