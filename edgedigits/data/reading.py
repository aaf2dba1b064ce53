"""How images are read: the settings that toolkit and runner must share for a model to see what it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from edgedigits_runner.clean_settings import Clean, clean_of

from edgedigits.errors import InputError
from edgedigits.ground.facts import JsonObject

Resizing = Literal["area", "bilinear", "bicubic", "lanczos", "keras"]
RESIZINGS: tuple[Resizing, ...] = get_args(Resizing)
"""The methods of `edgedigits_runner.resizing`, where they are explained."""
CleanSaid = bool | str | Mapping[str, Any] | Clean | None
"""Whether and how pictures of handwriting are cleaned, as people say it: true, a threshold's name, or settings by name."""


@dataclass(frozen=True)
class Reading:
    """`size` (height, width) every image is resized to, None where they stay as they are.

    Transparency is laid on `background` ("white", "black" or "#rrggbb"). Of 16-bit images `bits` are in use in the whole set,
    8 to 16, the same for all of them; None where there are no such images. `clean`: pictures of handwriting are brought to the
    form of MNIST instead of being resized, grey (`edgedigits_runner.cleaning`); None where they stay as they are.
    """

    size: tuple[int, int] | None = None
    resizing: Resizing = "area"
    grey: bool = False
    background: str = "white"
    bits: int | None = None
    clean: Clean | None = None

    def as_dict(self) -> JsonObject:
        """As it stands in a manifest under `input`."""
        return {
            "resize": list(self.size) if self.size else None,
            "resizing": self.resizing,
            "grey": self.grey,
            "background": self.background,
            "bits": self.bits,
            **({"clean": self.clean.as_json()} if self.clean else {}),
        }


PLAIN = Reading()
"""As images are read where nothing is said."""


def parse_reading(settings: JsonObject) -> Reading:
    """What a manifest says under `input`; what an older one doesn't say was as it is by default."""
    size, plain = settings.get("resize"), PLAIN
    return Reading(
        size=(int(size[0]), int(size[1])) if isinstance(size, list) and len(size) == 2 else None,
        resizing=cast(Resizing, settings.get("resizing", plain.resizing)),
        grey=bool(settings.get("grey", plain.grey)),
        background=str(settings.get("background", plain.background)),
        bits=settings.get("bits"),
        clean=parse_clean(settings.get("clean")),
    )


def parse_clean(said: CleanSaid, where: str = "--clean") -> Clean | None:
    """The settings; None where nothing is said. Text in braces is YAML. Raises InputError, beginning with `where`."""
    if isinstance(said, str) and said.lstrip().startswith("{"):
        from edgedigits.ground.yaml_files import parse_yaml

        said = parse_yaml(said, where, InputError)
    try:
        return clean_of(dict(said) if isinstance(said, Mapping) else said)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def word_clean(clean: Clean) -> str:
    """As it is written on a command line."""
    said = {name: str(value).lower() if isinstance(value, bool) else value for name, value in clean.as_json().items()}
    return f"{{{', '.join(f'{name}: {value}' for name, value in said.items())}}}"
