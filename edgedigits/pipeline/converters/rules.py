"""Numbers as the rules of ai-edge-quantizer, each for operators whose tensors' names match."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from edgedigits.errors import RecipeError
from edgedigits.pipeline.converters.numbers import Numbers
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.layers.naming import matches, name_layers

ALL: Final = ".*"
LAST: Final = "(.*)"
"""The same again: rules hold in the order in which their patterns first came, so this one has the last word."""
_BITS: Final = {"int8": 8, "int16": 16}
_FLOAT16_BITS: Final = 16
LEAST_WEIGHTS: Final = 1024
"""Kernels with fewer stay in float where activations do: quantizing these anew costs more time than such a kernel saves. As
TensorFlow's converter has it."""


def say_rules(work: Any, numbers: Numbers, flat: bytes) -> None:
    """Tells a `Quantizer` of the float file `flat` its own recipe for these numbers: of rules for one operator, the last holds.

    Raises RecipeError where a layer that is to keep more than int8 has no operator of its own.
    """
    from ai_edge_quantizer.qtyping import QuantGranularity, TFLOperationName
    from ai_edge_quantizer.quantizer import AlgorithmName

    every, dense = TFLOperationName.ALL_SUPPORTED, TFLOperationName.FULLY_CONNECTED
    if numbers.weights == "float16":
        work.add_weight_only_config(ALL, every, _FLOAT16_BITS, algorithm_key=AlgorithmName.FLOAT_CASTING)
    elif numbers.activations == "float32":
        work.update_quantization_recipe(ALL, every, _dynamic(QuantGranularity.CHANNELWISE))
        work.update_quantization_recipe(ALL, dense, _dynamic(QuantGranularity.TENSORWISE))
    else:
        bits = _BITS[numbers.activations]
        work.add_static_config(ALL, every, bits, 8)
        if numbers.dense_per_tensor:
            work.add_static_config(ALL, dense, bits, 8, QuantGranularity.TENSORWISE)
        if numbers.weights == "int4":
            for operation in (TFLOperationName.CONV_2D, dense):
                work.add_static_config(ALL, operation, bits, 4)
        _say_layers(work, numbers, flat)
        _say_end(work, numbers.input, TFLOperationName.INPUT)
        _say_end(work, numbers.output, TFLOperationName.OUTPUT)


def _say_layers(work: Any, numbers: Numbers, flat: bytes) -> None:
    """Layers of other numbers; the ends of the file, which go by the same tensors' names, stay as they are."""
    from ai_edge_quantizer.qtyping import TFLOperationName
    from ai_edge_quantizer.quantizer import AlgorithmName

    every = TFLOperationName.ALL_SUPPORTED
    for tensor in find_tensors(flat, "float_layers", numbers.float_layers):
        work.update_quantization_recipe(_only(tensor), every, algorithm_key=AlgorithmName.NO_QUANTIZE)
    for tensor in find_tensors(flat, "int16_layers", numbers.int16_layers):
        work.add_static_config(_only(tensor), every, _BITS["int16"], 8)
    if numbers.float_layers or numbers.int16_layers:
        for end in (TFLOperationName.INPUT, TFLOperationName.OUTPUT):
            work.add_static_config(LAST, end, _BITS[numbers.activations], 8)


def find_tensors(flat: bytes, setting: str, patterns: Sequence[str]) -> list[str]:
    """Names of the tensors that operators of the layers so named make, in the order of computation.

    Raises RecipeError for a pattern of layers that have no operator of their own.
    """
    contents = read(flat, "the float file")
    layers = name_layers(contents)
    for pattern in patterns:
        if not any(matches(names, [pattern]) for names in layers.values()):
            own = ", ".join(dict.fromkeys(name for names in layers.values() for name in sorted(names)))
            raise RecipeError(
                f"export: {setting}: {pattern!r} has no operator of its own in the file, as where it is folded into another; "
                f"choose from {own}"
            )
    chosen = {number for number, names in layers.items() if matches(names, patterns)}
    return [
        contents.tensor(end).name
        for operator in contents.operators
        if operator.subgraph == 0 and operator.index in chosen
        for end in operator.outputs
    ]


def _only(tensor: str) -> str:
    """A pattern of operators that make this tensor: the quantizer joins the names of those that one makes by semicolons."""
    return f"(.*;)?{re.escape(tensor)};?$"


def _dynamic(granularity: Any) -> Any:
    """Weights in int8 alone. Dense ones always get one scale: the quantizer writes version 1 behind every operator, so that a
    runtime too old for a scale per neuron, as tflite-runtime 2.14, would not refuse them but answer wrong.
    """
    from ai_edge_quantizer.qtyping import ComputePrecision, OpQuantizationConfig, TensorQuantizationConfig

    weight = TensorQuantizationConfig(num_bits=8, symmetric=True, granularity=granularity)
    return OpQuantizationConfig(None, weight, ComputePrecision.INTEGER, False, min_weight_elements=LEAST_WEIGHTS)


def _say_end(work: Any, end: str, operation: Any) -> None:
    """The type of the file's input or output, where it is not that of the activations."""
    from ai_edge_quantizer.qtyping import (
        ComputePrecision,
        OpQuantizationConfig,
        QuantGranularity,
        TensorDataType,
        TensorQuantizationConfig,
    )
    from ai_edge_quantizer.quantizer import AlgorithmName

    if end == "float32":
        work.update_quantization_recipe(LAST, operation, algorithm_key=AlgorithmName.NO_QUANTIZE)
    elif end == "uint8":
        unsigned = TensorQuantizationConfig(num_bits=8, symmetric=False, dtype=TensorDataType.UINT)
        weight = TensorQuantizationConfig(num_bits=8, symmetric=True, granularity=QuantGranularity.CHANNELWISE)
        config = OpQuantizationConfig(unsigned, weight, ComputePrecision.INTEGER, False)
        work.update_quantization_recipe(LAST, operation, config)
