"""A layer as it was looked at, and what may be found wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from edgedigits.ground.facts import JsonObject
from edgedigits.tflite.layers.matching import INPUT, Match
from edgedigits.tflite.layers.stored_values import Constant
from edgedigits.tflite.layers.sums import Range

_OUT_AXIS: Final = {"DEPTHWISE_CONV_2D": 3}


@dataclass(frozen=True, eq=False)
class Layer:
    """`found` is what `sums.Sums` tells of it. `alone` is the Kullback-Leibler divergence, in nats per image, that its own error
    alone puts between the float form's answers and themselves, and `flips` the share of images that it gives another answer.

    `weights` and `biases` are those of the compressed file and of the float one, None where it has none or they can't be read.
    `sparsity` is the share of zeros that the record of the artifact promises, None where it says nothing.
    """

    match: Match
    found: JsonObject
    alone: float
    flips: float
    weights: tuple[Constant | None, Constant | None] = (None, None)
    biases: tuple[Constant | None, Constant | None] = (None, None)
    sparsity: float | None = None
    calibration_images: int | None = None
    last: bool = False

    @property
    def name(self) -> str:
        return self.match.name

    @property
    def is_input(self) -> bool:
        return self.match.kind == INPUT

    @property
    def limits(self) -> Range:
        return Range(*self.found["limits"])

    @property
    def own_snr_db(self) -> float:
        return float(self.found["own_snr_db"])

    @property
    def channel_snr_db(self) -> float:
        """The median channel's own signal to noise: a channel far larger than the others does not hide them."""
        return float(np.median(self.found["channel_snr_db"]))

    @property
    def cut_share(self) -> float:
        return float(self.found["cut_share"])

    @property
    def channel_sizes(self) -> np.ndarray:
        """The largest magnitude of every channel, float64 [channels]."""
        low, high = self.found["channel_low"], self.found["channel_high"]
        sizes: np.ndarray = np.maximum(np.abs(low), np.abs(high))
        return sizes

    @property
    def largest_steps(self) -> float | None:
        """The largest error in steps of its scale; None where it is not quantized."""
        return float(self.found["largest_error"]) / self.limits.step if self.limits.step else None

    def kernel_sizes(self, side: int) -> np.ndarray | None:
        """The largest magnitude of the weights of every output channel; `side` 0 is the compressed file's, 1 the float one's."""
        constant = self.weights[side]
        if constant is None or constant.real.ndim < 2:
            return None
        axis = _OUT_AXIS.get(self.match.kind.partition(" ")[0], 0)
        sizes: np.ndarray = np.abs(constant.real).max(
            axis=tuple(one for one in range(constant.real.ndim) if one != axis)
        )
        return sizes


@dataclass(frozen=True)
class Finding:
    """What is wrong with a layer: a row of `causes.table`, the numbers seen in words, and the setting of ours that mends it.

    `carried` marks, for what goes on through the layers behind, what it is there: those say nothing new.
    """

    cause: str
    seen: str
    mend: str
    carried: tuple[object, ...] = ()
    facts: Mapping[str, float | int | str] = field(default_factory=dict)


def word_mixed(layer: Layer) -> str:
    """The setting that gives this layer, and those that read it, other numbers than int8."""
    return (
        f"name it and the layers that read it in export: {{int8: {{float_layers: [{layer.name}, ...]}}}} or int16_layers, or let "
        "mixed: auto find them"
    )


def word_number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def word_share(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:.2g} %"
