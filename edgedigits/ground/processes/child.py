"""A child process: takes one errand after another from the process that started it, and ends with it.

It is started by `children.py` and by nothing else. A function that works long calls `beat` now and then, so that it is not
taken for one that hangs.
"""

from __future__ import annotations

import fcntl
import gc
import importlib
import os
import resource
import socket
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Final

from edgedigits.errors import EdgeDigitsError
from edgedigits.ground.facts import JsonObject
from edgedigits.ground.processes import messages

OUT_OF_MEMORY: Final = "memory"
"""The kind of an error that says that the errand's memory did not do."""
_BEAT_S: Final = 0.25
_line: socket.socket | None = None
_beaten = 0.0


def beat() -> None:
    """Tells the process that waits that this one is alive; in any other process nothing."""
    global _beaten
    if _line is not None and time.monotonic() - _beaten > _BEAT_S:
        _beaten = time.monotonic()
        messages.send(_line, {"beat": True})


def serve(line_fd: int, lifeline_fd: int, preloaded: str) -> None:
    """Until the other side is gone. `preloaded` is a module that is imported first, "" for none."""
    global _line
    _end_with(lifeline_fd)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    _line = socket.socket(fileno=line_fd)
    if preloaded:
        importlib.import_module(preloaded)
        gc.freeze()  # what it has imported stays: the converter collects garbage in every call, and need not look through that
    try:
        messages.send(_line, {"ready": True})
        while True:
            messages.send(_line, _done(_line, messages.receive(_line)))
    except (EOFError, OSError):
        return


def _end_with(lifeline_fd: int) -> None:
    """The system ends this process when the other end of the lifeline closes, whatever native code is at then.

    A reader of a pipe can ask for SIGIO when the writer is gone, and that signal's default is the end of the process.
    """
    fcntl.fcntl(lifeline_fd, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline_fd, fcntl.F_SETFL, fcntl.fcntl(lifeline_fd, fcntl.F_GETFL) | os.O_ASYNC)


def _done(line: socket.socket, errand: JsonObject) -> JsonObject:
    """The answer to an errand: its result, or the kind and the words of its error; and the memory that is held then.

    Before it there is a word when the function is imported: only then does its time begin.
    """
    sys.path[:] = errand["path"]
    try:
        os.chdir(errand["folder"])
        module, _, name = errand["function"].partition(":")
        function = getattr(importlib.import_module(f"edgedigits.{module}"), name)
        messages.send(line, {"beat": True})
        limit_memory(errand["most_bytes"])
        answer = {"result": function(**errand["given"])}
    except EdgeDigitsError as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    except Exception as error:  # noqa: BLE001  # what a foreign library raises on a foreign file is one of a dozen kinds
        traceback.print_exc()
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        answer = {"error": OUT_OF_MEMORY if _lacks_memory(error) else "", "message": reason}
    finally:
        limit_memory(None)
    return {**answer, "held_kib": read_status_kib("VmRSS:")}


def _lacks_memory(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
            return True
        error = error.__cause__ or error.__context__
    return False


def limit_memory(most_bytes: int | None) -> None:
    """From now on this process may take so many bytes more than it holds; None: as many as there are.

    Counted by the system in private writable memory, since TensorFlow maps far more than it uses.
    """
    held = read_status_kib("VmData:")
    most = resource.RLIM_INFINITY if most_bytes is None or not held else 1024 * held + most_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (most, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def read_status_kib(key: str, process: int | str = "self") -> int:
    """A line of /proc/<process>/status in KiB; 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(key)), 0)
