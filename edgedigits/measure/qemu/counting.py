"""One start of the emulator with the counting plugin: models in, marks out. No root and no chroot is needed."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgedigits.errors import EdgeDigitsError, InputError
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.qemu.boards import EmulatedBoard, list_shown_files

RUNS = 3
SCRIPT = Path(__file__).with_name("count_guest.py")
SECONDS = 120.0
"""The limit for each model; thousands of times what a small net needs."""
PYTHON = "/usr/bin/python3.11"
_TREE = ("usr", "lib", "bin", "etc")
_GUEST = {
    "PYTHONHASHSEED": "0",
    "PYTHONHOME": "/usr",
    "PYTHONPATH": "/packages",
    "PYTHONDONTWRITEBYTECODE": "1",
    "LC_ALL": "C.UTF-8",
}


@dataclass(frozen=True)
class Outcome:
    """Of one model: instructions between its marks, in order, and the runtime's version; or the runtime's complaint."""

    marks: tuple[int, ...]
    version: str
    error: str | None


def run_counted(
    flats: Sequence[bytes], board: EmulatedBoard, library: Path, packages: Path, tree: Path, resolver: str
) -> list[Outcome]:
    """Runs each model RUNS times. Raises InputError when QEMU can't, EdgeDigitsError when the emulated Python can't."""
    with _workplace(board, library, packages, tree) as place:
        names = [f"/model-{number:03d}.tflite" for number in range(len(flats))]
        for name, flat in zip(names, flats, strict=True):
            (place / f"root{name}").write_bytes(flat)
        said = _start(place, board.cpu, [resolver, str(RUNS), *names], SECONDS * len(flats))
        marks = [part.split() for part in (place / "counts").read_text().split("-\n")]
    answers = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return [_outcome(answer, own) for answer, own in zip(answers, marks, strict=False)]


def _outcome(answer: JsonObject, marks: list[str]) -> Outcome:
    crash = f"the interpreter crashed (status {answer['crash']})" if "crash" in answer else None
    return Outcome(tuple(map(int, marks)), answer.get("version", ""), answer.get("error", crash))


@contextmanager
def _workplace(board: EmulatedBoard, library: Path, packages: Path, tree: Path) -> Iterator[Path]:
    """A folder that the guest takes for its root: every name in it is always the same, /proc and /sys are the board's.

    The length of a path, even, moves a count by a few instructions: it shifts what is allocated after it.
    """
    with tempfile.TemporaryDirectory(prefix="edgedigits-count-") as name:
        place = Path(name)
        for path, text in list_shown_files(board).items():
            (place / "root" / path).parent.mkdir(parents=True, exist_ok=True)
            (place / "root" / path).write_text(text)
        for part in _TREE:
            (place / "root" / part).symlink_to(tree.resolve() / part)
        (place / "root/packages").symlink_to(packages.resolve())
        shutil.copyfile(library, place / "plugin.so")
        shutil.copyfile(SCRIPT, place / "root/count_guest.py")
        yield place


def _start(place: Path, cpu: str, arguments: list[str], seconds: float) -> str:
    """What the guest script prints."""
    settings = [word for key, value in _GUEST.items() for word in ("-E", f"{key}={value}")]
    counter = f"file={place}/plugin.so,out={place}/counts"
    qemu = [shutil.which("qemu-aarch64") or "qemu-aarch64", "-cpu", cpu, "-seed", "1", "-plugin", counter]
    python = ["-0", PYTHON, f"{place}/root{PYTHON}", "-sS", "/count_guest.py", *arguments]
    command = [*qemu, "-L", f"{place}/root", *settings, *python]
    try:
        done = subprocess.run(
            command, cwd="/", env={}, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"counting instructions did not end within {seconds:.0f} s under emulation") from error
    errors = done.stderr.decode(errors="replace").strip().splitlines()
    if done.returncode and not (place / "counts").exists():
        raise InputError(f"QEMU does not load the counting plugin: {(errors or ['no reason given'])[0]}")
    if done.returncode:
        raise EdgeDigitsError(f"the emulated Python ended with exit code {done.returncode}: {(errors or [''])[-1]}")
    return done.stdout.decode(errors="replace")
