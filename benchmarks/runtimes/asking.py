"""A runtime of one version installed into an environment of its own, for as long as it is asked what operators it has."""

from __future__ import annotations

import json
import subprocess
import tempfile
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
    with tempfile.TemporaryDirectory(prefix="edgedigits-runtimes-") as folder:
        own = str(Path(folder) / "env" / "bin" / "python")
        uv = str(find_uv(say))
        run([uv, "venv", "--quiet", "--python", str(python), str(Path(folder) / "env")])
        package = INSTALLED.get(runtime, KNOWN[runtime].distribution)
        run([uv, "pip", "install", "--quiet", "--python", own, f"{package}=={version}", *PINS[runtime].list_beside(version)])
        return ask_installed(own, KNOWN[runtime].module)


def ask_installed(python: str, module: str) -> Versions:
    """The same of an interpreter that `python` has. One that dies of a question lacks that operator, and is asked on."""
    waiting = [number for number, name in sorted(OPERATOR_NAMES.items()) if name not in NOT_ASKED]
    question, found = make_question(), dict[str, tuple[int, int]]()
    while waiting:
        asked = json.dumps({**question, "operators": waiting})
        command = [python, "-W", "ignore", alone.__file__, module]
        done = subprocess.run(
            command, input=asked, env=clean_environment(), capture_output=True, text=True, check=False
        )
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        for number, versions in answers:
            if versions:
                found[OPERATOR_NAMES[number]] = (versions[0], versions[-1])
            if versions != list(range(versions[0], versions[-1] + 1)) if versions else False:
                raise PeerError(f"{module}: {OPERATOR_NAMES[number]} is there in versions {versions}, with gaps")
        if done.returncode > 0:
            raise PeerError(f"{module}: {(done.stderr.strip().splitlines() or ['ended without a word'])[-1]}")
        waiting = waiting[len(answers) + (done.returncode < 0) :]
    return found
