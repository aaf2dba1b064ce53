"""The command line in real processes that need not import TensorFlow: forked from one that has imported it and done no more.

`python -m tests.warm SOCKET` is that process; `edgedigits` asks it for a command. A test in which the start of the program, its
imports or its signals are the point starts the program itself.
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import resource
import select
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_SAID = 2**20
"""More bytes than any request has."""


def edgedigits(
    *words: object, limit: int | None = None, cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run the command; `limit` is the largest file that it may write, in bytes."""
    started = Started(*words, limit=limit, cwd=cwd, **env)
    said = started.communicate()
    return subprocess.CompletedProcess([*map(str, words)], started.wait(), *said)


class Started:
    """A command that runs; as much of `subprocess.Popen` as tests use."""

    def __init__(self, *words: object, limit: int | None = None, cwd: Path | None = None, **env: str) -> None:
        place = str(cwd or Path.cwd())
        asked = {"words": [*map(str, words)], "cwd": place, "env": {**os.environ, **env}, "limit": limit}
        self._files = [tempfile.TemporaryFile() for _ in range(2)]  # noqa: SIM115  # closed when all was read
        self._answers = _ask(_server(), asked, [file.fileno() for file in self._files])
        self.pid = int(self._answers.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._answers], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = int(self._answers.readline())
        return self.returncode

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def communicate(self) -> tuple[str, str]:
        """All that it wrote to standard output and standard error, when it has ended."""
        self.wait()
        said = []
        for file in self._files:
            file.seek(0)
            said.append(file.read().decode())
            file.close()
        self._answers.close()
        return said[0], said[1]


def shell_function() -> str:
    """A definition of `edgedigits` for a shell's script."""
    client = [sys.executable, "-S", "-c", _CLIENT, str(Path(__file__).parent.parent), _server()]
    return f'edgedigits() {{ {" ".join(map(shlex.quote, client))} "$@"; }}'


_CLIENT = """
import json, os, sys
root, path, *words = sys.argv[1:]
sys.path.insert(0, root)
from tests.warm import _ask
answers = _ask(path, {"words": words, "cwd": os.getcwd(), "env": dict(os.environ), "limit": None}, [1, 2])
sys.exit([int(line) for line in answers][1])
"""


def _ask(path: str, asked: Mapping[str, object], files: list[int]) -> socket.SocketIO:
    """What the server answers: the command's process, and when that has ended, its exit code; a line each."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(path)
        socket.send_fds(line, [json.dumps(asked).encode()], files)
        line.shutdown(socket.SHUT_WR)
        return line.makefile("rb", buffering=0)  # what is buffered, select() does not see


@functools.cache
def _server() -> str:
    """The path of the socket of a server that lives as long as this process."""
    folder = tempfile.TemporaryDirectory(prefix="edgedigits-warm-")
    path = f"{folder.name}/socket"
    command = [sys.executable, "-m", "tests.warm", path]
    root = Path(__file__).parent.parent
    server = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def end() -> None:
        server.communicate()
        folder.cleanup()

    atexit.register(end)
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    return path


def _serve(path: str) -> None:
    """Forks once for every request, until standard input ends."""
    import edgedigits.pipeline.prepare  # noqa: F401  # everything that takes long to import

    gc.freeze()  # or every command would look through all of it for garbage, and copy it by doing so
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as waiting:
        waiting.bind(path)
        waiting.listen()
        print("ready", flush=True)
        while sys.stdin not in select.select([waiting, sys.stdin], [], [])[0]:
            line, _ = waiting.accept()
            with line:
                if os.fork() == 0:
                    waiting.close()
                    _answer(line)


def _answer(line: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    message, files, _, _ = socket.recv_fds(line, _SAID, 2)
    while more := line.recv(_SAID):
        message += more
    command = os.fork()
    if command == 0:
        _become(json.loads(message), files)
    line.sendall(f"{command}\n".encode())
    _, status = os.waitpid(command, 0)
    line.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(asked: dict[str, Any], files: list[int]) -> None:
    """The command, as if it had just been started; never returns."""
    from edgedigits.cli.main import main
    from tests.warm_children import fork_children

    for number, file in zip((1, 2), files, strict=True):
        os.dup2(file, number)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.chdir(str(asked["cwd"]))
    os.environ.clear()
    os.environ.update(asked["env"])
    fork_children()
    if asked["limit"] is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked["limit"], asked["limit"]))
    sys.argv = ["edgedigits", *asked["words"]]
    code = 1
    try:
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001  # a traceback and exit code 1, as Python itself would end
        sys.excepthook(*sys.exc_info())
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1])
