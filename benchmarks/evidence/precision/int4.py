"""What int4 weights take and lose against int8, of whole nets; and what is lost where int8 breaks a layer, mixed against plain.

A layer is broken without changing what the net answers in float: one channel of a convolution is made thousands of times as
large, and what reads it takes as much less of it. Layers are chosen on training and validation images; test images give the last
numbers.
"""

from __future__ import annotations

import statistics
from typing import Any, Final

import numpy as np
from edgedigits_runner.tasks import CLASSIFICATION

from benchmarks.document import target
from benchmarks.evidence.precision.nets import Net, load_nets
from edgedigits.data.images import Images
from edgedigits.pipeline.checks.judging import compute_outputs_of_bytes
from edgedigits.pipeline.export.float32 import Float32
from edgedigits.pipeline.export.int4 import Int4
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.pipeline.mixing.choice.settle import settle_layers
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.qat import Qat
from edgedigits.tasks.statistics import pair_up
from edgedigits.tflite.interpreter import TfliteModel

MOST_BYTES: Final = 0.6
"""Of the int8 file: half of the weights' bytes, and scales and the graph as they are."""
MOST_LOST: Final = 0.3  # points
LEAST_RECOVERED: Final = 90.0  # percent, from the issue
KEEP_WITHIN: Final = 0.2
LARGER: Final = 3000.0
ROUNDS: Final = 15

Rows = list[dict[str, Any]]


def measure() -> tuple[Rows, dict[str, Any]]:
    """The targets, and a row for each net and export."""
    exports = [row for net in load_nets() for row in compare_exports(net)]
    mixed = [recover(net) for net in load_nets()]
    targets = []
    for row in exports:
        if row["export"] == "int4":
            share = row["bytes"] / row["int8_bytes"]
            lost = 100 * (row["int8_accuracy"] - row["accuracy"])
            name = f"int4 of {row['net']}"
            targets.append(
                target(f"{name}, bytes of int8's", f"<= {MOST_BYTES:g}", round(share, 3), "", share <= MOST_BYTES)
            )
            targets.append(
                target(f"{name}, lost against int8", f"<= {MOST_LOST:g}", round(lost, 2), "points", lost <= MOST_LOST)
            )
    for row in mixed:
        name = f"{row['net']} with a layer that int8 breaks, mixed: auto: recovered of the loss"
        got = row["recovered_percent"]
        targets.append(target(name, f">= {LEAST_RECOVERED:g}", round(got, 1), "%", got >= LEAST_RECOVERED))
    return targets, {"exports": exports, "mixed": mixed}


def compare_exports(net: Net) -> Rows:
    """float32, int8, int4, and int4 after a short training for it: bytes, accuracy on test images, time in turns."""
    tuned = Qat(weight_bits=4, epochs=0.3)(Candidate(net.model, original=net.model), net.data)[0].model
    calibration, scale = net.data.calibration, net.data.scale
    flats = {
        "float32": Float32(converter="litert")(net.model, calibration, scale),
        "int8": Int8(converter="litert")(net.model, calibration, scale),
        "int4": Int4()(net.model, calibration, scale),
        "qat weight_bits 4, int4": Int4()(tuned, calibration, scale),
    }
    times = time_in_turns(flats)
    right = {name: answer_rightly(flat, net.dataset.test) for name, flat in flats.items()}
    return [
        {
            "net": net.name,
            "source": net.source,
            "export": name,
            "bytes": len(flat),
            "int8_bytes": len(flats["int8"]),
            "accuracy": float(right[name].mean()),
            "int8_accuracy": float(right["int8"].mean()),
            "mcnemar_p_against_int8": pair_up(right["int8"], right[name]).p_value,
            "p50_us": times[name],
            "times_as_long_as_int8": round(times[name] / times["int8"], 3),
        }
        for name, flat in flats.items()
    ]


def recover(net: Net) -> dict[str, Any]:
    """The net with a broken layer, all in int8 and with layers that were chosen for it."""
    broken, layer = break_layer(net.model)
    auto = Int8(mixed="auto", keep_within=KEEP_WITHIN)
    export, told = settle_layers(auto, broken, net.data, CLASSIFICATION, lambda _: None)
    calibration, scale = net.data.calibration, net.data.scale
    flats = {
        "float32": Float32(converter="litert")(broken, calibration, scale),
        "int8": Int8(converter="litert")(broken, calibration, scale),
        "mixed": export(broken, calibration, scale),
    }
    shares = {name: float(answer_rightly(flat, net.dataset.test).mean()) for name, flat in flats.items()}
    times = time_in_turns(flats)
    lost, back = shares["float32"] - shares["int8"], shares["mixed"] - shares["int8"]
    return {
        "net": net.name,
        "broken": layer,
        "layers": told["mixed"]["float_layers"],
        "tries": told["mixed"]["tries"],
        "seconds": told["mixed"]["seconds"],
        **{f"{name}_accuracy": share for name, share in shares.items()},
        **{f"{name}_bytes": len(flat) for name, flat in flats.items()},
        **{f"{name}_p50_us": time for name, time in times.items()},
        "recovered_percent": 100 * back / lost if lost > 0 else 0.0,
        "times_as_long": round(times["mixed"] / times["int8"], 3),
    }


def break_layer(model: Any) -> tuple[Any, str]:
    """(the model anew, the layer): the first convolution with a ReLU of its own and the next convolution, which undoes it."""
    from edgedigits.backend import keras

    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    found = [one for one in copy.layers if type(one) is keras.layers.Conv2D]
    place = next(at for at, one in enumerate(found) if one.get_config()["activation"] == "relu")
    first, second = found[place : place + 2]
    kernel, bias = first.get_weights()
    channel = int(np.abs(kernel).max(axis=(0, 1, 2)).argmax())
    kernel[..., channel] *= LARGER
    bias[channel] *= LARGER
    first.set_weights([kernel, bias])
    kernel, *rest = second.get_weights()
    kernel[:, :, channel] /= LARGER
    second.set_weights([kernel, *rest])
    return copy, str(first.name)


def answer_rightly(flat: bytes, images: Images) -> np.ndarray:
    """bool [images]."""
    found = CLASSIFICATION.decode(compute_outputs_of_bytes(flat, images, "0..1"))
    return np.asarray(CLASSIFICATION.right(found, images.labels))


def time_in_turns(flats: dict[str, bytes]) -> dict[str, float]:
    """Median of microseconds of one inference here, one window of each in every round."""
    nets = {name: TfliteModel(flat) for name, flat in flats.items()}
    rounds = [{name: net.latency_us(windows=1) for name, net in nets.items()} for _ in range(ROUNDS)]
    return {name: round(statistics.median(each[name] for each in rounds), 2) for name in nets}
