"""What must be true of exported bytes, else the work has failed: weights, integer operators, zeros. Answers: `parity.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from edgedigits.backend import keras
from edgedigits.errors import FloatOpError, MaskError, MissingWeightsError
from edgedigits.keras_types import KerasLayer, KerasModel, KerasVariable
from edgedigits.models.graph import walk
from edgedigits.models.graph.duplicate_inputs import sum_copies
from edgedigits.models.layers.layer_kinds import list_kernels
from edgedigits.stages.candidate import Candidate
from edgedigits.tflite.flatbuffer import Contents, count_weight_zeros, list_float_operators
from edgedigits.tflite.layers.naming import find_operators


def check_masks(candidate: Candidate, stage: str) -> None:
    """Raises MaskError when a pruned weight is not zero, or a kernel has more distinct values than its clusters."""
    kernels = walk.collect_kernels(candidate.model)
    for path, mask in candidate.masks.items():
        revived = int(np.count_nonzero(kernels[path].numpy()[~mask])) if path in kernels else mask.size
        if revived:
            raise MaskError(
                f"{stage}: {revived} pruned weights of {path} are not zero any more; the stage broke its mask"
            )
    for path, groups in candidate.clusters.items():
        kernel = kernels[path].numpy()
        values, allowed = len(np.unique(kernel[groups >= 0])), int(groups.max()) + 1
        if values > allowed:
            raise MaskError(f"{stage}: {path} holds {values} distinct values, its clusters allow {allowed}")


def check_kept(before: Candidate, after: Candidate, stage: str) -> None:
    """Raises MaskError when the mask of an earlier stage is gone or lets a weight live again; what was removed takes its own."""
    there = walk.collect_kernels(after.model)
    for path, mask in before.masks.items():
        now = after.masks.get(path)
        if now is None and path not in there:
            continue
        if now is not None and now.shape != mask.shape and path in after.summed:
            mask = sum_copies(mask, after.summed[path]) > 0
        if now is not None and now.shape != mask.shape and path in after.kept:
            mask = mask[np.ix_(*after.kept[path])]
        if now is None or now.shape != mask.shape or (now & ~mask).any():
            raise MaskError(f"{stage}: the stage dropped or loosened the mask that an earlier one gave {path}")


def check_weights(contents: Contents, model: KerasModel) -> None:
    """Raises MissingWeightsError when the bytes hold fewer weights than the model's kernels, or fewer constants than those and
    its biases. What is zero throughout, or stands twice, a converter may leave out; what it makes of normalizations is more.
    """
    kernels = walk.collect_kernels(model).values()
    biases = _list_biases(model)
    stored = [
        tensor for tensor in contents.tensors if tensor.size_bytes and tensor.role in ("weight", "bias", "constant")
    ]
    weights = [tensor for tensor in stored if tensor.role == "weight"]
    wanted, constants = _count_distinct(kernels), _count_distinct([*kernels, *biases])
    for words, least, tensors in (("weights", wanted, weights), ("weights and biases", constants, stored)):
        if (held := sum(tensor.elements for tensor in tensors)) < least:
            raise MissingWeightsError(
                f"export: the bytes hold {held} {words}, the model has {least}; nothing was written"
            )


def _list_biases(model: KerasModel) -> list[KerasVariable]:
    """Those of the layers with kernels, but for what the converter adds to the bias of the next layer: that of a dense layer
    without activation which only dense layers read."""
    calls = list(walk.list_calls(model))
    readers = walk.find_readers(calls)

    def is_added_on(call: walk.Call) -> bool:
        following = readers.get(call.outputs[0], [])
        return bool(following) and all(
            isinstance(one.layer, keras.layers.Dense)
            or (isinstance(one.layer, keras.layers.Dropout) and is_added_on(one))
            for one in following
        )

    found = {
        id(call.layer): getattr(call.layer, "bias", None)
        for call in calls
        if list_kernels(call.layer) and not (_is_plain_dense(call.layer) and is_added_on(call))
    }
    return [bias for bias in found.values() if bias is not None]


def _is_plain_dense(layer: KerasLayer) -> bool:
    return isinstance(layer, keras.layers.Dense) and layer.activation is keras.activations.linear


def _count_distinct(variables: Iterable[KerasVariable]) -> int:
    """Numbers in them; what is zero throughout counts as none, the same values once."""
    values = {array.tobytes(): array for array in (variable.numpy() for variable in variables)}
    return sum(array.size for array in values.values() if array.any())


def check_integer(contents: Contents, float_layers: Sequence[str] = ()) -> None:
    """Raises FloatOpError naming the operators left in float, but for those of the layers that were to stay so."""
    if left := list_float_operators(contents, find_operators(contents, float_layers)):
        more = f" and {len(left) - 1} more" if len(left) > 1 else ""
        raise FloatOpError(f"export: an integer export has float operators: {left[0]}{more}")


def check_zeros(contents: Contents, candidate: Candidate) -> None:
    """Raises MaskError when the weights in the bytes hold fewer zeros than the masks have pruned."""
    pruned = sum(int((~mask).sum()) for mask in candidate.masks.values())
    zeros = sum(row.zeros or 0 for row in count_weight_zeros(contents))
    if zeros < pruned:
        raise MaskError(f"export: the weights in the bytes hold {zeros} zeros, the masks prune {pruned}")


def count_zeros_by_weight(contents: Contents) -> Mapping[str, float]:
    """Share of zeros of each weight tensor in the bytes, by tensor name."""
    return {row.tensor.name: round(row.share, 6) for row in count_weight_zeros(contents) if row.share is not None}
