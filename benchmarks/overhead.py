"""What the runner costs beside a bare script, on this machine: start to first answer, p50 of invoke(), peak memory."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from edgedigits.devices.runner_archive import NAME, write_runner
from edgedigits.measure.bench import BenchSettings, Contestant, bench_job, describe_model

BARE = Path(__file__).parent / "bare.py"
PEAK = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    with open("/proc/self/status") as status:
        print("PEAK", next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""
STARTS, ROUNDS, SECONDS = 21, 9, 1.0


def overhead(artifact: Path, folder: Path) -> dict[str, Any]:
    """Ratios of medians, the two always taking turns; an int8 model, LiteRT, one thread."""
    runner = write_runner(folder / NAME)
    shape = np.load(artifact / "eval.npz")["images"].shape
    picture = folder / "digit.npy"
    np.save(picture, np.zeros(shape[1:3], np.uint8))
    model = artifact / "model.tflite"
    bare = [sys.executable, str(BARE), str(model)]
    predict = [sys.executable, str(runner), "predict", "--in", str(artifact), str(picture)]
    starts = [(_seconds(bare), _seconds(predict)) for _ in range(STARTS + 2)][2:]
    loops = [(_bare_loop(bare), _runner_loop(runner, artifact, folder)) for _ in range(ROUNDS)]
    return {
        "starts_s": starts,
        "loops_p50_ns_and_peak_kib": loops,
        "start_ratio": _ratio(starts),
        "p50_ratio": _ratio([(one[0], other[0]) for one, other in loops]),
        "memory_ratio": _ratio([(one[1], other[1]) for one, other in loops]),
    }


def _ratio(pairs: list[tuple[float, float]]) -> float:
    return statistics.median(pair[1] for pair in pairs) / statistics.median(pair[0] for pair in pairs)


def _run(command: list[str]) -> str:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(command, env=kept, capture_output=True, text=True, check=True).stdout


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    _run(command)
    return time.perf_counter() - began


def _bare_loop(command: list[str]) -> tuple[float, float]:
    p50, peak = _run([*command, str(SECONDS)]).split()
    return float(p50), float(peak)


def _runner_loop(runner: Path, artifact: Path, folder: Path) -> tuple[float, float]:
    """One window of the runner's own bench, with its accuracy on all test images before."""
    model = describe_model(Contestant("model", artifact / "model.tflite"))
    settings = BenchSettings(runtime="litert", windows=1, window_s=SECONDS)
    job = {"schema": 1, "kind": "bench", **bench_job([model], str(artifact / "eval.npz"), settings)}
    (folder / "job.json").write_text(json.dumps(job))
    result = folder / "result.json"
    said = _run([sys.executable, "-c", PEAK, str(runner), "job", str(folder / "job.json"), str(result)])
    from edgedigits.measure.bench_result import read_laps_us
    from edgedigits.measure.result_check import read_result

    (laps,) = read_laps_us(read_result(result), 0, 0)
    return float(np.median(laps)) * 1000, float(said.split("PEAK")[1])
