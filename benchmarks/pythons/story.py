"""What a newcomer does in an environment, and the tests that are about versions: each with its exit code and its seconds."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.pythons.environment import Environment
from benchmarks.pythons.interpreters import ROOT, last_words

STORY = (
    "edgedigits --version",
    "edgedigits recipes",
    "edgedigits train lenet5 --data digits --epochs 8 --batch 32 --out lenet5.keras",
    "edgedigits compress --recipe ptq_int8 --model lenet5.keras --data digits --out out",
    "edgedigits inspect ARTIFACT/model.tflite",
    "edgedigits bench --tflite ARTIFACT --windows 3 --window 0.2",
)
"""In order, in one empty folder; ARTIFACT is the folder that `compress` wrote."""

PYTHON_STORY = """
from pathlib import Path
import edgedigits as ed

(artifact,) = Path("out").glob("lenet5-*")
print(ed.load_data("digits"), ed.inspect(artifact / "model.tflite").to_frame("tensors"))
"""
IMPORT = "import time; began = time.perf_counter(); import edgedigits; print(time.perf_counter() - began)"
IMPORTS = 5

TESTS = (
    "test_keras_private",
    "test_recipe",
    "test_result",
    "test_flatbuffer",
    "test_packed",
    "test_npz",
    "test_exportable",
    "test_baselines",
)
"""Test files that are about versions: of Keras, NumPy, pandas, zstd, TensorFlow's converter and Python itself."""

_COUNT = re.compile(r"(\d+) (passed|failed|skipped|errors?|deselected)\b")


def tell(environment: Environment, folder: Path) -> list[dict[str, Any]]:
    """The commands one after the other; one that fails leaves the rest to be tried all the same."""
    told = []
    for line in STORY:
        words = [_place(word, folder) for word in line.split()]
        told.append(_timed(environment, line, [environment.home / "bin" / words[0], *words[1:]], folder))
    told.append(
        _timed(environment, "from Python: load_data, inspect", [environment.python, "-c", PYTHON_STORY], folder)
    )
    return told


def _place(word: str, folder: Path) -> str:
    """A word with the artifact's folder put in, where there is one."""
    made = sorted((folder / "out").glob("lenet5-*"))
    return word.replace("ARTIFACT", str(made[0].relative_to(folder))) if made else word


def _timed(environment: Environment, line: str, command: Sequence[object], folder: Path) -> dict[str, Any]:
    began = time.perf_counter()
    done = environment.interpreter.run(command, folder, EDGEDIGITS_CACHE=str(folder / "cache"))
    row: dict[str, Any] = {
        "command": line,
        "code": done.returncode,
        "seconds": round(time.perf_counter() - began, 1),
        "warned": sorted(set(re.findall(r"\b\w*Warning\b", done.stderr))),
    }
    return row | ({"said": last_words(done)} if done.returncode else {})


def import_seconds(environment: Environment) -> float:
    """The least of several."""
    command = [environment.python, "-c", IMPORT]
    return round(min(float(environment.interpreter.told(command, environment.home)) for _ in range(IMPORTS)), 4)


def run_tests(environment: Environment) -> dict[str, Any]:
    """What pytest counts, warnings being errors as everywhere; the names of those that fail."""
    files = [f"tests/{name}.py" for name in TESTS]
    command = [environment.python, "-B", "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", *files]
    began = time.perf_counter()
    done = environment.interpreter.run(command, ROOT)
    return {"files": files, "code": done.returncode, "seconds": round(time.perf_counter() - began, 1), **counted(done)}


def counted(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The counts of pytest's last line, and which tests fell."""
    lines = done.stdout.strip().splitlines() or [""]
    counts = {name.rstrip("s") if name == "errors" else name: int(number) for number, name in _COUNT.findall(lines[-1])}
    fell = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    unread = {} if counts else {"said": last_words(done)}
    return {"counts": counts, "fell": fell, **unread}
