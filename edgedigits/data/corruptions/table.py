"""The fifteen corruptions of MNIST-C (Mu and Gilmer 2019, "MNIST-C: A robustness benchmark for computer vision"), with the
amounts that were published; `usual` is the severity of its static set.

Three differ, and no image of MNIST-C is the same as here: glass blurs both ways; what comes in from outside has the colour of the
image's edge, not black; and edges are found by OpenCV.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from edgedigits.data.corruptions import blurs, light, marks, moves, noise
from edgedigits.data.corruptions.field import Batch, Draws

SEVERITIES: Final = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Corruption:
    """How images are spoilt: `spoil(batch, draws, amount)`, with the amount of each severity, one where there is but one."""

    spoil: Callable[[Batch, Draws, Any], Batch]
    amounts: tuple[Any, ...]
    usual: int = 1

    def at(self, severity: int | None) -> Any:
        """The amount of a severity, 1 to 5, or of the usual one; the only one where there is but one."""
        return self.amounts[0] if len(self.amounts) == 1 else self.amounts[(severity or self.usual) - 1]


_ANGLES: Final = (0.2, 0.4, 0.6, 0.8, 1.0)
CORRUPTIONS: Final[Mapping[str, Corruption]] = {
    "shot_noise": Corruption(noise.add_shot_noise, (60, 25, 12, 5, 3), 5),
    "impulse_noise": Corruption(noise.add_impulse_noise, (0.03, 0.06, 0.09, 0.17, 0.27), 4),
    "glass_blur": Corruption(blurs.blur_as_glass, ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)), 1),
    "motion_blur": Corruption(blurs.blur_by_motion, ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)), 1),
    "shear": Corruption(moves.shear, _ANGLES, 2),
    "scale": Corruption(moves.shrink, (0.9, 0.8, 0.7, 0.6, 0.5), 3),
    "rotate": Corruption(moves.rotate, _ANGLES, 2),
    "brightness": Corruption(light.brighten, (0.1, 0.2, 0.3, 0.4, 0.5), 5),
    "translate": Corruption(moves.translate, (1, 2, 3, 4, 5), 3),
    "stripe": Corruption(light.invert_stripes, (None,)),
    "fog": Corruption(light.add_fog, ((1.5, 2), (2.0, 2), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4)), 5),
    "spatter": Corruption(
        light.add_spatter,
        (
            (0.65, 0.3, 4, 0.69, 0.6),
            (0.65, 0.3, 3, 0.68, 0.6),
            (0.65, 0.3, 2, 0.68, 0.5),
            (0.65, 0.3, 1, 0.65, 1.5),
            (0.67, 0.4, 1, 0.65, 1.5),
        ),
        4,
    ),
    "dotted_line": Corruption(marks.add_dotted_line, (None,)),
    "zigzag": Corruption(marks.add_zigzag, (None,)),
    "canny_edges": Corruption(marks.keep_edges, (1.0,)),
}
