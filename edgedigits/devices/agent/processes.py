"""Commands on the device: lists of arguments, never a shell; they end when the host goes."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from .frames import CHUNK, HostLine

KEPT_LINES = 30
_MOST_LINE = 1 << 18  # bytes; a longer one is cut into several
_MOST_ERROR = 2000  # characters


def run(
    host: HostLine,
    argv: Sequence[str],
    cwd: Path,
    on_line: Callable[[str], None],
    environment: dict[str, str] | None = None,
) -> tuple[int, list[str]]:
    """Runs to the end; stdout goes to `on_line`, the exit code and the last lines of stderr are the answer.

    A negative code is the signal that ended it. When the host is gone the whole process group is killed.
    """
    process = subprocess.Popen(
        argv,
        cwd=cwd,
        env=clean_environment() | (environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    errors: deque[str] = deque(maxlen=KEPT_LINES)
    assert process.stdout is not None
    assert process.stderr is not None
    streams = {
        process.stdout.fileno(): Lines(on_line),
        process.stderr.fileno(): Lines(lambda line: errors.append(line[:_MOST_ERROR])),
    }
    try:
        while streams:
            ready = select.select([0, *streams], [], [], 1.0)[0]
            if 0 in ready or not ready:
                host.check()
            for handle in ready:
                if handle and not streams[handle].feed(os.read(handle, CHUNK)):
                    del streams[handle]
        return process.wait(), list(errors)
    finally:
        _end(process)


class Lines:
    """Cuts bytes into lines."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = b""

    def feed(self, piece: bytes) -> bool:
        """False at the end of the stream."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) >= _MOST_LINE or (not piece and self._rest):
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._on_line(line.decode("utf-8", "replace"))
        return bool(piece)


def clean_environment() -> dict[str, str]:
    """This session's variables without those that steer Python or threads."""
    foreign = ("PYTHON", "OMP_", "OPENBLAS_", "VIRTUAL_ENV", "TF_")
    return {key: value for key, value in os.environ.items() if not key.startswith(foreign)}


def quiet(argv: Sequence[str], environment: dict[str, str] | None = None, limit_s: float = 60.0) -> tuple[int, str]:
    """A short command: its exit code and all it said; 127 where it is missing, 124 where it took too long."""
    try:
        done = subprocess.run(
            argv,
            env=clean_environment() | (environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit_s,
            check=False,
        )
    except FileNotFoundError:
        return 127, f"{argv[0]} is not installed"
    except subprocess.TimeoutExpired:
        return 124, f"{argv[0]} took longer than {limit_s:.0f} s"
    return done.returncode, done.stdout.decode("utf-8", "replace").strip()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kills the group, also what the command left behind, and closes the pipes."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
