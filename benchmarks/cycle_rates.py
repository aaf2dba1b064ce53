"""Fit what cores of Raspberry Pis spend on operators, in cycles, for `estimate`, `advise` and the targets of `shrink`.

    python -m benchmarks.cycle_rates
    python -m benchmarks.cycle_rates --only int4

Writes `edgedigits/measure/cost/cycle_rates.json`: for every kind of operator cycles = fixed + per multiply-add + per value
written + per tap + per tap and channel written, fitted to operators cut out of nets made for that, whose blocks were counted
under QEMU and reckoned by LLVM; of cores with float16 arithmetic, those of files that allow it once more (`float16`);
and the section "fitted" of `results/cycles.json`: how far the fit is from the cycles of whole nets that it has not seen, the
shipped baselines and nets of other kinds and sizes. Needs what `benchmarks.cycles` needs, and a quarter of an hour. `--only`
fits the operators that one export alone has, leaves the other rates, and writes its own section, "fitted int4".
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls

from benchmarks.cycles import RESULT
from benchmarks.document import document, save_section, target
from benchmarks.operator_samples import samples
from edgedigits.data.images import ArrayImages
from edgedigits.errors import CheckError
from edgedigits.measure.cost.cycle_model import RATES, predict_cycles
from edgedigits.measure.cost.operator_features import FLOAT16_CORES, compute_features, name_group
from edgedigits.measure.cycles.cycles import count_cycles
from edgedigits.measure.qemu.boards import CPUS
from edgedigits.models.zoo.shipped import find_shipped_folder
from edgedigits.pipeline.export.dynamic import Dynamic
from edgedigits.pipeline.export.export import Export
from edgedigits.pipeline.export.float32 import Float32
from edgedigits.pipeline.export.int4 import Int4
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.pipeline.export.int16x8 import Int16x8
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.fragments import Fragment, cut, nearly_nothing
from edgedigits.tflite.interpreter import TfliteModel
from edgedigits.tflite.multiply_adds import Work, count_per_operator
from edgedigits.tflite.rewrite.float16_arithmetic import allow_float16

FLOAT32_BYTES = 4
IN_16_BITS = (28, 28, 1)
MOST_ALONE = 36
"""So many operators, small and large ones, tell the rates of one arithmetic."""
MEDIAN, WORST = 15.0, 30.0
"""Percent that the fit may be off, of nets that it has not seen."""


def wider() -> list[Any]:
    """Nets with operators of larger images and more channels than `operator_samples.samples` have."""
    from edgedigits.backend import keras

    return [
        _blocks(keras, (64, 64, 3), 16, 96),
        _blocks(keras, (112, 112, 3), 24, 144),
        _blocks(keras, (24, 24, 3), 64, 384),
        _blocks(keras, (12, 12, 3), 160, 640),
        _convolutions(keras, (48, 48, 3), 24, 40, 72),
        _convolutions(keras, (20, 20, 1), 64, 128, 128),
        _dense(keras, 600, 700, 300),
        _dense(keras, 1500, 96, 40),
    ]


def _blocks(keras: Any, shape: tuple[int, int, int], narrow: int, wide: int) -> Any:
    layers = keras.layers
    image = keras.Input(shape)
    x = layers.Conv2D(narrow, 3, strides=2, padding="same", activation="relu6")(image)
    y = layers.DepthwiseConv2D(3, padding="same", activation="relu6")(layers.Conv2D(wide, 1, activation="relu6")(x))
    x = layers.Add()([x, layers.Conv2D(narrow, 1)(y)])
    y = layers.DepthwiseConv2D(5, strides=2, padding="same", activation="relu")(x)
    gate = layers.Dense(narrow // 4, activation="relu")(layers.GlobalAveragePooling2D()(y))
    gate = layers.Reshape((1, 1, narrow))(layers.Dense(narrow, activation="sigmoid")(gate))
    x = layers.Conv2D(wide, 1, activation="relu")(layers.Multiply()([y, gate]))
    return keras.Model(image, layers.Dense(24, activation="softmax")(layers.GlobalAveragePooling2D()(x)))


def _convolutions(keras: Any, shape: tuple[int, int, int], *filters: int) -> Any:
    layers = keras.layers
    x = image = keras.Input(shape)
    for count in filters:
        x = layers.Conv2D(count, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(layers.Conv2D(count, 3, padding="same", activation="relu")(x))
    return keras.Model(image, layers.Dense(37)(layers.Flatten()(layers.AveragePooling2D(2)(x))))


def _dense(keras: Any, *widths: int) -> Any:
    layers = keras.layers
    x = image = keras.Input((20, 20, 1))
    x = layers.Flatten()(x)
    for width in widths:
        x = layers.Dense(width, activation="relu")(x)
    return keras.Model(image, layers.Dense(10, activation="softmax")(x))


def unseen() -> dict[str, Any]:
    """Nets that the fit is held against: the shipped baselines, and nets of other kinds and sizes, which it never saw."""
    from edgedigits.backend import keras

    layers, made = keras.layers, {}
    for name in ("cnn", "nano", "mobilenet_v2"):
        made[name] = keras.models.load_model(find_shipped_folder() / f"{name}.keras")
    x = image = keras.Input((32, 32, 3))
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    for width, stride in ((16, 1), (32, 2), (64, 2)):
        y = layers.Conv2D(width, 3, strides=stride, padding="same", activation="relu")(x)
        y = layers.Conv2D(width, 3, padding="same")(y)
        x = x if stride == 1 else layers.Conv2D(width, 1, strides=stride)(x)
        x = layers.ReLU()(layers.Add()([x, y]))
    made["residual"] = keras.Model(image, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))
    x = image = keras.Input((96, 96, 1))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    for width, stride in ((16, 1), (32, 2), (32, 1), (64, 2), (128, 2)):
        x = layers.DepthwiseConv2D(3, strides=stride, padding="same", activation="relu")(x)
        x = layers.Conv2D(width, 1, activation="relu")(x)
    made["depthwise"] = keras.Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))
    made["squeeze_and_excite"] = keras.applications.MobileNetV3Small(
        (64, 64, 3), weights=None, classes=5, minimalistic=False
    )
    x = image = keras.Input((28, 28, 1))
    for width in (1024, 512, 256):
        x = layers.Dense(width, activation="relu")(layers.Flatten()(x))
    made["large_dense"] = keras.Model(image, layers.Dense(10, activation="softmax")(x))
    x = image = keras.Input((96, 96, 3))
    for width in (12, 20, 36, 52):
        x = layers.MaxPooling2D()(layers.Conv2D(width, 3, activation="relu")(x))
    made["colour_96"] = keras.Model(image, layers.Dense(7)(layers.Dense(60, activation="relu")(layers.Flatten()(x))))
    made["mobilenet_v2_224"] = keras.applications.MobileNetV2((224, 224, 3), 0.35, weights=None, classes=20)
    return made


def exported(model: Any, exports: Sequence[Export]) -> list[bytes]:
    """The model in each form; what is not known to one is left out."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (20, *model.input_shape[1:])).astype(np.uint8)
    return [export(model, ArrayImages(pixels, np.zeros(20, np.int32)), "0..1") for export in exports]


def operators() -> Iterator[tuple[Fragment, Work]]:
    """Operators to fit, each kind of work once."""
    met = set()
    for model in [*samples(), *wider()]:
        exports: list[Export] = [Float32(), Int8(), Int4(), Dynamic()]
        if model.input_shape[1:] == IN_16_BITS:  # others hold operators that int16x8 does not know
            exports.append(Int16x8())
        for flat in exported(model, exports):
            for part, work in zip(cut(flat), count_per_operator(read(flat, "a sample")), strict=True):
                if part.flat and part.signature not in met:
                    met.add(part.signature)
                    yield part, work


def count_all(flats: Mapping[str, bytes], core: str) -> dict[str, int]:
    """Cycles of each file."""
    with tempfile.TemporaryDirectory() as name:
        paths = [Path(name) / f"{number}.tflite" for number in range(len(flats))]
        for path, flat in zip(paths, flats.values(), strict=True):
            path.write_bytes(flat)
        counted = count_cycles(paths, core, operators=False)
        return {name: one.cycles for name, one in zip(flats, counted, strict=True)}


def fit(works: list[Work], spent: list[int], core: str) -> dict[str, list[float]]:
    """For each kind and arithmetic the rates of `compute_features`, none below zero, that miss by the least share."""
    groups: dict[str, list[tuple[list[float], int]]] = defaultdict(list)
    for work, cycles in zip(works, spent, strict=True):
        if cycles:
            for name in (name_group(work), f"other/{work.arithmetic}"):
                groups[name].append((compute_features(work, core), cycles))
    found = {}
    for name, rows in groups.items():
        matrix = np.array([row for row, _ in rows], float)
        target = np.array([count for _, count in rows], float)
        found[name] = [round(float(rate), 6) for rate in nnls(matrix / target[:, None], np.ones(len(rows)))[0]]
    return found


def fit_only(name: str, export: Export, arithmetic: str) -> None:
    """The rates of operators in that arithmetic, which no other export has, beside those that are known."""
    pairs = {
        part.signature: (part, work)
        for model in [*samples(), *wider()]
        for flat in exported(model, [export])
        for part, work in zip(cut(flat), count_per_operator(read(flat, "a sample")), strict=True)
        if part.flat and work.arithmetic == arithmetic
    }
    ranked = sorted(pairs.values(), key=lambda pair: (pair[1].kind, pair[1].macs))
    chosen = ranked[:: max(1, len(ranked) // MOST_ALONE)]
    print(f"{len(chosen)} of {len(ranked)} operators in {arithmetic}", flush=True)
    works = [work for _, work in chosen]
    alone = {"base": nearly_nothing(), **{part.signature: part.flat for part, _ in chosen}}
    known = json.loads(RATES.read_text())
    for core in CPUS:
        base, *rest = count_all(alone, core).values()
        known["rates"][core]["operators"] |= fit(works, [max(0, one - base) for one in rest], core)
        print(core, base, flush=True)
    write_rates(known)
    hold_only(name, export)


def hold_only(name: str, export: Export) -> None:
    """That fit against whole nets that LiteRT runs in it; of random weights not every one does."""
    nets = {f"{one}/{name}": flat for one, model in unseen().items() for flat in exported(model, [export])}
    nets = {one: flat for one, flat in nets.items() if _runs(flat)}
    rows, errors = compare(nets, {})
    middle, worst = statistics.median(errors), max(errors)
    targets = [
        target(f"cycles foretold against counted, {name}: median", f"<= {MEDIAN:g}", middle, "%", middle <= MEDIAN),
        target("the same, worst", f"<= {WORST:g}", worst, "%", worst <= WORST),
    ]
    command = f"python -m benchmarks.cycle_rates --only {name}"
    save_section(RESULT, f"fitted {name}", document(command, targets, nets=rows))


def _runs(flat: bytes) -> bool:
    try:
        TfliteModel(flat)
    except CheckError:
        return False
    return True


ALONE: dict[str, tuple[Export, str]] = {"int4": (Int4(), "int8x4")}
"""Exports that have an arithmetic of their own."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", choices=ALONE)
    if only := parser.parse_args().only:
        fit_only(only, *ALONE[only])
        return
    pairs = list(operators())
    works = [work for _, work in pairs]
    alone = {"base": nearly_nothing(), **{str(number): part.flat for number, (part, _) in enumerate(pairs)}}
    print(f"{len(pairs)} operators", flush=True)
    rates: dict[str, Any] = {}
    for core in CPUS:
        base, *rest = count_all(alone, core).values()
        spent = [max(0, one - base) for one in rest]
        rates[core] = {"base": base, "operators": fit(works, spent, core)}
        if core in FLOAT16_CORES:
            rates[core]["float16"] = fit_float16(pairs, spent, base, core)
        print(core, base, flush=True)
    write_rates(
        {
            "schema": 1,
            "command": "python -m benchmarks.cycle_rates",
            "operators_counted": len(works),
            "rates": rates,
        }
    )
    hold()


def fit_float16(
    pairs: Sequence[tuple[Fragment, Work]], spent: Sequence[int], base: int, core: str
) -> dict[str, list[float]]:
    """Rates of the float operators where a file lets them be computed in float16; `spent` are their cycles in float32.

    One alone turns what it reads into float16 and what it writes back, which in a net only the first and the last do. That is
    taken off: per value, what an ADD takes more than half of its cycles in float32.
    """
    chosen = [
        (part.flat, work, one) for (part, work), one in zip(pairs, spent, strict=True) if work.arithmetic == "float32"
    ]
    counted = count_all({str(number): allow_float16(flat) for number, (flat, *_) in enumerate(chosen)}, core)
    halves = [one - base for one in counted.values()]
    turning = statistics.median(
        (half - one / 2) / (work.activation_bytes / FLOAT32_BYTES)
        for (_, work, one), half in zip(chosen, halves, strict=True)
        if work.kind == "ADD"
    )
    works = [work for _, work, _ in chosen]
    turned = [turning * work.activation_bytes / FLOAT32_BYTES for work in works]
    return fit(works, [max(0, round(half - own)) for half, own in zip(halves, turned, strict=True)], core)


def write_rates(known: Mapping[str, Any]) -> None:
    RATES.write_text(json.dumps(known, indent=1) + "\n")


def hold() -> None:
    """The fit against whole nets; writes the section, and how far off it is beside the rates."""
    nets = {
        f"{name}/{form}": flat
        for name, model in unseen().items()
        for form, flat in zip(("float32", "int8"), exported(model, [Float32(), Int8()]), strict=True)
    }
    halved = {name.replace("float32", "float16"): allow_float16(nets[name]) for name in nets if "float32" in name}
    rows, errors = compare(nets, halved)
    middle, worst = statistics.median(errors), max(errors)
    known = json.loads(RATES.read_text())
    write_rates({**known, "median_error_percent": middle, "worst_error_percent": worst})
    targets = [
        target(
            "cycles foretold against counted, nets not fitted on: median",
            f"<= {MEDIAN:g}",
            middle,
            "%",
            middle <= MEDIAN,
        ),
        target("the same, worst", f"<= {WORST:g}", worst, "%", worst <= WORST),
    ]
    save_section(RESULT, "fitted", document("python -m benchmarks.cycle_rates", targets, nets=rows))


def compare(
    nets: Mapping[str, bytes], halved: Mapping[str, bytes]
) -> tuple[dict[str, dict[str, dict[str, Any]]], list[float]]:
    """Each net's cycles by core, foretold and counted, and how far each is off; `halved` only where float16 is computed."""
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for core in CPUS:
        own = {**nets, **halved} if core in FLOAT16_CORES else nets
        for name, counted in count_all(own, core).items():
            foretold = predict_cycles(own[name], core)
            off = round(100 * (foretold / counted - 1), 1)
            rows.setdefault(name, {})[core] = {"counted": counted, "foretold": round(foretold), "error_percent": off}
            print(f"{name:<28}{core:<12}{counted:>12,}{foretold:>14,.0f}{off:>8.1f} %", flush=True)
    return rows, [abs(one["error_percent"]) for row in rows.values() for one in row.values()]


if __name__ == "__main__":
    main()
