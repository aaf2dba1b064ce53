"""Weights that were pruned and are not zero in the bytes."""

from __future__ import annotations

from edgedigits.measure.verify.causes.layer import Finding, Layer, word_share

_PRUNED = 0.1
"""Nets that nobody pruned have fewer exact zeros among their float weights."""
_REVIVED = 0.01
"""Of those zeros; what a single weight does is no mask."""


def find(layer: Layer) -> Finding | None:
    """Zeros of the float form, or zeros that the record promises, that the bytes do not have."""
    stored, plain = layer.weights
    if stored is None:
        return None
    zeros = float((stored.real == 0).mean())
    if plain is not None and plain.real.shape == stored.real.shape:
        pruned = plain.real == 0
        alive = float((stored.real[pruned] != 0).mean()) if pruned.any() else 0.0
        if pruned.mean() >= _PRUNED and alive > _REVIVED:
            return _finding(
                f"of the weights that are zero in the float form {word_share(alive)}", float(pruned.mean()), zeros
            )
    if layer.sparsity is not None and layer.sparsity >= _PRUNED and zeros < layer.sparsity * (1 - _REVIVED):
        lost = 1 - zeros / layer.sparsity
        return _finding(f"of the weights that the record says are pruned {word_share(lost)}", layer.sparsity, zeros)
    return None


def _finding(which: str, wanted: float, found: float) -> Finding:
    return Finding(
        cause="revived_mask",
        seen=f"{which} are not zero in the bytes: {word_share(found)} zeros, {word_share(wanted)} wanted",
        mend="prune with a stage of ours, and train on with finetune or qat behind it, which hold the zeros: see prune80_int8",
        facts={"zeros": found, "zeros_wanted": wanted},
    )
