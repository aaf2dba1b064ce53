"""arm64 instructions per inference: QEMU runs the interpreter's own arm64 package and a plugin counts.

The same number on every machine and every time, so that a change of 0.1 % shows. It is no time: it knows no cache, no
memory and no clock, and instructions differ in cost.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import statistics
from collections.abc import Sequence
from pathlib import Path

from edgedigits.errors import TfliteError
from edgedigits.ground.facts import JsonObject, Say
from edgedigits.measure.qemu.boards import find_board_with
from edgedigits.measure.qemu.counting import RUNS, Answer, Job, Kit, run_counted
from edgedigits.measure.qemu.packages import find_packages
from edgedigits.measure.qemu.plugin import build_plugin, read_qemu_version
from edgedigits.measure.qemu.rootfs import build_rootfs
from edgedigits.measure.runtimes.wheels import DeviceRuntime
from edgedigits.tflite.flatbuffer import read

_MISSING = re.compile(
    r"builtin opcode '(?P<op>\w+)' version '(?P<version>\d+)'|unresolved custom op: (?P<custom>[^\s.]+)"
)


@dataclasses.dataclass(frozen=True)
class Count:
    """`instructions` is the median of `runs`, each one inference on one thread with random values of its own."""

    instructions: int
    runs: tuple[int, ...]
    cpu: str
    runtime: str
    version: str
    kernels: str
    model_sha256: str
    qemu_version: str

    def as_dict(self) -> JsonObject:
        """JSON-safe."""
        return {**dataclasses.asdict(self), "runs": list(self.runs)}


def count(
    tflite: Path,
    cpu: str = "cortex-a72",
    runtime: DeviceRuntime = "litert",
    *,
    reference: bool = False,
    say: Say = print,
) -> Count:
    """Instructions of one inference; `reference` uses the plain kernels instead of the fast ones.

    About two seconds; the first call of all builds a userland and fetches packages. Raises InputError's kinds: not a
    .tflite file, an unknown core, operators that the runtime lacks, or a machine on which it can't be done.
    """
    return count_each([tflite], cpu, runtime, reference=reference, say=say)[0]


def count_each(
    models: Sequence[Path],
    cpu: str = "cortex-a72",
    runtime: DeviceRuntime = "litert",
    *,
    reference: bool = False,
    say: Say = print,
) -> list[Count]:
    """As `count`, for several models in one start of the emulator, and to the same numbers."""
    board, flats = find_board_with(cpu), [read_checked(path) for path in models]
    version = read_qemu_version()
    kit = Kit(build_plugin(version), find_packages(runtime, say), build_rootfs("bookworm", say))
    answers = run_counted([Job(flat) for flat in flats], board, kit, "BUILTIN_REF" if reference else "AUTO")
    return [
        Count(
            instructions=statistics.median_low(_runs(path, runtime, answer)),
            runs=_runs(path, runtime, answer),
            cpu=cpu,
            runtime=runtime,
            version=answer.version,
            kernels="reference" if reference else "fast",
            model_sha256=hashlib.sha256(flat).hexdigest(),
            qemu_version=version,
        )
        for path, flat, (answer,) in zip(models, flats, answers, strict=True)
    ]


def read_checked(tflite: Path) -> bytes:
    """The bytes of a .tflite file. Raises TfliteError where there are none, or they are of something else."""
    try:
        flat = tflite.read_bytes()
    except OSError as error:
        raise TfliteError(f"{tflite}: can't be read ({error.strerror}); wanted a .tflite file") from error
    read(flat, str(tflite))
    return flat


def _runs(tflite: Path, runtime: DeviceRuntime, answer: Answer) -> tuple[int, ...]:
    """What was counted in each run. Raises TfliteError where the interpreter could not run the model."""
    if answer.error is not None:
        raise TfliteError(f"{tflite}: {runtime} can't run it on arm64: {name_missing(answer.error)}")
    return tuple(map(int, answer.written.split()[-2 * RUNS :][1::2]))


def name_missing(message: str) -> str:
    """The missing operator by name where the interpreter's complaint is about one, else the complaint's first line."""
    if found := _MISSING.search(message):
        version = f" version {found['version']}" if found["version"] else ""
        return f"it lacks the operator {found['op'] or found['custom']}{version}"
    return message.strip().splitlines()[0]
