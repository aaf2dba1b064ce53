"""How many images both forms get right, and how sure the difference is."""

from __future__ import annotations

from typing import Any

from edgedigits.ground.facts import JsonObject
from edgedigits.measure.findings.answers import Both
from edgedigits.tasks.statistics import Interval, bound_difference, bound_share, pair_up


def describe_accuracy(both: Both) -> JsonObject:
    """Counted image by image: shares of 1 with Wilson's interval; the change, compressed less float, in points with Tango's."""
    paired = pair_up(both.before.right, both.after.right)
    return tell_accuracy(
        images=paired.images,
        float_right=paired.both + paired.only_baseline,
        right=paired.both + paired.only_compressed,
        only_float=paired.only_baseline,
        only_compressed=paired.only_compressed,
        flips=int(both.changed.sum()),
        mcnemar_p=paired.p_value,
    )


def read_accuracy(test: JsonObject) -> JsonObject:
    """The same from an artifact's own record of its test."""
    images = test["images"]
    return tell_accuracy(
        images=images,
        float_right=round(test["float_accuracy"] * images),
        right=round(test["accuracy"] * images),
        only_float=test["only_float_right"],
        only_compressed=test["only_compressed_right"],
        flips=test.get("flips"),
        mcnemar_p=test["mcnemar_p"],
    )


def tell_accuracy(
    *,
    images: int,
    float_right: int,
    right: int,
    only_float: int,
    only_compressed: int,
    flips: int | None,
    mcnemar_p: float,
) -> JsonObject:
    """The part of a report on accuracy."""
    change = bound_difference(only_compressed, only_float, images)
    return {
        "images": images,
        "float": {"right": float_right, **_interval(bound_share(float_right, images))},
        "compressed": {"right": right, **_interval(bound_share(right, images))},
        "change_points": _interval(change, 100),
        "only_float_right": only_float,
        "only_compressed_right": only_compressed,
        "flips": flips,
        "flip_share": None if flips is None else flips / images,
        "mcnemar_p": mcnemar_p,
    }


def _interval(found: Interval, times: float = 1) -> dict[str, Any]:
    return {"value": times * found.value, "low": times * found.low, "high": times * found.high}
