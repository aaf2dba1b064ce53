"""The children for TensorFlow of a command that `warm` forked: forked as well, so that they need not import it either.

They come from a process that was forked before the command began, since one that has worked has threads and can't be forked.
What is tested without `warm` starts its children as users have them; so do those that take no TensorFlow.
"""

from __future__ import annotations

import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import IO, Any

from edgedigits.ground.processes import child, children

_MOST = 2**17
"""More bytes than any request has."""


def fork_children() -> None:
    """To be called by a process that has imported TensorFlow and done no more; its children are forked from one like it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        ours.close()
        _fork_on_request(theirs)
    theirs.close()
    vars(children)["subprocess"] = SimpleNamespace(Popen=functools.partial(_start, ours), DEVNULL=subprocess.DEVNULL)


def _start(line: socket.socket, command: Sequence[str], pass_fds: Sequence[int], stdout: IO[bytes], **how: Any) -> Any:
    *_, search, _, _, preloaded = command
    if not preloaded:
        return subprocess.Popen(command, pass_fds=pass_fds, stdout=stdout, **how)
    return _Forked(line, {"search": search, "preloaded": preloaded}, [*pass_fds, stdout.fileno()])


class _Forked:
    """As much of `subprocess.Popen` as `children` uses."""

    def __init__(self, line: socket.socket, asked: dict[str, object], files: list[int]) -> None:
        self._line = line
        self.returncode: int | None = None
        self.pid = self._ask(asked, files)
        self._ended = os.pidfd_open(self.pid)

    def _ask(self, asked: dict[str, object], files: Sequence[int] = ()) -> int:
        socket.send_fds(self._line, [json.dumps(asked).encode()], files)
        return int(self._line.recv(_MOST))

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = self._ask({"wait": self.pid})
            os.close(self._ended)
        return self.returncode

    def kill(self) -> None:
        if self.returncode is None:
            signal.pidfd_send_signal(self._ended, signal.SIGKILL)


def _fork_on_request(line: socket.socket) -> None:
    """Until the command is gone; never returns."""
    while True:
        message, files, _, _ = socket.recv_fds(line, _MOST, 3)
        if not message:
            os._exit(0)
        asked = json.loads(message)
        if "wait" in asked:
            answer = os.waitstatus_to_exitcode(os.waitpid(asked["wait"], 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                line.close()
                _become_child(json.loads(asked["search"]), files, asked["preloaded"])
        for file in files:
            os.close(file)
        line.send(str(answer).encode())


def _become_child(search: list[str], files: list[int], preloaded: str) -> None:
    """What the script that `children` gives to Python does; never returns."""
    line, lifeline, words = files
    os.setsid()
    for number in (1, 2):
        os.dup2(words, number)
    code = 1
    try:
        sys.path[:] = search
        child.serve(line, lifeline, preloaded)
        code = 0
    except BaseException:  # noqa: BLE001  # a traceback and exit code 1, as Python itself would end
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)
