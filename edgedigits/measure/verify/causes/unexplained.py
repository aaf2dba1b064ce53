"""A layer that does harm for which no other cause is found: far more than rounding, so something else was done to it."""

from __future__ import annotations

from typing import Final

import numpy as np

from edgedigits.measure.verify.causes.layer import Finding, Layer, word_mixed, word_share

_LEAST_DB: Final = 15.0
"""What eight bits leave of the worst layers of sound nets is 25 and more."""
_NATS, _NATS_DB = 0.1, 25.0
"""A layer that keeps more than the least and moves the answers so far all the same."""
_OTHERS: Final = 0.1
"""Of the size of weights or biases: rounding changes a hundredth of it."""


def find(layer: Layer) -> Finding | None:
    """Whatever makes so much noise; the weights and biases are held against the float form's."""
    decibels = layer.channel_snr_db
    if layer.is_input or not (decibels < _LEAST_DB or (decibels < _NATS_DB and layer.alone > _NATS)):
        return None
    changed = {what: _find_change(*pair) for what, pair in (("weights", layer.weights), ("biases", layer.biases))}
    what, share = max(changed.items(), key=lambda each: each[1])
    if share > _OTHERS:
        return Finding(
            cause="other_weights",
            seen=f"its {what} are not those of the float form, from which they differ by {word_share(share)} of their size: "
            f"{decibels:.1f} dB are left",
            mend="compress the model again; where a stage trained it, hold it against the float form of the same weights, as "
            "verify does with an artifact's folder",
            facts={"own_channel_snr_db": decibels, "changed_share": share},
        )
    return Finding(
        cause="unexplained",
        seen=f"{decibels:.1f} dB are left where eight bits leave 30 to 45, and no known cause fits",
        mend=f"{word_mixed(layer)}, and compare; a file that was altered has to be made again",
        facts={"own_channel_snr_db": decibels},
    )


def _find_change(stored: object, plain: object) -> float:
    """The size of the difference as a share of the float form's; 0 where either can't be read or they have other shapes."""
    one, other = (getattr(constant, "real", None) for constant in (stored, plain))
    if one is None or other is None or one.shape != other.shape:
        return 0.0
    size = float(np.linalg.norm(other))
    return float(np.linalg.norm(one - other)) / size if size else 0.0
