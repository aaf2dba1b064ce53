"""A command in a process of its own, watched by this one: an interpreter that takes its process down is told in a sentence.

The process is forked before anything is imported, so it costs a millisecond. It gets the signals that this one gets, and ends
with it: the system sends it SIGIO, whose default is the end, when the pipe between them closes.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_TOLD = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_GRACE_S = 0.5
"""A service's manager signals both processes: the second signal comes only to one that has not ended of the first."""


def supervised(name: str, command: Callable[[], int], said_by: str) -> int:
    """The exit code of `command`, run in a child; 1, and a sentence on stderr, where the child is ended by a signal.

    Where the system can't fork or wait like this, it runs here. In the child this returns like any call; the parent exits.
    """
    if not hasattr(signal, "sigtimedwait"):
        return command()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*_TOLD, signal.SIGCHLD})
    reader, writer = os.pipe()
    try:
        child = os.fork()
    except OSError:
        child = 0
        os.close(writer)
    else:
        os.close(writer if child == 0 else reader)
    if child == 0:
        _end_with(reader)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return command()
    code = _watched(child)
    if code < 0:
        code = _as_told(name, -code, said_by)
    sys.stderr.flush()
    os._exit(code)


def _end_with(reader: int) -> None:
    import fcntl

    fcntl.fcntl(reader, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(reader, fcntl.F_SETFL, fcntl.fcntl(reader, fcntl.F_GETFL) | os.O_ASYNC)


def _watched(child: int) -> int:
    """How the child ended: its exit code, or minus the signal. What this process is told, it tells the child."""
    late: int | None = None
    while True:
        found = signal.sigtimedwait({*_TOLD, signal.SIGCHLD}, _GRACE_S if late else 3600)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        if found is None and late:
            os.kill(child, late)
            late = None
        elif found is not None and found.si_signo in _TOLD and found.si_pid:  # a terminal tells both itself
            late = found.si_signo


def _as_told(name: str, number: int, said_by: str) -> int:
    if number == signal.SIGINT:
        return 130
    if number in _TOLD:
        return 128 + number
    known = {int(one): one.name for one in signal.Signals}
    print(
        f"{said_by}: {name} was ended by {known.get(number, f'signal {number}')}: the interpreter can't run this model here, "
        "or memory ran out; see what doctor says, or try another --runtime",
        file=sys.stderr,
    )
    return 1
