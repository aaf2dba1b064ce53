"""What `augment: auto` comes to: the set that a short try-out, or where there is no time for one the model itself, speaks for.

A flip that turns a class into another is never chosen: a set with flips is left out where the model answers mirrored images of a
class as another one, it needs a try-out in any case, and there it must cost no class more than chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from edgedigits.data.augmentation.augment import Augment
from edgedigits.ground.facts import JsonObject

ALIKE: Final = 0.05
"""Losses closer than this share, or than two standard errors of their difference, are alike: the order of a few steps does as
much."""
SLOWER: Final = 0.25
"""The same for moves that the model knows: moved images take longer to learn, and a short try-out sees that more than what they
spare a whole training, which is learning images by heart."""
HARM: Final = 0.25
"""In nats: a class whose loss rises by more, and by more than three standard errors, is harmed."""
FEWEST: Final = 5
"""Images of a class; of fewer no harm is told from chance."""


@dataclass(frozen=True)
class Choice:
    """What was chosen, and why. `record` is JSON-safe and goes into the manifest; `line` is for people, "" for none."""

    augment: Augment | None
    record: JsonObject = field(default_factory=dict)
    line: str = ""
    warnings: tuple[str, ...] = ()


def pick(
    losses: Mapping[str, np.ndarray], kinds: np.ndarray, classes: Sequence[str], known: Sequence[str] = ()
) -> tuple[str, list[JsonObject]]:
    """(the name of the set, a row for each candidate): of those whose loss is as low as the lowest, within chance, the first that
    is `known`, under which the model still knows its images, else the mildest.

    losses: of each held-back image by candidate, the mildest first, "none" among them; kinds: the class of each image.
    """
    harmed = {name: _find_harmed(found, losses["none"], kinds, classes) for name, found in losses.items()}
    fair = [name for name in losses if not harmed[name]]
    best = min(fair, key=lambda name: losses[name].mean())
    chosen = next(
        name
        for name in [*known, *fair]
        if name in fair and _are_alike(losses[name], losses[best], SLOWER if name in known else ALIKE)
    )
    rows: list[JsonObject] = []
    for name, found in losses.items():
        apart = found - losses[best]
        row: JsonObject = {
            "set": name,
            "loss": round(float(found.mean()), 5),
            "above_best": round(float(apart.mean()), 5),
            "standard_error": round(_standard_error(apart), 5),
        }
        rows.append({**row, **({"harms": harmed[name]} if harmed[name] else {})})
    return chosen, rows


def _are_alike(found: np.ndarray, best: np.ndarray, share: float) -> bool:
    apart = found - best
    return bool(apart.mean() <= max(2 * _standard_error(apart), share * best.mean()))


def _find_harmed(found: np.ndarray, plain: np.ndarray, kinds: np.ndarray, classes: Sequence[str]) -> list[str]:
    """The classes that plain images teach better, by more than chance."""
    harmed = []
    for kind in np.unique(kinds):
        apart = (found - plain)[kinds == kind]
        if len(apart) >= FEWEST and apart.mean() > max(HARM, 3 * _standard_error(apart)):
            harmed.append(classes[kind] if kind < len(classes) else str(kind))
    return harmed


def _standard_error(apart: np.ndarray) -> float:
    return float(apart.std(ddof=1) / np.sqrt(len(apart))) if len(apart) > 1 else 0.0
