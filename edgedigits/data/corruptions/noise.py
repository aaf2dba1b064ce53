"""Noise: shot noise, as of few photons, and impulse noise, salt and pepper."""

from __future__ import annotations

import numpy as np

from edgedigits.data.corruptions.field import Batch, Draws


def add_shot_noise(batch: Batch, draws: Draws, photons: float) -> Batch:
    """Poisson noise where white is so many `photons`: a pixel is their number, drawn by inversion, cut off at white."""
    chance = draws.uniform(*batch.shape[1:])
    each = np.exp(-batch * photons)
    reached, counted = each.copy(), np.zeros_like(batch)
    for number in range(1, int(photons) + 1):
        counted += chance > reached
        each = each * batch * photons / number
        reached += each
    return counted / photons


def add_impulse_noise(batch: Batch, draws: Draws, share: float) -> Batch:
    """So much of the values is set to black or to white, half of it each."""
    chance = draws.uniform(*batch.shape[1:])
    return np.where(chance < share / 2, 0.0, np.where(chance < share, 1.0, batch))
