"""How sure an answer of one class is: probabilities calibrated by a temperature, and from where on nothing is answered.

Temperature scaling (Guo et al. 2017): the softmax of the logits divided by T. Of a softmax's outputs p the logits are log p, up
to a constant that falls out. An integer softmax has steps of 1/256, so that what it gives as 0 was less than half a step: it
counts as that half (`least`), and no answer is surer than such a remainder allows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_KEYS = {"temperature", "least", "logits", "threshold"}
MOST_TEMPERATURE = 1000.0


class Confidence(NamedTuple):
    """`least`: what a probability of 0 counts as; `logits`: outputs are no probabilities yet; `threshold`: an answer of less
    probability is none, None where everything is answered."""

    temperature: float = 1.0
    least: float = 1e-30
    logits: bool = False
    threshold: float | None = None

    def shares(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Calibrated probabilities of outputs [..., classes], of their shape; each row sums up to 1."""
        import numpy as np

        values = outputs.astype(np.float64)
        values = values if self.logits else np.log(np.maximum(values, self.least))
        values = (values - values.max(axis=-1, keepdims=True)) / self.temperature
        weights = np.exp(values)
        shares: NDArray[np.float64] = weights / weights.sum(axis=-1, keepdims=True)
        return shares

    def refuses(self, score: float) -> bool:
        """Whether an answer of that probability is none."""
        return self.threshold is not None and score < self.threshold

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        found = {"temperature": self.temperature, "least": self.least, "logits": self.logits}
        return found if self.threshold is None else {**found, "threshold": self.threshold}


def from_json(value: Any) -> Confidence | None:
    """The checked settings of what `as_json` gave, None for None. ValueError says what is wrong."""
    if value is None:
        return None
    if not isinstance(value, dict) or not {"temperature", "least", "logits"} <= set(value) <= _KEYS:
        raise ValueError("confidence: wanted an object with temperature, least and logits, and perhaps a threshold")
    if value["logits"] is not True and value["logits"] is not False:
        raise ValueError("confidence.logits: wanted true or false")
    for name, most in (("temperature", MOST_TEMPERATURE), ("least", 0.5), ("threshold", 1.0)):
        if name in value and not (type(value[name]) in (int, float) and 0 < value[name] <= most):
            raise ValueError(f"confidence.{name}: wanted a number above 0, up to {most:g}")
    threshold = value.get("threshold")
    return Confidence(
        float(value["temperature"]),
        float(value["least"]),
        value["logits"],
        None if threshold is None else float(threshold),
    )
