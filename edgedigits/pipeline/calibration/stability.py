"""Whether calibration found the ranges of the layers, or those of the images that happened to be drawn.

The calibration images are cut into two halves that share none, and each gives a range by the same rule. Where one is more than
twice the other, a bit of the eight hangs on the draw.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from edgedigits.data.feed import make_plain_batches
from edgedigits.data.images import Images
from edgedigits.data.samples import draw_sample
from edgedigits.data.scale import Scale
from edgedigits.ground.facts import Facts, JsonObject
from edgedigits.keras_types import KerasModel, KerasTensor
from edgedigits.models.graph import walk
from edgedigits.models.graph.fold_batchnorm import fold
from edgedigits.pipeline.calibration.ranges import Counts, find_range
from edgedigits.pipeline.calibration.rule import Rule
from edgedigits.stages.fake_quantize import FakeQuantized

MOST_TIMES: Final = 2.0
_STEPS, _BATCH = 255, 50


@dataclass(frozen=True)
class Wavering:
    """A layer, the ranges that the two halves gave it, and how many times the wider is the narrower."""

    layer: str
    first: tuple[float, float]
    second: tuple[float, float]
    times: float

    def as_json(self) -> JsonObject:
        """As the manifest has it."""
        return {"layer": self.layer, "first": [*self.first], "second": [*self.second], "times": self.times}


def compare_halves(model: KerasModel, calibration: Images, scale: Scale, export: Any) -> Facts:
    """JSON-safe: the layer whose range differs most between the halves, and all that differ too much; {} where two halves of
    one image or less can't tell.

    export: of integers; its settings say how many images there are, which, and by which rule.
    """
    sample = draw_sample(calibration, export.calibration_images, export.calibration_seed)
    if len(sample) < 2:
        return {}
    order = np.random.default_rng(export.calibration_seed).permutation(len(sample))
    halves = [sample.subset(np.sort(half)) for half in np.array_split(order, 2)]
    rule = Rule(export.calibration, export.percentile)
    folded, _ = fold(model)
    first, second = (dict(_find_ranges(folded, half, scale, rule)) for half in halves)
    rows = sorted((_compare(layer, first[layer], second[layer]) for layer in first), key=lambda row: -row.times)
    unstable = [row.as_json() for row in rows if row.times > MOST_TIMES]
    return {"images": [len(half) for half in halves], "worst": rows[0].as_json(), "unstable": unstable} if rows else {}


def tell_unstable(found: Facts, most: int, export: Any) -> str:
    """A sentence on the layer whose range differs most; "" where none differs too much. `most` is how many images there are."""
    if not found.get("unstable"):
        return ""
    row, images = found["unstable"][0], found["images"]
    (low, high), (other_low, other_high) = row["first"], row["second"]
    others = len(found["unstable"]) - 1
    more = f" ({others} more differ as much)" if others else ""
    return (
        f"calibration is unstable: layer {row['layer']} reaches {low:.3g} to {high:.3g} on one half of the calibration images "
        f"({images[0]}) and {other_low:.3g} to {other_high:.3g} on the other, {row['times']:.1f} times as wide{more}; "
        f"{' or '.join(_advise(sum(images), most, export))}"
    )


def _advise(used: int, most: int, export: Any) -> Iterator[str]:
    if used < most:
        yield f"take calibration_images up to {most}"
    if export.calibration == "minmax":
        yield "take calibration: percentile or mse, which a few peaks don't move"
    if used >= most and export.calibration != "minmax":
        yield "give more training images, of which a tenth calibrates"


def _compare(layer: str, first: tuple[float, float], second: tuple[float, float]) -> Wavering:
    one, other = (max(high - low, 1e-9) for low, high in (first, second))
    return Wavering(layer, first, second, round(max(one, other) / min(one, other), 3))


def _find_ranges(
    model: KerasModel, images: Images, scale: Scale, rule: Rule
) -> Iterator[tuple[str, tuple[float, float]]]:
    """Of every tensor that gets a scale of its own, by the name of the layer that makes it."""
    ranged, counts = set(FakeQuantized(model, ()).ranges), dict[int, Counts]()
    ends = dict[int, tuple[float, float]]()

    def look(number: int, values: np.ndarray, counting: bool) -> None:
        if counting:
            counts[number].add(values)
        else:
            low, high = ends.get(number, (0.0, 0.0))
            ends[number] = min(low, float(values.min())), max(high, float(values.max()))

    for counting in (False, True)[: 1 + rule.counts]:
        counts = {number: Counts(*reached) for number, reached in ends.items()}

        def apply(call: walk.Call, args: Any, kwargs: Any, counting: bool = counting) -> KerasTensor:
            made = call.layer(*args, **{**kwargs, "training": False})
            if call.outputs[0] in ranged:
                look(call.outputs[0], np.asarray(made), counting)
            return made

        for pixels, _ in make_plain_batches(images, scale, _BATCH):
            walk.run(model, pixels, apply)
    names = {call.outputs[0]: call.layer.name for call in walk.list_calls(model)}
    *_, last = walk.list_calls(model)
    for number, (low, high) in ends.items():
        if number not in last.outputs:
            yield names[number], find_range(counts[number], rule, _STEPS) if rule.counts else (low, high)
