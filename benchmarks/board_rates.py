"""Fit what arm64 cores spend on operators, for `edgedigits advise`, from counts of instructions under QEMU.

    python -m benchmarks.board_rates [--graphs]

Writes `edgedigits/measure/cost/board_rates.json`: the counts of `results/instructions.json` by the graph they are of, and for
every kind of operator instructions = fixed + per multiply-add + per value written + per tap, fitted to counts of operators of
many sizes cut out of nets. `errors` in it says how far the fit is from the counts of whole nets. With --graphs the rates stay
as they are and only the whole nets are taken anew, as after a recipe changed. Needs what `benchmarks.instructions` needs.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls

from benchmarks.instructions import RESULT as COUNTED
from benchmarks.instructions import jobs, make
from edgedigits.data.images import ArrayImages
from edgedigits.measure.cost.instruction_model import RATES, compute_features, name_group, predict
from edgedigits.measure.qemu.instructions import count_each
from edgedigits.pipeline.export.dynamic import Dynamic
from edgedigits.pipeline.export.export import Export
from edgedigits.pipeline.export.float32 import Float32
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.pipeline.export.int16x8 import Int16x8
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.fragments import Fragment, cut, nearly_nothing, write_graph_signature
from edgedigits.tflite.multiply_adds import Work, count_per_operator

CORES = ("cortex-a72", "cortex-a76")
_NETS = (("nano", "float32"), ("nano", "ptq_int8"), ("cnn", "dynamic_int8"))


def samples() -> list[Any]:
    """Nets whose operators span the sizes that small classifiers have; weights do not matter."""
    from edgedigits.backend import keras

    return [
        *(_plain(keras, *each) for each in ((8, 12, 24), (16, 16, 32), (4, 20, 40), (32, 48, 64), (10, 10, 10))),
        *(_separable(keras, *each) for each in ((8, 16, 1), (24, 40, 2), (12, 64, 3), (48, 32, 1))),
    ]


def _plain(keras: Any, *filters: int) -> Any:
    layers = keras.layers
    x = image = keras.Input((28, 28, 1))
    for number, count in enumerate(filters):
        x = layers.Conv2D(count, 5 if count == 20 else 3, strides=1 + number % 2, padding="same", activation="relu")(x)
        x = layers.Conv2D(count, 3, activation="relu")(x)
        x = layers.MaxPooling2D()(x) if number == 0 else x
    both = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.Flatten()(layers.MaxPooling2D()(x))])
    y = layers.Dense(8 * filters[0], activation="relu")(both)
    return keras.Model(image, layers.Dense(10, activation="softmax")(y))


def _separable(keras: Any, narrow: int, wide: int, channels: int) -> Any:
    layers = keras.layers
    image = keras.Input((32, 32, channels if channels != 2 else 1))
    x = layers.Conv2D(narrow, 3, strides=2, padding="same", activation="relu")(image)
    for stride in (1, 2):
        y = layers.Conv2D(wide, 1, activation="relu")(x)
        y = layers.DepthwiseConv2D(3, strides=stride, padding="same", activation="relu")(y)
        y = layers.Conv2D(narrow, 1)(y)
        x = layers.Add()([x, y]) if stride == 1 else y
    x = layers.AveragePooling2D(2)(x)
    scale = layers.Dense(narrow, activation="sigmoid")(layers.GlobalAveragePooling2D()(x))
    x = layers.Multiply()([x, layers.Reshape((1, 1, narrow))(scale)])
    return keras.Model(image, layers.Dense(100)(layers.Flatten()(x)))


def operators() -> Iterator[tuple[Fragment, Work]]:
    """Operators of the samples and of the zoo's small nets, as float32, dynamic range and int8, each kind of work once."""
    rng, met = np.random.default_rng(0), set()
    with tempfile.TemporaryDirectory() as folder:
        flats = [path.read_bytes() for path in make(_NETS, Path(folder)).values()]
    for model in samples():
        pixels = rng.integers(0, 256, (20, *model.input_shape[1:])).astype(np.uint8)
        images = ArrayImages(pixels, np.zeros(20, np.int32))
        exports: list[Export] = [Float32(), Int8(), Dynamic()]
        if images.shape == (28, 28, 1):  # the others hold operators that int16x8 does not know
            exports.append(Int16x8())
        flats += [export(model, images, "0..1") for export in exports]
    for flat in flats:
        for part, work in zip(cut(flat), count_per_operator(read(flat, "a sample")), strict=True):
            if part.flat and part.signature not in met:
                met.add(part.signature)
                yield part, work


def count_alone(parts: list[Fragment]) -> dict[str, tuple[int, list[int]]]:
    """Core -> (instructions of an empty net, those of each operator less that)."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [folder / "base.tflite", *(folder / f"{number}.tflite" for number in range(len(parts)))]
        for path, flat in zip(paths, [nearly_nothing(), *(part.flat for part in parts)], strict=True):
            path.write_bytes(flat)
        for core in CORES:
            base, *rest = (one.instructions for one in count_each(paths, core))
            found[core] = (base, [max(0, one - base) for one in rest])
    return found


def fit(works: list[Work], spent: list[int], core: str) -> dict[str, list[float]]:
    """For each kind and arithmetic the rates of `features`, none below zero, that miss by the least share."""
    groups: dict[str, list[tuple[list[float], int]]] = defaultdict(list)
    for work, instructions in zip(works, spent, strict=True):
        if instructions:
            for name in (name_group(work), f"other/{work.arithmetic}"):
                groups[name].append((compute_features(work, core), instructions))
    found = {}
    for name, rows in groups.items():
        matrix = np.array([row for row, _ in rows], float)
        target = np.array([count for _, count in rows], float)
        found[name] = [round(float(rate), 6) for rate in nnls(matrix / target[:, None], np.ones(len(rows)))[0]]
    return found


def fitted() -> tuple[int, dict[str, Any]]:
    """(operators counted, core -> base and rates)."""
    pairs = list(operators())
    spent = count_alone([part for part, _ in pairs])
    works = [work for _, work in pairs]
    return len(works), {
        core: {"base": base, "operators": fit(works, each, core)} for core, (base, each) in spent.items()
    }


def kept_graphs() -> tuple[dict[str, dict[str, Any]], dict[str, bytes]]:
    """(graph signature -> its name and the kept counts, name -> bytes)."""
    kept = json.loads(COUNTED.read_text())["models"]
    graphs: dict[str, dict[str, Any]] = {}
    flats: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, path in make([job for job in jobs() if "/".join(job) in kept], Path(folder)).items():
            flats[name] = path.read_bytes()
            mark = write_graph_signature(cut(flats[name]))
            graphs.setdefault(mark, {"name": name, **{core: kept[name][core] for core in CORES}})
    return graphs, flats


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", action="store_true", help="keep the rates, take the whole nets anew")
    if parser.parse_args().graphs:
        before = json.loads(RATES.read_text())
        counted, rates = before["operators_counted"], before["rates"]
    else:
        counted, rates = fitted()
    graphs, flats = kept_graphs()
    errors = {}
    for name, flat in flats.items():
        mark = write_graph_signature(cut(flat))
        own = count_per_operator(read(flat, name))
        errors[name] = {
            core: round(100 * (predict(own, core, rates[core]) / graphs[mark][core] - 1), 1) for core in CORES
        }
    document = {
        "schema": 1,
        "command": "python -m benchmarks.board_rates",
        "operators_counted": counted,
        "rates": rates,
        "graphs": graphs,
        "errors_percent": errors,
        "worst_error_percent": max(abs(error) for name, each in errors.items() for error in each.values()),
    }
    RATES.write_text(json.dumps(document, indent=1) + "\n")
    for name, each in errors.items():
        print(f"{name:<32}" + "".join(f"{each[core]:>10.1f} %" for core in CORES))


if __name__ == "__main__":
    main()
