"""What was found in a .tflite file, and the two questions most often asked of it: floats left, zeros kept."""

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgedigits.errors import TfliteError
from edgedigits.tflite.byte_breakdown import PartBytes, compute_raw_sizes, weigh, weigh_parts
from edgedigits.tflite.zeros import FLOATS

Role = Literal["input", "output", "weight", "bias", "constant", "activation"]


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor as the file describes it.

    `scales` (float32) and `zero_points` (int64) are empty where it is not quantized, and hold one value per slice
    of `axis` where it is quantized per channel; `axis` is None otherwise. `size_bytes` is what its values take in
    the file, 0 for one computed at run time. `elements` counts a dimension of unknown size (-1) as one. `zeros`
    counts the elements that mean 0, those equal to their zero point; where it is None, `no_zeros` says why.
    """

    index: int
    subgraph: int
    name: str
    dtype: str
    shape: tuple[int, ...]
    scales: npt.NDArray[np.float32]
    zero_points: npt.NDArray[np.int64]
    axis: int | None
    role: Role
    buffer: int
    size_bytes: int
    elements: int
    sparse: bool
    zeros: int | None
    no_zeros: str


@dataclass(frozen=True)
class OperatorCode:
    """A kind of operator that a file declares, whether or not any step is of it; `custom`: none of the schema's."""

    name: str
    version: int
    custom: bool


@dataclass(frozen=True)
class Operator:
    """One step of the graph; an input left out has index -1 and dtype "NONE"."""

    index: int
    subgraph: int
    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    input_dtypes: tuple[str, ...]
    output_dtypes: tuple[str, ...]


@dataclass(frozen=True)
class Signature:
    """A named entry point: the names its caller uses for inputs and outputs."""

    key: str
    subgraph: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class WeightZeros:
    """Zeros of one weight tensor, None where they can't be counted."""

    tensor: Tensor
    elements: int
    zeros: int | None

    @property
    def share(self) -> float | None:
        """Zeros per element, between 0 and 1."""
        return None if self.zeros is None else self.zeros / self.elements


@dataclass(frozen=True, eq=False)
class Contents:
    """What `read` found. `inputs` and `outputs` are those of the first subgraph, the one that runs.

    `metadata` lists each metadata entry's name and size in bytes; `min_runtime` is the oldest TFLite the converter
    says can load the file, empty where it says nothing. `float16_arithmetic`: it may be computed in float16.
    """

    source: str
    size_bytes: int
    schema_version: int
    description: str
    min_runtime: str
    float16_arithmetic: bool
    codes: tuple[OperatorCode, ...]
    operators: tuple[Operator, ...]
    tensors: tuple[Tensor, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    signatures: tuple[Signature, ...]
    metadata: tuple[tuple[str, int], ...]
    _flat: bytes = field(repr=False)
    _owner: npt.NDArray[np.uint8] = field(repr=False)

    @cached_property
    def breakdown(self) -> tuple[PartBytes, ...]:
        """One row per part of the file; packed when first asked for, which takes up to a second per megabyte."""
        return weigh_parts(self._flat, self._owner)

    @cached_property
    def parts(self) -> dict[str, int]:
        """Bytes of each part of the file as they are."""
        return compute_raw_sizes(self._flat, self._owner)

    @cached_property
    def total(self) -> PartBytes:
        """The whole file, packed at once: usually less than the sum of its parts packed one by one."""
        return weigh("file", self._flat)

    @cached_property
    def _places(self) -> dict[tuple[int, int], Tensor]:
        return {(tensor.subgraph, tensor.index): tensor for tensor in self.tensors}

    def tensor(self, index: int, subgraph: int = 0) -> Tensor:
        """The tensor of that number. Raises TfliteError where there is none, as for an output left out (-1)."""
        found = self._places.get((subgraph, index))
        if found is None:
            raise TfliteError(
                f"{self.source}: truncated or altered: an operator of graph {subgraph} lacks tensor {index}. "
                "Export or copy the file again."
            )
        return found


def list_float_operators(contents: Contents, but: Collection[int] = ()) -> list[str]:
    """The operators that read or write floats, in words; empty for a file that computes in integers throughout. Those of the
    first graph numbered in `but` are left out.

    QUANTIZE and DEQUANTIZE at the border count: an int8 export takes and gives integers. So does an operator with
    a float constant.
    """
    found = []
    for operator in contents.operators:
        if not operator.subgraph and operator.index in but:
            continue
        ends = [("output", index) for index in operator.outputs if index >= 0]
        ends += [("input", index) for index in operator.inputs if index >= 0]
        for end, index in ends:
            tensor = contents.tensor(index, operator.subgraph)
            if tensor.dtype in FLOATS:
                where = f"subgraph {operator.subgraph} " if operator.subgraph else ""
                found.append(
                    f"{where}#{operator.index} {operator.name} (version {operator.version}): "
                    f"{tensor.dtype.lower()} {end} {tensor.name!r}"
                )
                break
    return found


def count_weight_zeros(contents: Contents) -> tuple[WeightZeros, ...]:
    """The zeros of each weight tensor (biases are none), in the file's order; one stored twice is listed once."""
    weights = [tensor for tensor in contents.tensors if tensor.role == "weight"]
    once = {tensor.buffer: tensor for tensor in reversed(weights) if tensor.size_bytes}
    return tuple(
        WeightZeros(weight, weight.elements, weight.zeros)
        for weight in weights
        if once.get(weight.buffer, weight) is weight
    )
