"""The converters side by side on the nets that ship: bytes, accuracy, latency; and what fifty conversions leave in memory.

    python -m benchmarks.converters [--rounds N] [--window S] [--conversions N] [--only files|memory]

Writes `benchmarks/results/converters.json`, from which `converters/table.py` takes its default. So that nothing is chosen on test
images, accuracy is that on validation images. Every file runs in LiteRT, one thread, without AMX, in rounds that visit all files.
With --only the other part is kept as it was written.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.document import document, save, target
from benchmarks.measuring import accuracy, right_in_litert, size
from benchmarks.racing import few_images, race, tflite_racer, timing
from benchmarks.without_amx import has_amx, refuse_amx
from edgedigits.measure.bench import Contestant, describe_model
from edgedigits.measure.local_runner import RunnerProcess
from edgedigits.pipeline.converters.table import CONVERTERS, DEFAULT

RESULT = Path(__file__).parent / "results" / "converters.json"
NETS = ("cnn", "nano", "mobilenet_v2")
EXPORTS = ("float32", "float16", "dynamic", "int8", "int16x8")
REPEATED = "cnn"
MOST_MIB = 200
MOST_POINTS = 0.1

say = functools.partial(print, flush=True)


def make(net: str, folder: Path) -> tuple[dict[str, dict[str, Any]], Path]:
    """What each export by each converter takes to make, its file in `folder`; and the validation images, in a file."""
    from edgedigits.data.images import read_all
    from edgedigits.data.sources.named import load_data
    from edgedigits.data.splits import split
    from edgedigits.models.importer.loading import load
    from edgedigits.models.zoo.shipped import find_shipped_folder
    from edgedigits.pipeline.recipe import parse

    model = load(find_shipped_folder() / f"{net}.keras").model
    data = split(load_data("mnist", resize=tuple(model.inputs[0].shape[1:3])), "0..1", 0)
    found = {}
    for export in EXPORTS:
        for converter in CONVERTERS:
            wanted = parse({"export": {export: {"converter": converter}}}, "here", "here")
            began = time.perf_counter()
            flat = wanted.export(model, data.calibration, data.scale)
            seconds = round(time.perf_counter() - began, 2)
            (folder / f"{export}-{converter}.tflite").write_bytes(flat)
            found[f"{export}-{converter}"] = {"net": net, "export": export, "converter": converter, "seconds": seconds}
    images = folder / "validation.npz"
    np.savez(images, images=read_all(data.validation), labels=data.validation.labels.astype(np.int32))
    return found, images


def measure(net: str, folder: Path, rounds: int, window_s: float) -> list[dict[str, Any]]:
    """A row for each file of a net. Accuracy is against its float32 by the default converter, latency against the same export by
    that."""
    folder.mkdir()
    say(f"{net}: making its files")
    made, images = make(net, folder)
    files = {name: Contestant(name, folder / f"{name}.tflite") for name in made}
    runner = RunnerProcess(Path(sys.executable), folder, lambda _: None)
    right = {name: right_in_litert(runner, file, images) for name, file in files.items()}
    few = few_images(images, folder / "few.npz")
    racers = {name: tflite_racer(runner, describe_model(file), few) for name, file in files.items()}
    windows = race(racers, rounds, window_s, say)
    return [
        {
            **facts,
            **accuracy(right[f"float32-{DEFAULT}"], right[name]),
            **size(files[name].path),
            **timing(windows[f"{facts['export']}-{DEFAULT}"], windows[name]),
        }
        for name, facts in made.items()
    ]


def repeat(converter: str, conversions: int) -> dict[str, Any]:
    """KiB that this process and its child hold after each of so many int8 conversions of the CNN, and how many served."""
    from edgedigits.data.images import ArrayImages
    from edgedigits.ground.processes import children
    from edgedigits.ground.processes.child import read_status_kib
    from edgedigits.models.importer.loading import load
    from edgedigits.models.zoo.shipped import find_shipped_folder
    from edgedigits.pipeline.recipe import parse

    model = load(find_shipped_folder() / f"{REPEATED}.keras").model
    pixels = np.random.default_rng(0).integers(0, 256, (100, *model.inputs[0].shape[1:]), dtype=np.uint8)
    calibration = ArrayImages(pixels, np.zeros(len(pixels), np.int32))
    export = parse({"export": {"int8": {"converter": converter, "calibration_images": 100}}}, "here", "here").export
    parent, child, served, first = [], [], [], b""
    for _ in range(conversions):
        flat = export(model, calibration, "0..1")
        assert flat == (first := first or flat)
        number = children.process_id("tensorflow")
        served.append(number)
        parent.append(read_status_kib("VmRSS:"))
        child.append(read_status_kib("VmRSS:", number))
    return {"children": len(set(served)), "parent_kib": parent, "child_kib": child}


def _repeated(converter: str, conversions: int) -> dict[str, Any]:
    """`repeat` in a process of its own."""
    say(f"{converter}: {conversions} conversions in a row")
    code = f"import json; from benchmarks.converters import repeat; print(json.dumps(repeat({converter!r}, {conversions})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(rows: list[dict[str, Any]], memory: Mapping[Any, dict[str, Any]]) -> list[dict[str, Any]]:
    """The targets."""
    found = []
    for converter, held in memory.items():
        times = len(held["parent_kib"])
        for who in ("parent", "child"):
            more = (held[f"{who}_kib"][-1] - held[f"{who}_kib"][0]) / 1024
            name = f"{converter}: memory of the {who} after {times} conversions, above that after the first"
            found.append(target(name, f"< {MOST_MIB}", round(more), "MiB", more < MOST_MIB))
    for row in rows:
        if row["export"] == "int8":
            points = row["points_against_float"]
            name = f"{row['net']}, int8 by {row['converter']}: accuracy against float"
            found.append(target(name, f">= -{MOST_POINTS}", round(points, 3), "points", points >= -MOST_POINTS))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--window", type=float, default=0.2, help="seconds of each window")
    parser.add_argument("--conversions", type=int, default=50)
    parser.add_argument("--only", choices=("files", "memory"))
    given = parser.parse_args()
    parts = json.loads(RESULT.read_text()) if given.only else {}
    words = [f"--rounds {given.rounds}", f"--window {given.window:g}", f"--conversions {given.conversions}"]
    words += [f"--only {given.only}"] if given.only else []
    if given.only != "files":
        parts["memory"] = {converter: _repeated(converter, given.conversions) for converter in CONVERTERS}
    if given.only != "memory":
        parts |= {"rounds": given.rounds, "window_s": given.window, "amx_refused": has_amx()}
        parts["rows"] = _measured(given.rounds, given.window)
    kept = {key: parts[key] for key in ("rounds", "window_s", "amx_refused", "rows", "memory")}
    targets = compare(kept["rows"], kept["memory"])
    save(RESULT, document(" ".join(["python -m benchmarks.converters", *words]), targets, **kept))


def _measured(rounds: int, window_s: float) -> list[dict[str, Any]]:
    if has_amx():
        refuse_amx()  # processes that this one starts are refused it too
    with tempfile.TemporaryDirectory(prefix="edgedigits-converters-") as name:
        return [row for net in NETS for row in measure(net, Path(name) / net, rounds, window_s)]


if __name__ == "__main__":
    main()
