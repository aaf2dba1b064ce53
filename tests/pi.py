"""An emulated Pi for tests; conftest.py imports these fixtures, which makes them known to all tests.

Where the machine can't, tests are skipped with the reason; with EDGEDIGITS_TEST_PI=1 they fail instead, so that nobody
takes a skip for a pass.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import platformdirs
import pytest

from benchmarks.emulated_pi.pi import EmulatedPi, booted
from edgedigits.errors import InputError
from edgedigits.measure.cycles.llvm import MODELS, find_tools
from edgedigits.measure.qemu.packages import find_packages
from edgedigits.measure.qemu.requirements import explain_lack, explain_lack_for_counting
from edgedigits.measure.qemu.rootfs import Suite, build_rootfs

# The tests' cache is empty in every session; userlands are named by all that is in them and may stay.
os.environ.setdefault("EDGEDIGITS_EMULATED", platformdirs.user_cache_dir("edgedigits", appauthor=False) + "/emulated")


def cannot(reason: str) -> NoReturn:
    """Skips the test, or fails it where the emulated Pi is what is to be tested."""
    if os.environ.get("EDGEDIGITS_TEST_PI"):
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass(frozen=True)
class Reached:
    """An emulated Pi with what ssh needs to get there."""

    pi: EmulatedPi
    identity: Path
    known_hosts: Path

    @property
    def host(self) -> str:
        return f"{self.pi.user}@{self.pi.address}"

    @property
    def options(self) -> list[str]:
        """For ssh, sftp and scp."""
        own = [
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "StrictHostKeyChecking=yes",
            f"UserKnownHostsFile={self.known_hosts}",
        ]
        return ["-F", "none", "-i", str(self.identity), *(word for option in own for word in ("-o", option))]

    def run(self, command: str, timeout: float = 60) -> str:
        """Standard output of a shell command there that must succeed."""
        words = ["ssh", *self.options, self.host, command]
        done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private key; its public half lies beside it."""
    path = tmp_path_factory.mktemp("key") / "id"
    if reason := explain_lack():
        cannot(reason)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True, timeout=20)
    return path


Boot = Callable[..., Reached]
"""Called with suite, board and perhaps disk_mib."""


@pytest.fixture(scope="module")
def boot(identity: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boot]:
    """Boots further Pis, which go down at the end of the module's tests."""
    folder = tmp_path_factory.mktemp("known-hosts")
    with ExitStack() as stack:

        def start(suite: Suite, board: str, disk_mib: int = 1024) -> Reached:
            try:
                build_rootfs(suite, print)
            except InputError as error:
                cannot(str(error))
            pi = stack.enter_context(booted(suite, board, identity.with_suffix(".pub"), print, disk_mib=disk_mib))
            known_hosts = folder / f"{pi.address}-{suite}-{board}-{disk_mib}"
            known_hosts.write_text(pi.known_hosts + "\n")
            return Reached(pi, identity, known_hosts)

        yield start


@pytest.fixture(scope="module")
def bookworm(boot: Boot) -> Reached:
    """A Pi 4 with bookworm and Python 3.11; has no rsync."""
    return boot("bookworm", "pi4")


@pytest.fixture(scope="module")
def trixie(boot: Boot) -> Reached:
    """A Pi 5 with trixie and Python 3.13; has rsync."""
    return boot("trixie", "pi5")


@pytest.fixture(scope="session")
def counter() -> None:
    """Instructions can be counted here, with both runtimes."""
    if reason := explain_lack_for_counting():
        cannot(reason)
    try:
        build_rootfs("bookworm", print)
        find_packages("litert", print)
        find_packages("tflite-runtime", print)
    except InputError as error:
        cannot(str(error))


@pytest.fixture(scope="session")
def llvm() -> str:
    """The version of an LLVM that has a model of every core."""
    try:
        return {find_tools(core).version for core in MODELS}.pop()
    except InputError as error:
        cannot(str(error))
