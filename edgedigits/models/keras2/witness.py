"""A second opinion on a Keras 2 model that was brought over: what TensorFlow, or tf_keras, answers to the same images."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgedigits.backend import tf
from edgedigits.models.saved import config_check, saved_files

Witness = Callable[[np.ndarray], np.ndarray]
"""Answers images, float32 [n, height, width, channels], with [n, classes]."""

_NAMES = """
Abs Add AddN AddV2 All Any Assert AssignVariableOp AvgPool BatchMatMulV2 BatchToSpaceND BiasAdd BroadcastTo Cast ClipByValue
Concat ConcatV2 Const Conv2D Conv2DBackpropInput DepthwiseConv2dNative DivNoNan Elu Equal Erf Erfc Exp ExpandDims Expm1 Fill
Floor FloorDiv FloorMod FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 GatherV2 Greater GreaterEqual Identity IdentityN If
LeakyRelu Less LessEqual Log Log1p LogicalAnd LogicalNot LogicalOr MatMul Max MaxPool MaxPoolV2 Maximum Mean Min Minimum
MirrorPad Mul Neg NoOp NotEqual OnesLike Pack Pad PadV2 PartitionedCall Placeholder PlaceholderWithDefault Pow Prod Range
Rank ReadVariableOp RealDiv Reciprocal Relu Relu6 Reshape ResizeBicubic ResizeBilinear ResizeNearestNeighbor RestoreV2 Round
Rsqrt Select SelectV2 Selu Shape Sigmoid Slice Softmax Softplus Softsign SpaceToBatchND Split SplitV Sqrt Square
SquaredDifference Squeeze StatefulPartitionedCall StatelessIf StopGradient StridedSlice Sub Sum Tanh Tile Transpose Unpack
VarHandleOp Where ZerosLike
"""
OPERATORS: Final = frozenset(_NAMES.split())
"""What computes with numbers, and what reads the checkpoint: nothing else of a graph is run, which could write files."""
_VALUES_AT_ONCE: Final = 2**20


def find_witness(saved: saved_files.SavedModel, classes: Sequence[type] = ()) -> tuple[str, Witness | None]:
    """Who can say what a file's model answers but the Keras 3 model: ("signature" | "tf_keras" | "none" | "keras3", the witness).

    A Keras 3 model speaks for itself.
    The signature of a SavedModel, where it takes one float32 input, gives one output and computes in float32 by operators known
    here; else tf_keras, where it is installed and no class is the caller's own, which it would lack.
    """
    if saved.keras == "3":
        return "keras3", None
    found = _find_signature(saved.weights.parent.parent) if saved.format == "SavedModel" else None
    if found is not None:
        return "signature", found
    if classes or importlib.util.find_spec("tf_keras") is None:
        return "none", None
    model = _load_keras2(saved)
    return ("none", None) if model is None else ("tf_keras", lambda images: _ask_keras2(model, images))


def _load_keras2(saved: saved_files.SavedModel) -> Any | None:
    """The model as tf_keras has it; None where it can't read its own older files, as those of Keras 2.12 and 2.13."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns about its own formats and casts
        import tf_keras

        model = tf_keras.models.model_from_config(config_check.check_config(saved.config, "2"))
        try:
            status = model.load_weights(str(saved.weights))
        except ValueError:
            return None
    if saved.format == "SavedModel":
        status.assert_existing_objects_matched()
    return model


def _ask_keras2(model: Any, images: np.ndarray) -> np.ndarray:
    given = None if type(model).__name__ == "Sequential" else model.input  # could be {"image": ...}

    def answer(batch: np.ndarray) -> np.ndarray:
        x = tf.nest.map_structure(lambda _: batch, given) if given is not None else batch
        return np.asarray(tf.nest.flatten(model(x, training=False))[0])

    return _in_batches(answer, images, model.inputs[0].shape.rank)


def _in_batches(answer: Witness, images: np.ndarray, rank: int, fixed: int | None = None) -> np.ndarray:
    """Asked for few images at a time, or always for as many as it is made for; without a channel where it takes none."""
    images = images[..., 0] if rank < images.ndim else images
    size = fixed or min(64, max(1, _VALUES_AT_ONCE // max(1, images[0].size)))
    answers = []
    for start in range(0, len(images), size):
        batch = images[start : start + size]
        whole = np.resize(batch, (fixed, *batch.shape[1:])) if fixed else batch
        answers.append(answer(whole)[: len(batch)])
    return np.concatenate(answers)


def _find_signature(folder: Path) -> Witness | None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    (meta,) = SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs
    signature, saver = meta.signature_def["serving_default"], meta.saver_def
    if len(signature.inputs) != 1 or len(signature.outputs) != 1:
        return None
    (given,), (answered,) = signature.inputs.values(), signature.outputs.values()
    graph = _cut(meta.graph_def, [given.name, answered.name, saver.restore_op_name, saver.filename_tensor_name])
    if graph is None or given.dtype != tf.float32.as_datatype_enum:
        return None
    sizes = [one.size for one in given.tensor_shape.dim]

    def run(images: np.ndarray) -> np.ndarray:
        with tf.Graph().as_default() as own, tf.compat.v1.Session(graph=own) as session:
            tf.import_graph_def(graph, name="")
            session.run(saver.restore_op_name, {saver.filename_tensor_name: str(folder / "variables" / "variables")})
            fixed = sizes[0] if sizes[0] > 0 else None
            return _in_batches(lambda x: session.run(answered.name, {given.name: x}), images, len(sizes), fixed)

    return run


def _cut(graph: Any, ends: Iterable[str]) -> Any | None:
    """What of a graph computes `ends`, with the functions that it calls; None where that is not all known, or not in float32."""
    nodes = {node.name: node for node in graph.node}
    functions = {one.signature.name: one for one in graph.library.function}
    cut = type(graph)(versions=graph.versions)
    seen: set[str] = set()
    waiting = [_plain(end) for end in ends]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in nodes:
            found = [cut.node.add()]
            found[0].CopyFrom(nodes[name])
            waiting += map(_plain, nodes[name].input)
        elif name not in functions:
            return None
        else:
            found = functions[name].node_def
            cut.library.function.add().CopyFrom(functions[name])
        if any(node.op not in OPERATORS or _is_narrow(node) for node in found):
            return None
        attributes = [value for node in found for value in node.attr.values()]
        waiting += [one.name for value in attributes for one in (value.func, *value.list.func) if one.name]
    return cut


def _plain(name: str) -> str:
    return name.removeprefix("^").split(":")[0]


def _is_narrow(node: Any) -> bool:
    narrow = {tf.float16.as_datatype_enum, tf.bfloat16.as_datatype_enum}
    return any(value.type in narrow or narrow.intersection(value.list.type) for value in node.attr.values())
