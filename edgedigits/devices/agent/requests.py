"""What the host may ask for: the settings of each request and what they may be. Nothing else is obeyed."""

from __future__ import annotations

import re
from collections.abc import Callable

from .frames import Message, Refusal

Fits = Callable[[object], bool]
_HASH = re.compile(r"[0-9a-f]{12}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES = 1 << 40


def check(request: Message) -> None:
    """Refusal unless the request is known and whole."""
    asked = request.get("do")
    if not isinstance(asked, str) or asked not in _REQUESTS:
        raise Refusal(f"{str(asked)[:60]!r}: not a request that is known here")
    _look(request, _REQUESTS[asked], asked)


def check_first(request: Message) -> None:
    """Refusal unless this is how a session begins."""
    _look(request, {"dir": _line, "lock_wait_s": _seconds}, "the first request")


def check_file(head: Message, size: int) -> None:
    """Refusal unless the head of a file's bytes goes on within that size."""
    _look(head, {"name": _line, "have": lambda value: type(value) is int and 0 <= value <= size}, "a file's head")


def _look(request: Message, wanted: dict[str, Fits], name: str) -> None:
    for key, fits in wanted.items():
        if key not in request or not fits(request[key]):
            raise Refusal(f"{name}: {key}: found {str(request.get(key))[:60]!r}")


def _line(value: object) -> bool:
    """Text that a path, an argument or a line of a file can hold."""
    return (
        isinstance(value, str)
        and 0 < len(value) < 1 << 15
        and not re.search("[\\x00-\\x1f\\x7f\\ud800-\\udfff]", value)
    )


def _text(value: object) -> bool:
    return isinstance(value, str) and not re.search("[\\x00\\ud800-\\udfff]", value)


def _argument(value: object) -> bool:
    return value == "" or _text(value)


def _hash(value: object) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _seconds(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 86400


def _switch(value: object) -> bool:
    return isinstance(value, bool)


def _port(value: object) -> bool:
    return value is None or (type(value) is int and 0 < value < 65536)


def _each(fits: Fits) -> Fits:
    return lambda value: isinstance(value, list) and len(value) < 100_000 and all(map(fits, value))


def _file(value: object) -> bool:
    if not isinstance(value, dict) or not _line(value.get("name")) or not _SHA256.fullmatch(str(value.get("sha256"))):
        return False
    return type(value.get("size")) is int and 0 <= value["size"] <= _MOST_BYTES


def _package(value: object) -> bool:
    """What becomes a line of pip's requirements."""
    if not isinstance(value, dict):
        return False
    words = [value.get(key) for key in ("name", "version")]
    named = all(isinstance(word, str) and re.fullmatch(r"[A-Za-z0-9._+!-]+", word) for word in words)
    return named and bool(_SHA256.fullmatch(str(value.get("sha256"))))


_REQUESTS: dict[str, dict[str, Fits]] = {
    "facts": {},
    "state": {},
    "prune": {},
    "stop_service": {},
    "get": {"path": _line},
    "remove": {"path": lambda value: value == "" or _line(value)},
    "put": {"folder": _line, "files": _each(_file)},
    "venv": {"name": _hash, "system_site": _switch, "packages": _each(_package), "pip": _line, "online": _switch},
    "run": {"argv": lambda value: value != [] and _each(_argument)(value), "cwd": _line},
    "release": {"filled": _line, "name": _hash, "venv": _line},
    "switch": {"name": lambda value: value is None or _hash(value)},
    "start_service": {"unit": _text, "folders": _each(_line)},
    "healthy": {"port": _port, "fresh": _switch, "wait_s": _seconds},
}
