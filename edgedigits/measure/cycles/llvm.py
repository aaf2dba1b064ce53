"""LLVM's tools that are here: which, of what version, and whether they have a model of a core."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgedigits.errors import InputError
from edgedigits.measure.runtimes.environments import clean_environment

INSTALL: Final = "apt-get install --no-install-recommends llvm-19"
SECONDS: Final = 300.0
_SHORT_SECONDS: Final = 30.0
_NAME: Final = re.compile(r"llvm-mca(-\d+)?")
_VERSION: Final = re.compile(r"LLVM version (\d+\.\d+\.\d+)")
_WIDTH: Final = re.compile(r"^Dispatch Width:\s+(\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Model:
    """LLVM's scheduling model of a core: `cpu` is LLVM's name for it, `width` how many micro-operations it starts a cycle,
    `since` the first LLVM that has it; one before takes another core's, of another width, in silence."""

    cpu: str
    width: int
    since: int

    @property
    def settings(self) -> tuple[str, str]:
        """Of llvm-mca."""
        return "-mtriple=aarch64", f"-mcpu={self.cpu}"


MODELS: Final = {
    "cortex-a53": Model("cortex-a55", 2, 13),
    "cortex-a72": Model("cortex-a57", 3, 13),
    "cortex-a76": Model("neoverse-n1", 8, 17),
}
"""The a72 is scheduled by LLVM as its forerunner, the a57; the Neoverse N1 is the a76's design for servers.

The a55 is the a53's successor, as wide and in order too. LLVM's model of the a53 itself gives every float operation the same
long time and has what follows wait for it, which no a53 does: MobileNet v1 would take 738 million cycles in float32, but a Pi
3B+ needs 114 ms at 1.4 GHz on four threads, so at most 638 million on one (XNNPACK's README); with the a55's it is 210."""


@dataclass(frozen=True)
class Tools:
    """`llvm-mc` and `llvm-mca` of one version, as `19.1.7`."""

    assembler: Path
    analyzer: Path
    version: str


def find_tools(core: str) -> Tools:
    """The newest on PATH that have a model of the core. Raises InputError when there are none, saying what to install."""
    found = [tools for path in _list_analyzers() if (tools := _read_tools(path)) is not None]
    if not found:
        raise InputError(
            f"cycles are reckoned with LLVM's llvm-mc and llvm-mca, of which no working pair is on PATH; {INSTALL}"
        )
    faults = []
    for tools in sorted(found, key=lambda one: [int(part) for part in one.version.split(".")], reverse=True):
        if not (fault := _find_fault(tools, core)):
            return tools
        faults.append(fault)
    raise InputError(f"{faults[0]}; {INSTALL}")


def run_tool(command: Sequence[str | Path], text: str, seconds: float = SECONDS) -> subprocess.CompletedProcess[str]:
    """A tool of LLVM's that reads `text`. Raises InputError where it can't be started or does not end."""
    words = [str(word) for word in command]
    try:
        return subprocess.run(
            words, input=text, env=clean_environment(), capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{words[0]} did not end within {seconds:.0f} s") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{words[0]} can't be run ({error}); {INSTALL}") from error


def _list_analyzers() -> Iterator[Path]:
    """Every llvm-mca on PATH, with and without a version in its name."""
    for folder in dict.fromkeys(os.get_exec_path()):
        try:
            found = sorted(Path(folder).iterdir())
        except OSError:
            continue
        yield from (path for path in found if _NAME.fullmatch(path.name))


def _read_tools(analyzer: Path) -> Tools | None:
    """None where it does not say a version, or its llvm-mc is missing."""
    assembler = analyzer.with_name(analyzer.name.replace("llvm-mca", "llvm-mc"))
    if not all(shutil.which(path) for path in (assembler, analyzer)):
        return None
    try:
        version = _VERSION.search(run_tool([analyzer, "--version"], "", _SHORT_SECONDS).stdout)
    except InputError:
        return None
    return None if version is None else Tools(assembler, analyzer, version[1])


def _find_fault(tools: Tools, core: str) -> str:
    """Why these can't reckon for the core, after they have tried an instruction that does nothing; "" where they can."""
    model, name = MODELS[core], f"{tools.analyzer.name} {tools.version}"
    try:
        done = run_tool([tools.analyzer, *model.settings, "-iterations=1"], "nop\n", _SHORT_SECONDS)
    except InputError as error:
        return str(error)
    width = _WIDTH.search(done.stdout)
    if "not a recognized processor" not in done.stderr and width and int(width[1]) == model.width:
        return ""
    if int(tools.version.split(".")[0]) < model.since:
        return f"{name} is too old for {core}, of which LLVM has a model from version {model.since} on"
    reason = (done.stderr.strip().splitlines() or [f"it has no model of {model.cpu}"])[0]
    return f"{name} can't reckon for {core}: {reason}"
