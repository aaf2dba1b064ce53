"""Whether a model seems to have been trained on the images that its compressed form is judged by on the way."""

from __future__ import annotations

from typing import Final

from edgedigits.tasks.statistics import bound_share

_SURE: Final = 0.999
"""Both intervals are that sure, so that a whole model is hardly ever told so by chance."""


def tell_known(validation: tuple[float, int], test: tuple[float, int]) -> str:
    """A sentence where the model before compression answers validation images better than test images by more than chance; ""
    elsewhere. Both are (accuracy, images)."""
    low, high = (
        bound_share(_right(validation), validation[1], _SURE).low,
        bound_share(_right(test), test[1], _SURE).high,
    )
    if low <= high:
        return ""
    return (
        f"the model before answers {100 * validation[0]:.2f} % of the validation images right and {100 * test[0]:.2f} % of the "
        "test images: it seems to know the former by heart, as they are drawn from the training images. What was lost of them "
        "is then more than what is lost of new images; judge by the test images"
    )


def _right(found: tuple[float, int]) -> int:
    return round(found[0] * found[1])
