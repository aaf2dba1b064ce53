"""How images are read: the settings that toolkit and runner must share for a model to see what it was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

from edgedigits.ground.facts import JsonObject

Resizing = Literal["area", "bilinear", "bicubic", "lanczos", "keras"]
RESIZINGS: tuple[Resizing, ...] = get_args(Resizing)
"""The methods of `edgedigits_runner.resizing`, where they are explained."""


@dataclass(frozen=True)
class Reading:
    """`size` (height, width) every image is resized to, None where they stay as they are.

    Transparency is laid on `background` ("white", "black" or "#rrggbb"). Of 16-bit images `bits` are in use in the whole set,
    8 to 16, the same for all of them; None where there are no such images.
    """

    size: tuple[int, int] | None = None
    resizing: Resizing = "area"
    grey: bool = False
    background: str = "white"
    bits: int | None = None

    def as_dict(self) -> JsonObject:
        """As it stands in a manifest under `input`."""
        return {
            "resize": list(self.size) if self.size else None,
            "resizing": self.resizing,
            "grey": self.grey,
            "background": self.background,
            "bits": self.bits,
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
    )
