"""Measure the main job: `prune80_int8` on the shipped CNN and MNIST, against the plain way, on this machine in one run.

    python -m benchmarks.main_job [--rounds N]

Writes `benchmarks/results/main_job.json`. The plain way and ours take turns, each a whole process; ours starts with an empty
cache every time. The plain way's time is its own sum of phases, without its measuring; ours is the whole process, as the shell
sees it, with all its checks.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.document import document, save, target

HERE = Path(__file__).parent
RESULT = HERE / "results" / "main_job.json"
KEEP_ENV = ("PATH", "HOME", "EDGEDIGITS_DATA", "LANG", "TMPDIR")


def run(command: list[str], folder: Path, cache: Path | None = None) -> tuple[str, float, float]:
    """(standard output, seconds, peak MiB of the process) of a command that must succeed."""
    env = {name: os.environ[name] for name in KEEP_ENV if name in os.environ} | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    env["EDGEDIGITS_CACHE"] = str(cache or folder / "cache")
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{err.read()[-2000:]}")
        return out.read(), seconds, usage.ru_maxrss / 1024


def plain_way(mnist: Path, folder: Path) -> dict[str, Any]:
    """One run of the plain way; its own report."""
    script = (HERE / "peers" / "plain_tfmot.py").resolve()
    text, seconds, peak = run([sys.executable, str(script), "cnn.h5", str(mnist), "--out", "plain"], folder)
    report: dict[str, Any] = json.loads(text[text.index("{") :])
    return {**report, "process_seconds": seconds, "peak_mib": peak}


def ours(folder: Path, number: int) -> dict[str, Any]:
    """One run of `edgedigits compress`, from an empty cache."""
    cache = folder / f"cache-{number}"
    command = ["-m", "edgedigits.cli", "compress", "--recipe", "prune80_int8", "--zoo", "cnn", "--data", "mnist"]
    text, seconds, peak = run([sys.executable, *command, "--out", f"out-{number}", "--json"], folder, cache)
    shutil.rmtree(cache)
    return {**json.loads(text), "process_seconds": seconds, "peak_mib": peak}


def help_seconds(folder: Path) -> float:
    """Median time of `edgedigits --help`."""
    script = str(Path(sys.executable).with_name("edgedigits"))
    return statistics.median(run([script, "--help"], folder)[1] for _ in range(9))


def measure(rounds: int) -> dict[str, Any]:
    """Everything, raw, and the targets held against it."""
    from edgedigits.data.sources.named import find_mnist
    from edgedigits.models.importer.loading import load
    from edgedigits.models.zoo.shipped import find_shipped_folder
    from edgedigits.tflite.flatbuffer import list_float_operators, read

    mnist = find_mnist().resolve()
    with tempfile.TemporaryDirectory(prefix="edgedigits-bench-") as name:
        folder = Path(name)
        load(find_shipped_folder() / "cnn.keras").model.save(folder / "cnn.h5")
        plain, made = [], []
        for number in range(rounds):
            plain.append(plain_way(mnist, folder))
            made.append(ours(folder, number))
            seconds = plain[-1]["seconds"]["compress_total"], made[-1]["process_seconds"]
            print(f"round {number + 1}: plain {seconds[0]:.1f} s, ours {seconds[1]:.1f} s", flush=True)
        flats = {(Path(folder) / one["path"] / "model.tflite").read_bytes() for one in made}
        command = [sys.executable, "-m", "edgedigits.cli", "bench", "--tflite", made[-1]["path"], "--json"]
        bench = json.loads(run(command, folder)[0])
        peer_command = [*command[:3], "bench", "--tflite", made[-1]["path"] + "/model.tflite", "--scale", "0..1"]
        peer = json.loads(run([*peer_command, "--baseline", "plain/prune80_int8.tflite", "--json"], folder)[0])
        help_s = help_seconds(folder)
    floats = len(list_float_operators(read(next(iter(flats)), "model.tflite")))
    return report(plain, made, bench, peer, help_s, floats, identical=len(flats) == 1)


def report(
    plain: list[dict[str, Any]],
    made: list[dict[str, Any]],
    bench: dict[str, Any],
    peer: dict[str, Any],
    help_s: float,
    floats: int,
    *,
    identical: bool,
) -> dict[str, Any]:
    """The document that is written."""
    last = made[-1]
    test, export = last["test"], last["export"]
    ratios = [
        mine["process_seconds"] / other["seconds"]["compress_total"] for mine, other in zip(made, plain, strict=True)
    ]
    ratio = statistics.median(ratios)
    points = 100 * (test["accuracy"] - test["float_accuracy"])
    plain_accuracy = 100 * statistics.median(one["prune80_int8"]["accuracy"] for one in plain)
    sparsity = next(stage["sparsity"] for stage in last["stages"] if stage["stage"] == "prune")
    zeros = {name: 100 * share for name, share in export["zeros"].items()}
    pruned = sorted(zeros.values(), reverse=True)[: len(sparsity)]
    off = max(abs(share - 80) for share in pruned)
    speed = bench["comparison"]["speedups"][0]["ratio"]
    peak = max(one["peak_mib"] for one in made)
    targets = [
        target("test accuracy against float", ">= -0.05", round(points, 3), "points", points >= -0.05 - 1e-9),
        target("zeros in pruned kernels, furthest from 80 %", "<= 0.1", round(off, 4), "points", off <= 0.1),
        target("operators in float", "== 0", floats, "operators", floats == 0),
        target("gzip bytes", "<= 115000", export["gzip_bytes"], "bytes", export["gzip_bytes"] <= 115_000),
        target("p50 against float", ">= 3", round(speed["value"], 3), "times faster", speed["value"] >= 3),
        target("time of compress against the plain way", "<= 0.6", round(ratio, 3), "ratio", ratio <= 0.6),
        target(
            "accuracy against the plain way", ">= 0", round(100 * test["accuracy"] - plain_accuracy, 3), "points",
            100 * test["accuracy"] >= plain_accuracy - 1e-9,
        ),
        target("edgedigits --help", "< 0.3", round(help_s, 3), "s", help_s < 0.3),
        target("peak memory of compress", "< 3072", round(peak), "MiB", peak < 3072),
        target("same seed, same bytes", "== 1", float(identical), "of all rounds", identical),
    ]  # fmt: skip
    return document(
        f"python -m benchmarks.main_job --rounds {len(made)}",
        targets,
        summary={
            "float": last["float"],
            "export": export,
            "test": test,
            "time_ratios": [round(x, 3) for x in ratios],
        },
        plain=plain,
        ours=[{key: one[key] for key in ("process_seconds", "peak_mib", "test", "stages", "export")} for one in made],
        bench=bench,
        bench_against_plain=peer,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, taking turns (default 3)")
    save(RESULT, measure(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
