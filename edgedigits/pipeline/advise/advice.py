"""What a recipe will buy, said before any training: bytes, packed bytes, latency here, cycles on the boards, and why not.

Nothing in an advice was measured on the compressed model, which does not exist yet. Bytes are those of `dry_run.py`; latency is
the sum of its operators' own timings (`operator_latency.py`); cycles come from `cycle_model.py`, or are counted where wished.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from edgedigits.data.splits import FitData
from edgedigits.ground.facts import Say
from edgedigits.ground.names import cut_number
from edgedigits.keras_types import KerasModel
from edgedigits.measure.cost.cycle_model import find_board, foretell_each
from edgedigits.measure.cost.operator_latency import TimedRuntime, Timings, measure_timings
from edgedigits.pipeline.advise import reasons
from edgedigits.pipeline.advise.dry_run import Prediction, Step, predict
from edgedigits.pipeline.advise.outlay import Cost, Effect, Layer
from edgedigits.pipeline.export.export import list_rewrites
from edgedigits.pipeline.recipe import Recipe
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.fragments import Fragment, cut
from edgedigits.tflite.multiply_adds import Work, count_per_operator
from edgedigits.tflite.rewrite.slim import slim

ADVISED_BOARDS: Final = ("zero2", "pi3", "pi4", "pi5")
Counting = Callable[[Sequence[bytes], str], list[int]]
"""(files, core) -> the cycles of each."""


@dataclass(frozen=True)
class Advice:
    """All that is said. `before` is the float32 file, `after` the recipe's; `rest_bytes` of the latter are no constants."""

    model: str
    recipe: str
    steps: str
    runtime: str
    cpu: str
    timings_file: Path
    operators_timed_now: int
    before: Cost
    after: Cost
    layers: tuple[Layer, ...]
    rest_bytes: int
    rest_gzip_bytes: int
    effects: tuple[Effect, ...]
    would_pay: tuple[str, ...]
    warnings: tuple[str, ...]
    counted_now: bool


@dataclass(frozen=True)
class Question:
    """A model ready for the stages, data of its shape, and the recipe. `count` counts cycles, where wished; `warnings`
    are of the model and its data; `untrained` says that what it answers tells nothing of it."""

    name: str
    model: KerasModel
    data: FitData
    recipe: Recipe
    runtime: TimedRuntime = "litert"
    count: Counting | None = None
    again: bool = False
    warnings: tuple[str, ...] = ()
    custom: tuple[str, ...] = ()
    untrained: bool = False


def advise(question: Question, say: Say) -> Advice:
    """The advice. Raises what the recipe's stages and export raise, and InputError where the runtime can't be had."""
    found = predict(question.recipe, question.model, question.data, say, question.custom, question.untrained)
    flats = [step.flat for step in found.steps]
    other = [found.as_int8] if found.as_int8 else []
    parts = {flat: cut(flat) for flat in dict.fromkeys([*flats, *other])}
    timed = measure_timings(
        [part for each in parts.values() for part in each], question.runtime, say, again=question.again
    )
    slimmed = "slim" in list_rewrites(question.recipe.export)
    files = {
        flat: slim(flat, "the export") if slimmed and flat in flats[1:] and flat != flats[0] else flat for flat in parts
    }
    costs = _costs(parts, files, timed, question.count)
    effects = _effects(question.recipe, found, costs)
    before, after = costs[flats[0]], costs[flats[-1]]
    layers = _layers(flats[-1], parts[flats[-1]], timed, found.model)
    raw = sum(layer.raw_bytes for layer in layers)
    packed = sum(
        row.gzip for row in read(files[flats[-1]], "the model").breakdown if row.part not in ("weights", "biases")
    )
    facts = reasons.Known(
        recipe=question.recipe,
        file=flats[-1],
        layers=layers,
        before=before,
        after=after,
        as_int8=costs[found.as_int8] if found.as_int8 else None,
        rest_bytes=after.raw_bytes - raw,
    )
    return Advice(
        model=question.name,
        recipe=question.recipe.name,
        steps=question.recipe.steps,
        runtime=timed.runtime,
        cpu=timed.cpu,
        timings_file=timed.file,
        operators_timed_now=timed.measured,
        before=before,
        after=after,
        layers=layers,
        rest_bytes=after.raw_bytes - raw,
        rest_gzip_bytes=packed,
        effects=effects,
        would_pay=tuple(reasons.list_gains(facts)),
        warnings=(*question.warnings, *reasons.list_warnings(facts)),
        counted_now=question.count is not None,
    )


def _costs(
    parts: dict[bytes, tuple[Fragment, ...]], files: dict[bytes, bytes], timed: Timings, count: Counting | None
) -> dict[bytes, Cost]:
    """What each model costs; `files` are the bytes it ships as, with no names left."""
    counted: dict[str, dict[bytes, int]] = {}
    if count is not None:
        cores = dict.fromkeys(find_board(board)[0] for board in ADVISED_BOARDS)
        counted = {core: dict(zip(parts, count(list(parts), core), strict=True)) for core in cores}
    costs = {}
    for flat, own in parts.items():
        each = [timed.of(part).us for part in own]
        known = [us for us in each if us is not None]
        contents = read(flat, "the model")
        costs[flat] = Cost(
            raw_bytes=len(files[flat]),
            gzip_bytes=len(gzip.compress(files[flat], 9, mtime=0)),
            us=timed.base_us + sum(known) if len(known) == len(each) else None,
            macs=sum(work.macs for work in count_per_operator(contents)),
            boards=foretell_each(contents, ADVISED_BOARDS, {core: each[flat] for core, each in counted.items()}),
        )
    return costs


def _effects(recipe: Recipe, found: Prediction, costs: dict[bytes, Cost]) -> tuple[Effect, ...]:
    """One for the export if it is not float32's, one per stage, one for all together."""
    effects = []
    for before, step in zip(found.steps, found.steps[1:], strict=False):
        kind: Literal["export", "stage"] = "export" if step.stage is None else "stage"
        effects.append(_effect(recipe, step, kind, costs[before.flat], costs[step.flat]))
    whole = _effect(recipe, found.last, "all", costs[found.steps[0].flat], costs[found.last.flat])
    return (*effects, replace(whole, setting="all together", reason=""))


def _effect(recipe: Recipe, step: Step, kind: Literal["export", "stage", "all"], before: Cost, after: Cost) -> Effect:
    effect = Effect(
        setting=reasons.word_setting(step, recipe.export_name),
        kind=kind,
        raw=after.raw_bytes / before.raw_bytes - 1,
        gzip=after.gzip_bytes / before.gzip_bytes - 1,
        time=None if after.us is None or not before.us else after.us / before.us - 1,
        cycles={board: after.boards[board].cycles / before.boards[board].cycles - 1 for board in ADVISED_BOARDS},
        reason="",
        cost=after,
    )
    return replace(effect, reason=reasons.explain(effect, step, recipe.export))


def _layers(flat: bytes, parts: tuple[Fragment, ...], timed: Timings, model: KerasModel) -> tuple[Layer, ...]:
    names = {layer.name for layer in model.layers}
    works = count_per_operator(read(flat, "the model"))
    return tuple(_layer(part, work, timed, names) for part, work in zip(parts, works, strict=True) if not part.unpacks)


def _layer(part: Fragment, work: Work, timed: Timings, names: set[str]) -> Layer:
    timing = timed.of(part)
    return Layer(
        index=part.index,
        name=_layer_name(part.names, names),
        kind=part.kind,
        output_shape=work.output_shape,
        arithmetic=work.arithmetic,
        parameters=part.parameters if work.macs else 0,
        macs=work.macs,
        raw_bytes=len(part.stored),
        gzip_bytes=len(gzip.compress(part.stored, 9, mtime=0)) if part.stored else 0,
        us=None if timing.us is None else round(timing.us, 3),
        note=timing.reason,
    )


def _layer_name(found: tuple[str, ...], names: set[str]) -> str:
    """The Keras layer that a tensor's name begins with, as in `cnn_1/conv2d_4_1/convolution;...`."""
    for name in found:
        for word in name.replace(";", "/").split("/"):
            for layer in (cut_number(word), word):
                if layer in names:
                    return layer
    return ""
