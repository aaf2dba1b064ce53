"""Which layers an export can't take, known before anything is trained.

Of the built-in kinds each export tells (`Export.lacks`), which `tests/test_layer_kinds.py` holds against the converter. What no
table can know, layer classes of the caller's own and layers that only together become such an operator, is tried; so is all
that a converter is given of which no table tells what it takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final

import numpy as np

from edgedigits.backend import keras
from edgedigits.data.images import ArrayImages, Images, read_all
from edgedigits.data.samples import draw_sample
from edgedigits.data.scale import Scale
from edgedigits.data.splits import FitData
from edgedigits.errors import CheckError, ModelError, ParityError
from edgedigits.measure.runtimes.asked import Asked
from edgedigits.models.graph import walk
from edgedigits.models.graph.answers import answers_probabilities
from edgedigits.models.layers import lowered_layers
from edgedigits.pipeline.converters.table import CONVERTERS
from edgedigits.pipeline.export.checks import check_integer
from edgedigits.pipeline.export.export import Export, find_converter, list_float_layers, tries_values
from edgedigits.pipeline.export.runs_on import check_runs_on
from edgedigits.pipeline.recipe import Recipe
from edgedigits.tasks.kinds.table import find_task
from edgedigits.tasks.parity import check_parity
from edgedigits.tasks.scoring import compute_outputs
from edgedigits.tflite.flatbuffer import read

_SAMPLE: Final = 200  # images of a try on the data
_NOISE: Final = 8  # images for a layer that is tried alone


def check_exportable(
    recipe: Recipe, model: Any, data: FitData, say: Callable[[str], None], untrained: bool = False
) -> None:
    """Raises ModelError naming the first layer of a flat model that the recipe's export can't take, and what would do.

    A recipe that trains another net instead is held to nothing. `untrained`: what the model answers tells nothing of it. Raises
    RecipeError for a recipe that is made for other images.
    """
    recipe.check_images(model.inputs[0].shape[1:])
    if any(getattr(stage, "makes_another_net", False) for _, stage in recipe.stages):
        return
    name, export = recipe.export_name, recipe.export
    for layer in _layers(model):
        for kind in (type(layer).__name__, layer.get_config().get("activation")):
            if operator := export.lacks.get(kind if isinstance(kind, str) else ""):
                raise _refused(layer, name, f"TFLite has no {operator} for its numbers")
    coarse = next((one for one in _layers(model) if type(one).__name__ in export.coarse), None)
    tried = export.lacks_fused or CONVERTERS[find_converter(export)].tried or tries_values(export)
    if coarse is not None or tried or not all(map(_built_in, _layers(model))):
        say(f"trying the {name} export")
        try:
            flat = _tried(model, name, export, data.calibration, data.scale)
        except CheckError as error:
            raise _blamed(model, name, export, error) from error
        if coarse is not None and not untrained:
            _check_answers(flat, model, coarse, recipe, data)


def check_runs_early(
    recipe: Recipe, model: Any, data: FitData, asked: Sequence[Asked], say: Callable[[str], None]
) -> None:
    """Raises OperatorError where the export of the model as it is won't run on one of these runtimes: its operators are those of
    what the stages make of it, unless that is another net. A recipe that trains nothing is left to its export."""
    if not asked or not recipe.stages or any(getattr(one, "makes_another_net", False) for _, one in recipe.stages):
        return
    say(f"trying the {recipe.export_name} export on {', '.join(map(str, asked))}")
    check_runs_on(recipe.export(model, data.calibration, data.scale), recipe.export_name, asked)


def _tried(model: Any, name: str, export: Export, calibration: Images, scale: Scale) -> bytes:
    flat = export(model, calibration, scale)
    if export.integer:
        check_integer(read(flat, f"{name} export"), list_float_layers(export))
    return flat


def _check_answers(flat: bytes, model: Any, coarse: Any, recipe: Recipe, data: FitData) -> None:
    """Raises ModelError naming the layer where the bytes of the model as it is don't answer as it does."""
    sample, logits = draw_sample(data.validation, _SAMPLE), not answers_probabilities(model)
    try:
        check_parity(
            find_task(data),
            flat,
            recipe.export.limits,
            compute_outputs(model, sample, data.scale),
            logits,
            read_all(sample),
            data.scale,
        )
    except ParityError as error:
        why = f"8 bits are too few for the sizes that it divides by ({str(error).removeprefix('export: ')})"
        raise _refused(coarse, recipe.export_name, why) from error


def _blamed(model: Any, name: str, export: Export, error: CheckError) -> ModelError:
    """The error as one of the first layer that fails alone, each kind tried once; else of the model."""
    tried: set[Any] = set()
    for layer in _layers(model):
        kind = (type(layer), str(layer.get_config().get("activation")))
        if kind in tried:
            continue
        tried.add(kind)
        alone, images = _alone(layer)
        try:
            _tried(alone, name, export, images, "0..1")
        except CheckError as own:
            return _refused(layer, name, str(own).removeprefix("export: "))
    return ModelError(
        f"{model.name}: the {name} export can't take it, though it takes each of its kinds of layers "
        f"({str(error).removeprefix('export: ')}); choose another export"
    )


def _alone(layer: Any) -> tuple[Any, Images]:
    """A model of this layer alone, and noise for it: a column of pixels, cut and laid out as what the layer reads."""
    reads = layer.input if isinstance(layer.input, list) else [layer.input]
    wanted = [[size or 1 for size in tensor.shape[1:]] for tensor in reads]
    total = sum(math.prod(shape) for shape in wanted)
    image = keras.Input((total, 1, 1))
    column, read, start = keras.layers.Reshape((total, 1))(image), [], 0
    for shape in wanted:
        stop = start + math.prod(shape)
        part = keras.layers.Cropping1D((start, total - stop))(column) if len(wanted) > 1 else column
        read.append(keras.layers.Reshape(shape)(part))
        start = stop
    copy = type(layer).from_config(layer.get_config())
    made = copy(read if len(read) > 1 else read[0])
    copy.set_weights(layer.get_weights())
    noise = np.random.default_rng(0).integers(0, 256, (_NOISE, total, 1, 1)).astype(np.uint8)
    return keras.Model(image, made, name=layer.name), ArrayImages(noise, np.zeros(_NOISE, np.int32))


def _layers(model: Any) -> Iterator[Any]:
    """Each once, in the order they compute."""
    seen: set[int] = set()
    for call in walk.list_calls(model):
        if id(call.layer) not in seen:
            seen.add(id(call.layer))
            yield call.layer


def _built_in(layer: Any) -> bool:
    own = type(layer).__module__.split(".")[0] != "keras"
    ours: Collection[object] = lowered_layers.LOWERED.values()
    return not own or type(layer) in ours


def _refused(layer: Any, name: str, why: str) -> ModelError:
    return ModelError(
        f"layer '{layer.name}' ({type(layer).__name__}) can't go into the {name} export: {why}; choose another export, or "
        "replace the layer and train the model again"
    )
