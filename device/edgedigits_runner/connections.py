"""Clients' connections: how many at once, and how long each may take for what it sends and reads."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Condition
from time import monotonic
from typing import Any, NamedTuple

_SLOW_S = 1.0  # of a full house, who has said nothing whole for so long makes room for the next
_ROOM_S = 0.25


class Limits(NamedTuple):
    """What clients may take: seconds, each for the whole of a thing; bytes; pixels. Tests make them smaller."""

    connections: int = 16
    idle_s: float = 30.0  # without a request
    head_s: float = 10.0  # for a request up to its body
    body_s: float = 20.0
    queue_s: float = 20.0  # until a request's turn comes
    answer_s: float = 10.0  # for taking an answer
    body_bytes: int = 16 * 2**20
    bodies_bytes: int = 32 * 2**20  # of all requests together
    pixels: int = 2**24


class Late(Exception):
    """The time for what a client sends is over."""


class Gone(Exception):
    """The client can't be reached any more."""


class Connection(io.RawIOBase):
    """One client: a raw stream to be read through a BufferedReader, every read within `deadline`."""

    def __init__(self, client: socket.socket) -> None:
        super().__init__()
        self._client = client
        self.deadline = monotonic()
        self.waits_since: float | None = monotonic()  # for the client; None while it waits for us
        self.pushed_out = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Late after the deadline, Gone where the client broke off; 0 at the end."""
        left = self.deadline - monotonic()
        if left <= 0:
            raise Late
        try:
            self._client.settimeout(left)
            return self._client.recv_into(buffer)
        except socket.timeout as error:  # noqa: UP041  # Python 3.9
            raise Late from error
        except OSError as error:
            raise Gone from error

    def send(self, data: bytes, within_s: float) -> None:
        """All of it; Gone where the client does not take it."""
        try:
            self._client.settimeout(within_s)
            self._client.sendall(data)
        except OSError as error:
            raise Gone from error

    def read_away(self, most_s: float, most_bytes: int) -> None:
        """A client that still sends would see a reset instead of the answer: takes some of it, then lets go."""
        with suppress(OSError, Late, Gone):
            self._client.shutdown(socket.SHUT_WR)
            self.deadline = monotonic() + most_s
            block = bytearray(2**16)
            while most_bytes > 0 and (count := self.readinto(block)):
                most_bytes -= count

    def push_out(self) -> None:
        """Ends the waiting for what the client sends."""
        self.pushed_out = True
        with suppress(OSError):
            self._client.shutdown(socket.SHUT_RD)

    def break_off(self) -> None:
        """Ends both directions; the thread that serves it finds out."""
        with suppress(OSError):
            self._client.shutdown(socket.SHUT_RDWR)

    def hang_up(self) -> None:
        self.break_off()
        with suppress(OSError):
            self._client.close()


class House:
    """The connections that are open, at most so many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside: set[Connection] = set()
        self._changed = Condition()

    def enter(self, connection: Connection) -> bool:
        """Whether there is room, if need be that of the client who has been silent for longest."""
        with self._changed:
            if len(self._inside) >= self._most:
                self._push_out()
                self._changed.wait_for(lambda: len(self._inside) < self._most, _ROOM_S)
            if len(self._inside) >= self._most:
                return False
            self._inside.add(connection)
            return True

    def leave(self, connection: Connection) -> None:
        with self._changed:
            self._inside.discard(connection)
            self._changed.notify_all()

    def close(self) -> None:
        """Breaks off with all."""
        with self._changed:
            for connection in self._inside:
                connection.break_off()

    def _push_out(self) -> None:
        slow = [(since, id(one), one) for one in self._inside if (since := one.waits_since) is not None]
        since, _, one = min(slow, default=(monotonic(), 0, None))
        if one is not None and monotonic() - since > _SLOW_S:
            one.push_out()


class Budget:
    """Bytes that several threads may hold together."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._changed = Condition()

    @contextmanager
    def part(self, count: int, wait_s: float) -> Iterator[bool]:
        """Holds so many, at most the whole; False where they were not to be had in time."""
        with self._changed:
            had = self._changed.wait_for(lambda: self._left >= count, wait_s)
            self._left -= count if had else 0
        try:
            yield had
        finally:
            with self._changed:
                self._left += count if had else 0
                self._changed.notify_all()
