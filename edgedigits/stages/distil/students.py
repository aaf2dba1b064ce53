"""Students for distillation: the candidate itself, one of the family, a fresh net of the zoo, or a model from a file."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgedigits.data.scale import parse_scaling
from edgedigits.data.splits import FitData
from edgedigits.errors import ModelError, RecipeError
from edgedigits.ground.facts import JsonObject
from edgedigits.ground.names import cut_number
from edgedigits.ground.yaml_files import suggest
from edgedigits.keras_types import KerasLayer, KerasModel
from edgedigits.models.zoo import ZOO, build, close_with
from edgedigits.models.zoo.family import build_student
from edgedigits.models.zoo.family_plan import SIZES, Teacher, list_sizes
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.distil.teachers import SELF, check_alike
from edgedigits.tasks.kinds.table import find_task


def find_student_file(name: str) -> Path | None:
    """The file that a student is read from; None for the candidate itself and for nets built anew. Raises RecipeError."""
    if name == SELF or name in SIZES or name in ZOO:
        return None
    if Path(name).exists():
        return Path(name)
    raise RecipeError(f"distil.student: {name!r} is no file and no net{suggest(name, [SELF, *list_sizes(), *ZOO])}")


def make_student(name: str, options: JsonObject, candidate: Candidate, data: FitData) -> KerasModel:
    """The flat Keras model to train: input, classes and kind of answers (probabilities or logits) are the candidate's.

    Raises RecipeError for an unknown name and for options that the net doesn't take, ModelError for a model that doesn't fit.
    """
    path = find_student_file(name)
    if options and (path or name == SELF):
        raise RecipeError(f"distil.options: they are for nets of the zoo, and the student is {name}; leave them out")
    if name == SELF:
        return candidate.model
    model = _read(path, candidate.custom, data) if path else _fresh(name, options, candidate, data)
    check_alike("distil.student", name, model, candidate.model)
    return _answering_as(_find_answers(candidate.model, data), model)


def _read(path: Path, custom: Sequence[str], data: FitData) -> KerasModel:
    from edgedigits.models.graph import walk
    from edgedigits.models.importer.loading import load

    loaded = load(path, custom=custom, scale=parse_scaling(data.scale), size=lambda: data.fit.shape[:2])
    if not loaded.logits and walk.find_closing(loaded.model) is None:
        raise ModelError(
            f"distil.student: {path} answers probabilities that no closing softmax makes; end it in softmax or in logits"
        )
    result: KerasModel = loaded.model
    return result


def _fresh(name: str, options: JsonObject, candidate: Candidate, data: FitData) -> KerasModel:
    """A new net of the family or the zoo; its weights depend on the seed alone."""
    from edgedigits.backend import seed_everything
    from edgedigits.models.importer.loading import rebuild

    known = [*inspect.signature(build_student if name in SIZES else ZOO[name]).parameters][4 if name in SIZES else 2 :]
    for option in options:
        if option not in known:
            would = suggest(option, known) if known else "; it takes none"
            raise RecipeError(f"distil.options: {name} takes no {option!r}{would}")
    teacher = measure_teacher(candidate.original or candidate.model) if name in SIZES else None
    seed_everything(data.seed)
    plain: dict[str, Any] = {key: _plain(x) for key, x in options.items()}
    shape, units, closing = candidate.model.input_shape[1:], candidate.model.output_shape[1], find_task(data).closing
    try:
        if teacher:
            net = close_with(closing, build_student(name, shape, units, teacher, **plain))
        else:
            net = build(name, shape, units, closing, **plain)
    except (ArithmeticError, AttributeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise RecipeError(f"distil.options: no {name} can be built with {options} ({reason})") from error
    return _renumbered(rebuild(net))


def measure_teacher(model: KerasModel) -> Teacher:
    """What a student of the family follows: convolutions that see more than one place, on the longest way; size and work.

    A net without such convolutions works less than any student with them, so it is measured by its size alone.
    """
    from edgedigits.models.graph import walk
    from edgedigits.models.graph.narrowed_size import count_whole_multiply_adds

    depths = {walk.ENTRY: 0}
    for call in walk.list_calls(model):
        wide = max(getattr(call.layer, "kernel_size", ()), default=1) > 1
        deepest = max((depths.get(number, 0) for number in call.inputs), default=0)
        depths.update(dict.fromkeys(call.outputs, deepest + wide))
    depth = max(depths.values())
    return Teacher(depth, int(model.count_params()), count_whole_multiply_adds(model) if depth else 0)


def _plain(value: object) -> object:
    """YAML writes lists where Python code takes tuples."""
    return tuple(map(_plain, value)) if isinstance(value, list) else value


def _renumbered(model: KerasModel) -> KerasModel:
    """A copy whose layers are numbered from the first: Keras numbers all layers of the process, and names end in the bytes."""
    from edgedigits.models.graph import walk

    taken: set[str] = set()

    def make(layer: KerasLayer) -> KerasLayer:
        stem = cut_number(layer.name)
        name, number = stem, 0
        while name in taken:
            number += 1
            name = f"{stem}_{number}"
        taken.add(name)
        return type(layer).from_config({**layer.get_config(), "name": name})

    copy = walk.exchange_layers(model, make, entry_name="image")
    copy.set_weights(model.get_weights())
    return copy


def _find_answers(model: KerasModel, data: FitData) -> str | None:
    """What the student is to end in: as the candidate does, or in what makes probabilities where no closing layer makes its."""
    from edgedigits.models.graph import walk
    from edgedigits.models.graph.answers import answers_probabilities

    end = walk.find_closing(model)
    return find_task(data).closing if end is None and answers_probabilities(model, parse_scaling(data.scale)) else end


def _answering_as(end: str | None, model: KerasModel) -> KerasModel:
    """The model with that closing softmax or sigmoid, with none where that is None."""
    from edgedigits.backend import keras
    from edgedigits.models.graph import walk

    result: KerasModel
    if end == walk.find_closing(model):
        return model
    if end is None:
        return walk.clone(model, logits=True)
    if end == walk.SIGMOID:
        result = keras.Model(model.input, keras.layers.Activation(end, name=end)(model.output), name=model.name)
        return result
    result = keras.Model(model.input, keras.layers.Softmax(name="softmax")(model.output), name=model.name)
    return result
