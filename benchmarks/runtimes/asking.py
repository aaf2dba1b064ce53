"""A runtime of one version installed into an environment of its own, for as long as it is asked what operators it has."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgedigits_runner.runtimes import KNOWN

from benchmarks.peers.environments import PeerError, Say, find_uv, run
from benchmarks.runtimes import alone
from benchmarks.runtimes.question import make_question
from edgedigits.measure.runtimes.environments import clean_environment
from edgedigits.measure.runtimes.pins import PINS
from edgedigits.tflite.schema import OPERATOR_NAMES

NOT_ASKED = ("CUSTOM", "DELEGATE", "PLACEHOLDER_FOR_GREATER_OP_CODES")
"""Numbers of the schema that stand for no operator of a runtime's own."""
INSTALLED = {"tensorflow": "tensorflow-cpu"}
"""Where a smaller package has the same interpreter."""

Versions = dict[str, tuple[int, int]]
"""Of each operator that is there, by name, the lowest and the highest version."""


def ask(runtime: str, version: str, python: Path, say: Say) -> Versions:
    """What that runtime has. PeerError where it can't be installed, or says what can't be understood."""
    with installed(runtime, version, python, say) as own:
        return ask_installed(own, KNOWN[runtime].module)


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
        done = _run(python, module, waiting)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        found |= {OPERATOR_NAMES[number]: _span(versions) for number, versions in answers if versions}
        if done.returncode > 0:
            raise PeerError(f"{module}: {(done.stderr.strip().splitlines() or ['ended without a word'])[-1]}")
        waiting = waiting[len(answers) + (done.returncode < 0) :]
    return found


def _run(python: Path, module: str, numbers: list[int]) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-W", "ignore", alone.__file__, module]
    asked = json.dumps({**make_question(), "operators": numbers})
    return subprocess.run(command, input=asked, env=clean_environment(), capture_output=True, text=True, check=False)


def _span(versions: list[int]) -> tuple[int, int]:
    if versions != list(range(versions[0], versions[-1] + 1)):
        raise PeerError(f"an operator is there in versions {versions}, with gaps")
    return versions[0], versions[-1]
