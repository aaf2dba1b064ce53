"""Layers that a recipe names, held against the model."""

from __future__ import annotations

import difflib
from fnmatch import fnmatchcase

from edgedigits.errors import RecipeError
from edgedigits.keras_types import KerasModel
from edgedigits.models.graph import walk
from edgedigits.pipeline.mixing.settings import LAYERS


def check_layers(model: KerasModel, export: object) -> None:
    """Raises RecipeError for a name or a pattern that no layer of the model has, and for a layer in both lists."""
    names = list(dict.fromkeys(call.layer.name for call in walk.list_calls(model)))
    asked: dict[str, str] = {}
    for setting in LAYERS:
        for pattern in getattr(export, setting, ()):
            found = [name for name in names if fnmatchcase(name, pattern)]
            if not found:
                near = difflib.get_close_matches(pattern, names, 3) or names[:8]
                raise RecipeError(f"export: {setting}: no layer is named {pattern!r}; this model has {', '.join(near)}")
            for name in found:
                if asked.setdefault(name, setting) != setting:
                    raise RecipeError(
                        f"export: {setting}: layer {name!r} is in {asked[name]}, too; leave it in one of them"
                    )
