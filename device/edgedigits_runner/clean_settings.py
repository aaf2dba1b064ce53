"""How pictures of handwriting are cleaned, in words; light, so that a manifest can be checked without what cleans them."""

from __future__ import annotations

from typing import Any, NamedTuple

THRESHOLDS = ("otsu", "sauvola")
INKS = ("auto", "dark", "light")
_WANTED = "true, otsu, sauvola, or settings as {threshold: sauvola, deskew: true, ink: auto, lines: true}"


class Clean(NamedTuple):
    """`threshold`: what is ink, one limit for the whole picture (otsu) or one for each neighbourhood (sauvola). `deskew`: what is
    slanted is set upright. `ink`: darker than its paper, lighter, or as each picture shows. `lines`: strokes that cross the
    whole picture are ruled lines, and go."""

    threshold: str = "otsu"
    deskew: bool = False
    ink: str = "auto"
    lines: bool = True

    def as_json(self) -> dict[str, Any]:
        """All settings, as a manifest has them under `input.clean`."""
        return self._asdict()


def clean_of(value: Any) -> Clean | None:
    """The settings: true, a threshold's name, some settings, or a Clean; None of None and false. ValueError for anything else."""
    if value is None or value is False:
        return None
    if value is True:
        return Clean()
    if isinstance(value, Clean):
        value = value.as_json()
    if isinstance(value, str):
        value = {"threshold": value}
    if not isinstance(value, dict):
        raise ValueError(f"found {value!r}; wanted {_WANTED}")  # noqa: TRY004  # one kind for all that a manifest may say
    for name, one in value.items():
        _check(name, one)
    return Clean(**value)


def _check(name: Any, value: Any) -> None:
    if name in ("deskew", "lines"):
        if not isinstance(value, bool):
            raise ValueError(f"{name}: found {value!r}; wanted true or false")
        return
    choices = {"threshold": THRESHOLDS, "ink": INKS}.get(name) if isinstance(name, str) else None
    if choices is None:
        raise ValueError(f"unknown setting {name!r}; choose from {', '.join(Clean._fields)}")
    if value not in choices:
        raise ValueError(f"{name}: found {value!r}; choose from {', '.join(choices)}")
