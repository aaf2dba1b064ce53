"""What is spoken with the host: one JSON object per line, and counted bytes after those that say so.

The host sends an empty line every few seconds. When its lines end, or nothing comes for a while, it is gone: the agent ends.
"""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Iterator
from typing import Any

CHUNK = 1 << 18
MOST_FRAME = 1 << 22


Message = dict[str, Any]
"""A request or an answer, an object of JSON; what a request holds is held against `requests` before it is obeyed."""


class Gone(Exception):
    """The host hung up, or has been silent for too long."""


class Refusal(Exception):
    """One sentence for the user. `kind` is "input" (something to change) or "work" (it was tried, and failed)."""

    def __init__(self, message: str, kind: str = "input") -> None:
        super().__init__(message)
        self.kind = kind


class OutOfStep(Exception):
    """Failed in the middle of counted bytes: what follows on stdin can't be understood any more. Holds the reason."""


class HostLine:
    """The other end, on stdin and stdout."""

    def __init__(self, silence_s: float = 40.0) -> None:
        self._silence_s = silence_s
        self._buffer = bytearray()
        self._heard = time.monotonic()

    def receive(self) -> Message:
        """The next object; waits for it. OutOfStep where what comes is none."""
        looked = 0
        while True:
            end = self._buffer.find(b"\n", looked)
            if end < 0:
                looked = len(self._buffer)
                if looked > MOST_FRAME:
                    raise OutOfStep from Refusal(f"a request of more than {MOST_FRAME} bytes")
                self._more()
                continue
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            looked = 0
            if line:
                return _object(line)

    def body(self, size: int) -> Iterator[bytes]:
        """The next `size` bytes, in pieces."""
        while size:
            if not self._buffer:
                self._more()
            piece = bytes(self._buffer[:size])
            del self._buffer[: len(piece)]
            size -= len(piece)
            yield piece

    def send(self, **frame: object) -> None:
        self.send_bytes(json.dumps(frame).encode() + b"\n")

    def send_bytes(self, content: bytes) -> None:
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(1, view) :]
        except BrokenPipeError as error:
            raise Gone from error

    def check(self) -> None:
        """Raises Gone when the host is; to be called now and then, and when stdin can be read, during long work."""
        if len(self._buffer) > MOST_FRAME:  # it sends on and on, and nobody listens
            raise Gone
        if select.select([0], [], [], 0)[0]:
            self._more()
        elif time.monotonic() - self._heard > self._silence_s:
            raise Gone

    def _more(self) -> None:
        if not select.select([0], [], [], self._silence_s)[0]:
            raise Gone
        piece = os.read(0, CHUNK)
        if not piece:
            raise Gone
        self._heard = time.monotonic()
        self._buffer += piece


def _object(line: bytes) -> Message:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise OutOfStep from Refusal(f"a request that is no JSON ({error})")
    if not isinstance(found, dict):
        raise OutOfStep from Refusal("a request that is no object")
    return found
