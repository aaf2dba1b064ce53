"""What the input and the output of a model look like, read from the model and never assumed.

An input may be [1, height, width, channels], [1, channels, height, width], [1, height, width] or [1, pixels], with 1 or
3 channels, in float32 or quantized to int8, uint8 or int16; sizes left open in the file are set to the images'.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from edgedigits_runner.errors import RunnerError
from edgedigits_runner.model_file import ModelFile
from edgedigits_runner.scaling import NAMED

_INPUT_TYPES = ("float32", "int8", "uint8", "int16")


class InputForm(NamedTuple):
    """One image as the model takes it. A `step` of 0 means the numbers are not quantized."""

    tensor: int
    height: int
    width: int
    channels: int
    channels_first: bool
    tensor_shape: tuple[int, ...]
    dtype: str
    step: float
    zero_point: int


class OutputForm(NamedTuple):
    """One score per class, or per label: step * (stored - zero_point); a `step` of 0 means they are stored as they are."""

    tensor: int
    classes: int
    dtype: str
    step: float
    zero_point: int


def wanted_size(model: ModelFile, image_shape: tuple[int, int, int]) -> tuple[int, int]:
    """(height, width) the images will have: those of `--resize`, else their own."""
    return model.resize or (image_shape[0], image_shape[1])


def open_shape(details: dict[str, Any], size: tuple[int, int]) -> list[int] | None:
    """The shape to give an input that leaves height or width open (-1); None where only the batch is open."""
    signature = [int(n) for n in details.get("shape_signature", ())]
    if len(signature) < 3 or -1 not in signature[1:]:
        return None
    first = 2 if len(signature) == 4 and signature[1] in (1, 3) else 1
    shape = [1, *signature[1:]]
    for axis, length in zip((first, first + 1), size):  # noqa: B905  # strict= needs Python 3.10
        shape[axis] = length if shape[axis] == -1 else shape[axis]
    return shape


def input_form(model: ModelFile, details: list[dict[str, Any]], image_shape: tuple[int, int, int]) -> InputForm:
    """The input of an allocated interpreter; RunnerError "model" where images of `image_shape` don't fit it."""
    if len(details) != 1:
        raise RunnerError("model", f"{model.path}: takes {len(details)} inputs; only models of one image can be run")
    shape = tuple(int(n) for n in details[0]["shape"])
    dtype = np.dtype(details[0]["dtype"]).name
    if dtype not in _INPUT_TYPES:
        raise RunnerError("model", f"{model.path}: takes {dtype} input; {', '.join(_INPUT_TYPES)} can be run")
    size = wanted_size(model, image_shape)
    height, width, channels, channels_first = _layout(model, shape, size)
    _check_size(model, (height, width), size)
    _check_scaling(model, channels)
    step, zero_point = _quantization(model, details[0])
    if not step and (dtype == "int8" or (dtype != "float32" and model.scale != NAMED["0..255"])):
        raise RunnerError(
            "model", f"{model.path}: takes {dtype} without a quantization scale, so plain pixels: say --scale 0..255"
        )
    return InputForm(int(details[0]["index"]), height, width, channels, channels_first, shape, dtype, step, zero_point)


def output_form(model: ModelFile, details: list[dict[str, Any]]) -> OutputForm:
    """The output of an allocated interpreter; RunnerError "model" where it is not one score per class or label."""
    shapes = [tuple(int(n) for n in one["shape"]) for one in details]
    found = f"{model.path}: answers {shapes}; only [1, {model.task.answered}] can be run"
    if not _is_row(shapes):
        raise RunnerError("model", found)
    try:
        model.task.check_outputs(max(shapes[0]))
    except ValueError as error:
        raise RunnerError("model", f"{found} ({error})") from error
    step, zero_point = _quantization(model, details[0])
    name = np.dtype(details[0]["dtype"]).name
    return OutputForm(int(details[0]["index"]), max(shapes[0]), name, step, zero_point)


def _is_row(shapes: list[tuple[int, ...]]) -> bool:
    """Whether it is a single output, of one image, all its numbers along one axis."""
    if len(shapes) != 1 or not shapes[0]:
        return False
    return shapes[0][0] == 1 and int(np.prod(shapes[0])) == max(shapes[0])


def _layout(model: ModelFile, shape: tuple[int, ...], size: tuple[int, int]) -> tuple[int, int, int, bool]:
    """(height, width, channels, channels first) of an input of that shape."""
    if shape and shape[0] != 1:
        raise RunnerError("model", f"{model.path}: takes {shape[0]} images at a time; export it with a batch of 1")
    if len(shape) == 4 and shape[3] in (1, 3):
        return shape[1], shape[2], shape[3], False
    if len(shape) == 4 and shape[1] in (1, 3):
        return shape[2], shape[3], shape[1], True
    if len(shape) == 3:
        return shape[1], shape[2], 1, False
    pixels = size[0] * size[1]
    if len(shape) == 2 and shape[1] in (pixels, 3 * pixels):
        return size[0], size[1], shape[1] // pixels, False
    raise RunnerError(
        "model", f"{model.path}: takes {list(shape)}, which is no image of {size[0]}x{size[1]} with 1 or 3 channels"
    )


def _check_size(model: ModelFile, takes: tuple[int, int], size: tuple[int, int]) -> None:
    if takes == size:
        return
    found = "--resize gives" if model.resize else "the images have"
    raise RunnerError(
        "model",
        f"{model.path}: takes images of {takes[0]}x{takes[1]}, {found} {size[0]}x{size[1]}; "
        f"say --resize {takes[0]}x{takes[1]}",
    )


def _check_scaling(model: ModelFile, channels: int) -> None:
    try:
        model.scale.check_channels(channels)
    except ValueError as error:
        raise RunnerError("model", f"{model.path}: {error}") from error


def _quantization(model: ModelFile, details: dict[str, Any]) -> tuple[float, int]:
    """(step, zero point) of a tensor, (0, 0) where it has none."""
    scales = details["quantization_parameters"]["scales"]
    if len(scales) > 1:
        raise RunnerError(
            "model", f"{model.path}: {details['name']} has a scale per channel; only a single one can be run"
        )
    step, zero_point = details["quantization"]
    return float(step), int(zero_point)
