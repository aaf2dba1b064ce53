"""Training images spoilt by the corruptions that models are tested under (`data/corruptions`), a share of them in every epoch.

Who trains so has seen the kinds that the test asks, though not one image of it: its accuracy says how well it knows these, not
how it bears others.
"""

from __future__ import annotations

import numpy as np

from edgedigits.data.corruptions.field import Draws, to_pixels
from edgedigits.data.corruptions.table import CORRUPTIONS
from edgedigits.keras_types import KerasTensor, TensorLike

_STEPS = 2**23
"""Numbers of a draw of -1..1 in float32 that can be told apart."""


def spoil(images: TensorLike, share: float, draws: KerasTensor) -> KerasTensor:
    """Images float32 [n, h, w, c] of 0..255; each with probability `share` spoilt, by its draw of -1..1 alone: in which way,
    at which severity up to the usual one, and how."""
    from edgedigits.backend import tf

    result: KerasTensor = tf.numpy_function(
        lambda pixels, drawn: spoil_arrays(pixels, share, drawn), [images, draws], tf.float32, stateful=False
    )
    return result


def spoil_arrays(images: np.ndarray, share: float, draws: np.ndarray) -> np.ndarray:
    """The same of arrays."""
    found = np.array(images, np.float32)
    seeds = np.round((draws.astype(np.float64) + 1) * _STEPS).astype(np.int64)
    chosen: dict[tuple[str, int], list[int]] = {}
    for row, seed in enumerate(seeds):
        rng = np.random.default_rng(int(seed))
        if rng.random() < share:
            name = list(CORRUPTIONS)[int(rng.integers(len(CORRUPTIONS)))]
            severity = int(rng.integers(1, CORRUPTIONS[name].usual + 1))
            chosen.setdefault((name, severity), []).append(row)
    for (name, severity), rows in chosen.items():
        which, batch = CORRUPTIONS[name], np.clip(found[rows].astype(np.float64) / 255, 0, 1)
        spoilt = which.spoil(batch, Draws([(int(seeds[row]), severity) for row in rows]), which.at(severity))
        found[rows] = to_pixels(spoilt)
    return found
