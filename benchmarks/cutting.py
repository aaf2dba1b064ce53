"""Deploys whose connection is cut: a relay between ssh and sshd that resets both sides at a chosen moment.

Give ssh a configuration with a HostKeyAlias, so that the relay's port does not make the host key an unknown one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import struct
import threading
import time
from pathlib import Path
from types import TracebackType

from edgedigits.devices.deploy import DeployWish, deploy
from edgedigits.devices.ssh.device import State, connect
from edgedigits.errors import EdgeDigitsError


class Relay:
    """Passes connections on to `host`:`to`; cut() resets all that are open. A context manager."""

    def __init__(self, to: int, host: str = "127.0.0.1") -> None:
        self._target = (host, to)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []
        self.passed_bytes = 0
        self._cut_at_bytes: int | None = None
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Relay:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Resets every open connection, as a pulled cable does in the end."""
        cut, self._open = self._open, []
        for one in cut:
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def cut_after(self, seconds: float) -> None:
        """Cuts so many seconds from now, unless spare() comes first."""
        self._timer = threading.Timer(seconds, self.cut)
        self._timer.daemon = True
        self._timer.start()

    def cut_at(self, size: int) -> None:
        """Cuts once so many bytes more went to the device."""
        self._cut_at_bytes = self.passed_bytes + size

    def spare(self) -> None:
        """Takes back a cut that has not happened; waits for one that is under way, so that it cuts nothing that comes after."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
        self._cut_at_bytes = None

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
            except OSError:
                return
            self._open += [near, far]
            threading.Thread(target=self._pass, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, False), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(1 << 16):
                sink.sendall(piece)
                self.passed_bytes += len(piece) if counted else 0
                if counted and self._cut_at_bytes is not None and self.passed_bytes >= self._cut_at_bytes:
                    self._cut_at_bytes = None
                    self.cut()
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@dataclasses.dataclass(frozen=True)
class Cut:
    """What one cut did. `doing`: the last thing said; `error`: the sentence, None where the deploy was through already."""

    after_s: float
    doing: str
    error: str | None
    before: State
    after: State
    finished: bool
    finish_s: float

    @property
    def safe(self) -> bool:
        """No release was broken: the one in use is the old or the new one, whole; and the next run finished."""
        whole = self.after.current is None or self.after.intact
        kept = self.before.current is None or self.after.current is not None
        return whole and kept and self.finished


def cut_deploy(artifact: Path, wish: DeployWish, relay: Relay, after_s: float) -> Cut:
    """Deploys through the relay, cuts after so many seconds, looks at what is there, and deploys again without a cut."""
    through = dataclasses.replace(wish, port=relay.port)
    before, doing = state(through), ["connecting"]
    relay.cut_after(after_s)
    try:
        deploy(artifact, through, doing.append, doing.append)
        error = None
    except EdgeDigitsError as caught:
        error = str(caught)
    relay.spare()
    interrupted, after = doing[-1], state(through)
    started = time.monotonic()
    report = deploy(artifact, through, doing.append, doing.append)
    seconds = time.monotonic() - started
    last = state(through)
    finished = last.current == report.release and last.intact
    return Cut(after_s, interrupted, error, before, after, finished, seconds)


def state(wish: DeployWish) -> State:
    """What stands in the folder on the device."""
    with connect(wish.address, wish.directory, lambda _: None) as device:
        return device.state()
