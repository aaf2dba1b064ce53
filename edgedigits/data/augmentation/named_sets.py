"""Named sets of moves, and what people write for one: a name, or moves with their limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from edgedigits.data.augmentation.augment import Augment
from edgedigits.data.augmentation.glyphs import read_glyphs
from edgedigits.data.augmentation.letters import make_letters
from edgedigits.errors import InputError
from edgedigits.ground.yaml_files import check_known, describe_kind, parse_yaml, show_value

AUTO: Final = "auto"
"""Not a set: what suits the data is tried out."""

DIGITS: Final = Augment()
_PHOTOS: Final = {
    "crop": 0.1,
    "rotation_degrees": 5.0,
    "brightness": 0.1,
    "contrast": 0.2,
    "saturation": 0.2,
    "hue": 0.03,
    "cutout": 0.3,
    "mixup": 0.1,
    "cutmix": 0.1,
}
SETS: Final[Mapping[str, Augment | None]] = {
    "none": None,
    "digits": DIGITS,
    "objects": Augment.only(**_PHOTOS),
    "photos": Augment.only(flip=True, **_PHOTOS),
}
"""The mildest first."""

LIMITS: Final[Mapping[str, float]] = {
    "rotation_degrees": 180.0,
    "shift": 0.5,
    "zoom": 0.9,
    "shear": 1.0,
    "elastic": 0.5,
    "crop": 0.5,
    "brightness": 1.0,
    "contrast": 1.0,
    "saturation": 1.0,
    "hue": 0.5,
    "cutout": 0.9,
    "corrupted": 1.0,
    "mixup": 0.5,
    "cutmix": 0.5,
}
"""The most that each move may be given; `flip` is true or false, `noise` has settings of its own."""

Said = str | Mapping[str, Any]
"""A set as people write it: its name, or moves with their limits."""


def find_fault(moves: Mapping[Any, Any]) -> str:
    """What is wrong with the first wrong one of moves that are known; "" where all are right."""
    for name, value in moves.items():
        if name == "flip":
            if not isinstance(value, bool):
                return f"flip: found {show_value(value)}; wanted true or false"
        elif name == "noise":
            try:
                make_letters(value)
            except InputError as error:
                return str(error)
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= LIMITS[name]:
            return f"{name}: found {show_value(value)}; wanted a number from 0 to {LIMITS[name]:g}"
    return ""


def list_moves() -> tuple[str, ...]:
    """The names of all moves."""
    return tuple(field.name for field in fields(Augment))


def check_said(said: Any, where: str, error: type[InputError] = InputError) -> Said:
    """A set as it is written, checked: "auto", a name, or a mapping of moves, also as YAML in a string ("{flip: true}").

    Raises `error`, beginning with `where`, for an unknown set or move and for a limit out of range.
    """
    if isinstance(said, str) and said.lstrip().startswith("{"):
        said = parse_yaml(said, where, error)
    if isinstance(said, str):
        check_known(where, "set", [said], (AUTO, *SETS), error)
        return said
    if not isinstance(said, Mapping):
        raise error(
            f"{where}: found {describe_kind(said)}; wanted {AUTO}, {', '.join(SETS)}, or moves with limits, as "
            "{flip: true, shift: 0.1}"
        )
    check_known(where, "move", said, list_moves(), error)
    if fault := find_fault(said):
        raise error(f"{where}: {fault}")
    return dict(said)


def make_augment(said: Said) -> Augment | None:
    """The set of a name or of moves, checked before; None where nothing moves. Raises InputError for unreadable letters."""
    if isinstance(said, str):
        return SETS[said]
    found = Augment.only(**said) if any(said.values()) else None
    if found and found.noise:
        read_glyphs(found.noise.letters)  # that they can be is known before the work begins
    return found
