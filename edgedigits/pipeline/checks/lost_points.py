"""Whether compression lost answers on the validation images, more than chance would, and what would lose fewer."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from edgedigits.ground.facts import Facts
from edgedigits.tasks.differences import SIGNIFICANT, word_p
from edgedigits.tasks.statistics import pair_up
from edgedigits.tasks.task import Half

Stages = Sequence[tuple[str, Any]]
"""Each with its name, as a recipe has them."""
LONGER: Final = 3
"""So many times as long is the next training to try."""
_SHARES: Final = ("remove", "remove_parameters", "remove_multiply_adds", "remove_cycles", "sparsity")
"""Settings of stages that say how much goes."""


def pair_outputs(before: Half, after: Half, labels: np.ndarray, first: np.ndarray, found: np.ndarray) -> Facts:
    """The answers of two models to the same images, by who is right, with the difference in points and exact McNemar p.

    `before` decodes the outputs `first`, `after` those of the compressed form, `found`.
    """
    paired = pair_up(before.right(before.decode(first), labels), after.right(after.decode(found), labels))
    return {
        "images": paired.images,
        "only_float_right": paired.only_baseline,
        "only_compressed_right": paired.only_compressed,
        "difference_points": paired.difference_points,
        "mcnemar_p": paired.p_value,
    }


def loses(paired: Facts) -> bool:
    """Whether the second model is right less often, by more than chance."""
    return bool(paired["difference_points"] < 0 and paired["mcnemar_p"] < SIGNIFICANT)


def word_points(paired: Facts) -> str:
    """A loss that is more than chance, in a few words; "" for none."""
    return f", {paired['difference_points']:+.2f} points, more than chance" if loses(paired) else ""


def tell_loss(stages: Stages, rounds: bool, last_stage: Facts | None, of_bytes: Facts) -> str:
    """A sentence on what the bytes lost and what to try next; "" where they lost nothing more than chance.

    stages: the recipe's; rounds: whether its export does; last_stage: of the model that the stages made, None without any: where
    it lost nothing, the rounding did.
    """
    if not loses(of_bytes):
        return ""
    only_before, only_after = of_bytes["only_float_right"], of_bytes["only_compressed_right"]
    steps = ", or ".join(_next_steps(stages, rounds, last_stage))
    return (
        f"on {of_bytes['images']:,} validation images the bytes are {-of_bytes['difference_points']:.2f} points worse than the "
        f"model before ({only_before:,} only that one got right, {only_after:,} only they; {word_p(of_bytes['mcnemar_p'])}), "
        f"more than chance{'; try ' + steps if steps else ''}"
    )


def _train_the_rounding(stages: Stages) -> str:
    if not stages:
        return "the recipe repair_int8, which needs no training, or qat_int8, which trains the rounding in"
    if any(getattr(stage, "comes_last", False) for _, stage in stages):
        return "the recipe qat_int8, which trains the rounding in"
    return "a stage qat at the end"


def _next_steps(stages: Stages, rounds: bool, last_stage: Facts | None) -> Iterator[str]:
    names = [name for name, _ in stages]
    by_rounding = last_stage is None or not loses(last_stage)
    if by_rounding and rounds and "qat" not in names:
        yield _train_the_rounding(stages)
    if any(hasattr(stage, "epochs") for _, stage in stages):
        yield f"--more {LONGER}, which trains {LONGER} times as long"
    for name, stage in stages:
        settings = dataclasses.asdict(stage)
        for setting in _SHARES:
            if wanted := settings.get(setting):
                yield f"{name} with {setting}: {wanted / 2:.2g} instead of {wanted:g}"
    if "shrink" in names:
        yield "the recipe prune80_int8, which leaves every channel"
    elif any(getattr(stage, "makes_another_net", False) for _, stage in stages):
        yield "the recipe shrink50_int8, which begins with the model itself"
