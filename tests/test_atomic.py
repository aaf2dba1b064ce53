"""Replacing: old or new, whole, whenever a process is killed; two writers at once; nothing of dead runs stays."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from edgedigits.errors import ArtifactError
from edgedigits.ground import atomic, exchange, locks
from edgedigits.ground.atomic import check_writable, whole_file, whole_folder

WRITER = """
import sys
from pathlib import Path
from edgedigits.ground import atomic
path, number, can = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "exchange"
if not can:
    atomic.exchanged = lambda one, other: False
print("ready", flush=True)
while True:
    number += 2
    with atomic.whole_folder(path) as part:
        for name in ("a", "b", "c"):
            (part / name).write_text(f"{number}\\n" * 200)
    with atomic.whole_file(path.with_suffix(".txt")) as part:
        part.write_text(f"{number}\\n" * 5000)
"""

HOLDER = """
import sys, time
from pathlib import Path
from edgedigits.ground.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def start(path: Path, number: int, how: str = "exchange") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(number), how], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def check_whole(path: Path) -> None:
    """Three files of one and the same writing, and the file beside of one writing."""
    texts = [(path / name).read_text() for name in ("a", "b", "c")]
    assert len(set(texts)) == 1
    assert texts[0].splitlines() == [texts[0].split("\n")[0]] * 200
    lines = path.with_suffix(".txt").read_text().splitlines()
    assert lines == [lines[0]] * 5000


def fail(block: AbstractContextManager[Path], raised: BaseException | None = None) -> None:
    """Writing that ends in the middle."""
    with block as part:
        (part / "a" if part.is_dir() else part).write_text("torn")
        raise raised or OSError(28, "No space left on device")


def first(path: Path) -> None:
    with whole_folder(path) as part:
        for name in ("a", "b", "c"):
            (part / name).write_text("0\n" * 200)
    with whole_file(path.with_suffix(".txt")) as part:
        part.write_text("0\n" * 5000)


def test_whenever_a_writer_is_killed_the_old_or_the_new_is_there_whole(tmp_path: Path) -> None:
    path, rng = tmp_path / "made", random.Random(1)
    first(path)
    for number in range(6):
        process = start(path, number)
        time.sleep(rng.random() * 0.05)
        kill(process)
        check_whole(path)
    first(path)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["made", "made.txt"], (
        "leftovers are cleared by the next write"
    )


def test_without_an_exchange_the_next_write_brings_the_old_one_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "exchange", lambda *_: False)
    path = tmp_path / "made"
    first(path)
    first(path)
    check_whole(path)
    dead = subprocess.Popen(["true"])
    dead.wait()
    path.rename(
        locks.name_beside(path, f".{exchange.mark_machine()}-{dead.pid}-0.old")
    )  # as if killed between the renames

    with pytest.raises(ArtifactError):
        fail(whole_folder(path))
    check_whole(path)
    for number in range(3):
        process = start(path, number, "renames")
        time.sleep(0.03)
        kill(process)
        with pytest.raises(ArtifactError):
            fail(whole_folder(path))
        check_whole(path)


def test_two_writers_at_once_meet_no_error_and_readers_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "made"
    first(path)
    writers = [start(path, number) for number in (1, 2)]
    until, seen = time.monotonic() + 1, set()
    try:
        while time.monotonic() < until:
            with locks.locked(path, shared=True):
                check_whole(path)
                seen.add((path / "a").read_text()[:2])
            assert [writer.poll() for writer in writers] == [None, None]
    finally:
        for writer in writers:
            kill(writer)
    assert len(seen) > 1
    check_whole(path)


def test_a_failed_or_interrupted_block_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "made"
    first(path)
    for raised, seen in (
        (OSError(28, "No space left on device"), ArtifactError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ):
        with pytest.raises(seen):
            fail(whole_folder(path), raised)
        with pytest.raises(seen):
            fail(whole_file(path.with_suffix(".txt")), raised)
        check_whole(path)
        assert sorted(item.name for item in tmp_path.iterdir()) == ["made", "made.txt"]


def test_a_file_or_link_in_the_place_of_a_folder_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").touch()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with whole_folder(tmp_path / name) as part:
            (part / "new").touch()
        assert [item.name for item in (tmp_path / name).iterdir()] == ["new"]
    assert (tmp_path / "elsewhere" / "kept").exists()
    assert len(list(tmp_path.iterdir())) == 3


def test_what_live_runs_and_other_machines_are_writing_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "made"
    living = locks.name_beside(path, f".{exchange.mark_machine()}-{os.getpid()}-99.part")
    elsewhere, other = locks.name_beside(path, ".00000000-1-1.part"), tmp_path / ".made2.part"
    for item in (living, elsewhere, other):
        item.touch()
    first(path)
    assert all(item.exists() for item in (living, elsewhere, other))
    os.utime(elsewhere, (0, 0))
    first(path)
    assert not elsewhere.exists()


def test_names_of_any_length_that_the_system_takes_can_be_written_and_longer_ones_are_refused_first(
    tmp_path: Path,
) -> None:
    for name in ("x" * 255, "é" * 127, "y" * 250 + ".npz"):
        with whole_file(tmp_path / name) as part:
            part.write_text("whole")
        (tmp_path / name).unlink()
        with whole_folder(tmp_path / name) as part:
            (part / "a").touch()
        assert [item.name for item in tmp_path.iterdir()] == [name]
        atomic.remove(tmp_path / name)
    check_writable(tmp_path, "x" * 255)
    for folder, name in ((tmp_path, "x" * 256), (tmp_path / ("x" * 256), ""), (tmp_path, "x/" * 2100)):
        with pytest.raises(ArtifactError, match="File name too long"):
            check_writable(folder, name)


def test_a_lock_is_for_one_writer_or_many_readers_and_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "made"

    def take(**how: Any) -> None:
        with locks.locked(path, **how):
            pass

    with locks.locked(path, shared=True):
        take(shared=True, wait_s=0)
        with pytest.raises(ArtifactError, match="another run writes it now"):
            take(wait_s=0)
    with locks.locked(path), pytest.raises(ArtifactError, match="another run trains it now"):
        take(shared=True, wait_s=0.05, doing="trains")
    assert list(tmp_path.iterdir()) == []


def test_many_threads_take_turns(tmp_path: Path) -> None:
    path, inside, most = tmp_path / "made", [], []

    def work() -> None:
        for _ in range(20):
            with locks.locked(path):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(most) == 80
    assert list(tmp_path.iterdir()) == []


def test_a_killed_holder_holds_no_lock(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "made")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(ArtifactError), locks.locked(tmp_path / "made", wait_s=0):
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with locks.locked(tmp_path / "made", wait_s=0):
        pass
