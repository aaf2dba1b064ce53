"""Measure the general recipes, and the search, on nets, data and classes that they were not made on.

    python -m benchmarks.adapt --data DIR --work DIR [--only TEXT] [--fresh]

DIR of --data holds mnist.npz, fashion_mnist.npz and signs.zip; baselines are trained into --work, once. Writes
results/adapt.json after each row; --only takes the rows whose name holds the text, the others stay as an earlier run left them.
Cycles are foretold from the shapes, for one thread of a Pi 4 (a Pi 5 where the search aims at it), and minutes are those of the
whole command. Accuracy is that of the bytes on the test images, on which nothing is chosen.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.adapt.baselines import Baseline, find_baseline, prepare_data
from benchmarks.adapt.rows import ROWS, SEARCHES, TIME, judge
from benchmarks.document import document, find_commit, save
from benchmarks.pages import ROOT
from edgedigits.measure.cost.cycle_model import predict_cycles

RESULT = ROOT / "benchmarks" / "results" / "adapt.json"
CORES = {"search pi5": "cortex-a76"}
"""Whose cycles are counted; else a Pi 4's."""
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8")


def measure(baseline: Baseline, recipe: str, work: Path, fresh: bool) -> dict[str, Any]:
    """What came of one recipe, or the sentence that refused it."""
    asked = SEARCHES.get((baseline.name, recipe))
    if asked is None:
        words = ["compress", "--recipe", recipe, "--out", str(work / "artifacts"), *(["--fresh"] if fresh else [])]
    else:
        out = work / f"search {baseline.name}"
        if fresh:
            shutil.rmtree(out, ignore_errors=True)
        words = ["search", *asked, "--time", TIME, "--out", str(out)]
    began = time.perf_counter()
    command = [sys.executable, "-m", "edgedigits.cli", *words, *baseline.words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    minutes = (time.perf_counter() - began) / 60
    said = json.loads(done.stdout) if done.stdout.startswith("{") else {}
    tried = {"points": len(said["points"]), "best": said["best"] and said["best"]["name"]} if asked and said else {}
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        return {"ok": False, "why": last[-1].replace(str(work), "DIR"), "minutes": round(minutes, 2), **tried}
    folder = Path(said["artifact"] if asked else said["path"])
    about = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    test, size = about["test"], {name: (folder / f"{name}.tflite").stat().st_size for name in ("model", "float")}
    cycles = {
        name: predict_cycles((folder / f"{name}.tflite").read_bytes(), CORES.get(recipe, "cortex-a72")) for name in size
    }
    return {
        "ok": True,
        "images": test["images"],
        "float_accuracy": round(100 * test["float_accuracy"], 3),
        "accuracy": round(100 * test["accuracy"], 3),
        "drop_points": round(100 * (test["float_accuracy"] - test["accuracy"]), 3),
        "only_float_right": test["only_float_right"],
        "only_compressed_right": test["only_compressed_right"],
        "mcnemar_p": test["mcnemar_p"],
        "bytes": size["model"],
        "share": round(size["model"] / size["float"], 4),
        "cycles": round(cycles["model"]),
        "times_fewer_cycles": round(cycles["float"] / cycles["model"], 2),
        "minutes": round(minutes, 2),
        "augment": about.get("augment"),
        "warnings": about.get("warnings", []),
        **tried,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--fresh", action="store_true", help="use no stage of an earlier run")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    data = prepare_data(given.data, given.work)
    os.environ["EDGEDIGITS_DATA"] = str(given.data)
    before = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.is_file() else {}
    rows, floats = before.get("rows", {}), before.get("baselines", {})
    for name, recipe in ROWS:
        if given.only not in f"{name}, {recipe}":
            continue
        baseline = find_baseline(name, data, given.work)
        floats[name] = {"data": baseline.data_name, **_facts(baseline.record)}
        found = {**measure(baseline, recipe, given.work, given.fresh), "commit": find_commit(), "cpu": _flags()}
        rows[f"{name}, {recipe}"] = found
        print(f"{name}, {recipe}: {found}", flush=True)
        command = "python -m benchmarks.adapt --data DIR --work DIR"
        save(RESULT, document(command, judge(rows), baselines=floats, rows=rows))


def _facts(record: dict[str, Any]) -> dict[str, Any]:
    names = ("parameters", "held_accuracy", "validation_accuracy", "test_accuracy", "epochs_run", "seconds", "backend")
    return {name: record[name] for name in names if name in record}


def _flags() -> list[str]:
    there = Path("/proc/cpuinfo").read_text(encoding="utf-8").split() if Path("/proc/cpuinfo").exists() else []
    return [flag for flag in FLAGS if flag in there]


if __name__ == "__main__":
    main()
