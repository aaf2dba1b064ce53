"""Any number of labels per image: a sigmoid or a logit for each; one output alone is the binary classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from edgedigits_runner import tasks as runner
from numpy.typing import NDArray

from edgedigits.data.dataset import Dataset
from edgedigits.errors import DataError, ModelError
from edgedigits.ground.facts import Facts
from edgedigits.keras_types import KerasLayer, KerasTensor, TensorLike
from edgedigits.models.graph.walk import find_closing
from edgedigits.models.importer.loading import LoadedModel
from edgedigits.tasks import class_weights, losses
from edgedigits.tasks.baseline_check import Findings
from edgedigits.tasks.kinds import label_answers
from edgedigits.tasks.lost_answers import Losses
from edgedigits.tasks.parity import LEAST_SHARE
from edgedigits.tasks.scoring import Score
from edgedigits.tasks.task import Half, Outputs, Targets


@dataclass(frozen=True)
class Multilabel:
    """Targets are uint8 [n, labels] of 0 and 1; outputs are [n, labels]."""

    name: ClassVar[str] = "multilabel"
    closing: ClassVar[str] = "sigmoid"
    tunes_thresholds: ClassVar[bool] = True

    def check_model(self, name: str, loaded: LoadedModel, trained: bool) -> None:
        last, end = loaded.model.layers[-1], find_closing(loaded.model)
        if end == "sigmoid" or (end is None and loaded.logits and _is_linear(last)):
            return
        made = (
            f"answers with a {end}, of which all answers share one sum"
            if end
            else "ends in no sigmoid and in no logits"
        )
        raise ModelError(
            f"{name}: layer '{last.name}' ({type(last).__name__}) {made}; for data of several labels per image end the model in "
            "Dense(labels, activation='sigmoid') or in logits and train it again, or use data of one class per image."
        )

    def check_targets(self, dataset: Dataset, outputs: int) -> None:
        labels = len(dataset.classes)
        if labels != outputs:
            shown = ", ".join(dataset.classes[:8]) + (", ..." if labels > 8 else "")
            raise DataError(
                f"data {dataset.name}: has {labels} label{'' if labels == 1 else 's'} ({shown}), the model answers {outputs}; "
                "one output for each label is needed. Use the data the model was trained for"
            )

    def stand_in(self, classes: np.ndarray, outputs: int) -> Targets:
        return np.asarray(classes[:, None] % max(2, outputs) == np.arange(1, outputs + 1) % max(2, outputs), np.uint8)

    def loss(self, targets: TensorLike, logits: TensorLike) -> KerasTensor:
        return losses.label_cross_entropy(targets, logits)

    def soft_loss(self, wanted: TensorLike, logits: TensorLike, temperature: float) -> KerasTensor:
        return losses.soft_label_cross_entropy(wanted, logits, temperature)

    def weights(self, setting: str, targets: Targets) -> NDArray[np.float32] | None:
        return class_weights.compute_label_weights(setting, targets)

    def weighted(self, losses: TensorLike, targets: TensorLike | None, weights: TensorLike | None) -> KerasTensor:
        return class_weights.weigh_by_label(losses, targets, weights)

    def mean_logits(self, logits: Sequence[TensorLike], temperature: float) -> KerasTensor:
        from edgedigits.backend import tf

        shares = [tf.sigmoid(each / temperature) for each in logits]
        mean = tf.clip_by_value(tf.add_n(shares) / len(shares), LEAST_SHARE, 1 - LEAST_SHARE)
        result: KerasTensor = temperature * (tf.math.log(mean) - tf.math.log1p(-mean))
        return result

    def keras_loss(
        self, label_smoothing: float, weights: NDArray[np.float32] | None = None
    ) -> Callable[[TensorLike, TensorLike], KerasTensor]:
        return losses.make_loss_of_label_probabilities(label_smoothing, weights)

    def keras_targets(self, targets: TensorLike, units: int) -> KerasTensor:
        from edgedigits.backend import tf

        result: KerasTensor = tf.cast(targets, tf.float32)
        return result

    def half(self, classes: Sequence[str], logits: bool, thresholds: Sequence[float] | None = None) -> Half:
        usual = runner.multilabel(classes, logits)
        return usual if thresholds is None else usual._replace(thresholds=tuple(thresholds))

    def probabilities(self, outputs: Outputs, logits: bool) -> Outputs:
        return np.asarray(runner.multilabel(("",) * outputs.shape[1], logits).probabilities(outputs))

    def score(self, outputs: Outputs, targets: Targets, logits: bool) -> Score:
        half = runner.multilabel(("",) * outputs.shape[1], logits)
        scores = half.scores(outputs, targets)
        shares = np.clip(half.probabilities(outputs).astype(np.float64), LEAST_SHARE, 1 - LEAST_SHARE)
        loss = -np.where(targets == 1, np.log(shares), np.log1p(-shares)).mean()
        return Score(scores.pop("accuracy"), float(loss), scores, "f1_macro")

    def tune(self, outputs: Outputs, targets: Targets, logits: bool) -> list[float]:
        return label_answers.tune_thresholds(self.probabilities(outputs, logits), targets)

    def compare(self, targets: Targets, before: np.ndarray, after: np.ndarray) -> Facts:
        return label_answers.compare_labels(targets, before, after)

    def cases(self, targets: Targets, predictions: np.ndarray) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """A label that an image has is one to be found, and so is the lack of it, numbered after all labels: a model that answers
        every label of every image finds only the former."""
        has = targets.astype(bool)
        place = np.broadcast_to(np.arange(targets.shape[1]), targets.shape)
        which = np.where(has, place, place + targets.shape[1])
        return which.reshape(-1), (predictions == has).reshape(-1)

    def case_names(self, classes: Sequence[str]) -> Sequence[str]:
        return [*classes, *(f"not {name}" for name in classes)]

    def chance(self, targets: Targets) -> float:
        return 0.5

    def look(self, outputs: Outputs, targets: Targets, classes: Sequence[str], logits: bool) -> Findings:
        return label_answers.look(self.probabilities(outputs, logits), targets)

    def sureness(self, wanted: Outputs) -> np.ndarray:
        return label_answers.compute_margins(wanted)

    def changed(self, wanted: Outputs, found: Outputs) -> NDArray[np.bool_]:
        return np.asarray(((wanted > 0.5) != (found > 0.5)).any(axis=1))

    def lost(self, wanted: Outputs, rounded: Outputs, found: Outputs, step: float) -> Losses:
        return label_answers.compute_losses(wanted, rounded, found, step)


def _is_linear(layer: KerasLayer) -> bool:
    """Whether its numbers may be logits: not those that an activation holds within bounds."""
    name = getattr(getattr(layer, "activation", None), "__name__", "linear")
    return name == "linear" and type(layer).__name__ not in ("ReLU", "LeakyReLU", "ELU", "PReLU")
