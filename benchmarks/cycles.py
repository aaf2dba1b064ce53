"""Reckon cycles per inference of what the shipped recipes make, and of MobileNet v2, on the cores of four boards.

    python -m benchmarks.cycles

Writes the section "models" of `benchmarks/results/cycles.json`; what others wrote there stays. `kept` in it are the cycles that
`make device` holds new ones against, for the same LLVM. Like instructions they depend on the graph and the kernels, not on the
values of weights, so training is cut to a step, and MobileNet v2 for images of 224x224 has random weights. Needs Linux,
qemu-user, gcc and llvm-19, and no root's rights. A quarter of an hour.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.document import document, print_targets, save_section, target
from benchmarks.instructions import jobs, make, worse
from edgedigits.measure.cycles.cycles import Cycles, count_cycles
from edgedigits.measure.qemu.boards import CPUS

RESULT = Path(__file__).parent / "results" / "cycles.json"
SHOWN = ("cnn/float32", "cnn/ptq_int8", "cnn/fastest994", "nano/float32", "nano/ptq_int8")
SHOWN_MOBILE = ("mobilenet_v2/float32", "mobilenet_v2/ptq_int8")
LARGE = ("mobilenet_v2 224/float32", "mobilenet_v2 224/int8")
LARGE_SIDE = 224
LIMIT_S = 20.0

Kept = dict[str, dict[str, int]]


def make_large(folder: Path) -> dict[str, Path]:
    """MobileNet v2 1.0 for 224x224 colour images, as float32 and as int8, with random weights."""
    from edgedigits.backend import keras, tf

    keras.utils.set_random_seed(0)
    model, rng = keras.applications.MobileNetV2(weights=None), np.random.default_rng(0)
    shape = (1, LARGE_SIDE, LARGE_SIDE, 3)
    made = {}
    for name in LARGE:
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        if name.endswith("int8"):
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([rng.random(shape, np.float32)] for _ in range(2))
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        made[name] = folder / f"{name.replace('/', '-')}.tflite"
        made[name].write_bytes(converter.convert())
    return made


def keep(models: Mapping[str, Path]) -> tuple[str, Kept]:
    """LLVM's version, and `baseline/recipe` -> core -> cycles, no operator alone: what `make device` asks for."""
    found = {cpu: count_cycles(list(models.values()), cpu, operators=False) for cpu in CPUS}
    version = next(iter(found.values()))[0].llvm_version
    return version, {name: {cpu: own[at].cycles for cpu, own in found.items()} for at, name in enumerate(models)}


def list_worse(now: Kept, kept: Kept) -> list[str]:
    """A sentence for each that takes 2 % more cycles than kept, or of which nothing is kept."""
    return [sentence.replace("instructions", "cycles") for sentence in worse(now, kept)]


@dataclass(frozen=True)
class Took:
    """Seconds by the clock, and of a processor: where others compute too, the first is longer."""

    seconds: float
    processor_seconds: float


def timed(path: Path, cpu: str) -> tuple[Cycles, Took]:
    """With what it took."""
    start, before = time.perf_counter(), os.times()
    (found,) = count_cycles([path], cpu)
    return found, Took(time.perf_counter() - start, sum(os.times()[:4]) - sum(before[:4]))


def row(found: Cycles, took: Took) -> dict[str, Any]:
    """What is written of one model on one core."""
    return {
        "instructions": found.instructions,
        "cycles": found.cycles,
        "instructions_per_cycle": round(found.per_cycle, 3),
        "attributed_share": round(found.attributed, 4),
        "unmodelled_share": round(found.unmodelled_share, 6),
        "memory_bytes": found.memory_bytes,
        "boards": {
            one.device: {"ms": round(one.ms, 4), "memory_ms": round(one.memory_ms or 0.0, 4)} for one in found.boards
        },
        "seconds": round(took.seconds, 1),
        "processor_seconds": round(took.processor_seconds, 1),
    }


def list_targets(rows: Mapping[str, Mapping[str, Any]], apart: int) -> list[dict[str, Any]]:
    """What had to be reached."""
    pair = [rows[name]["cortex-a72"]["cycles"] for name in ("cnn/float32", "cnn/ptq_int8")]
    gain = round(pair[0] / pair[1], 3)
    each = [one for cores in rows.values() for one in cores.values()]
    slowest = max(one["seconds"] for one in each)
    busiest = max(one["processor_seconds"] for one in each)
    furthest = round(100 * max(abs(1 - one["attributed_share"]) for one in each), 2)
    without = round(100 * max(one["unmodelled_share"] for one in each), 4)
    return [
        target("the same model alone and among others, furthest apart", "== 0", apart, "cycles", apart == 0),
        target("cnn on cortex-a72: int8 against float32", "1.5 to 3", gain, "times fewer cycles", 1.5 <= gain <= 3),
        target("cycles of a model after the first call, slowest", "<= 20", slowest, "s", slowest <= LIMIT_S),
        target("the same in seconds of a processor", "<= 20", busiest, "s", busiest <= LIMIT_S),
        target("operators alone against the whole, furthest", "<= 2", furthest, "%", furthest <= 2),
        target("instructions that LLVM has no model of, most", "<= 1", without, "%", without <= 1),
    ]


def measure(folder: Path) -> dict[str, Any]:
    """The section."""
    models = make(jobs(), folder)
    llvm, kept = keep(models)
    shown = {name: models[name] for name in (*SHOWN, *SHOWN_MOBILE)} | make_large(folder)
    rows: dict[str, dict[str, Any]] = {}
    apart = 0
    for name, path in shown.items():
        for cpu in CPUS:
            found, took = timed(path, cpu)
            rows.setdefault(name, {})[cpu] = row(found, took)
            apart = max(apart, abs(found.cycles - kept.get(name, {}).get(cpu, found.cycles)))
            print(f"{name:<28}{cpu:<12}{found.cycles:>12,}{took.seconds:>8.1f} s", flush=True)
    versions = {"qemu": found.qemu_version, "llvm": llvm, "runtime": f"{found.runtime} {found.version}"}
    raw = {**versions, "models": rows, "kept": kept}
    return document("python -m benchmarks.cycles", list_targets(rows, apart), **raw)


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory(prefix="edgedigits-cycles-") as name:
        section = measure(Path(name))
    save_section(RESULT, "models", section)
    print_targets(section["targets"])


if __name__ == "__main__":
    main()
