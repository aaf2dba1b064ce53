"""What exported bytes can lose of a model's answers, and the most that they may; found by `parity.py`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Losses:
    """What the bytes lost of the model's answers; 0: nothing, 1: all of it.

    answers: the share of answers that changed, each weighted by the model's own margin, as a share of what answering at random
        would change. A margin is (first - second) / (first + second) of the probabilities: 0 for a tie, 1 where it is sure.
    ranks: how far down the model's first class stands in the answers of the bytes, weighted alike, as a share of what random
        answers would give (the middle). Ties count half.
    information: the Kullback-Leibler divergence from the model's probabilities to those of the bytes, as a share of that to even
        probabilities, which tell nothing. It can exceed 1: bytes that are sure of wrong classes are worse than silence.
    """

    answers: float
    ranks: float
    information: float

    def worst(self, most: Losses) -> tuple[str, float, float] | None:
        """(measure, found, allowed) that is furthest over what is allowed at most; None where all hold. NaN never holds."""
        over = [(name, found, getattr(most, name)) for name, found in vars(self).items()]
        failed = [each for each in over if not each[1] <= each[2]]
        return max(failed, key=lambda each: each[1] / each[2]) if failed else None
