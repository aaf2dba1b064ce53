"""What a model is asked, and when its answer is right: one class per image, or any number of labels.

Desktop and device count by this one code. Immutable like all else here; `dataclasses` would cost a tenth of the runner's start,
and NumPy comes late, for reading a manifest needs none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Union

from edgedigits_runner.confidence import Confidence
from edgedigits_runner.confidence import from_json as confidence_from_json
from edgedigits_runner.f1 import counts as counts
from edgedigits_runner.f1 import f1_of as f1_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]

THRESHOLD = 0.5
"""Above this probability a label counts as answered, where nothing else is said; Keras' metrics have it so."""
_MOST_NAME = 60


class Classification(NamedTuple):
    """One class per image: the greatest of the outputs; labels are whole numbers [n].

    `confidence` is how sure an answer is, and from where on it is none; None: outputs are told as they are, and all is answered.
    """

    name: str = "classification"
    confidence: Confidence | None = None

    @property
    def answered(self) -> str:
        """What is answered, in the plural."""
        return "classes"

    @property
    def label_type(self) -> str:
        """The type of labels in results, which have `axes`."""
        return "<i4"

    @property
    def axes(self) -> int:
        return 1

    @property
    def kept(self) -> dict[str, str]:
        """The types of the arrays that `keep` gives, each of the labels' shape."""
        return {"class": "<i4", "runner_up": "<i4", "score": "<f4", "runner_up_score": "<f4"}

    def cuts(self) -> NDArray[np.float64] | None:
        """None: an output says something only beside the others."""
        return None

    def decode(self, outputs: NDArray[Any]) -> NDArray[np.int64]:
        """The class of each row of [n, classes], int64 [n]; of equal outputs the first."""
        found: NDArray[np.int64] = outputs.argmax(axis=1)
        return found

    def right(self, predictions: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether each image's class is its label, bool [n]."""
        right: NDArray[np.bool_] = predictions == labels
        return right

    def scores(self, outputs: NDArray[Any], labels: NDArray[Any]) -> dict[str, float]:
        """`accuracy`: the share of 1 of images whose class is right."""
        return self.scores_of(self.decode(outputs), labels)

    def scores_of(self, predictions: NDArray[Any], labels: NDArray[Any]) -> dict[str, float]:
        """The same, of what was decoded."""
        return {"accuracy": float(self.right(predictions, labels).mean())}

    def check_outputs(self, outputs: int) -> None:
        """ValueError for fewer than two: they answer nothing."""
        if outputs < 2:
            raise ValueError("1 output can't tell classes apart; labels [n, 1] of 0 and 1 are what it answers")

    def check_labels(self, labels: NDArray[Any], outputs: int) -> None:
        """ValueError unless they are whole numbers [n] from 0 on, below the number of `outputs`, of 2 or more."""
        self.check_outputs(outputs)
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            raise ValueError(f"labels are {labels.dtype} {list(labels.shape)}; one whole number per image is needed")
        if len(labels) and not 0 <= labels.min() <= labels.max() < outputs:
            wrong = labels.min() if labels.min() < 0 else labels.max()
            raise ValueError(f"label {wrong} is among the labels, and the model answers {outputs} classes, from 0 on")

    def keep(self, outputs: NDArray[Any]) -> Arrays:
        """What a result keeps of [n, classes]: the likeliest class and the next, int32 [n], and their scores, float32 [n]."""
        import numpy as np

        order = np.argsort(-outputs, axis=1, kind="stable")[:, :2]
        best = np.take_along_axis(outputs, order, axis=1).astype(np.float32)
        first, second = order.astype(np.int32).T
        return {"class": first, "runner_up": second, "score": best[:, 0], "runner_up_score": best[:, 1]}

    def predictions(self, kept: Arrays) -> NDArray[Any]:
        """What `decode` would have said, of what `keep` kept."""
        return kept["class"]

    def answer(self, outputs: NDArray[Any], names: Sequence[str], most: int = 2, /) -> dict[str, Any]:
        """JSON-safe, of one image's outputs [classes]: `top`, the likeliest classes, so many, with names and scores.

        Where the likeliest is refused `top` is one entry, whose class is null, its name "none" and its score that of the
        likeliest; `likeliest` are the classes then.
        """
        scores = outputs if self.confidence is None else self.confidence.shares(outputs)
        best = (-outputs).argsort(kind="stable")[:most]
        name = {int(at): names[at] if at < len(names) else str(at) for at in best}
        found = [{"class": at, "name": name[at], "score": round(float(scores[at]), 6)} for at in name]
        if self.confidence is None or not self.confidence.refuses(float(scores[best[0]])):
            return {"top": found}
        none = {"class": None, "name": "none", "score": found[0]["score"]}
        return {"top": [none], "likeliest": found}

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        found: dict[str, Any] = {"name": self.name}
        return found if self.confidence is None else {**found, "confidence": self.confidence.as_json()}


class Multilabel(NamedTuple):
    """Any number of labels per image: an output each; labels are 0 and 1, [n, labels].

    `labels` are their names; `thresholds`, a probability each, are what an output must be above. With `logits` the outputs are
    not probabilities yet: a sigmoid comes first.
    """

    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    logits: bool = False

    @property
    def name(self) -> str:
        return "multilabel"

    @property
    def answered(self) -> str:
        """What is answered, in the plural."""
        return "labels"

    @property
    def label_type(self) -> str:
        """The type of labels in results, which have `axes`."""
        return "|u1"

    @property
    def axes(self) -> int:
        return 2

    @property
    def kept(self) -> dict[str, str]:
        """The types of the arrays that `keep` gives, each of the labels' shape."""
        return {"outputs": "<f4"}

    def probabilities(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Of each label, of the outputs' shape; float64 where they are made from logits."""
        if not self.logits:
            return outputs
        import numpy as np

        return 1 / (1 + np.exp(-np.clip(outputs.astype(np.float64), -500, 500)))

    def cuts(self) -> NDArray[np.float64] | None:
        """What each output must be above for its label to be answered, float64 [labels]; of logits perhaps infinite."""
        import numpy as np

        cuts = np.array(self.thresholds)
        with np.errstate(divide="ignore"):
            return np.log(cuts) - np.log1p(-cuts) if self.logits else cuts

    def decode(self, outputs: NDArray[Any]) -> NDArray[np.bool_]:
        """Which labels are answered, bool [n, labels]: those whose probability is above their threshold."""
        import numpy as np

        found: NDArray[np.bool_] = self.probabilities(outputs) > np.array(self.thresholds)
        return found

    def right(self, predictions: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether every label of an image is right, bool [n]."""
        right: NDArray[np.bool_] = (predictions == labels.astype(bool)).all(axis=1)
        return right

    def scores(self, outputs: NDArray[Any], labels: NDArray[Any]) -> dict[str, float]:
        """`accuracy`: the share of images with all labels right (subset accuracy); `f1_macro`, `f1_micro` as `f1.py` has them."""
        return self.scores_of(self.decode(outputs), labels)

    def scores_of(self, predictions: NDArray[Any], labels: NDArray[Any]) -> dict[str, float]:
        """The same, of what was decoded."""
        macro, micro = f1_of(*counts(predictions, labels.astype(bool)))
        accuracy = float(self.right(predictions, labels).mean())
        return {"accuracy": accuracy, "f1_macro": float(macro), "f1_micro": float(micro)}

    def check_outputs(self, outputs: int) -> None:
        """ValueError unless there is one for each label."""
        if outputs != len(self.labels):
            raise ValueError(f"{outputs} outputs stand for {len(self.labels)} labels; one for each is needed")

    def check_labels(self, labels: NDArray[Any], outputs: int) -> None:
        """ValueError unless they are 0 and 1, [n, outputs], as many as there are names."""
        if labels.ndim != 2 or labels.dtype.kind not in "biu" or labels.shape[1] != outputs:
            raise ValueError(f"labels are {labels.dtype} {list(labels.shape)}; whole numbers [n, {outputs}] are needed")
        self.check_outputs(outputs)
        if labels.size and not ((labels == 0) | (labels == 1)).all():
            raise ValueError(f"{labels[(labels != 0) & (labels != 1)][0]} is among the labels; only 0 and 1 can be")

    def keep(self, outputs: NDArray[Any]) -> Arrays:
        """What a result keeps of [n, labels]: all `outputs`, float32, so that other thresholds can be tried on it."""
        return {"outputs": outputs.astype("float32")}

    def predictions(self, kept: Arrays) -> NDArray[Any]:
        """What `decode` would have said, of what `keep` kept."""
        return self.decode(kept["outputs"])

    def answer(self, outputs: NDArray[Any], _names: Sequence[str], _most: int = 2, /) -> dict[str, Any]:
        """JSON-safe, of one image's outputs [labels]: `labels`, those answered, with their probabilities, the likeliest first."""
        likely, found = self.probabilities(outputs), self.decode(outputs[None])[0]
        order = [int(at) for at in (-likely).argsort(kind="stable") if found[at]]
        each = [{"label": at, "name": self.labels[at], "probability": round(float(likely[at]), 6)} for at in order]
        return {"labels": each}

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        found = {"name": self.name, "labels": list(self.labels), "thresholds": list(self.thresholds)}
        return {**found, "logits": True} if self.logits else found


Task = Union[Classification, Multilabel]  # noqa: UP007  # `|` of classes needs Python 3.10

CLASSIFICATION = Classification()


def multilabel(names: Sequence[str], logits: bool = False) -> Multilabel:
    """The task of labels with these names, with the usual threshold for each."""
    return Multilabel(tuple(names), (THRESHOLD,) * len(names), logits)


def from_json(value: Any) -> Task:
    """The checked task of what `as_json` gave; None, as in older files, is classification. ValueError says what is wrong."""
    if value is None:
        return CLASSIFICATION
    name = value.get("name") if isinstance(value, dict) else value
    if not isinstance(value, dict) or not isinstance(name, str) or name not in TASKS:
        raise ValueError(f"found {_short(name)}; give an object whose name is one of {', '.join(TASKS)}")
    return TASKS[name](value)


def _classification(value: dict[str, Any]) -> Task:
    confidence = confidence_from_json(value.get("confidence"))
    return CLASSIFICATION if confidence is None else Classification(confidence=confidence)


def _multilabel(value: dict[str, Any]) -> Task:
    labels, thresholds, logits = value.get("labels"), value.get("thresholds"), value.get("logits", False)
    if not isinstance(labels, list) or not labels or not all(isinstance(one, str) and one for one in labels):
        raise ValueError(f"labels: found {_short(labels)}; give a list of names, one at least")
    if not isinstance(thresholds, list) or len(thresholds) != len(labels) or not all(map(_is_share, thresholds)):
        raise ValueError(f"thresholds: found {_short(thresholds)}; give {len(labels)} numbers from 0 to 1")
    if logits is not True and logits is not False:
        raise ValueError(f"logits: found {_short(logits)}; give true or false")
    return Multilabel(tuple(labels), tuple(map(float, thresholds)), logits)


TASKS = {"classification": _classification, "multilabel": _multilabel}
"""What reads each from JSON, by name."""


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1


def _short(value: Any) -> str:
    """A value that fits in a sentence."""
    shown = ascii(value) if isinstance(value, str) else str(value)
    return shown if len(shown) <= _MOST_NAME else shown[: _MOST_NAME - 3] + "..."
