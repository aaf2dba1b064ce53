"""Measure what the recipes reach: accuracy, bytes, time here, and cycles on four boards against the float model, in one run.

    python -m benchmarks.pays [--artifacts DIR] [--make] [--fresh] [--only R,R,...] [--rounds N] [--window S]

Writes `benchmarks/results/pays.json` and `pays.svg`. Takes finished artifacts from DIR, found by recipe, model and seed; what is
missing is named with the command that makes it, its targets stay unmet, and the exit code is 1. With --make it is made there;
with --fresh, too, no stage is taken from an earlier run, so that the seconds are those of whole runs. With --only the other rows
stay as an earlier run left them; each row says where it was measured, and its ratios are against a float form timed in the same
run. Accuracy is counted anew on MNIST's test images in LiteRT. Times are those without AMX, which no Raspberry Pi has; where the
CPU has it, those with it stand beside them. Cycles and
instructions are counted under QEMU, cycles by LLVM's models of the cores. Needs MNIST, a quiet machine, and what
`edgedigits cycles` needs.
"""

from __future__ import annotations

import argparse
import functools
import json
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import finished
from benchmarks.document import document, save
from benchmarks.drawing import draw
from benchmarks.fronts import front
from benchmarks.measuring import accuracy, right_in_litert, size
from benchmarks.pays_entries import ENTRIES, Entry, targets
from benchmarks.pays_kept import kept, with_origin
from benchmarks.pays_rows import CORES, row
from benchmarks.racing import Racer, Window, few_images, race, tflite_racer, timing
from benchmarks.without_amx import has_amx, python_without_amx
from edgedigits.errors import EdgeDigitsError
from edgedigits.ground.artifact_folder import Artifact
from edgedigits.measure.bench import Contestant, describe_model
from edgedigits.measure.cycles.cycles import count_cycles
from edgedigits.measure.local_runner import RunnerProcess

RESULT = Path(__file__).parent / "results" / "pays.json"
COSTS = {
    "raw_bytes": "raw bytes",
    "share_of_float_p50": "p50 as a share of the float form's, one thread",
    "cycles_a53": "cycles, cortex-a53 (Zero 2 W, Pi 3)",
    "cycles_a72": "cycles, cortex-a72 (Pi 4)",
    "cycles_a76": "cycles, cortex-a76 (Pi 5)",
}
FLOAT = "float32"
WITH_AMX = ", with AMX"

say = functools.partial(print, flush=True)


def collected(
    entries: Sequence[Entry], folder: Path, *, make: bool, fresh: bool
) -> tuple[dict[tuple[str, int], Artifact], list[str]]:
    """(entry, seed) -> artifact, and a sentence for each that is missing."""
    found, missing = {}, []
    there = finished.in_folder(folder, say)
    for entry in entries:
        for seed in entry.seeds:
            command = shlex.join(["edgedigits", *finished.compress_command(entry.recipe, entry.model, seed, folder)])
            try:
                made = finished.have(entry.recipe, entry.model, seed, there, folder, say, make_it=make, fresh=fresh)
            except EdgeDigitsError as error:
                missing.append(f"{entry.name}, seed {seed}: {error}")
                continue
            if made is None:
                missing.append(f"{entry.name}, seed {seed}: not there; made by `{command}`, or with --make")
            else:
                found[entry.name, seed] = made
    return found, missing


class Forms:
    """Every file that is measured, by name: the artifacts and, for each baseline, its float form."""

    def __init__(self, made: Mapping[tuple[str, int], Artifact]) -> None:
        self.baseline_of: dict[str, str] = {}
        self.files: dict[str, Contestant] = {}
        self.images: dict[str, Path] = {}
        for (entry, seed), one in made.items():
            model = one.manifest["model"]["name"]
            self._add(f"{model} {FLOAT}", f"{model} {FLOAT}", one, "float.tflite")
            self._add(f"{entry} {seed}", f"{model} {FLOAT}", one, "model.tflite")

    def _add(self, name: str, baseline: str, made: Artifact, file: str) -> None:
        if name not in self.files:
            self.files[name] = Contestant(name, made.path / file, made.manifest["input"]["scale"])
            self.images[name], self.baseline_of[name] = made.path / "eval.npz", baseline

    def measured(self, rounds: int, window_s: float) -> dict[str, dict[str, Any]]:
        """The facts of every file, by name."""
        with tempfile.TemporaryDirectory(prefix="edgedigits-pays-") as name:
            folder = Path(name)
            runner = RunnerProcess(Path(sys.executable), folder, lambda _: None)
            timers = {"": runner}
            if has_amx():
                timers = {"": RunnerProcess(python_without_amx(folder), folder, lambda _: None), WITH_AMX: runner}
            right: dict[str, np.ndarray] = {}
            racers: dict[str, Racer] = {}
            for at, (called, file) in enumerate(self.files.items()):
                right[called] = right_in_litert(runner, file, self.images[called])
                say(f"{called}: {100 * right[called].mean():.2f} %")
                few = few_images(self.images[called], folder / f"few-{at}.npz")
                racers |= {
                    called + how: tflite_racer(timer, describe_model(file), few) for how, timer in timers.items()
                }
            windows = race(racers, rounds, window_s, say)
        counted = self._counted()
        return {
            called: {
                **accuracy(right[self.baseline_of[called]], right[called]),
                **size(file.path),
                **timing(windows[self.baseline_of[called]], windows[called]),
                **self._with_amx(windows, called),
                **counted[called],
            }
            for called, file in self.files.items()
        }

    def _with_amx(self, windows: Mapping[str, Sequence[Window]], called: str) -> dict[str, float]:
        if called + WITH_AMX not in windows:
            return {}
        found = timing(windows[self.baseline_of[called] + WITH_AMX], windows[called + WITH_AMX])
        return {f"amx_{key}": found[key] for key in ("p50_us", "times_faster")}

    def _counted(self) -> dict[str, dict[str, int]]:
        paths = [file.path for file in self.files.values()]
        found: dict[str, dict[str, int]] = {name: {} for name in self.files}
        for cpu, short in CORES.items():
            say(f"cycles on {cpu}: {len(paths)} models")
            for name, one in zip(self.files, count_cycles(paths, cpu, operators=False, say=say), strict=True):
                found[name] |= {f"cycles_{short}": one.cycles, f"instructions_{short}": one.instructions}
        return found


def measure(entries: Sequence[Entry], made: Mapping[tuple[str, int], Artifact], rounds: int, window_s: float) -> Any:
    """(rows by name of the entry, float forms by name of the baseline)."""
    facts = Forms(made).measured(rounds, window_s)
    floats = {name.removesuffix(f" {FLOAT}"): found for name, found in facts.items() if name.endswith(f" {FLOAT}")}
    rows = {}
    for entry in entries:
        seeds = [
            {"seed": seed, **facts[f"{entry.name} {seed}"], **origin(made[entry.name, seed])}
            for seed in entry.seeds
            if (entry.name, seed) in made
        ]
        if len(seeds) == len(entry.seeds):
            rows[entry.name] = row(entry, seeds, floats[entry.model])
    return rows, floats


def origin(made: Artifact) -> dict[str, Any]:
    """Where a file comes from, and how long it took."""
    about = made.manifest
    return {
        **finished.seconds(made),
        "stages": {stage["stage"]: stage["seconds"] for stage in about["stages"]},
        "artifact": made.path.name,
        "versions": about["versions"],
        "recorded_test": about["test"],
    }


def report(
    rows: Mapping[str, dict[str, Any]], floats: Mapping[str, dict[str, Any]], missing: Sequence[str], **more: Any
) -> dict[str, Any]:
    """The document that is written. The fronts are those of the nets that come from the CNN."""
    rows = {
        entry.name: {**rows[entry.name], "share_of_float_p50": 1 / rows[entry.name]["times_faster"]}
        for entry in ENTRIES
        if entry.name in rows
    }
    of_cnn = [one for one in rows.values() if one["model"] == "cnn"]
    if "cnn" in floats:
        of_cnn.append(_float_row(floats["cnn"]))
    whole = document(
        more.pop("command"),
        targets(rows),
        **more,
        missing=list(missing),
        fronts={cost: front(of_cnn, cost) for cost in COSTS},
        floats=dict(floats),
        rows=list(rows.values()),
    )
    here = {name: with_origin(one, whole) for name, one in whole["floats"].items()}
    return {**whole, "floats": here, "rows": [with_origin(one, whole) for one in whole["rows"]]}


def _float_row(found: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": FLOAT, "group": "float", "share_of_float_p50": 1.0, **found}


def figure(whole: dict[str, Any], path: Path) -> None:
    """Accuracy against every cost, of the nets that come from the CNN and the CNN itself."""
    rows = [one for one in whole["rows"] if one["model"] == "cnn"]
    rows += [_float_row(whole["floats"]["cnn"])] if "cnn" in whole["floats"] else []
    draw(rows, COSTS, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    folder = finished.default_folder()
    parser.add_argument("--artifacts", type=Path, default=folder, help="finished artifacts (%(default)s)")
    parser.add_argument("--make", action="store_true", help="make what is missing")
    parser.add_argument("--fresh", action="store_true", help="with --make: use no stage of an earlier run")
    parser.add_argument(
        "--only", default="", help="recipes, comma between them; the others stay as an earlier run left them"
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--window", type=float, default=0.5, help="seconds of each window")
    given = parser.parse_args()
    entries = [entry for entry in ENTRIES if not given.only or entry.recipe in given.only.split(",")]
    made, missing = collected(entries, given.artifacts, make=given.make, fresh=given.fresh)
    for line in missing:
        say(line)
    if not made:
        sys.exit("pays: there is nothing to measure")
    rows, floats = measure(entries, made, given.rounds, given.window)
    if given.only and RESULT.is_file():
        others = [entry for entry in ENTRIES if entry not in entries]
        before = kept(json.loads(RESULT.read_text()), others)
        rows, floats, missing = {**before[0], **rows}, {**before[1], **floats}, [*before[2], *missing]
    only = f" --only {given.only}" if given.only else ""
    command = f"python -m benchmarks.pays{only} --rounds {given.rounds} --window {given.window:g}"
    timed = {"rounds": given.rounds, "window_s": given.window}
    save(RESULT, report(rows, floats, missing, command=command, **timed))
    figure(json.loads(RESULT.read_text()), RESULT.with_suffix(".svg"))
    sys.exit(int(bool(missing)))


if __name__ == "__main__":
    main()
