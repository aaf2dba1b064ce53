"""Boots an emulated Pi: a real arm64 userland with a real sshd at an address of its own, gone at the end of the block.

    with booted("bookworm", "pi4", Path("id.pub"), print) as pi:
        ...  # ssh -i id pi@<pi.address>

It has no route out, and everything it writes is forgotten.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.emulated_pi import guest_init
from benchmarks.emulated_pi.network import Cable, lay
from edgedigits.errors import EdgeDigitsError, InputError
from edgedigits.ground.facts import Say
from edgedigits.measure.qemu.boards import EmulatedBoard, find_board, list_shown_files
from edgedigits.measure.qemu.commands import run
from edgedigits.measure.qemu.fixups import USER, USER_ID
from edgedigits.measure.qemu.requirements import explain_lack
from edgedigits.measure.qemu.rootfs import Suite, build_rootfs
from edgedigits.measure.runtimes.environments import clean_environment

BOOT_SECONDS = 30.0
DISK_MIB = 1024
_NAMESPACES = ("--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child", "--propagation", "private")


@dataclass
class EmulatedPi:
    """A Pi that answers ssh as `user` with the key it was booted for; `known_hosts` is its line of such a file."""

    suite: Suite
    board: EmulatedBoard
    known_hosts: str
    log: Path
    _process: subprocess.Popen[str]
    _cable: Cable
    user: str = USER
    port: int = 22

    @property
    def address(self) -> str:
        return self._cable.guest

    def drop(self) -> None:
        """Cuts every connection at once; sshd goes on listening."""
        assert self._process.stdin is not None
        self._process.stdin.write("drop\n")
        self._process.stdin.flush()

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        """No packet passes meanwhile; connections hang, as with a pulled cable."""
        self._cable.cut()
        try:
            yield
        finally:
            self._cable.mend()

    def kill(self) -> None:
        """Pulls the power: processes, mounts and network are gone when this returns."""
        _end(self._process)
        self._cable.remove()


@contextmanager
def booted(suite: Suite, board: str, key: Path, say: Say, *, disk_mib: int = DISK_MIB) -> Iterator[EmulatedPi]:
    """A Pi that accepts the public key in `key` and has `disk_mib` of room; a second after its userland is there.

    Raises InputError when this machine can't (see `requirements.explain_lack`), EdgeDigitsError when it does not come up.
    """
    chosen = find_board(board)
    if reason := explain_lack():
        raise InputError(reason)
    tree = build_rootfs(suite, say)
    with tempfile.TemporaryDirectory(prefix="edgedigits-pi-") as name:
        folder = Path(name)
        process = _start(folder, _config(folder, tree, suite, chosen, key) | {"disk_mib": disk_mib})
        cable = None
        try:
            _wait_mounted(process, folder)
            cable = lay(process.pid)
            pi = EmulatedPi(suite, chosen, _host_line(folder, cable), folder / "sshd.log", process, cable)
            _connect(process, cable)
            _wait_answering(pi)
            yield pi
        finally:
            _end(process)
            if cable is not None:
                cable.remove()


def _config(folder: Path, tree: Path, suite: Suite, board: EmulatedBoard, key: Path) -> dict[str, Any]:
    """All that process 1 needs to know. Raises InputError when `key` can't be read."""
    try:
        public = key.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{key}: can't be read ({error.strerror}); wanted a public key for the emulated Pi") from error
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", folder / "host"], "no host key can be made", 20)
    host_key = "etc/ssh/ssh_host_ed25519_key"
    (folder / "guest").mkdir()
    return {
        "place": str(folder / "guest"),
        "tree": str(tree.resolve()),
        "log": str(folder / "sshd.log"),
        "cpu": board.cpu,
        "model": board.model,
        "shown": list_shown_files(board),
        "user": USER,
        "uid": USER_ID,
        "files": [
            (host_key, (folder / "host").read_text(), 0o600),
            (f"home/{USER}/.ssh/authorized_keys", public, 0o600),
        ],
        "sshd": _sshd(suite, board, host_key),
    }


def _sshd(suite: Suite, board: EmulatedBoard, host_key: str) -> list[str]:
    """sshd's options. SetEnv: without it sessions would run on QEMU's default core, which no Pi has."""
    options = ["UsePAM=no", "UseDNS=no", "PidFile=none", "PasswordAuthentication=no", "KbdInteractiveAuthentication=no"]
    options += [f"SetEnv=QEMU_CPU={board.cpu}", f"HostKey=/{host_key}", "StrictModes=no", "MaxStartups=100"]
    return options + (["PerSourcePenalties=no"] if suite == "trixie" else [])


def _start(folder: Path, config: dict[str, Any]) -> subprocess.Popen[str]:
    (folder / "config.json").write_text(json.dumps(config))
    command = ["unshare", *_NAMESPACES, sys.executable, "-I", guest_init.__file__, str(folder / "config.json")]
    with (folder / "init.log").open("wb") as errors:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors}
        return subprocess.Popen(command, text=True, env=clean_environment(), start_new_session=True, **pipes)  # type: ignore[call-overload, no-any-return]


def _wait_mounted(process: subprocess.Popen[str], folder: Path) -> None:
    """Mounting takes tens of milliseconds; a mount that fails ends process 1, which closes its output."""
    assert process.stdout is not None
    if process.stdout.readline() != "mounted\n":
        raise EdgeDigitsError(f"the emulated Pi does not start: {_last(folder / 'init.log')}")


def _connect(process: subprocess.Popen[str], cable: Cable) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{cable.guest}/30\n")
    process.stdin.flush()


def _wait_answering(pi: EmulatedPi) -> None:
    deadline = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < deadline and pi._process.poll() is None:
        with suppress(OSError), socket.create_connection((pi.address, pi.port), timeout=5) as connection:
            if connection.recv(4) == b"SSH-":
                return
        time.sleep(0.05)
    logs = _last(pi.log) or _last(pi.log.with_name("init.log"))
    raise EdgeDigitsError(f"the emulated Pi's sshd does not answer within {BOOT_SECONDS:.0f} s: {logs}")


def _host_line(folder: Path, cable: Cable) -> str:
    kind, key = (folder / "host.pub").read_text().split()[:2]
    return f"{cable.guest} {kind} {key}"


def _last(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "no reason given"


def _end(process: subprocess.Popen[str]) -> None:
    """Kills process 1 through `unshare --kill-child`; its output closes when the last of its namespace is gone."""
    process.kill()
    with suppress(subprocess.TimeoutExpired, ValueError, BrokenPipeError):
        process.communicate(timeout=20)
    process.wait(timeout=20)
