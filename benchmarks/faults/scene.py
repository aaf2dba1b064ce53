"""A folder in which a case makes its model and data, and commands are run on them as a user would."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.document import target
from benchmarks.faults.running import HOST, RUNNER, Ended, run

Say = Callable[[str], None]
Targets = list[dict[str, Any]]
SLOW_S = 900.0


class Scene:
    """`cases` holds the scripts; `ended` are all commands that were run, in order."""

    def __init__(self, folder: Path, cases: Path, say: Say) -> None:
        self.folder, self.cases, self.say = folder, cases.absolute(), say
        self.ended: list[Ended] = []
        folder.mkdir(parents=True, exist_ok=True)
        self.environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "PYTHONUTF8": "1"}
        self.environment["EDGEDIGITS_CACHE"] = str(folder.absolute() / "cache")

    def script(self, name: str, *arguments: object) -> str:
        """Runs a script of the cases here; what it printed."""
        self.say(f"{name}: making its model and data")
        command = [sys.executable, str(self.cases / name), *map(str, arguments)]
        ended = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        if ended.returncode:
            raise SystemExit(f"{name}: the case itself failed: {ended.stderr.strip().splitlines()[-1:]}")
        return ended.stdout

    def edgedigits(self, *words: object, limit_s: float = SLOW_S) -> Ended:
        return self._run(HOST, words, limit_s)

    def runner(self, *words: object, limit_s: float = SLOW_S) -> Ended:
        return self._run(RUNNER, words, limit_s)

    def compress(self, model: str, data: str, *words: object, recipe: object = "ptq_int8", out: str = "out") -> Ended:
        """`compress --json`; its document says where the artifact is."""
        given = ("--recipe", recipe, "--model", model, "--data", data, "--out", out, "--json")
        return self.edgedigits("compress", *given, *words)

    def _run(self, module: str, words: tuple[object, ...], limit_s: float) -> Ended:
        self.say(" ".join(map(str, words)))
        found = run((module, *words), self.folder, self.environment, limit_s)
        self.ended.append(found)
        return found


def printed(text: str, name: str) -> float:
    """The number after `name` in what a script printed."""
    found = re.search(rf"^{re.escape(name)}\D*?([0-9.]+)\s*$", text, re.MULTILINE)
    if found is None:
        raise SystemExit(f"the case printed nothing of {name!r}: {text!r}")
    return float(found[1])


def accuracy(found: Ended, key: str = "accuracy") -> float | None:
    """Percent of the test images, as a manifest has it; `float_accuracy` is that of the model before compression."""
    share = found.json().get("test", {}).get(key)
    return None if share is None else 100 * share


def close(name: str, wanted: float, within: float, got: float | None) -> dict[str, Any]:
    """The accuracy is not lower than wanted by more than so many points."""
    met = got is not None and got >= wanted - within - 1e-9
    return target(name, f">= {wanted - within:.2f}", None if got is None else round(got, 2), "%", met)


def said(name: str, ended: Ended, words: str, refused: bool = False) -> dict[str, Any]:
    """The command ended well and said what matches `words`; `refused`: and nothing was made."""
    hit = re.search(words, ended.all_words, re.IGNORECASE | re.DOTALL)
    met = not ended.fault and bool(hit) and (not refused or ended.code == 1 or ended.code == 2)
    got = ended.fault or (_around(ended.all_words, hit) if hit else f"exit code {ended.code}: {ended.sentence[:200]}")
    return target(name, f"a sentence on it ({words})", got, "", met)  # type: ignore[arg-type]


def ended_well(name: str, *ended: Ended) -> dict[str, Any]:
    """0, or one sentence and exit code 1 or 2."""
    faults = [f"{one.command}: {one.fault}" for one in ended if one.fault]
    return target(name, "0", len(faults), "commands that ended wrongly", not faults) | (
        {"which": faults} if faults else {}
    )


def same_on_device(name: str, scene: Scene, made: Ended) -> dict[str, Any]:
    """The device runner answers as many test images right as the manifest says: it prepares them in the same way."""
    folder = made.json().get("path")
    if folder is None:
        return target(name, "the same", None, "images right", False)
    found = scene.runner("evaluate", folder, "--out", "evaluated.json")
    path = scene.folder / "evaluated.json"
    if found.code or not path.is_file():
        return target(name, "the same", None, found.sentence[:200], False)
    models = {one["name"]: one["answers"]["right"] for one in json.loads(path.read_text())["models"]}
    test = made.json()["test"]
    wanted, got = round(test["accuracy"] * test["images"]), models.get(made.json()["recipe"]["name"])
    return target(name, str(wanted), got, "images right", wanted == got)


def _around(text: str, hit: re.Match[str]) -> str:
    start = text.rfind("\n", 0, hit.start()) + 1
    return " ".join(text[start : start + 300].split("\n")[0].split())
