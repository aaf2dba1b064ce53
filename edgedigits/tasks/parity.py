"""How far the answers of exported bytes are from the Keras model's, in measures that mean the same for 2 and for 10,000 classes.

Each measure is 0 where nothing is lost and 1 where the bytes answer at random, or know nothing of what the model knows. Neither a
number of classes nor how sure the model is has a part in that: a model that is hardly sure of 1,000 classes is held to the same
limits as one that is sure of two.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Final, Protocol

import numpy as np
from edgedigits_runner.quantizing import real, stored
from numpy.typing import NDArray

from edgedigits.data.images import Pixels
from edgedigits.data.scale import Scale
from edgedigits.errors import ParityError
from edgedigits.ground.facts import JsonObject
from edgedigits.tasks.lost_answers import Losses
from edgedigits.tflite.flatbuffer import Contents, read
from edgedigits.tflite.interpreter import TfliteModel

LEAST_MARGIN: Final = 1e-6
"""The least mean margin that can be told from the rounding of float32: below it the model prefers no class to another."""
LEAST_SHARE: Final = 1e-7
"""Probabilities nearer to 0 (or 1, of a label) count as this: their logarithms would outweigh all that is to be seen."""

Probabilities = NDArray[np.floating]
_COARSE: Final = (
    "; the steps of its integer answers are too coarse for probabilities as small as this model's: end it in logits instead of "
    "softmax, or export dynamic"
)
_ROUNDED: Final = (
    "; where rounding takes so much, the recipe repair_int8 evens channels out, the recipe qat_int8 trains it in, and float16 "
    "rounds far less"
)


class Judged(Protocol):
    """What a task has to tell answers apart by."""

    def probabilities(self, outputs: np.ndarray, logits: bool) -> np.ndarray: ...

    def sureness(self, wanted: np.ndarray) -> np.ndarray: ...

    def changed(self, wanted: np.ndarray, found: np.ndarray) -> NDArray[np.bool_]: ...

    def lost(self, wanted: np.ndarray, rounded: np.ndarray, found: np.ndarray, step: float) -> Losses: ...


def check_parity(
    task: Judged,
    flat: bytes,
    most: Losses,
    keras_outputs: NDArray[np.floating],
    logits: bool,
    pixels: Pixels,
    scale: Scale,
) -> JsonObject:
    """What the bytes lost of the Keras model's answers to the same images, and the most that they may; JSON-safe.

    Raises ParityError when they lost more, when they answer what is no number, and when there is nothing to judge by: no images,
    or a model that prefers no class to another.
    """
    if not len(pixels):
        raise ParityError("export: there is no image to compare answers on, so nothing shows that the bytes are right")
    wanted = task.probabilities(keras_outputs, logits)
    if not np.isfinite(wanted).all():
        raise ParityError(
            "export: the Keras model answers with NaN or infinity, so the bytes can't be compared with it"
        )
    if task.sureness(wanted).mean() < LEAST_MARGIN:
        raise ParityError(
            f"export: on {len(pixels)} images the Keras model prefers no class to another, so nothing shows that the bytes are "
            "right; train it first"
        )
    outputs = TfliteModel(flat).outputs(pixels, scale)
    if not np.isfinite(outputs).all():
        raise ParityError("export: the bytes answer with NaN or infinity where the Keras model does not")
    contents = read(flat, "the exported bytes")
    rounded, step = task.probabilities(round_to_output(keras_outputs, contents), logits), _step(contents, logits)
    found = task.probabilities(outputs, logits)
    lost = task.lost(wanted, rounded, found, step)
    if over := lost.worst(most):
        coarse = not logits and task.lost(wanted, rounded, rounded, step).worst(most) is not None
        rounds = any(len(tensor.scales) for tensor in contents.tensors)
        raise ParityError(_said(over, len(pixels), _COARSE if coarse else _ROUNDED if rounds else ""))
    changed = int(task.changed(wanted, found).sum())
    return {"images": len(pixels), "changed_answers": changed, "lost": asdict(lost), "most": asdict(most)}


def _said(over: tuple[str, float, float], images: int, why: str) -> str:
    measure, found, allowed = over
    return (
        f"export: the bytes do not answer as the Keras model does: on {images} images they lose {100 * found:.3g} % of its "
        f"{measure}, at most {100 * allowed:g} % may go (0 %: the same, 100 %: as if at random){why}"
    )


def round_to_output(outputs: NDArray[np.floating], contents: Contents) -> NDArray[np.float32]:
    """Outputs as the output tensor of a model can hold them, float32 of the same shape."""
    output = contents.outputs[0]
    if not len(output.scales):
        return np.asarray(outputs, np.float32)
    step, zero = float(output.scales[0]), int(output.zero_points[0])
    return real(stored(np.asarray(outputs, np.float32), output.dtype.lower(), step, zero), step, zero)


def _step(contents: Contents, logits: bool) -> float:
    """The step of the output in probability; that of logits is none."""
    scales = contents.outputs[0].scales
    return float(scales[0]) if len(scales) and not logits else 0.0


def compute_margins(wanted: Probabilities) -> NDArray[np.float64]:
    """How sure the model is of its first class against its second, 0..1, float64 [n]; `wanted` is [n, classes].

    Of one class only nothing is preferred: zeros.
    """
    if wanted.shape[1] < 2:
        return np.zeros(len(wanted))
    second, first = np.partition(wanted.astype(np.float64), -2, axis=1)[:, -2:].T
    return np.asarray((first - second) / np.maximum(first + second, LEAST_SHARE))


def compute_losses(wanted: Probabilities, rounded: Probabilities, found: Probabilities, step: float) -> Losses:
    """What `found`, the probabilities that the bytes answer, lost of `wanted`, the model's; all [n, classes], 2 classes at least.

    `rounded` are the model's answers as the output tensor of the bytes can hold them, `step` is its step in probability (0 for
    floats): what an output of 256 steps can't tell apart is no fault of the arithmetic before it. Answers that change for that
    count all the same. The sum of the margins must not be 0.
    """
    count = wanted.shape[1]
    weights = compute_margins(wanted)
    weights = weights / weights.sum()
    first = wanted.argmax(axis=1)[:, None]
    own = np.take_along_axis(found, first, axis=1)
    above = (found > own).sum(axis=1) + ((found == own).sum(axis=1) - 1) / 2
    changed = found.argmax(axis=1) != first[:, 0]
    even = np.full_like(wanted, 1 / count)
    least = max(LEAST_SHARE, step / 2)
    knows = divergence(wanted, even, LEAST_SHARE).mean()
    return Losses(
        answers=float((weights * changed).sum() * count / (count - 1)),
        ranks=float((weights * above).sum() * 2 / (count - 1)),
        information=float(divergence(rounded, found, least).mean() / max(knows, LEAST_SHARE**2)),
    )


def divergence(wanted: Probabilities, found: Probabilities, least: float) -> NDArray[np.float64]:
    """Kullback-Leibler divergence of each row in nats, float64 [n], in the form that holds for sums other than 1.

    `least` is added to all: rounded probabilities are 0 where they were small, and their sum is not quite 1.
    """
    p, q = wanted.astype(np.float64) + least, found.astype(np.float64) + least
    return np.asarray((p * np.log(p / q) - p + q).sum(axis=1))
