"""Which kernels a stage works on: by layer name pattern, by kind of layer, by size."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from edgedigits.errors import RecipeError
from edgedigits.keras_types import KerasModel, KerasVariable
from edgedigits.models.graph import walk
from edgedigits.models.layers.layer_kinds import KINDS, Passage, list_kernels


def choose_layers(
    model: KerasModel, where: str, skip_layers: Sequence[str], skip_kinds: Sequence[str], min_weights: int
) -> tuple[dict[str, KerasVariable], dict[str, str]]:
    """(kernels to work on by path, reason by path of those left whole).

    Raises RecipeError when a pattern matches no layer, a kind is no kernel layer, or nothing is left to work on.
    """
    check_patterns(model, where, skip_layers)
    known = [name for name, kind in KINDS.items() if kind.kernels]
    if unknown := [kind for kind in skip_kinds if kind not in known]:
        raise RecipeError(
            f"{where}.skip_kinds: {unknown[0]!r} is no kind of layer with kernels; choose from {', '.join(known)}"
        )
    layers = {call.layer.name: call.layer for call in walk.list_calls(model)}
    no_depthwise = any(KINDS[kind].channels is Passage.DEPTHWISE for kind in skip_kinds)
    taken: dict[str, KerasVariable] = {}
    left: dict[str, str] = {}
    for path, kernel in walk.collect_kernels(model).items():
        layer, _, attribute = path.rpartition("/")
        kind, depthwise = type(layers[layer]).__name__, list_kernels(layers[layer])[attribute].depthwise
        weights = math.prod(kernel.shape)
        if any(fnmatchcase(layer, pattern) for pattern in skip_layers):
            left[path] = "named in skip_layers"
        elif kind in skip_kinds or (depthwise and no_depthwise):
            left[path] = f"{kind} is in skip_kinds"
        elif weights < min_weights:
            left[path] = f"{weights} weights, fewer than min_weights {min_weights}"
        else:
            taken[path] = kernel
    if not taken:
        raise RecipeError(
            f"{where}: no kernel of this model is left to work on ({_reasons(left)}); lower min_weights or skip less"
        )
    return taken, left


def find_output_layer(model: KerasModel) -> str:
    """The name of the last layer with a kernel: the one that makes the answers."""
    return next(path.rpartition("/")[0] for path in reversed(walk.collect_kernels(model)))


def check_patterns(model: KerasModel, where: str, patterns: Iterable[str]) -> None:
    """Raises RecipeError when a pattern matches no layer with a kernel."""
    names = [path.rpartition("/")[0] for path in walk.collect_kernels(model)]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            near = difflib.get_close_matches(pattern, names, 3) or names[:8]
            raise RecipeError(f"{where}: no layer with a kernel is named {pattern!r}; this model has {', '.join(near)}")


def find_own_setting(path: str, settings: Mapping[str, float], default: float) -> float:
    """The value of the first pattern that matches the kernel's layer, else the default."""
    layer = path.rpartition("/")[0]
    return next((value for pattern, value in settings.items() if fnmatchcase(layer, pattern)), default)


def _reasons(left: Mapping[str, str]) -> str:
    return "; ".join(f"{path}: {why}" for path, why in list(left.items())[:3]) or "it has none"
