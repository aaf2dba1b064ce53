"""Bytes out of a Keras model: float32, float16, dynamic range, int8, int16x8. Nowhere else are bytes made.

Integer exports quantize weights per output channel, those of dense layers per tensor: a scale per neuron buys no accuracy
there, costs 12 bytes each and spreads the values of pruned kernels, so that they compress worse.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Protocol

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from edgedigits.data.images import Images, everything
from edgedigits.data.samples import sampled
from edgedigits.data.scale import Scale, scaled
from edgedigits.errors import ArtifactError
from edgedigits.ground.facts import Facts
from edgedigits.ground.processes.children import MIB, Errand, ask
from edgedigits.pipeline.export.converting import CALIBRATION
from edgedigits.stages.candidate import STRICT

CalibrationImages = Annotated[int, Field(ge=1)]
MOST_S: Final = 300.0
BYTES_PER_S: Final = 2**20
"""How long the converter may work in silence: so long, and longer by the bytes of the weights."""
MOST_BYTES, MOST_TIMES = 1024 * MIB, 20
"""The memory that it may take: so much, and so many times the bytes of the weights."""


class Export(Protocol):
    """A frozen dataclass whose fields are its YAML keys; calling it makes the bytes.

    What the pipeline does to bytes that were found right (`shipping`): with `slim` it leaves out what no interpreter
    reads; with `block_sparse` it stores dense layers in blocks where that is smaller and, timed here, no slower.
    """

    def __call__(self, model: Any, calibration: Images, scale: Scale) -> bytes: ...


@dataclass(frozen=True, config=STRICT)
class Float32:
    """Weights and arithmetic in float32."""

    slim: bool = False
    block_sparse: bool = False

    def __call__(self, model: Any, calibration: Images, scale: Scale) -> bytes:  # noqa: ARG002
        return converted(model, {})


@dataclass(frozen=True, config=STRICT)
class Float16:
    """Weights in float16, arithmetic in float32."""

    slim: bool = False

    def __call__(self, model: Any, calibration: Images, scale: Scale) -> bytes:  # noqa: ARG002
        return converted(model, {"optimize": True, "types": ["float16"]})


@dataclass(frozen=True, config=STRICT)
class Dynamic:
    """Weights in int8; activations are quantized while it runs. Input and output are float."""

    slim: bool = False

    def __call__(self, model: Any, calibration: Images, scale: Scale) -> bytes:  # noqa: ARG002
        return converted(model, {"optimize": True})


@dataclass(frozen=True, config=STRICT)
class Int8:
    """Everything in int8. With uint8 input the raw pixel is the input, to within half a step of the quantization."""

    input: Literal["int8", "uint8"] = "int8"
    output: Literal["int8", "uint8"] = "int8"
    calibration_images: CalibrationImages = 300
    slim: bool = False
    block_sparse: bool = False

    def __call__(self, model: Any, calibration: Images, scale: Scale) -> bytes:
        settings = {
            "optimize": True,
            "ops": "TFLITE_BUILTINS_INT8",
            "input": self.input,
            "output": self.output,
            "dense_per_tensor": True,
        }
        return converted(model, settings, representative(calibration, scale, self.calibration_images))


@dataclass(frozen=True, config=STRICT)
class Int16x8:
    """Activations in int16, weights in int8: closest to float, but no fast kernels exist for it."""

    calibration_images: CalibrationImages = 300
    slim: bool = False

    def __call__(self, model: Any, calibration: Images, scale: Scale) -> bytes:
        settings = {
            "optimize": True,
            "ops": "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8",
            "input": "int16",
            "output": "int16",
            "dense_per_tensor": False,
        }
        return converted(model, settings, representative(calibration, scale, self.calibration_images))


def representative(calibration: Images, scale: Scale, count: int) -> Iterator[list[np.ndarray]]:
    """Calibration images one at a time, [1, h, w, c] float32, of every class in proportion.

    Two corner pixels of the first are set to 0 and 255, so that the input's quantization covers all pixels whatever the sample.
    """
    pixels = everything(sampled(calibration, count)).copy()
    pixels[0, 0, 0], pixels[0, -1, -1] = 0, 255
    for image in pixels:
        yield [scaled(image[None], scale)]


def converted(model: Any, settings: Facts, samples: Iterable[list[np.ndarray]] = ()) -> bytes:
    """The model as .tflite bytes with a batch of one, by TensorFlow's converter in a child process.

    `settings` are `converting.convert`'s, `samples` the images it calibrates on. Raises CheckError when it can't, whatever
    becomes of the child.
    """
    with tempfile.TemporaryDirectory(prefix="edgedigits-export-") as folder, _quiet():
        size = _save(model, folder, samples)
        errand = Errand(
            function="pipeline.export.converting:convert",
            doing=f"export: TensorFlow's converter, at work on {model.name},",
            advice="a layer or a weight of it is one that the converter can't take; try another export",
            room="tensorflow",
            most_s=MOST_S + size / BYTES_PER_S,
            most_bytes=MOST_BYTES + MOST_TIMES * size,
        )
        flat: bytes = ask(errand, folder=folder, model=model.name, settings=settings)
    return flat


def _save(model: Any, folder: str, samples: Iterable[list[np.ndarray]]) -> int:
    """Writes the model as a SavedModel of one function, and the samples; returns the bytes of its weights.

    Not the Keras model itself: that would write the functions of every layer, which takes ten times as long.
    """
    from edgedigits.backend import tf

    shape = [1, *model.inputs[0].shape[1:]]
    call = tf.function(lambda image: model(image, training=False))
    concrete = call.get_concrete_function(tf.TensorSpec(shape, tf.float32, name="image"))
    holder = tf.Module()
    holder.variables_in_use = list(concrete.graph.variables)
    options = tf.saved_model.SaveOptions(save_debug_info=True)
    try:
        tf.saved_model.save(holder, folder, signatures={"serving_default": concrete}, options=options)
        _write_samples(Path(folder) / CALIBRATION, samples)
    except OSError as error:
        raise ArtifactError(
            f"{folder}: can't be written ({error.strerror}); set TMPDIR to a folder that can"
        ) from error
    return sum(variable.dtype.size * variable.shape.num_elements() for variable in holder.variables_in_use)


def _write_samples(file: Path, samples: Iterable[list[np.ndarray]]) -> None:
    """One after the other: together those of a large model take much memory."""
    with file.open("wb") as out:
        for (image,) in samples:
            np.save(out, image, allow_pickle=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """TensorFlow writes its log to the process's standard error and warns about its own settings."""
    import warnings

    from edgedigits.backend import silenced_stderr

    with warnings.catch_warnings(), silenced_stderr():
        warnings.simplefilter("ignore")
        yield
