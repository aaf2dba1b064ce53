"""Functions for a child process that end badly."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from typing import Any

from edgedigits.errors import ModelError
from edgedigits.ground.processes.child import beat


def same(**given: Any) -> dict[str, Any]:
    return given


def crash() -> None:
    ctypes.string_at(8)


def abort() -> None:
    ctypes.CDLL(None).abort()


def loop() -> None:
    """As native code does it: no signal is looked at."""
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL})
    while True:
        pass


def eat() -> int:
    return len(bytearray(2**30))


def stumble() -> None:
    raise LookupError("an unknown kind of error")


def refuse() -> None:
    raise ModelError("in its own words")


def slow() -> str:
    for _ in range(20):
        time.sleep(0.1)
        beat()
    return "done"


def who() -> int:
    return os.getpid()


def hold() -> int:
    """Keeps 80 MiB for good."""
    globals()["_held"] = b"x" * (80 * 2**20)
    return os.getpid()
