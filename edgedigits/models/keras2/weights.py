"""The weights of a Keras 2 file, given to the Keras 3 layers that stand for its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import h5py
import numpy as np

from edgedigits.backend import keras, tf
from edgedigits.errors import ModelError
from edgedigits.keras_types import KerasLayer, KerasTensor, KerasVariable
from edgedigits.models.saved import saved_files

CONTAINERS: Final = ("layers", "_layer_checkpoint_dependencies")
"""What a .keras file of Keras 2 calls the layers of a model, by the version that wrote it."""

Call = Callable[..., KerasTensor]
"""Calls what stands for a layer as the layer was called."""


@dataclass
class Part:
    """A layer of the file: its class there, what calls that which stands for it, and what takes its weights.

    trainable: what a model says of itself; a layer says it of its weights.
    parts: those of a model, or the one layer that is an activation.
    """

    kind: str
    name: str
    call: Call
    layer: KerasLayer | None = None
    trainable: bool = True
    parts: Sequence[Part] = field(default_factory=list)


def load(saved: saved_files.SavedModel, parts: Sequence[Part]) -> None:
    """Gives every weight its values. Raises ModelError naming the layer, what it wants and what the file holds."""
    if saved.format == "SavedModel":
        _Checkpoint(str(saved.weights)).model(parts, 0)
    else:
        with h5py.File(saved.weights, "r") as file:
            if saved.format.endswith(".keras"):
                _load_archive(parts, file)
            else:
                _load_h5(parts, file["model_weights"])
    for part in _leaves(parts):
        if isinstance(part.layer, keras.layers.Normalization):
            part.layer.finalize_state()


def _leaves(parts: Iterable[Part]) -> Iterator[Part]:
    for part in parts:
        if not isinstance(part.layer, keras.Model):
            yield part
        yield from _leaves(part.parts)


def _has_weights(part: Part) -> bool:
    return any(inner.layer is not None and inner.layer.weights for inner in _leaves([part]))


def _assign(name: str, kind: str, variables: Sequence[KerasVariable], values: Sequence[np.ndarray]) -> None:
    wanted, found = ([list(one.shape) for one in several] for several in (variables, values))
    if wanted != found:
        raise ModelError(
            f"reading the model failed: layer '{name}' ({kind}) has weights of shapes {wanted}, and the file holds {found} "
            "for it; is the file complete, and saved by Keras?"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _matched(parts: Sequence[Part], found: Sequence[Any]) -> Iterator[tuple[Part, Any]]:
    """Layers with weights and what the file holds of such, in the same order."""
    wanted = [part for part in parts if _has_weights(part)]
    if len(wanted) != len(found):
        names = ", ".join(part.name for part in wanted)
        raise ModelError(
            f"reading the model failed: its {len(wanted)} layers with weights ({names}) find those of {len(found)} in the "
            "file; is the file complete, and saved by Keras?"
        )
    return zip(wanted, found, strict=True)


def _load_h5(parts: Sequence[Part], file: Any) -> None:
    """An .h5 file holds the weights of a layer in one row, also of a nested model: taken by their names, else by their order."""
    groups = [file[name] for name in _texts(file, "layer_names")]
    for part, group in _matched(parts, [group for group in groups if _texts(group, "weight_names")]):
        names = _texts(group, "weight_names")
        leaves = [one for one in _leaves([part]) if one.layer is not None and one.layer.weights]
        own = [[name for name in names if f"/{name}".rsplit("/", 1)[0].endswith(f"/{one.name}")] for one in leaves]
        rows = [sorted(one.layer.weights, key=lambda weight: not weight.trainable) for one in leaves if one.layer]
        if list(map(len, own)) != list(map(len, rows)):
            trained, frozen = _row(part)
            leaves, own, rows = [part], [names], [trained + frozen]
            _check_order(part, rows[0], names)
        for one, row, its in zip(leaves, rows, own, strict=True):
            _assign(one.name, one.kind, row, [group[name][()] for name in its])


def _check_order(part: Part, row: Sequence[KerasVariable], names: Sequence[str]) -> None:
    """Which layers of a nested model were trained tells their order, and a file may not say it."""
    ends = (re.sub(r"(_\d+)?(:\d+)?$", "", name) for name in names)
    if part.parts and not all(end.endswith(weight.name) for end, weight in zip(ends, row, strict=False)):
        raise ModelError(
            f"the weights within '{part.name}' ({part.kind}) stand in an order that can't be told; save the model as .keras."
        )


def _row(part: Part) -> tuple[list[KerasVariable], list[KerasVariable]]:
    """(those that are trained, those that are not) in the order of Keras 2."""
    own = [] if part.layer is None or isinstance(part.layer, keras.Model) else part.layer.weights
    rows = [([one for one in own if one.trainable], [one for one in own if not one.trainable]), *map(_row, part.parts)]
    trained, frozen = ([one for row in rows for one in row[side]] for side in (0, 1))
    return (trained, frozen) if part.trainable else ([], trained + frozen)


def _texts(group: Any, name: str) -> list[str]:
    """A list of names; a long one is written in pieces."""
    pieces = [name] if name in group.attrs else [f"{name}{number}" for number in range(len(group.attrs))]
    found = [text for piece in pieces for text in group.attrs.get(piece, ())]
    return [text.decode() if isinstance(text, bytes) else str(text) for text in found]


def _load_archive(parts: Sequence[Part], group: Any) -> None:
    """In a .keras file layers are called after their classes, those of one class numbered as they stand in the config."""
    inner: Any = next((group[name] for name in CONTAINERS if name in group and _holds_weights(group[name])), {})
    for kind in dict.fromkeys(part.kind for part in parts):
        same = [part for part in parts if part.kind == kind]
        own = re.compile(rf"{_snake(kind)}(?:_(\d+))?")
        numbered = [(int(match[1] or 0), inner[name]) for name in inner if (match := own.fullmatch(name))]
        found = [one for _, one in sorted(numbered, key=lambda pair: pair[0]) if _holds_weights(one)]
        for part, one in _matched(same, found):
            if isinstance(part.layer, keras.Model):
                _load_archive(part.parts, one)
            else:
                _load_layer(part, one)


def _load_layer(part: Part, group: Any) -> None:
    values = [group["vars"][name][()] for name in sorted(group["vars"], key=int)]
    _assign(part.name, part.kind, [] if part.layer is None else part.layer.weights, values)
    for inner in part.parts:
        _load_layer(inner, group["activation"])


def _holds_weights(group: Any) -> bool:
    return any(isinstance(one, h5py.Dataset) or _holds_weights(one) for one in group.values())


def _snake(kind: str) -> str:
    """The name of a class as Keras 2 writes it: conv2d, batch_normalization."""
    apart = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", kind))
    return re.sub("([a-z])([A-Z])", r"\1_\2", apart).lower()


class _Checkpoint:
    """The checkpoint of a SavedModel: numbers, and a graph of objects that says whose they are."""

    def __init__(self, prefix: str) -> None:
        from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

        self.reader = tf.train.load_checkpoint(prefix)
        self.nodes = TrackableObjectGraph.FromString(self.reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH")).nodes

    def children(self, node: int) -> dict[str, int]:
        """The nodes that a node names."""
        return {child.local_name: child.node_id for child in self.nodes[node].children}

    def model(self, parts: Sequence[Part], node: int) -> None:
        """The layers of a model."""
        children = self.children(node)
        found = [children[name] for name in _counted("layer_with_weights-", children)]
        for part, one in _matched(parts, found):
            if isinstance(part.layer, keras.Model):
                self.model(part.parts, one)
            else:
                self.layer(part, one)

    def layer(self, part: Part, node: int) -> None:
        """A layer with the one that is its activation, in one row; a Normalization, which has none, by their names."""
        trained, frozen = _row(part)
        children = self.children(node)
        if "variables" in children:
            row = self.children(children["variables"])
            there = [row[name] for name in sorted(row, key=int)]
        else:
            there = [children[one.name] for one in trained + frozen if one.name in children]
        keys = [self.nodes[one].attributes[0].checkpoint_key for one in there]
        _assign(part.name, part.kind, trained + frozen, [self.reader.get_tensor(key) for key in keys])


def _counted(start: str, names: Iterable[str]) -> list[str]:
    """Those that begin so and go on with a number, by that number."""
    found = [name for name in names if re.fullmatch(rf"{start}\d+", name)]
    return sorted(found, key=lambda name: int(name.removeprefix(start)))
