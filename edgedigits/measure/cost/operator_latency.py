"""What single operators take on this machine, measured once and kept in the cache.

`<cache>/timings/<runtime>-<version>-<machine>-<cpu>.json` holds, for one thread, the nanoseconds of every operator met so far by
its signature (see `fragments.py`), less what every inference takes besides its work, which stands there once. A file that is
damaged is set aside, and all is measured again.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgedigits_runner.kept import fault, is_text
from edgedigits_runner.runtimes import KNOWN, ON_DEVICES
from edgedigits_runner.system_files import field

from edgedigits.errors import DamagedError, InputError
from edgedigits.ground.cache_dir import find_cache_dir
from edgedigits.ground.facts import JsonObject, Say
from edgedigits.ground.kept_files import read_sealed, set_aside, write_sealed
from edgedigits.measure.local_runner import RunnerProcess
from edgedigits.measure.runtimes.environments import find_python_for
from edgedigits.measure.runtimes.pins import PINS
from edgedigits.tflite.fragments import Fragment, nearly_nothing

_SCHEMA: Final = 2
WINDOWS: Final = 9
WINDOW_S: Final = 0.012
LEAST_WINDOW_S: Final = 0.15
"""Seconds for each operator in a window, of which the fastest counts; and at least that for all of them together."""

TimedRuntime = str
"""One of `ON_DEVICES`."""


@dataclass(frozen=True)
class Timing:
    """The microseconds of an operator in a net on one thread; None, and why, where the runtime can't run it alone."""

    us: float | None
    reason: str = ""


@dataclass(frozen=True)
class Timings:
    """`base_us` is what an inference takes besides its operators; `operators` by signature. `measured` were not kept yet."""

    runtime: str
    cpu: str
    file: Path
    base_us: float
    operators: Mapping[str, Timing]
    measured: int

    def of(self, part: Fragment) -> Timing:
        """An operator that only unpacks a constant takes no time."""
        return Timing(0.0) if part.unpacks else self.operators[part.signature]


def measure_timings(
    parts: Iterable[Fragment], runtime: TimedRuntime, say: Say, window_s: float = WINDOW_S, again: bool = False
) -> Timings:
    """The timing of every operator of `parts`, those not kept yet measured now: about a tenth of a second each.

    `again` measures all of them, as after a noisy time.

    Raises InputError where the runtime can't be had on this machine, ArtifactError where the cache can't be written.
    """
    version, cpu = _version(runtime), _cpu()
    file = _file(runtime, version, cpu)
    base, known = _kept(file, say)
    if again:
        base = None
    wanted = {part.signature: part for part in parts if not part.unpacks}
    alone = {signature: part for signature, part in wanted.items() if part.flat}
    missing = [part for signature, part in alone.items() if signature not in known]
    if base is None:
        missing = list(alone.values())
    if missing:
        say(f"timing {len(missing)} operators alone on {runtime} {version}, once; kept in {file}")
        now, fresh = _measured(missing, runtime, say, window_s)
        base = now if base is None else base
        known = {**known, **{part.signature: one for part, one in zip(missing, fresh, strict=True)}}
        _keep(file, f"{runtime} {version}", cpu, base, known)
    other = {signature: Timing(None, "it can't be run alone") for signature in wanted.keys() - alone.keys()}
    found = {signature: known[signature] for signature in alone} | other
    return Timings(f"{runtime} {version}", cpu, file, base or 0.0, found, len(missing))


def _version(runtime: TimedRuntime) -> str:
    if runtime not in ON_DEVICES:
        raise InputError(f"--runtime {runtime}: unknown; choose from {', '.join(ON_DEVICES)}")
    own = PINS[runtime].own
    return own[0].partition("==")[2] if own else importlib.metadata.version(KNOWN[runtime].distribution)


def _cpu() -> str:
    return (
        field("/proc/cpuinfo", "model name") or field("/proc/cpuinfo", "CPU part") or platform.processor() or "unknown"
    )


def _file(runtime: str, version: str, cpu: str) -> Path:
    short = re.sub(r"[^a-z0-9]+", "-", cpu.lower()).strip("-")[:40]
    mark = hashlib.sha256(cpu.encode()).hexdigest()[:8]
    return find_cache_dir() / "timings" / f"{runtime}-{version}-{platform.machine()}-{short}-{mark}.json"


def _kept(file: Path, say: Say) -> tuple[float | None, dict[str, Timing]]:
    """What the file holds; without it, or where it is damaged, nothing."""
    if not os.path.lexists(file):
        return None, {}
    try:
        held = read_sealed(file, _SHAPE)
    except DamagedError as error:
        say(f"kept timings are damaged, so they are set aside and measured anew ({error})")
        set_aside(file)
        return None, {}
    return float(held["base_us"]), {name: Timing(row["us"], row["reason"]) for name, row in held["operators"].items()}


def _is_time(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e12


def _are_timings(value: object) -> bool:
    return isinstance(value, dict) and all(not fault(row, _ROW) for row in value.values())


_ROW = {"us": lambda value: value is None or _is_time(value), "reason": is_text}
_SHAPE = {"schema": lambda value: value == _SCHEMA, "base_us": _is_time, "operators": _are_timings}


def _keep(file: Path, runtime: str, cpu: str, base: float, known: Mapping[str, Timing]) -> None:
    rows = {signature: {"us": timing.us, "reason": timing.reason} for signature, timing in sorted(known.items())}
    document = {"schema": _SCHEMA, "runtime": runtime, "cpu": cpu, "threads": 1, "base_us": base, "operators": rows}
    write_sealed(file, document)


def _measured(parts: list[Fragment], runtime: TimedRuntime, say: Say, window_s: float) -> tuple[float, list[Timing]]:
    """(base, one timing for each part), by the device runner in a process of its own."""
    python = find_python_for(runtime, say)
    with tempfile.TemporaryDirectory(prefix="edgedigits-timings-") as name:
        folder = Path(name)
        (folder / "base.tflite").write_bytes(nearly_nothing())
        for number, part in enumerate(parts):
            (folder / f"{number}.tflite").write_bytes(part.flat)
        files = ["base.tflite", *(f"{number}.tflite" for number in range(len(parts)))]
        each_s = max(window_s, LEAST_WINDOW_S / len(files)) if window_s == WINDOW_S else window_s
        job = {"runtime": runtime, "files": files, "windows": WINDOWS, "window_s": each_s}
        found = RunnerProcess(python, folder, lambda _: None).run("timings", job)
    base, *rest = found["files"]
    base_us = base["ns"] / 1000
    return base_us, [_less(row, base_us) for row in rest]


def _less(row: JsonObject, base_us: float) -> Timing:
    """An operator's own time: what its file takes, less what any file takes; never below zero."""
    if row["ns"] is None:
        return Timing(None, str(row["reason"]).partition(": ")[2] or str(row["reason"]))
    return Timing(round(max(0.0, row["ns"] / 1000 - base_us), 3))
