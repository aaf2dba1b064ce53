"""Which recipe is the best for a net, chosen on validation images and on the bytes alone: test images choose nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edgedigits.ground.facts import JsonObject
from edgedigits.tasks.differences import SIGNIFICANT

BOARDS: Final = ("pi4", "pi5")
"""Whose cycles count."""
WITHIN_POINTS: Final = 0.1
"""Less accuracy on validation images than this is not what a recipe is chosen by."""
RULE: Final = (
    f"Of the recipes that are not slower than the float form in cycles on a Pi 4 and a Pi 5 (of all where none is), those within "
    f"{WITHIN_POINTS} points of the highest validation accuracy; of these the fewest cycles on a Pi 4, then the fewest bytes."
)


def choose_best(rows: Sequence[JsonObject]) -> int | None:
    """The place of the best among the rows of one model, by RULE; None where no recipe came out."""
    made = [at for at, row in enumerate(rows) if row["ok"] and row["compressed"]]
    fast = [at for at in made if not is_slower(rows[at])] or made
    if not fast:
        return None
    highest = max(rows[at]["validation"]["accuracy"] for at in fast)
    near = [at for at in fast if 100 * (highest - rows[at]["validation"]["accuracy"]) <= WITHIN_POINTS + 1e-9]
    return min(near, key=lambda at: (*_costs(rows[at]), at))


def is_slower(row: JsonObject) -> bool:
    """In cycles foretold, on either board."""
    return any(row["compressed"][f"cycles_{board}"] > row["float"][f"cycles_{board}"] for board in BOARDS)


def _costs(row: JsonObject) -> tuple[int, int]:
    return row["compressed"]["cycles_pi4"], row["compressed"]["raw_bytes"]


def keeps_answers(row: JsonObject) -> bool:
    """Whether no more test images are lost than chance would, or at most `WITHIN_POINTS`."""
    return bool(row["mcnemar_p"] > SIGNIFICANT or row["drop_points"] <= WITHIN_POINTS + 1e-9)
