"""One start of the emulator with the counting plugin: models in, counts out. No root and no chroot is needed."""

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
from edgedigits.measure.qemu.commands import run_group

RUNS = 3
SCRIPT = Path(__file__).with_name("count_guest.py")
SECONDS = 600.0
"""The limit for each model: one of 10^9 multiply-adds takes half a minute, and minutes on a machine that is busy."""
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
class Part:
    """A model to run once after another, such as one of its operators; `cold` without one to warm up."""

    flat: bytes
    cold: bool = False


@dataclass(frozen=True)
class Job:
    """A model, and others to run after it; `cold` without a run to warm up."""

    flat: bytes
    parts: Sequence[Part] = ()
    cold: bool = False


@dataclass(frozen=True)
class Kit:
    """What a start of the emulator takes: the compiled plugin, the runtime's packages, the userland."""

    library: Path
    packages: Path
    tree: Path


@dataclass(frozen=True)
class Answer:
    """Of one model: the runtime's version, or its complaint; and what the plugin wrote meanwhile."""

    written: str
    version: str
    error: str | None


def run_counted(
    jobs: Sequence[Job], board: EmulatedBoard, kit: Kit, resolver: str = "AUTO", runs: int = RUNS
) -> list[tuple[Answer, ...]]:
    """Of each job, run `runs` times, the model's answer, then those of its parts where the model ran.

    Raises InputError when QEMU can't, EdgeDigitsError when the emulated Python can't.
    """
    with _workplace(board, kit) as place:
        names = [f"/models/{_name(number, job.cold)}" for number, job in enumerate(jobs)]
        for name, job in zip(names, jobs, strict=True):
            _place(job, place / f"root{name}")
        seconds = SECONDS * sum(1 + len(job.parts) for job in jobs)
        said = _start(place, board.cpu, [resolver, str(runs)], seconds)
        written = (place / "counts").read_text().split("-\n")
    found: dict[str, list[Answer]] = {name: [] for name in names}
    for line, own in zip((one for one in said.splitlines() if one.startswith("{")), written, strict=False):
        answer = json.loads(line)
        found[answer["model"].partition(".parts/")[0]].append(_answer(answer, own))
    return [tuple(found[name]) for name in names]


def _place(job: Job, path: Path) -> None:
    path.write_bytes(job.flat)
    if job.parts:
        path.with_name(f"{path.name}.parts").mkdir()
    for number, part in enumerate(job.parts):
        (path.with_name(f"{path.name}.parts") / _name(number, part.cold)).write_bytes(part.flat)


def _name(number: int, cold: bool) -> str:
    """Of a file, as the guest script looks for it."""
    return f"{number:04d}-{'cold' if cold else 'warm'}.tflite"


def _answer(answer: JsonObject, written: str) -> Answer:
    crash = f"the interpreter crashed (status {answer['crash']})" if "crash" in answer else None
    return Answer(written, answer.get("version", ""), answer.get("error", crash))


@contextmanager
def _workplace(board: EmulatedBoard, kit: Kit) -> Iterator[Path]:
    """A folder that the guest takes for its root: every name in it is always the same, /proc and /sys are the board's.

    The length of a path, even, or of the command line, moves a count by a few instructions: it shifts what is allocated after it.
    So models are found by their numbers, and the guest sees no name of a folder that is not always the same.
    """
    with tempfile.TemporaryDirectory(prefix="edgedigits-count-") as name:
        place = Path(name)
        for path, text in list_shown_files(board).items():
            (place / "root" / path).parent.mkdir(parents=True, exist_ok=True)
            (place / "root" / path).write_text(text)
        for part in _TREE:
            (place / "root" / part).symlink_to(kit.tree.resolve() / part)
        (place / "root/packages").symlink_to(kit.packages.resolve())
        (place / "root/models").mkdir()
        shutil.copyfile(kit.library, place / "plugin.so")
        shutil.copyfile(SCRIPT, place / "root/count_guest.py")
        yield place


def _start(place: Path, cpu: str, arguments: list[str], seconds: float) -> str:
    """What the guest script prints."""
    settings = [word for key, value in _GUEST.items() for word in ("-E", f"{key}={value}")]
    counter = f"file={place}/plugin.so,out={place}/counts"
    qemu = [shutil.which("qemu-aarch64") or "qemu-aarch64", "-cpu", cpu, "-seed", "1", "-plugin", counter]
    python = ["-0", PYTHON, f"root{PYTHON}", "-sS", "/count_guest.py", *arguments]
    command = [*qemu, "-L", f"{place}/root", *settings, *python]
    try:
        done = run_group(command, place, {}, seconds)
    except subprocess.TimeoutExpired as error:
        raise InputError(f"counting instructions did not end within {seconds:.0f} s under emulation") from error
    errors = done.stderr.decode(errors="replace").strip().splitlines()
    if done.returncode and not (place / "counts").exists():
        raise InputError(f"QEMU does not load the counting plugin: {(errors or ['no reason given'])[0]}")
    if done.returncode:
        raise EdgeDigitsError(f"the emulated Python ended with exit code {done.returncode}: {(errors or [''])[-1]}")
    return done.stdout.decode(errors="replace")
