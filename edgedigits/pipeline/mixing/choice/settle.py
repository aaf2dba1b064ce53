"""An export that asks for layers of more than int8 becomes one that names them, with a record of what each gains and costs."""

from __future__ import annotations

import glob
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import chain
from typing import Any, Final, cast

from edgedigits.data.images import read_all
from edgedigits.data.samples import draw_sample
from edgedigits.data.scale import scale_pixels
from edgedigits.data.splits import FitData
from edgedigits.ground.facts import JsonObject, Say
from edgedigits.keras_types import KerasModel
from edgedigits.pipeline.converters.table import PER_LAYER
from edgedigits.pipeline.export.conversion import draw_representative, prepare
from edgedigits.pipeline.export.export import Export
from edgedigits.pipeline.mixing.choice.choose import Choice, choose_layers
from edgedigits.pipeline.mixing.choice.harm import Unit, rank_units
from edgedigits.pipeline.mixing.choice.trying import Trial, Trying
from edgedigits.pipeline.mixing.layers import check_layers
from edgedigits.pipeline.mixing.settings import CHOSEN, LAYERS, asks_choice, asks_mixed
from edgedigits.tasks.task import Half
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.interpreter import TfliteModel
from edgedigits.tflite.layers.naming import matches, name_layers

IMAGES: Final = 1000
"""Validation images that trials are judged on; with fewer, all of them."""
LOOKED_AT: Final = 32
"""Of these, on as many the harm of each layer is measured."""
ROUNDS: Final = 9


def settle_layers(export: Export, model: KerasModel, data: FitData, half: Half, say: Say) -> tuple[Export, JsonObject]:
    """(the export with its layers named, the record as "mixed"); as it is, and {}, where it asks for no such layers.

    Only training and validation images are used. Raises RecipeError for layers that the model has not, and as exports do.
    """
    if not asks_mixed(export):
        return export, {}
    began, asked = time.perf_counter(), cast(Any, export)
    check_layers(model, export)
    samples = draw_representative(data.calibration, data.scale, asked.calibration_images, asked.calibration_seed)
    prepared = prepare(model, asked.numbers, samples)
    images = draw_sample(data.validation, IMAGES)
    trying = Trying(prepared, asked.numbers, CHOSEN.get(asked.mixed, "float_layers"), images, data.scale, half)
    named = trying.attempt(())
    choice = _choose(trying, named, data, asked.keep_within, say) if asks_choice(export) else None
    last = choice.last if choice else named
    names = [*getattr(asked, trying.setting), *map(glob.escape, last.layers)]
    settled = replace(asked, **{trying.setting: names, "mixed": "named", "converter": PER_LAYER})
    say("time of mixed precision")
    record = {
        "by": asked.mixed,
        "converter": PER_LAYER,
        **{setting: find_names(prepared.flat, getattr(settled, setting)) for setting in LAYERS},
        **_tell_accuracy(trying, last),
        **(_tell_choice(trying, choice, asked.keep_within) if choice else {}),
        **_tell_cost(trying.quantize_plain(), last.flat),
        "seconds": round(time.perf_counter() - began, 2),
    }
    return settled, {"mixed": record}


def _choose(trying: Trying, named: Trial, data: FitData, most_points: float, say: Say) -> Choice:
    units = list[Unit]()
    if trying.points_below(named) > most_points:
        inputs = scale_pixels(read_all(draw_sample(trying.images, LOOKED_AT)), data.scale)
        units = rank_units(trying.prepared.flat, named.flat, inputs, say)
    return choose_layers(trying, named, units, most_points, say)


def find_names(flat: bytes, patterns: Sequence[str]) -> list[str]:
    """Layers of the file so named, in the order of computation."""
    layers = [sorted(names) for names in name_layers(read(flat, "the float file")).values()]
    return [name for name in dict.fromkeys(chain(*layers)) if matches([name], patterns)]


def _tell_accuracy(trying: Trying, last: Trial) -> JsonObject:
    return {
        "images": len(trying.images),
        "float_accuracy": trying.float_accuracy,
        "accuracy": last.accuracy,
        "nats": last.nats,
    }


def _tell_choice(trying: Trying, choice: Choice, most_points: float) -> JsonObject:
    return {
        "before_accuracy": choice.plain.accuracy,
        "before_nats": choice.plain.nats,
        "keep_within_points": most_points,
        "kept": choice.kept,
        "steps": [{**asdict(step), "layers": list(step.layers)} for step in choice.steps],
        "tries": trying.tries,
    }


def _tell_cost(plain: bytes, mixed: bytes) -> JsonObject:
    """Bytes, and the median of microseconds in turns, here on one thread; `plain` is the same all in int8."""
    nets = TfliteModel(plain), TfliteModel(mixed)
    rounds = [[net.latency_us(windows=1) for net in nets] for _ in range(ROUNDS)]
    before, after = (statistics.median(each) for each in zip(*rounds, strict=True))
    ratio = statistics.median(two / one for one, two in rounds)
    return {
        "int8_bytes": len(plain),
        "bytes": len(mixed),
        "int8_p50_us": round(before, 2),
        "p50_us": round(after, 2),
        "times_as_long": round(ratio, 3),
        "rounds": ROUNDS,
    }
