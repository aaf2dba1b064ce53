"""One class per image: softmax or logits, the greatest answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from edgedigits_runner.tasks import CLASSIFICATION
from numpy.typing import NDArray

from edgedigits.data.dataset import Dataset
from edgedigits.errors import DataError, ModelError
from edgedigits.ground.facts import Facts
from edgedigits.keras_types import KerasTensor, TensorLike
from edgedigits.models.graph.walk import ends_in_softmax, find_closing
from edgedigits.models.importer.loading import LoadedModel
from edgedigits.tasks import baseline_check, class_weights, losses, parity, scoring
from edgedigits.tasks.baseline_check import Findings
from edgedigits.tasks.lost_answers import Losses
from edgedigits.tasks.scoring import Score
from edgedigits.tasks.task import Half, Outputs, Targets


@dataclass(frozen=True)
class Classification:
    """Targets are int32 [n], the class of each image; outputs are [n, classes]."""

    name: ClassVar[str] = "classification"
    closing: ClassVar[str] = "softmax"
    tunes_thresholds: ClassVar[bool] = False

    def check_model(self, name: str, loaded: LoadedModel, trained: bool) -> None:
        model = loaded.model
        if model.output_shape[1] < 2:
            raise ModelError(
                f"{name}: the model answers with 1 number, which tells two classes apart and no more; use data of two classes, "
                "or end it in one output per class."
            )
        if find_closing(model) == "sigmoid":
            last = model.layers[-1]
            raise ModelError(
                f"{name}: layer '{last.name}' ({type(last).__name__}) answers each class with a sigmoid of its own, as for "
                "several labels per image; for data of one class per image end it in softmax or in logits and train it again, or "
                "use data of several labels per image (a labels.csv beside the images)."
            )
        if trained and not loaded.logits and not ends_in_softmax(model):
            raise ModelError(
                f"{name}: its answers are probabilities that no closing softmax makes, so stages can't train it; "
                "end it in softmax or in logits, or choose a recipe without stages, or one that begins with another net, as "
                "distil_ensemble_int8"
            )

    def check_targets(self, dataset: Dataset, outputs: int) -> None:
        classes = len(dataset.classes)
        if classes > outputs:
            raise DataError(
                f"data {dataset.name}: has {classes} classes (labels 0..{classes - 1}), the model answers {outputs}; "
                f"labels outside 0..{outputs - 1} can't be right. Use the data the model was trained for"
            )

    def stand_in(self, classes: np.ndarray, outputs: int) -> Targets:
        return (classes % outputs).astype(np.int32)

    def loss(self, targets: TensorLike, logits: TensorLike) -> KerasTensor:
        return losses.cross_entropy(targets, logits)

    def soft_loss(self, wanted: TensorLike, logits: TensorLike, temperature: float) -> KerasTensor:
        return losses.soft_cross_entropy(wanted, logits, temperature)

    def weights(self, setting: str, targets: Targets) -> NDArray[np.float32] | None:
        return class_weights.compute_class_weights(setting, targets)

    def weighted(self, losses: TensorLike, targets: TensorLike | None, weights: TensorLike | None) -> KerasTensor:
        return class_weights.weigh_by_class(losses, targets, weights)

    def mean_logits(self, logits: Sequence[TensorLike], temperature: float) -> KerasTensor:
        from edgedigits.backend import tf

        shares = [tf.nn.softmax(each / temperature) for each in logits]
        mean = tf.add_n(shares) / len(shares)
        result: KerasTensor = temperature * tf.math.log(tf.maximum(mean, tf.cast(parity.LEAST_SHARE**2, tf.float32)))
        return result

    def keras_loss(
        self, label_smoothing: float, weights: NDArray[np.float32] | None = None
    ) -> Callable[[TensorLike, TensorLike], KerasTensor]:
        return losses.make_loss_of_probabilities(label_smoothing, weights)

    def keras_targets(self, targets: TensorLike, units: int) -> KerasTensor:
        from edgedigits.backend import tf

        result: KerasTensor = tf.one_hot(targets, units)
        return result

    def half(self, classes: Sequence[str], logits: bool, thresholds: Sequence[float] | None = None) -> Half:
        return CLASSIFICATION

    def probabilities(self, outputs: Outputs, logits: bool) -> Outputs:
        return scoring.to_probabilities(outputs, logits)

    def score(self, outputs: Outputs, targets: Targets, logits: bool) -> Score:
        return scoring.score(outputs, targets, logits)

    def tune(self, outputs: Outputs, targets: Targets, logits: bool) -> list[float]:
        return []

    def compare(self, targets: Targets, before: np.ndarray, after: np.ndarray) -> Facts:
        return {}

    def cases(self, targets: Targets, predictions: np.ndarray) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        return targets, predictions == targets

    def case_names(self, classes: Sequence[str]) -> Sequence[str]:
        return classes

    def chance(self, targets: Targets) -> float:
        return 1 / len(np.unique(targets))

    def look(self, outputs: Outputs, targets: Targets, classes: Sequence[str], logits: bool) -> Findings:
        return baseline_check.look(outputs, targets, classes, logits)

    def sureness(self, wanted: Outputs) -> np.ndarray:
        return parity.compute_margins(wanted)

    def changed(self, wanted: Outputs, found: Outputs) -> NDArray[np.bool_]:
        return np.asarray(found.argmax(axis=1) != wanted.argmax(axis=1))

    def lost(self, wanted: Outputs, rounded: Outputs, found: Outputs, step: float) -> Losses:
        return parity.compute_losses(wanted, rounded, found, step)
