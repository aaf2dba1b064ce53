"""Calibration images on their way to a converter, and what it says where their values, or the model, won't do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from edgedigits.errors import CheckError
from edgedigits.ground.names import cut_number
from edgedigits.ground.processes.child import beat

CALIBRATION: Final = "calibration.npy"
"""Beside the SavedModel: the images to calibrate on, each float32 [1, h, w, c], where the numbers ask for them."""


def write_samples(folder: Path, samples: Iterable[list[np.ndarray]]) -> None:
    """One after the other: together those of a large model take much memory."""
    with (folder / CALIBRATION).open("wb") as out:
        for (image,) in samples:
            np.save(out, image, allow_pickle=False)


def has_samples(folder: Path) -> bool:
    """Whether there is an image to calibrate on."""
    return (folder / CALIBRATION).stat().st_size > 0


def read_samples(folder: Path) -> Iterator[list[np.ndarray]]:
    """As they were written, one array behind the other."""
    file = folder / CALIBRATION
    size = file.stat().st_size
    with file.open("rb") as stored:
        while stored.tell() < size:
            beat()
            yield [np.load(stored, allow_pickle=False)]


def check_range(tensor: str, low: float, high: float) -> None:
    """Raises CheckError naming the layer whose values are no finite numbers: quantizers do not survive such ranges."""
    if not np.isfinite([low, high]).all():
        raise CheckError(
            f"export: layer {name_layer(tensor)} computes numbers that are not finite on the calibration "
            "images, so it has no range to quantize; train the model on smaller inputs, as with --scale 0..1"
        )


def name_layer(tensor: str) -> str:
    """The Keras layer in a tensor's name, "model_1/layer_1/Operator;model_1/layer_1/Other" as converters write it."""
    parts = tensor.partition(";")[0].split("/")
    return repr(cut_number(parts[1]) if len(parts) > 2 else tensor)


def tell_reason(error: Exception) -> str:
    """The first line that a foreign exception says."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
