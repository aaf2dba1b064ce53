"""Two answers to the same images: Kullback-Leibler divergence, and how often the answer itself is another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from edgedigits.ground.facts import JsonObject
from edgedigits.tflite.layers.steps import Net

Meaning = Literal["softmax", "sigmoid", "logits"]
"""What makes the outputs: probabilities of classes, of labels, or numbers that a softmax would make probabilities of."""
LEAST_SHARE: Final = 1e-6
"""Probabilities nearer to 0 count as this, or as half a step of the compressed output: less it can't say."""
_MEANINGS: Final[dict[str, Meaning]] = {"SOFTMAX": "softmax", "LOGISTIC": "sigmoid"}


@dataclass(frozen=True)
class Answers:
    """`meaning` is that of both files' outputs, `least` the smallest probability that counts."""

    meaning: Meaning
    least: float = LEAST_SHARE

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """float64 [n, classes]; of labels, and of one output alone, [n, 2 * labels]: that it is there, and that it is not."""
        values = outputs.astype(np.float64)
        if self.meaning == "logits" and values.shape[1] > 1:
            values = np.exp(values - values.max(axis=1, keepdims=True))
        if self.meaning == "logits" and values.shape[1] == 1:
            values = 1 / (1 + np.exp(-values))
        labels = self.meaning == "sigmoid" or values.shape[1] == 1
        shares = np.clip(np.concatenate([values, 1 - values], axis=1) if labels else values, self.least, None)
        found: np.ndarray = shares / (1.0 if labels else shares.sum(axis=1, keepdims=True))
        return found

    def divergence(self, wanted: np.ndarray, found: np.ndarray) -> float:
        """Nats per image from the one to the other, both outputs as a model gives them; the most that there can be where an
        output is no number."""
        if not np.isfinite(found).all() or not np.isfinite(wanted).all():
            return float(-np.log(self.least))
        return float(self.divergences(wanted, found).mean())

    def divergences(self, wanted: np.ndarray, found: np.ndarray) -> np.ndarray:
        """The same image by image, float64 [n]; the most that there can be for one where an output is no number."""
        whole = np.isfinite(wanted).all(axis=1) & np.isfinite(found).all(axis=1)
        nats = np.full(len(wanted), -np.log(self.least))
        one, other = self.probabilities(wanted[whole]), self.probabilities(found[whole])
        nats[whole] = np.maximum((one * np.log(one / other)).sum(axis=1), 0.0)
        return nats

    def decide(self, outputs: np.ndarray) -> np.ndarray:
        """The answers themselves: the class, int64 [n, 1], or the labels, bool [n, labels]."""
        if self.meaning == "sigmoid" or outputs.shape[1] == 1:
            half: np.ndarray = outputs > (0.0 if self.meaning == "logits" else 0.5)
            return half
        classes: np.ndarray = outputs.argmax(axis=1)[:, None]
        return classes

    def changed(self, wanted: np.ndarray, found: np.ndarray) -> float:
        """The share of images with another answer."""
        return float((self.decide(wanted) != self.decide(found)).any(axis=1).mean())

    def compare(self, wanted: np.ndarray, found: np.ndarray) -> JsonObject:
        """What is told of two files: divergence in nats per image, images with another answer, and the largest difference."""
        return {
            "kl_nats": self.divergence(wanted, found),
            "changed_share": self.changed(wanted, found),
            "changed_images": round(self.changed(wanted, found) * len(wanted)),
            "largest_difference": float(np.nan_to_num(np.abs(wanted.astype(np.float64) - found)).max(initial=0.0)),
        }


def read_meaning(compressed: Net, plain: Net) -> Answers:
    """From what makes the float file's output, and the step of the compressed one's."""
    made = {end: step.operators[-1] for step in plain.steps for end in step.tensors}
    last = plain.root(plain.contents.outputs[0].index)
    meaning = _MEANINGS.get(made.get(last, ""), "logits")
    scales = compressed.contents.outputs[0].scales
    step = float(scales[0]) if len(scales) and meaning != "logits" else 0.0
    return Answers(meaning, max(LEAST_SHARE, step / 2))
