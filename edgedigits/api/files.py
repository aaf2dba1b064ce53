"""What is asked of a .tflite file alone: `inspect`, `pack`, `estimate`, `instructions`, `cycles`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from edgedigits_runner.runtimes import ON_DEVICES

from edgedigits.api.calls import command
from edgedigits.api.given import PathLike
from edgedigits.api.progress import Watch, telling
from edgedigits.api.render.page.blocks import Drawn
from edgedigits.api.result import Result
from edgedigits.ground.artifact_folder import Artifact
from edgedigits.ground.facts import JsonObject
from edgedigits.tflite.contents import Contents
from edgedigits.tflite.rewrite.before_and_after import Change

if TYPE_CHECKING:
    from rich.console import RenderableType

    from edgedigits.measure.cost.estimate import Estimate as EstimatedCost
    from edgedigits.measure.cycles.cycles import Cycles as CountedCycles
    from edgedigits.measure.qemu.instructions import Count
    from edgedigits.measure.runs_on.foretelling import Foretold

FORMS = ("plain", "gz", "zst")
CPUS = ("cortex-a53", "cortex-a72", "cortex-a76")
DEVICES = ("pi3", "pi4", "pi5", "zero2")


def _file(given: Artifact | PathLike) -> Path:
    return given.path / "model.tflite" if isinstance(given, Artifact) else Path(given)


@dataclass(frozen=True, repr=False)
class Inspection(Result):
    """What a file holds. Frames: "tensors", "operators", "bytes", where every byte goes, in bytes; and "runtimes", those asked
    about."""

    FRAMES: ClassVar[tuple[str, ...]] = ("tensors", "operators", "bytes", "runtimes")
    DRAWN: ClassVar[Drawn | None] = Drawn("bytes", ("part",), "raw_bytes", "bytes")

    contents: Contents
    change: Change | None
    input_notes: tuple[str, ...] = ()
    runtimes: tuple[Foretold, ...] = ()

    def check_runtimes(self) -> None:
        """Raises OperatorError where the file won't run on one of the runtimes that were asked about."""
        from edgedigits.measure.runs_on.foretelling import check_runs

        check_runs(self.runtimes, self.contents.source)

    def as_json(self) -> JsonObject:
        from edgedigits.api.render import inspection

        found = inspection.to_json(self.contents, self.change, self.input_notes)
        return {**found, "runtimes": [one.as_json() for one in self.runtimes]} if self.runtimes else found

    def __rich__(self) -> RenderableType:
        from edgedigits.api.render import inspection
        from edgedigits.api.render.evidence.runtimes import add_runtimes

        found = inspection.render(self.contents, self.change, self.input_notes)
        return add_runtimes(found, self.runtimes)

    def _in_a_line(self) -> str:
        found = self.contents
        return f"{found.source}, {found.size_bytes:,} bytes, {len(found.operators)} operators, {len(found.tensors)} tensors"

    def _rows(self, of: str) -> Sequence[Mapping[str, Any]]:
        found = self.as_json()
        if of == "runtimes":
            return [{key: one[key] for key in ("runtime", "version", "runs", "why_not")} for one in found.get(of, [])]
        return list(found["ledger" if of == "bytes" else of])


@dataclass(frozen=True, repr=False)
class Estimate(Result):
    """An estimate, no measurement. Frame: "operators", with the range of each in milliseconds."""

    FRAMES: ClassVar[tuple[str, ...]] = ("operators",)

    found: EstimatedCost

    def as_json(self) -> JsonObject:
        from edgedigits.api.render import estimate as shown

        return shown.to_json(self.found)

    def __rich__(self) -> RenderableType:
        from edgedigits.api.render import estimate as shown

        return shown.render(self.found)

    def _in_a_line(self) -> str:
        return (
            f"{self.found.file} on {self.found.board}, estimated {self.found.low_ms:.2g} to {self.found.high_ms:.2g} ms"
        )

    def _rows(self, of: str) -> Sequence[Mapping[str, Any]]:
        return list(self.as_json()[of])


@dataclass(frozen=True, repr=False)
class Packing(Result):
    """A file that `pack` wrote: `path`, and in its one frame, "file", the sizes in bytes."""

    FRAMES: ClassVar[tuple[str, ...]] = ("file",)

    facts: JsonObject

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self.facts["out"])

    def as_json(self) -> JsonObject:
        return self.facts

    def __rich__(self) -> RenderableType:
        from rich.text import Text

        from edgedigits.tflite.rewrite.pack import to_text

        return Text(to_text(self.facts))

    def _in_a_line(self) -> str:
        return f"{self.path}, {self.facts['out_bytes']:,} bytes, from {self.facts['model_bytes']:,}"

    def _rows(self, _of: str) -> Sequence[Mapping[str, Any]]:
        return [{key: value for key, value in self.facts.items() if not isinstance(value, dict)}]


@dataclass(frozen=True, repr=False)
class Instructions(Result):
    """arm64 instructions of one inference. Frame: "runs", one row for each."""

    FRAMES: ClassVar[tuple[str, ...]] = ("runs",)

    file: Path
    count: Count

    def as_json(self) -> JsonObject:
        return self.count.as_dict()

    def __rich__(self) -> RenderableType:
        from rich.text import Text

        return Text(self._in_a_line())

    def _in_a_line(self) -> str:
        one = self.count
        return (
            f"{self.file}: {one.instructions:,} instructions per inference on {one.cpu} "
            f"({one.runtime} {one.version}, {one.kernels} kernels, one thread, QEMU {one.qemu_version})"
        )

    def _rows(self, _of: str) -> Sequence[Mapping[str, Any]]:
        return [{"run": at, "instructions": found} for at, found in enumerate(self.count.runs)]


@dataclass(frozen=True, repr=False)
class Cycles(Result):
    """Cycles of one inference on a core. Frames: "operators", a row for each, and "boards", the milliseconds of each."""

    FRAMES: ClassVar[tuple[str, ...]] = ("operators", "boards")
    DRAWN: ClassVar[Drawn | None] = Drawn("operators", ("index", "kind"), "cycles", "cycles")

    file: Path
    found: CountedCycles

    def as_json(self) -> JsonObject:
        from edgedigits.api.render import cycles as shown

        return shown.to_json(self.found)

    def __rich__(self) -> RenderableType:
        from edgedigits.api.render import cycles as shown

        return shown.render(str(self.file), self.found)

    def _in_a_line(self) -> str:
        from edgedigits.api.render import cycles as shown

        return f"{self.file}, {shown.in_a_line(self.found)}"

    def _rows(self, of: str) -> Sequence[Mapping[str, Any]]:
        return list(self.as_json()[of])


@command()
def inspect(file: Artifact | PathLike, *, slim: bool = False, runtime: str | Sequence[str] = ()) -> Inspection:
    """Show what a .tflite file, also packed, or an artifact's holds: operators, tensors, zeros, where every byte goes.

    Of an artifact it is said, too, when the model scales pixels itself.

    slim: also what that option would leave of each part. runtime: also whether it runs there, as "tflite-runtime==2.14.0", or
    several: by a table of their operators, and really loaded where that release is installed; `check_runtimes()` of what comes
    back raises OperatorError where one can't run it. Raises TfliteError and ArtifactError where it can't be read.

    >>> found = ed.inspect(artifact.tflite)
    >>> found.as_json()["float_operators"], sorted(found.to_frame("operators")["name"])[0]
    ([], 'ADD')
    """
    from edgedigits.measure.runtimes.asked import parse_all_asked
    from edgedigits.tflite.rewrite import before_and_after

    path, asked = file.path if isinstance(file, Artifact) else Path(file), parse_all_asked(runtime)
    contents, change = before_and_after.inspect(path, slim)
    notes = tuple(before_and_after.list_input_notes(path))
    if not asked:
        return Inspection(contents, change, notes)
    from edgedigits.measure.runs_on.foretelling import foretell_and_load
    from edgedigits.tflite.packed_file import unpack_file

    flat = unpack_file(Path(contents.source))
    return Inspection(contents, change, notes, foretell_and_load(flat, contents, asked))


@command(form=FORMS)
def pack(
    model: Artifact | PathLike,
    *,
    slim: bool = False,
    form: Literal["plain", "gz", "zst"] = "plain",
    out: PathLike | None = None,
) -> Packing:
    """Make a .tflite file smaller for shipping, the same model to the bit: slim, as .tflite.gz or .tflite.zst, or both.

    out: the file to write, by default beside the model. Raises InputError's kinds where one can't be read or the other not be
    written, CheckError where slim bytes answer otherwise.

    >>> ed.pack(artifact.tflite, form="gz", out="small.tflite.gz").path.name
    'small.tflite.gz'
    """
    from edgedigits.tflite.rewrite import pack as packing

    return Packing(packing.pack(_file(model), slim, form, None if out is None else Path(out)))


@command(device=DEVICES)
def estimate(file: Artifact | PathLike, *, device: str, threads: int = 1) -> Estimate:
    """Estimate the latency on a Raspberry Pi, in milliseconds, from multiply-adds and published throughput. Not a measurement.

    device: pi3, pi4, pi5 or zero2; threads: 1 to 4. Raises InputError for others, TfliteError for what is no .tflite file.

    >>> found = ed.estimate(artifact, device="pi4")
    >>> 0 < found.as_json()["estimate_low_ms"] < found.as_json()["estimate_high_ms"]
    True
    """
    from edgedigits.measure.cost.estimate import estimate as run

    return Estimate(run(_file(file), device, threads))


@command(cpu=CPUS, runtime=ON_DEVICES)
def instructions(
    file: Artifact | PathLike, *, cpu: str = "cortex-a72", runtime: Any = "litert", progress: Watch = None
) -> Instructions:
    """Count the arm64 instructions of one inference, under QEMU; the same number every time.

    cpu: cortex-a53, cortex-a72 or cortex-a76, of a Pi 3, 4 or 5. Raises InputError's kinds, also where this machine can't count.

    >>> ed.instructions(artifact, cpu="cortex-a99")
    Traceback (most recent call last):
    edgedigits.errors.InputError: cpu=: found 'cortex-a99'; choose from cortex-a53, cortex-a72, cortex-a76
    """
    from edgedigits.measure.qemu.instructions import count

    with telling(progress) as told:
        return Instructions(_file(file), count(_file(file), cpu, runtime, say=told.say))


@command(cpu=CPUS, runtime=ON_DEVICES)
def cycles(
    file: Artifact | PathLike, *, cpu: str = "cortex-a72", runtime: Any = "litert", progress: Watch = None
) -> Cycles:
    """Reckon the cycles of one inference on a core, and of each operator, from blocks counted under QEMU and LLVM's model of it.

    cpu: cortex-a53, cortex-a72 or cortex-a76, of a Pi 3 or Zero 2 W, a Pi 4, a Pi 5. Raises InputError's kinds, also where this
    machine can't count.

    >>> ed.cycles(artifact, cpu="cortex-a99")
    Traceback (most recent call last):
    edgedigits.errors.InputError: cpu=: found 'cortex-a99'; choose from cortex-a53, cortex-a72, cortex-a76
    """
    from edgedigits.measure.cycles.cycles import count_cycles

    with telling(progress) as told:
        return Cycles(_file(file), count_cycles([_file(file)], cpu, runtime, say=told.say)[0])
