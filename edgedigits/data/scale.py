"""How pixels become model input. Never guessed: the user says it, the manifest records it, the runner does the very same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgedigits_runner.scaling import NAMED, RANGES, Scaling, scaling_of

from edgedigits.errors import InputError

__all__ = ["NAMED", "SCALES", "Scale", "Scaling", "list_scalings", "parse_scaling", "scale_pixels", "scaling_of"]

Scale = Scaling | str | Mapping[str, Any]
"""A scaling, the name of one, or what a manifest says of one."""
SCALES: tuple[str, ...] = tuple(RANGES)
"""The names of those that are a range and no more."""


def parse_scaling(scale: Scale, where: str = "scale") -> Scaling:
    """The checked scaling. Raises InputError, beginning with `where`, for what is none."""
    try:
        return scaling_of(scale)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def scale_pixels(pixels: Any, scale: Scale) -> Any:
    """float32 model input for uint8 (or float32) pixels [..., channels]; works on NumPy arrays and TensorFlow tensors alike.

    Raises InputError where the scaling is for another number of channels.
    """
    found = parse_scaling(scale)
    try:
        if hasattr(pixels, "astype"):
            return found.apply(pixels.astype("float32"))
        import tensorflow as tf

        return found.apply(tf.cast(pixels, tf.float32))
    except ValueError as error:
        raise InputError(f"--scale: {error}") from error


def list_scalings(channels: int) -> tuple[Scaling, ...]:
    """What a model of so many channels may have been trained on, the likeliest first: all names, then the others in BGR."""
    if channels != 3:
        return tuple(NAMED[name] for name in SCALES)
    turned = [NAMED[name]._replace(bgr=True) for name in SCALES]
    torch = NAMED["torch"]
    turned.append(torch._replace(mean=torch.mean[::-1], std=torch.std[::-1], bgr=True))
    return (*NAMED.values(), *turned)
