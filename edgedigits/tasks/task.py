"""What a model is asked, and all that follows from it: what targets it fits, what training lowers, when an answer is right.

A new task is a module of `kinds/`, a row in its table, and the half that the runner on the device needs to count by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from edgedigits.data.dataset import Dataset
from edgedigits.ground.facts import Facts, JsonObject
from edgedigits.keras_types import KerasTensor, TensorLike
from edgedigits.tasks.baseline_check import Findings
from edgedigits.tasks.lost_answers import Losses
from edgedigits.tasks.scoring import Score

if TYPE_CHECKING:  # it brings TensorFlow
    from edgedigits.models.importer.loading import LoadedModel

Targets = np.ndarray
Outputs = np.ndarray


class Half(Protocol):
    """The task as the runner on a device has it (`edgedigits_runner.tasks`), which desktop and device count by."""

    @property
    def name(self) -> str: ...

    def decode(self, outputs: Outputs) -> np.ndarray: ...

    def right(self, predictions: np.ndarray, labels: Targets) -> NDArray[np.bool_]: ...

    def scores(self, outputs: Outputs, labels: Targets) -> dict[str, float]: ...

    def as_json(self) -> JsonObject: ...


class Task(Protocol):
    """One way to ask. Outputs are float [n, units], a row an image; targets are the labels of a data set of this task."""

    name: ClassVar[str]
    closing: ClassVar[str]
    """The activation that makes probabilities of logits: the nets of the zoo end in it, and training leaves it out."""
    tunes_thresholds: ClassVar[bool]
    """Whether an answer depends on thresholds that can be chosen."""

    def check_model(self, name: str, loaded: LoadedModel, trained: bool) -> None:
        """Raises ModelError for outputs that don't answer this; `trained`: the stages of a recipe are to train it on."""

    def check_targets(self, dataset: Dataset, outputs: int) -> None:
        """Raises DataError for labels that a model of so many outputs has no answer for."""

    def stand_in(self, classes: np.ndarray, outputs: int) -> Targets:
        """Targets for images of known classes where no data was named, fit for so many outputs."""

    def loss(self, targets: TensorLike, logits: TensorLike) -> KerasTensor:
        """In nats, a tensor that `weighted` takes: what training lowers, and what importance is the slope of."""

    def soft_loss(self, wanted: TensorLike, logits: TensorLike, temperature: float) -> KerasTensor:
        """The same against a teacher's logits, both softened by `temperature`."""

    def weights(self, setting: str, targets: Targets) -> NDArray[np.float32] | None:
        """How much each class or label counts in training; None where all count alike."""

    def weighted(self, losses: TensorLike, targets: TensorLike | None, weights: TensorLike | None) -> KerasTensor:
        """Losses of `loss` as one number for each image, [n]."""

    def mean_logits(self, logits: Sequence[TensorLike], temperature: float) -> KerasTensor:
        """The logits that, softened, are the mean of what several teachers answer softened."""

    def keras_loss(
        self, label_smoothing: float, weights: NDArray[np.float32] | None = None
    ) -> Callable[[TensorLike, TensorLike], KerasTensor]:
        """What Keras 3 compiles: `keras_targets` against probabilities; weights as `weights` gives them."""

    def keras_targets(self, targets: TensorLike, units: int) -> KerasTensor:
        """Targets as that loss takes them, float32 [n, units]."""

    def half(self, classes: Sequence[str], logits: bool, thresholds: Sequence[float] | None = None) -> Half:
        """The runner's half; `thresholds` of probabilities, as usual where None."""

    def probabilities(self, outputs: Outputs, logits: bool) -> Outputs:
        """Outputs as probabilities, of the same shape."""

    def score(self, outputs: Outputs, targets: Targets, logits: bool) -> Score:
        """How well a model answers."""

    def tune(self, outputs: Outputs, targets: Targets, logits: bool) -> list[float]:
        """The thresholds, as `half` takes them, under which these outputs answer best; [] where there is nothing to choose."""

    def compare(self, targets: Targets, before: np.ndarray, after: np.ndarray) -> Facts:
        """What a comparison of two models' predictions tells beyond how many images each gets right; JSON-safe."""

    def cases(self, targets: Targets, predictions: np.ndarray) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """(which, found), both [cases]: all that could be found in the images, by number, and whether it was."""

    def case_names(self, classes: Sequence[str]) -> Sequence[str]:
        """What the numbers of `cases` stand for."""

    def chance(self, targets: Targets) -> float:
        """The share of the cases of each number that random answers find."""

    def look(self, outputs: Outputs, targets: Targets, classes: Sequence[str], logits: bool) -> Findings:
        """What is wrong with a model on its data, before anything is trained."""

    def sureness(self, wanted: Outputs) -> np.ndarray:
        """How sure a model is, 0..1, of probabilities; its mean is 0 where it prefers nothing to anything else."""

    def changed(self, wanted: Outputs, found: Outputs) -> NDArray[np.bool_]:
        """Which images two models answer differently, bool [n], of probabilities."""

    def lost(self, wanted: Outputs, rounded: Outputs, found: Outputs, step: float) -> Losses:
        """What the probabilities `found` lost of `wanted`, as `parity.compute_losses` has it."""
