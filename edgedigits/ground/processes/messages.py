"""Messages between a process and its children: JSON, and behind it the bytes of every array and bytes value in it; no pickles.

A message is the JSON's length (8 bytes, big-endian), the JSON, then the values in their order. Dictionaries in a message are
ours: what a foreign file says travels as text.
"""

from __future__ import annotations

import json
import math
import select
import socket
import struct
import time
from typing import Any, Final

import numpy as np

_LENGTH: Final = struct.Struct(">Q")
_MARK: Final = "$"
_MOST_JSON: Final = 2**30
_BLOCK: Final = 2**20


class Silence(Exception):
    """Nothing came for as long as was allowed."""


def send(line: socket.socket, value: object) -> None:
    """Sends a value of dicts, lists, texts, numbers, None, bytes and arrays. OSError where nobody listens any more."""
    values: list[bytes] = []
    head = json.dumps({"value": _packed(value, values), "sizes": [len(one) for one in values]}).encode()
    line.sendall(_LENGTH.pack(len(head)) + head)
    for one in values:
        line.sendall(one)


def receive(line: socket.socket, most_s: float | None = None) -> Any:
    """The next value; tuples come as lists. EOFError where the other side is gone, Silence after `most_s` without a byte."""
    size = _LENGTH.unpack(_exactly(line, _LENGTH.size, most_s))[0]
    if size > _MOST_JSON:
        raise EOFError("what came is no message")
    head = json.loads(_exactly(line, size, most_s))
    return _opened(head["value"], [_exactly(line, one, most_s) for one in head["sizes"]])


def _exactly(line: socket.socket, size: int, most_s: float | None) -> bytes:
    found = bytearray()
    while len(found) < size:
        if most_s is not None:
            _wait(line, most_s)
        block = line.recv(min(_BLOCK, size - len(found)))
        if not block:
            raise EOFError("the other side is gone")
        found += block
    return bytes(found)


def _wait(line: socket.socket, most_s: float) -> None:
    """Until there is something to read. poll() takes any number of open files, select() only the first 1,024."""
    poll, end = select.poll(), time.monotonic() + most_s
    poll.register(line, select.POLLIN)
    while not poll.poll(max(0, math.ceil(1000 * (end - time.monotonic())))):
        if time.monotonic() >= end:
            raise Silence


def _packed(value: object, values: list[bytes]) -> object:
    if isinstance(value, bytes):
        values.append(value)
        return {_MARK: len(values) - 1}
    if isinstance(value, (np.ndarray, np.generic)):
        whole = np.ascontiguousarray(value)
        values.append(whole.tobytes())
        return {_MARK: len(values) - 1, "dtype": whole.dtype.str, "shape": value.shape}
    if isinstance(value, dict):
        return {key: _packed(one, values) for key, one in value.items()}
    return [_packed(one, values) for one in value] if isinstance(value, (list, tuple)) else value


def _opened(value: object, values: list[bytes]) -> object:
    if isinstance(value, list):
        return [_opened(one, values) for one in value]
    if not isinstance(value, dict):
        return value
    if _MARK not in value:
        return {key: _opened(one, values) for key, one in value.items()}
    flat = values[value[_MARK]]
    return np.frombuffer(flat, value["dtype"]).reshape(value["shape"]) if "dtype" in value else flat
