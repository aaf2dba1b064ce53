"""Measure how fast stages train, and where the time of `shrink80_int8` goes, on this machine.

    python -m benchmarks.training_speed                           images a second of each kind of training
    python -m benchmarks.training_speed --before PATH             the same beside another checkout, in turn: ratios
    python -m benchmarks.training_speed --stages [--share 0.1]    seconds of its stages on MNIST

Writes its sections, `training` and `stages`, of `benchmarks/results/keras3.json`; what others wrote there stays. A ratio is of
two windows that took turns: above 1 this checkout is faster. CPU seconds stand beside seconds, since others may work on a
machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from benchmarks.document import document, save_section
from benchmarks.training_job import KINDS

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "keras3.json"
JOB = Path(__file__).with_name("training_job.py")
SETS = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_bf16",
    "amx_int8",
    "asimd",
    "asimddp",
    "bf16",
)


def list_instruction_sets() -> list[str]:
    """Those that matter here of what the processor has, less those that ONEDNN_MAX_CPU_ISA takes from the kernels of training."""
    try:
        flags = set(re.findall(r"\w+", Path("/proc/cpuinfo").read_text(encoding="utf-8")))
    except OSError:
        return [platform.machine()]
    most = os.environ.get("ONEDNN_MAX_CPU_ISA")
    return [name for name in SETS if name in flags] + ([f"oneDNN: at most {most}"] if most else [])


def environment(checkout: Path) -> dict[str, str]:
    """The packages of that checkout come before those that are installed."""
    path = os.pathsep.join([str(checkout), str(checkout / "device")])
    return {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"}


class Child:
    """A process that trains from one checkout, a window at a time."""

    def __init__(self, checkout: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(JOB)],
            cwd=checkout,
            env=environment(checkout),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def train(self, kind: str) -> dict[str, float]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{kind}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"training {kind} ended with {self.process.wait()}")
        found: dict[str, float] = json.loads(line)
        return found

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def measure_training(checkouts: dict[str, Path], kinds: list[str], rounds: int) -> dict[str, Any]:
    """By kind: images a second of each checkout, and ratios of the windows of a round."""
    children = {name: Child(path) for name, path in checkouts.items()}
    found: dict[str, Any] = {}
    for kind in kinds:
        windows: dict[str, list[dict[str, float]]] = {name: [] for name in children}
        for number in range(rounds):
            for name in list(children)[:: 1 if number % 2 else -1]:
                windows[name].append(children[name].train(kind))
        found[kind] = compare(windows)
        print(kind, {key: value for key, value in found[kind].items() if key != "windows"}, flush=True)
    for child in children.values():
        child.close()
    return found


def compare(windows: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Medians and ratios; `windows` themselves stay beside them."""
    row: dict[str, Any] = {}
    for name, own in windows.items():
        row[f"{name}_images_per_s"] = round(statistics.median(one["images"] / one["seconds"] for one in own), 1)
        row[f"{name}_cpu_ms_per_image"] = round(
            statistics.median(1e3 * one["cpu_seconds"] / one["images"] for one in own), 4
        )
        row[f"{name}_s_to_first_step"] = round(statistics.median(one["to_first_step"] for one in own), 2)
    if "before" in windows:
        for key in ("seconds", "cpu_seconds", "to_first_step"):
            pairs = zip(windows["before"], windows["now"], strict=True)
            row[f"ratio_of_{key}"] = round(statistics.median(one[key] / other[key] for one, other in pairs), 3)
    return {**row, "windows": windows}


def write_recipe(checkout: Path, share: float, folder: Path) -> Path:
    """`shrink80_int8` with so much of its epochs and of its pool of augmentations."""
    recipe = yaml.safe_load((checkout / "recipes" / "shrink80_int8.yaml").read_text(encoding="utf-8"))
    for stage in recipe["stages"]:
        for settings in stage.values():
            settings["epochs"] *= share
            if "pool" in settings:
                settings["pool"] = max(1, round(settings["pool"] * share))
    path = folder / "shrink80_int8.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    return path


def run_recipe(checkout: Path, share: float) -> dict[str, Any]:
    """Seconds of each stage and of the whole process, and what came out."""
    with tempfile.TemporaryDirectory(prefix="edgedigits-stages-") as name:
        recipe = write_recipe(checkout, share, Path(name))
        words = ["compress", "--recipe", str(recipe), "--zoo", "cnn", "--data", "mnist", "--fresh", "--json"]
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "edgedigits.cli", *words, "--out", name],
            cwd=checkout,
            env=environment(checkout),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"compress in {checkout} ended with {process.returncode}")
    made = json.loads(said)
    known = ("stage", "seconds", "teacher_seconds", "steps", "teacher_passes", "validation_accuracy", "instructions")
    return {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "stages": [{key: stage[key] for key in known if key in stage} for stage in made["stages"]],
        "export_seconds": made["export"].get("seconds"),
        "size_bytes": made["export"]["size_bytes"],
        "test_accuracy": made["test"]["accuracy"],
    }


def merge(section: str, command: str, raw: dict[str, Any]) -> None:
    """Writes one section of the result; the others stay."""
    made = document(command, [])
    machine = {**made["machine"], "instruction_sets": list_instruction_sets()}
    save_section(RESULT, section, {"command": command, "commit": made["commit"], "machine": machine, **raw})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="another checkout, measured in turn with this one")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="of training (default all)")
    parser.add_argument("--rounds", type=int, default=5, help="windows of each kind, or runs of the recipe")
    parser.add_argument("--stages", action="store_true", help="run shrink80_int8 instead")
    parser.add_argument("--share", type=float, default=1.0, help="of its epochs and augmentations (default 1)")
    asked = parser.parse_args()
    checkouts = ({"before": asked.before.resolve()} if asked.before else {}) | {"now": ROOT}
    command = " ".join(["python -m benchmarks.training_speed", *sys.argv[1:]])
    if asked.stages:
        runs: dict[str, list[Any]] = {name: [] for name in checkouts}
        for _ in range(asked.rounds):
            for name, path in checkouts.items():
                runs[name].append(run_recipe(path, asked.share))
                print(name, json.dumps(runs[name][-1]), flush=True)
        merge("stages", command, {"recipe": "shrink80_int8", "share": asked.share, "runs": runs})
    else:
        merge("training", command, {"kinds": measure_training(checkouts, asked.kinds, asked.rounds)})


if __name__ == "__main__":
    main()
