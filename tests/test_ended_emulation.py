"""An emulator whose time is over, or that is interrupted, leaves no process behind."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from edgedigits.errors import InputError
from edgedigits.measure.qemu import counting
from edgedigits.measure.qemu.commands import run_group
from tests.fake_llvm import write_program

FORKS = """
import os, sys, time
from pathlib import Path
child = os.fork()
if child:
    Path({pids!r}).write_text(f"{{os.getpid()}} {{child}}")
time.sleep(60)
"""


@pytest.fixture
def forking(tmp_path: Path) -> Path:
    """A program named as the emulator, of which a child goes on; it writes who they are."""
    (tmp_path / "bin").mkdir()
    return write_program(tmp_path / "bin/qemu-aarch64", FORKS.format(pids=str(tmp_path / "pids")))


def assert_none_runs(pids: Path) -> None:
    """A process that ended may be there until the one that took it over asks for its status, as a Z."""
    parent, child = pids.read_text().split()
    end = time.monotonic() + 10
    while running := [pid for pid in (parent, child) if _runs(pid)]:
        assert time.monotonic() < end, running
        time.sleep(0.01)


def _runs(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_counting_that_takes_too_long_ends_all_of_it(
    tmp_path: Path, forking: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(forking.parent))
    with pytest.raises(InputError, match="counting instructions did not end within 3 s under emulation"):
        counting._start(tmp_path, "cortex-a72", ["AUTO", "1"], 3.0)
    assert_none_runs(tmp_path / "pids")


def test_an_interrupted_command_ends_with_its_children(
    tmp_path: Path, forking: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(subprocess.Popen[bytes]):
        """As after Ctrl-C, once both run."""

        def communicate(self, input: bytes | None = None, timeout: float | None = None) -> tuple[bytes, bytes]:
            if timeout is None:
                return super().communicate(input)
            while not (tmp_path / "pids").exists() or not (tmp_path / "pids").read_text():
                time.sleep(0.01)
            raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_group([str(forking)], tmp_path, {}, 60.0)
    assert_none_runs(tmp_path / "pids")


def test_what_a_command_prints_and_ends_with_comes_back(tmp_path: Path) -> None:
    program = write_program(tmp_path / "speak", "import os, sys; print(os.getcwd(), dict(os.environ)); sys.exit('why')")
    done = run_group([str(program)], tmp_path, {"LC_CTYPE": "C.UTF-8"}, 60.0)
    assert (done.returncode, done.stderr.strip()) == (1, b"why")
    assert done.stdout.decode().strip() == f"{tmp_path} {{'LC_CTYPE': 'C.UTF-8'}}"
