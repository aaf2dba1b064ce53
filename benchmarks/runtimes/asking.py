"""A runtime of one version installed into an environment of its own, for as long as it is asked what operators it has."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from edgedigits_runner.runtimes import KNOWN

from benchmarks.peers.environments import PeerError, Say, find_uv, run
from benchmarks.runtimes import alone, alone_fragments
from benchmarks.runtimes.question import make_question
from edgedigits.measure.runtimes.environments import clean_environment
from edgedigits.measure.runtimes.operator_versions import Typed
from edgedigits.measure.runtimes.pins import PINS
from edgedigits.tflite.schema import OPERATOR_NAMES

NOT_ASKED = ("CUSTOM", "DELEGATE", "PLACEHOLDER_FOR_GREATER_OP_CODES")
"""Numbers of the schema that stand for no operator of a runtime's own."""
INSTALLED = {"tensorflow": "tensorflow-cpu"}
"""Where a smaller package has the same interpreter."""

Versions = dict[str, tuple[int, int]]
"""Of each operator that is there, by name, the lowest and the highest version."""


@dataclass(frozen=True)
class Answer:
    """`refused` are fragments whose operator is there in that version, and yet is not run; `broken`: so are all."""

    versions: Versions
    refused: list[Typed]
    broken: bool


def ask(runtime: str, version: str, python: Path, fragments: Mapping[Typed, bytes], say: Say) -> Answer:
    """What that runtime has. PeerError where it can't be installed, or says what can't be understood."""
    with installed(runtime, version, python, say) as own:
        module = KNOWN[runtime].module
        versions = ask_installed(own, module)
        if not fragments:
            return Answer(versions, [], False)
        there = [one for one in fragments if one[0] in versions and one[1] <= versions[one[0]][1]]
        run = _run_script(own, alone_fragments, module, [fragments[one].hex() for one in there]).stdout
        refused = [one for one, fine in zip(there, json.loads(run), strict=True) if not fine]
        return Answer(versions, refused, bool(there) and len(refused) == len(there))


@contextmanager
def installed(runtime: str, version: str, python: Path, say: Say) -> Iterator[Path]:
    """The Python of an environment that has it. PeerError where it can't be made."""
    with tempfile.TemporaryDirectory(prefix="edgedigits-runtimes-") as folder:
        own, uv = Path(folder) / "env" / "bin" / "python", str(find_uv(say))
        package = INSTALLED.get(runtime, KNOWN[runtime].distribution)
        run([uv, "venv", "--quiet", "--python", str(python), str(Path(folder) / "env")])
        wanted = [f"{package}=={version}", *PINS[runtime].list_beside(version)]
        run([uv, "pip", "install", "--quiet", "--python", str(own), *wanted])
        yield own


def ask_installed(python: Path, module: str) -> Versions:
    """The same of an interpreter that `python` has. One that dies of a question lacks that operator, and is asked on."""
    waiting = [number for number, name in sorted(OPERATOR_NAMES.items()) if name not in NOT_ASKED]
    found: Versions = {}
    while waiting:
        done = _run_script(python, alone, module, {**make_question(), "operators": waiting})
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        found |= {OPERATOR_NAMES[number]: _span(versions) for number, versions in answers if versions}
        if done.returncode > 0:
            raise PeerError(f"{module}: {(done.stderr.strip().splitlines() or ['ended without a word'])[-1]}")
        waiting = waiting[len(answers) + (done.returncode < 0) :]
    return found


def _run_script(python: Path, script: ModuleType, module: str, asked: object) -> subprocess.CompletedProcess[str]:
    command, said = [str(python), "-W", "ignore", str(script.__file__), module], json.dumps(asked)
    return subprocess.run(command, input=said, env=clean_environment(), capture_output=True, text=True, check=False)


def _span(versions: list[int]) -> tuple[int, int]:
    if versions != list(range(versions[0], versions[-1] + 1)):
        raise PeerError(f"an operator is there in versions {versions}, with gaps")
    return versions[0], versions[-1]
