"""A real PostgreSQL for tests, of Debian's package, in a folder of its own on a free port; root runs it as another user."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.sshd import free_port

_USER = "postgres"


def find_programs() -> Path | None:
    """The folder of PostgreSQL's programs: Debian keeps them out of the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parts[4]))
    at_hand = shutil.which("initdb")
    return found[-1].parent if found else Path(at_hand).parent if at_hand else None


def _lack() -> str:
    if find_programs() is None:
        return "needs PostgreSQL, as Debian's package postgresql"
    if os.getuid() != 0:
        return ""
    try:
        pwd.getpwnam(_USER)
    except KeyError:
        return f"root can't run PostgreSQL, and there is no user {_USER}"
    return (
        "" if shutil.which("setpriv") else "needs setpriv, of util-linux, to run PostgreSQL as another user than root"
    )


class Postgres:
    """The server; `url` reaches its database."""

    def __init__(self, folder: Path) -> None:
        found = find_programs()
        assert found is not None
        self._programs, self._folder, self.port = found, folder, free_port()
        self.url = f"postgresql://{_USER}:secret@127.0.0.1:{self.port}/postgres"
        (folder / "password").write_text("secret")
        if os.getuid() == 0:
            shutil.chown(folder, _USER, _USER)
            shutil.chown(folder / "password", _USER, _USER)
        self._run("initdb", "-D", "data", "-U", _USER, "-A", "scram-sha-256", "--pwfile=password", "--no-sync")

    def start(self) -> None:
        """Takes connections when this returns."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder} -c fsync=off"
        self._run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")

    def stop(self) -> None:
        """Ends at once, as where power fails; what was committed stays."""
        self._run("pg_ctl", "-D", "data", "-m", "immediate", "stop")

    def _run(self, program: str, *words: str) -> None:
        other = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"] if os.getuid() == 0 else []
        done = subprocess.run(
            [*other, str(self._programs / program), *words],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # the server would hold a pipe open
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, (program, words)


@contextmanager
def running() -> Iterator[Postgres]:
    """A server that has been started. Skips where none can be had."""
    if lack := _lack():
        pytest.skip(lack)
    with tempfile.TemporaryDirectory(prefix="edgedigits-postgres-", dir="/tmp") as name:
        server = Postgres(Path(name))
        server.start()
        try:
            yield server
        finally:
            server.stop()
