"""What a recipe says of layers that are to keep more than int8, light enough for the command line."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

Mixed = Literal["named", "auto", "auto_int16"]
"""named: the layers that are named, perhaps none. auto, auto_int16: besides them what a run chooses, for float or int16."""
Points = Annotated[float, Field(ge=0, le=100)]
"""Of accuracy, in percent of the images."""
LAYERS: Final = {"float_layers": "float32", "int16_layers": "int16x8"}
"""Settings that name layers, and what those compute in."""
CHOSEN: Final[dict[str, str]] = {"auto": "float_layers", "auto_int16": "int16_layers"}
"""The setting that a choice fills."""


def asks_mixed(export: object) -> bool:
    """Whether an export has layers of other numbers, or is to choose some."""
    return any(getattr(export, setting, ()) for setting in LAYERS) or asks_choice(export)


def asks_choice(export: object) -> bool:
    """Whether a run chooses layers for it."""
    return getattr(export, "mixed", "named") in CHOSEN
