"""Keras' own export to LiteRT, and ai-edge-quantizer on the float file that it makes; as a child process runs them.

The quantizer's own averages of ranges are not used: ranges are the least and the greatest value of every tensor over all
calibration images, which is what `qat` has trained with and what TensorFlow's converter takes, or those of another rule.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgedigits.errors import CheckError, EdgeDigitsError, FloatOpError
from edgedigits.ground.facts import JsonObject
from edgedigits.pipeline.converters.biases import make_room
from edgedigits.pipeline.converters.clipping import Ends, find_ends, open_interpreter
from edgedigits.pipeline.converters.numbers import Numbers
from edgedigits.pipeline.converters.rules import say_rules
from edgedigits.pipeline.converters.samples import check_range, has_samples, read_samples, tell_reason
from edgedigits.tflite import schema
from edgedigits.tflite.flatbuffer import list_float_operators, read
from edgedigits.tflite.layers.naming import find_operators

PACKED_BEHIND: Final = 256 * 1024
"""From so many bytes on the quantizer writes values behind the tables; tflite-runtime 2.14 then takes them for none."""
Ranges = dict[str, dict[str, np.ndarray]]
"""Tensor name -> "min" and "max", float32 [1]."""


def convert(folder: str, model: str, numbers: JsonObject) -> bytes:
    """The bytes of the SavedModel in `folder`, in these `Numbers`; `model` names it in errors.

    Raises CheckError where one of the two can't, or where a value met while calibrating is no finite number; FloatOpError
    naming the operators that the quantizer leaves in float.
    """
    wanted = Numbers(**numbers)
    with _telling(model):
        flat = _export(Path(folder))
        if wanted.weights == "float32":
            return flat
        return _quantize(flat, _ranges(flat, Path(folder), wanted), wanted)


def prepare(folder: str, model: str, numbers: JsonObject) -> JsonObject:
    """The float bytes of the SavedModel in `folder` and what its tensors are to hold by the images there and the rule of
    `numbers`: "flat" and "ranges", from which `quantize` makes bytes in several numbers. Raises CheckError as `convert`."""
    with _telling(model):
        flat = _export(Path(folder))
        return {"flat": flat, "ranges": _ranges(flat, Path(folder), Numbers(**numbers))}


def quantize(flat: bytes, ranges: Ranges, model: str, numbers: JsonObject) -> bytes:
    """The float bytes in these `Numbers`. Raises as `convert`."""
    with _telling(model):
        return _quantize(flat, ranges, Numbers(**numbers))


@contextmanager
def _telling(model: str) -> Iterator[None]:
    """What Keras or the quantizer raises, as a CheckError that names the model."""
    try:
        yield
    except EdgeDigitsError:
        raise
    except Exception as error:
        raise CheckError(f"export: the litert converter can't convert {model}: {tell_reason(error)}") from error


def _ranges(flat: bytes, folder: Path, numbers: Numbers) -> Ranges | None:
    return _calibrate(flat, folder, numbers) if has_samples(folder) else None


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


def _quantize(flat: bytes, ranges: Ranges | None, numbers: Numbers) -> bytes:
    os.environ["TQDM_DISABLE"] = "1"
    from ai_edge_quantizer import quantizer

    work = quantizer.Quantizer(flat)
    say_rules(work, numbers, flat)
    made = bytes(work.quantize(ranges, enable_progress_bar=False, enable_progress_report=False).quantized_model)
    if numbers.activations == "int8":
        made = make_room(made, flat)
    if numbers.activations != "float32" and numbers.input != "float32":
        _check_integer(made, numbers)
    return schema.pack(schema.unpack_whole(made)) if len(made) >= PACKED_BEHIND else made


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
    """Number and name of the float tensors that are no constants, in the order of computation. What kernels add to those of the
    file, room to work in, holds whatever was there before."""
    contents = read(flat, "the float file")
    own = {tensor.index for tensor in contents.tensors if not tensor.size_bytes}
    for tensor in net.get_tensor_details():
        if tensor["dtype"] == np.float32 and tensor["index"] in own and tensor["name"]:
            yield tensor["index"], tensor["name"]


def _check_integer(made: bytes, numbers: Numbers) -> None:
    """The quantizer leaves in float what it has no rule for, and says nothing."""
    contents = read(made, "the quantized file")
    asked = find_operators(contents, numbers.float_layers)
    if left := list_float_operators(contents, asked):
        kinds = {
            one.name
            for one in contents.operators
            if one.index not in asked and "FLOAT32" in one.input_dtypes + one.output_dtypes
        }
        named = ", ".join(sorted(kinds - {"QUANTIZE", "DEQUANTIZE"})) or left[0]
        other = "the int8 export" if numbers.weights == "int4" else "--converter tf"
        raise FloatOpError(
            f"export: ai-edge-quantizer has no {numbers.activations} form of {named}; {other} may have one"
        )
