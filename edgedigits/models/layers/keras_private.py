"""What is used of Keras 3 that is not public: how a functional graph is walked. It holds for the versions in `VERSIONS`.

Keras tells in public which operations a graph has, and of one that is used once what it reads and makes (`Operation.input`,
`Operation.output`); of layers used more than once, and in which order they compute, it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from edgedigits.backend import keras
from edgedigits.keras_types import KerasLayer, KerasModel, KerasTensor

VERSIONS: Final = ("3.12", "3.13", "3.14", "3.15")
"""Of Keras; `tests/test_keras_private.py` holds what is installed to it."""


@dataclass(frozen=True)
class Use:
    """One use of a layer or an operation: the symbolic tensors that it reads and makes."""

    layer: KerasLayer
    read: tuple[KerasTensor, ...]
    made: tuple[KerasTensor, ...]
    _arguments: Any

    def fill_in(self, values: Mapping[int, KerasTensor]) -> tuple[tuple[KerasTensor, ...], dict[str, object]]:
        """The arguments as it was called, each symbolic tensor replaced by what `values` has under its `id`."""
        args, kwargs = self._arguments.fill_in(values)
        return args, kwargs


def list_uses(model: KerasModel) -> Iterator[Use]:
    """Every use of a layer or operation in a functional model, inputs before users; the inputs themselves are left out."""
    by_depth = find_function(model)._nodes_by_depth
    for depth in sorted(by_depth, reverse=True):
        for node in by_depth[depth]:
            if node.operation is not None and not node.is_input:
                yield Use(node.operation, tuple(node.input_tensors), tuple(node.outputs), node.arguments)


def find_function(model: KerasModel) -> Any:
    """The functional graph of a model, which a built Sequential holds; None where it has none."""
    if isinstance(model, keras.Sequential):
        return model._functional
    return model if isinstance(model, keras.Function) else None


def run_through(function: Any, x: object, compute: Callable[[KerasLayer], Callable[..., object]]) -> Any:
    """What the graph makes of `x`, each layer and operation computed by `compute(layer)(*args, **kwargs)`."""
    return function._run_through_graph(x, operation_fn=compute)
