"""The one place where .tflite bytes are made: a Keras model, calibration images and the wanted numbers in, bytes out.

What makes them is a row of `pipeline/converters/table.py`, in a child process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from edgedigits.data.images import Images, read_all
from edgedigits.data.samples import draw_sample
from edgedigits.data.scale import Scale, scale_pixels
from edgedigits.errors import ArtifactError, RecipeError
from edgedigits.ground.processes.children import MIB, Errand, ask
from edgedigits.keras_types import KerasModel
from edgedigits.pipeline.converters.numbers import Numbers
from edgedigits.pipeline.converters.samples import write_samples
from edgedigits.pipeline.converters.table import CONVERTERS, DEFAULT, PER_LAYER, Converter, ConverterName
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.rewrite.float16_arithmetic import allow_float16

MOST_S: Final = 300.0
BYTES_PER_S: Final = 2**20
"""How long the converter may work in silence: so long, and longer by the bytes of the weights."""
MOST_BYTES, MOST_TIMES = 1024 * MIB, 20
"""The memory that it may take: so much, and so many times the bytes of the weights."""


def draw_representative(calibration: Images, scale: Scale, count: int, seed: int = 0) -> Iterator[list[np.ndarray]]:
    """Calibration images one at a time, [1, h, w, c] float32, of every class in proportion; `seed` tells which.

    Two corner pixels of the first are set to 0 and 255, so that the input's quantization covers all pixels whatever the sample.
    """
    pixels = read_all(draw_sample(calibration, count, seed)).copy()
    pixels[0, 0, 0], pixels[0, -1, -1] = 0, 255
    for image in pixels:
        yield [scale_pixels(image[None], scale)]


def convert(
    model: KerasModel,
    numbers: Numbers = Numbers(),  # noqa: B008  # frozen
    samples: Iterable[list[np.ndarray]] = (),
    converter: ConverterName = DEFAULT,
) -> bytes:
    """The model as .tflite bytes with a batch of one, made in a child process; `samples` are the images to calibrate on.

    Raises CheckError when the converter can't, whatever becomes of the child, or when the bytes lack weights; RecipeError where
    a package that it needs is missing.
    """
    from edgedigits.pipeline.export.checks import check_weights

    chosen = CONVERTERS[converter]
    _check_installed(converter, numbers)
    model = _simplify(model, numbers)
    with tempfile.TemporaryDirectory(prefix="edgedigits-export-") as folder, _quiet():
        errand = _make_errand(chosen, "convert", model.name, _save(model, folder, samples))
        flat: bytes = ask(errand, folder=folder, model=model.name, numbers=asdict(numbers))
    check_weights(read(flat, "the export"), model)
    return allow_float16(flat) if numbers.arithmetic == "float16" else flat


@dataclass(frozen=True, eq=False)
class Prepared:
    """The float bytes of a model, and what its tensors reach on calibration images: from these `quantize` makes bytes in several
    numbers, without converting and calibrating anew."""

    name: str
    flat: bytes
    ranges: Mapping[str, Mapping[str, np.ndarray]]


def prepare(model: KerasModel, numbers: Numbers, samples: Iterable[list[np.ndarray]]) -> Prepared:
    """By the converter that has numbers for single layers. Raises as `convert`."""
    _check_installed(PER_LAYER, numbers)
    model = _simplify(model, numbers)
    with tempfile.TemporaryDirectory(prefix="edgedigits-export-") as folder, _quiet():
        errand = _make_errand(CONVERTERS[PER_LAYER], "prepare", model.name, _save(model, folder, samples))
        found = ask(errand, folder=folder, model=model.name, numbers=asdict(numbers))
    return Prepared(model.name, found["flat"], found["ranges"])


def quantize(prepared: Prepared, numbers: Numbers) -> bytes:
    """The bytes that `convert` makes of the same. Raises as `convert`."""
    errand = _make_errand(CONVERTERS[PER_LAYER], "quantize", prepared.name, len(prepared.flat))
    given = {"flat": prepared.flat, "ranges": prepared.ranges, "model": prepared.name}
    made: bytes = ask(errand, numbers=asdict(numbers), **given)
    return made


def _make_errand(chosen: Converter, function: str, model: str, size: int) -> Errand:
    """Of so many bytes of weights."""
    return Errand(
        function=f"pipeline.converters.{chosen.module}:{function}",
        doing=f"export: {chosen.in_words}, at work on {model},",
        advice="a layer or a weight of it is one that the converter can't take; try another export",
        room="tensorflow",
        most_s=MOST_S + size / BYTES_PER_S,
        most_bytes=MOST_BYTES + MOST_TIMES * size,
    )


def _check_installed(name: ConverterName, numbers: Numbers) -> None:
    package = CONVERTERS[name].quantizer
    if numbers.weights != "float32" and package and find_spec(package.replace("-", "_")) is None:
        others = " or ".join(other for other in CONVERTERS if other != name)
        instead = "" if _needs_quantizer(numbers) else f", or take --converter {others}"
        raise RecipeError(
            f"--converter {name} needs the package {package} for anything but float32, and it is not installed: "
            f"pip install 'edgedigits[{name}]'{instead}"
        )


def _needs_quantizer(numbers: Numbers) -> bool:
    """Whether no other converter has these numbers."""
    return numbers.weights == "int4" or bool(numbers.float_layers or numbers.int16_layers)


def _simplify(model: KerasModel, numbers: Numbers) -> KerasModel:
    """A rounded kernel that is multiplied with float values costs more than a product and a sum: there all is left as it is."""
    from edgedigits.models.graph.fold_batchnorm import make_convolutions

    mixes = numbers.activations == "float32" and numbers.weights not in ("float32", "float16")
    return model if mixes else make_convolutions(model)


def _save(model: KerasModel, folder: str, samples: Iterable[list[np.ndarray]]) -> int:
    """Writes the model as a SavedModel of one function, and the samples; returns the bytes of its weights.

    Not the Keras model itself: that would write the functions of every layer, which takes ten times as long. The weights are
    constants of the function: as variables they would be written, read and frozen one by one, which takes several times as long.
    """
    from edgedigits.backend import as_graph, tf

    trained, others = (
        [np.asarray(one) for one in own] for own in (model.trainable_variables, model.non_trainable_variables)
    )

    def call(image: object) -> object:
        with tf.name_scope("model"):
            constants = ([tf.constant(one) for one in own] for own in (trained, others))
            return model.stateless_call(*constants, image, training=False)[0]

    concrete = as_graph(call).get_concrete_function(
        tf.TensorSpec([1, *model.inputs[0].shape[1:]], tf.float32, name="image")
    )
    holder = tf.Module()
    # Of what Keras knows of there is none left, but a layer of the user's may hold others.
    holder.variables_in_use = list(concrete.graph.variables)
    try:
        tf.saved_model.save(holder, folder, signatures={"serving_default": concrete})
        write_samples(Path(folder), samples)
    except OSError as error:
        raise ArtifactError(
            f"{folder}: can't be written ({error.strerror}); set TMPDIR to a folder that can"
        ) from error
    return sum(one.nbytes for one in [*trained, *others])


@contextmanager
def _quiet() -> Iterator[None]:
    """TensorFlow writes its log to the process's standard error and warns about its own settings."""
    import warnings

    from edgedigits.backend import silenced_stderr

    with warnings.catch_warnings(), silenced_stderr():
        warnings.simplefilter("ignore")
        yield
