"""One channel far larger than the others: it alone sets the range, and leaves them a few steps of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgedigits.measure.verify.causes.layer import Finding, Layer, word_mixed, word_number, word_share

FEW_STEPS = 16
"""The magnitude of a channel in steps below which it has four bits or less."""
LEAST_CHANNELS = 4
_RATIO = 8.0


@dataclass(frozen=True)
class Outlier:
    """A channel, how large it is, how large the others are in the middle, and how many of them have few steps."""

    channel: int
    size: float
    others: float
    starved: float


def look_for_outlier(layer: Layer) -> Outlier | None:
    """None where no channel stands out, or the others have steps enough. Channels that are always zero do not count."""
    step, sizes = layer.limits.step, layer.channel_sizes
    if layer.is_input or layer.last or not step or len(sizes) < LEAST_CHANNELS:
        return None
    channel = int(np.argmax(sizes))
    others = np.delete(sizes, channel)
    others = others[others > 0]
    if len(others) < LEAST_CHANNELS - 1 or sizes[channel] < _RATIO * np.quantile(others, 0.75):
        return None
    starved = float((others < FEW_STEPS * step).mean())
    if starved < 0.5:
        return None
    return Outlier(channel, float(sizes[channel]), float(np.median(others)), starved)


def find(layer: Layer) -> Finding | None:
    one = look_for_outlier(layer)
    if one is None:
        return None
    return Finding(
        cause="outlier_channel",
        seen=f"channel {one.channel} reaches {word_number(one.size)}, the others {word_number(one.others)} in the middle, and "
        f"all share one scale: {word_share(one.starved)} of the others have fewer than {FEW_STEPS} steps of 255",
        mend=f"the recipe repair_int8 gives the channels one size, without training; {word_mixed(layer)}; the recipe int16x8 "
        "gives all activations 65,536 steps instead of 256",
        carried=("outlier", one.channel, len(layer.channel_sizes)),
        facts={"channel": one.channel, "size": one.size, "others": one.others, "starved": one.starved},
    )
