"""How well a model answers: accuracy and loss over images, batch by batch."""

from __future__ import annotations

import weakref
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from edgedigits.backend import as_graph, tf
from edgedigits.data.feed import make_plain_batches
from edgedigits.data.images import Images
from edgedigits.data.scale import Scale
from edgedigits.keras_types import KerasModel

_CALLS: MutableMapping[KerasModel, Callable[[tf.Tensor], tf.Tensor]] = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Score:
    """accuracy is a share of 1; loss is the mean cross-entropy in nats; `others` are further scores by name, shares of 1.

    `by` names the one that is aimed at.
    """

    accuracy: float
    loss: float
    others: dict[str, float] = field(default_factory=dict)
    by: str = "accuracy"

    @property
    def primary(self) -> float:
        """The score that is aimed at."""
        return self.others.get(self.by, self.accuracy)

    def better_than(self, other: Score | None) -> bool:
        """The higher primary score wins; where they are equal, the lower loss."""
        return other is None or (self.primary, -self.loss) > (other.primary, -other.loss)

    def as_facts(self) -> dict[str, float]:
        """JSON-safe, as validation's."""
        others = {f"validation_{name}": value for name, value in self.others.items()}
        return {"validation_accuracy": self.accuracy, "validation_loss": self.loss, **others}


def compute_outputs(model: KerasModel, images: Images, scale: Scale) -> np.ndarray:
    """What a Keras model (2 or 3) answers for every image, float32 [n, classes]."""
    call = _find_call(model)
    return np.concatenate([np.asarray(call(batch), np.float32) for batch, _ in make_plain_batches(images, scale)])


def _find_call(model: KerasModel) -> Callable[[tf.Tensor], tf.Tensor]:
    """The model as one graph for any number of images, made once as long as the model lives.

    Of a net of hundreds of layers that takes longer than the answers do.
    """
    if model not in _CALLS:
        own = weakref.ref(model)  # the graph must not be what keeps the model alive

        def call(batch: tf.Tensor) -> tf.Tensor:
            return cast("KerasModel", own())(batch, training=False)

        _CALLS[model] = as_graph(call, input_signature=[tf.TensorSpec([None, *model.inputs[0].shape[1:]], tf.float32)])
    return _CALLS[model]


def to_probabilities(outputs: np.ndarray, logits: bool) -> np.ndarray:
    """Outputs [n, classes] as probabilities; a softmax where they are logits."""
    if not logits:
        return outputs
    shares = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def score(outputs: np.ndarray, labels: np.ndarray, logits: bool) -> Score:
    """Accuracy and loss of outputs [n, classes], which are logits or probabilities."""
    chosen = to_probabilities(outputs, logits)[np.arange(len(labels)), labels]
    loss = float(-np.log(np.maximum(chosen, 1e-7)).mean())
    return Score(accuracy=float((outputs.argmax(axis=1) == labels).mean()), loss=loss)
