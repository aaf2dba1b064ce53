"""Whether `sensitivity` is quick enough, and whether the layers that it ranks cost what they cost in bytes really converted."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

import edgedigits as ed
from benchmarks.adapt.nets import residual
from benchmarks.document import target
from benchmarks.evidence import partly
from edgedigits.data.images import read_all
from edgedigits.data.sources.named import load_data
from edgedigits.data.splits import FitData, split
from edgedigits.measure.verify.answers import Answers
from edgedigits.pipeline.export.conversion import convert, draw_representative

Found = tuple[list[dict[str, Any]], dict[str, Any]]
MOST_MINUTES: Final = 10
LEAST_RANK: Final = 0.9
SIDE, EPOCHS = 32, 15
_MARK: Final = "_of_it"


def measure() -> Found:
    """(targets, raw): minutes of two shipped nets, each in a process of its own; of two nets not ours each layer's divergence, as
    probed and as converted."""
    minutes = [time_command(net) for net in ("cnn", "mobilenet_v2")]
    nets = [compare_with_bytes(net) for net in ("residual", "mobilenet")]
    targets = [
        target(
            f"sensitivity: minutes for {row['net']} on MNIST",
            f"<= {MOST_MINUTES}",
            round(row["minutes"], 2),
            "min",
            row["minutes"] <= MOST_MINUTES,
        )
        for row in minutes
    ]
    for row in nets:
        name = f"sensitivity: rank correlation with bytes in which one layer is int8, {row['net']}"
        targets.append(target(name, f">= {LEAST_RANK}", round(row["rank"], 3), "", row["rank"] >= LEAST_RANK))
    same = sum(row["same_worst"] for row in nets)
    targets.append(
        target(
            "sensitivity: nets whose worst layer is the worst in such bytes",
            f"= {len(nets)}",
            same,
            "",
            same == len(nets),
        )
    )
    return targets, {"minutes": minutes, "nets": nets}


def time_command(net: str) -> dict[str, Any]:
    """The command as it is typed, without anything kept."""
    words = ["sensitivity", "--zoo", net, "--data", "mnist", "--fresh", "--json"]
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "edgedigits.cli", *words], capture_output=True, text=True, check=True)
    took, found = (time.perf_counter() - began) / 60, json.loads(done.stdout)
    counts = {key: found[key] for key in ("probes", "images", "max_drop_points", "float_accuracy")}
    print(f"{net}: {took:.1f} min, {found['probes']} probes", file=sys.stderr, flush=True)
    return {"net": net, "minutes": took, "layers": len(found["layers"]), **counts, "int8": found["int8"]}


def compare_with_bytes(name: str) -> dict[str, Any]:
    """Of every layer the divergence that `sensitivity` says, and that of bytes in which it alone is int8."""
    from scipy.stats import spearmanr

    data = split(load_data("digits", resize=(SIDE, SIDE)), "0..1", 0)
    model = _train(name, data)
    with tempfile.TemporaryDirectory(prefix="edgedigits-evidence-") as folder:
        file = Path(folder) / f"{name}.keras"
        model.save(file)
        found = ed.sensitivity(file, "digits", pixel_range="0..1", resize=(SIDE, SIDE), fresh=True, progress=False)
    probed = {row["layer"]: row["probes"]["int8_alone"]["kl_nats"] for row in found.as_json()["layers"]}
    converted = _convert_each(model, data, list(probed))
    rows = [{"layer": layer, "probed_nats": probed[layer], "converted_nats": nats} for layer, nats in converted.items()]
    rank = float(spearmanr([row["probed_nats"] for row in rows], list(converted.values())).statistic)
    same = max(converted, key=lambda one: probed[one]) == max(converted, key=lambda one: converted[one])
    print(
        f"{name}: rank correlation {rank:.3f}, worst layer {'the same' if same else 'another'}",
        file=sys.stderr,
        flush=True,
    )
    return {"net": name, "rank": rank, "same_worst": same, "images": len(data.validation), "layers": rows}


def _convert_each(model: Any, data: FitData, layers: list[str]) -> dict[str, float]:
    flat, nats = convert(_rename(model)), Answers("softmax")
    samples = np.concatenate([image for (image,) in draw_representative(data.calibration, data.scale, 300)])
    ranges, images = partly.calibrate(flat, samples), read_all(data.validation).astype(np.float32) / 255
    plain, found = partly.answer(flat, images), {}
    for layer in layers:
        scopes = partly.find_scopes(flat, f"{layer}{_MARK}")
        found[layer] = nats.divergence(plain, partly.answer(partly.convert(flat, ranges, scopes), images))
    return found


def _rename(model: Any) -> Any:
    """The same with names that end in no number: TensorFlow numbers scopes, and conv2d numbered would be conv2d_1's."""
    import keras

    def rename(layer: Any) -> Any:
        return type(layer).from_config({**layer.get_config(), "name": f"{layer.name}{_MARK}"})

    renamed = keras.models.clone_model(model, clone_function=rename)
    renamed.set_weights(model.get_weights())
    return renamed


def _train(name: str, data: FitData) -> Any:
    """Of public designs, and not what the toolkit was made on: MLPerf Tiny's ResNet8, and MobileNet as Keras brings it."""
    import keras

    keras.utils.set_random_seed(0)
    shape = (SIDE, SIDE, 1)
    if name == "residual":
        model = residual(shape, 10)
    else:
        model = keras.applications.MobileNet(input_shape=shape, alpha=0.25, weights=None, classes=10, dropout=0.1)
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy")
    images = read_all(data.fit).astype(np.float32) / 255
    model.fit(images, data.fit.labels, epochs=EPOCHS, batch_size=32, verbose=0)
    return model
