"""Keras' own export to LiteRT, and ai-edge-quantizer on the float file that it makes; as a child process runs them.

The quantizer's own averages of ranges are not used: ranges are the least and the greatest value of every tensor over all
calibration images, which is what `qat` has trained with and what TensorFlow's converter takes, or those of another rule.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgedigits.errors import CheckError, FloatOpError
from edgedigits.ground.facts import JsonObject
from edgedigits.pipeline.converters.clipping import Ends, find_ends, open_interpreter
from edgedigits.pipeline.converters.numbers import Numbers
from edgedigits.pipeline.converters.samples import check_range, has_samples, read_samples, tell_reason
from edgedigits.tflite.flatbuffer import list_float_operators, read

ALL: Final = ".*"
_BITS: Final = {"int8": 8, "int16": 16}
_FLOAT16_BITS: Final = 16
LEAST_WEIGHTS: Final = 1024
"""Kernels with fewer stay in float where activations do: quantizing these anew costs more time than such a kernel saves. As
TensorFlow's converter has it."""

Ranges = dict[str, dict[str, np.ndarray]]
"""Tensor name -> "min" and "max", float32 [1]."""


def convert(folder: str, model: str, numbers: JsonObject) -> bytes:
    """The bytes of the SavedModel in `folder`, in these `Numbers`; `model` names it in errors.

    Raises CheckError where one of the two can't, or where a value met while calibrating is no finite number; FloatOpError
    naming the operators that the quantizer leaves in float.
    """
    wanted = Numbers(**numbers)
    try:
        flat = _export(Path(folder))
        if wanted.weights == "float32":
            return flat
        return _quantize(flat, wanted, Path(folder))
    except CheckError:
        raise
    except Exception as error:
        raise CheckError(f"export: the litert converter can't convert {model}: {tell_reason(error)}") from error


def _export(folder: Path) -> bytes:
    """The float bytes. What a child is given is a function, since it may lack the caller's classes; Keras takes it as a layer."""
    from edgedigits.backend import keras, tf

    layer = keras.layers.TFSMLayer(str(folder), call_endpoint="serving_default")
    (shape,) = (spec.shape for spec in layer.call_endpoint_fn.structured_input_signature[1].values())
    image = keras.Input(batch_shape=tuple(shape))
    (answer,) = layer(image).values()
    file = folder / "float.tflite"
    keras.Model(image, answer).export(
        str(file),
        format="litert",
        verbose=False,
        input_signature=[keras.InputSpec(shape=tuple(shape), dtype="float32", name="image")],
        target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]},
    )
    return file.read_bytes()


def _quantize(flat: bytes, numbers: Numbers, folder: Path) -> bytes:
    os.environ["TQDM_DISABLE"] = "1"
    from ai_edge_quantizer import quantizer

    work = quantizer.Quantizer(flat)
    _say(work, numbers)
    ranges = _calibrate(flat, folder, numbers) if has_samples(folder) else None
    made = bytes(work.quantize(ranges, enable_progress_bar=False, enable_progress_report=False).quantized_model)
    if numbers.activations != "float32" and numbers.input != "float32":
        _check_integer(made, numbers)
    return made


def _say(work: Any, numbers: Numbers) -> None:
    """The quantizer's own recipe for these numbers."""
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
        _say_end(work, numbers.input, TFLOperationName.INPUT)
        _say_end(work, numbers.output, TFLOperationName.OUTPUT)


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
        work.update_quantization_recipe(ALL, operation, algorithm_key=AlgorithmName.NO_QUANTIZE)
    elif end == "uint8":
        unsigned = TensorQuantizationConfig(num_bits=8, symmetric=False, dtype=TensorDataType.UINT)
        weight = TensorQuantizationConfig(num_bits=8, symmetric=True, granularity=QuantGranularity.CHANNELWISE)
        config = OpQuantizationConfig(unsigned, weight, ComputePrecision.INTEGER, False)
        work.update_quantization_recipe(ALL, operation, config)


def _calibrate(flat: bytes, folder: Path, numbers: Numbers) -> Ranges:
    """What every float tensor of the float file is to hold, by the rule of `numbers`. Raises CheckError as `check_range`."""
    net, reached = open_interpreter(flat), Ends()
    source = net.get_input_details()[0]["index"]
    names = dict(_computed(flat, net))
    for (image,) in read_samples(folder):
        net.set_tensor(source, image)
        net.invoke()
        for index, name in names.items():
            values = net.get_tensor(index)
            low, high = values.min(), values.max()
            check_range(name, low, high)
            before = reached.get(index, (low, high))
            reached[index] = min(before[0], low), max(before[1], high)
    if numbers.calibration != "minmax":
        reached = find_ends(flat, folder, reached, numbers)
    return {
        names[index]: {"min": np.array([low], np.float32), "max": np.array([high], np.float32)}
        for index, (low, high) in reached.items()
    }


def _computed(flat: bytes, net: Any) -> Iterator[tuple[int, str]]:
    """Number and name of the float tensors that are no constants, in the order of computation."""
    contents = read(flat, "the float file")
    constant = {tensor.index for tensor in contents.tensors if tensor.size_bytes}
    for tensor in net.get_tensor_details():
        if tensor["dtype"] == np.float32 and tensor["index"] not in constant and tensor["name"]:
            yield tensor["index"], tensor["name"]


def _check_integer(made: bytes, numbers: Numbers) -> None:
    """The quantizer leaves in float what it has no rule for, and says nothing."""
    contents = read(made, "the quantized file")
    if left := list_float_operators(contents):
        kinds = {one.name for one in contents.operators if "FLOAT32" in one.input_dtypes + one.output_dtypes}
        named = ", ".join(sorted(kinds - {"QUANTIZE", "DEQUANTIZE"})) or left[0]
        raise FloatOpError(
            f"export: ai-edge-quantizer has no {numbers.activations} form of {named}; --converter tf may have one"
        )
