"""Each layer asked what it bears, one probe after the other: the whole story."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from edgedigits.data.sources.wish import tell_notes
from edgedigits.ground.facts import Progress, Say
from edgedigits.keras_types import KerasLayer
from edgedigits.pipeline.checks.judging import check_baseline
from edgedigits.pipeline.checks.scale_check import check_scale
from edgedigits.pipeline.sensitivity.kept_probes import KeptProbes
from edgedigits.pipeline.sensitivity.outcome import FLOAT, HALF, INT8, LayerRow, Outcome
from edgedigits.pipeline.sensitivity.prober import PERCENTS, Found, Prober
from edgedigits.pipeline.sensitivity.soften import Softened, soften
from edgedigits.pipeline.sensitivity.subject import Asked, Subject, prepare_subject
from edgedigits.pipeline.sensitivity.thinned_net import Free
from edgedigits.pipeline.stage_cache import StageCache
from edgedigits.tasks.kinds.table import find_task


def measure_layers(asked: Asked, say: Say, progress: Progress) -> tuple[Outcome, Softened]:
    """What every layer bears, and the recipe that follows.

    Raises InputError's kinds where something given can't be used, or the cache can't be written.
    """
    StageCache().check_writable()
    subject = prepare_subject(asked, say, progress)
    tell_notes(subject.job.dataset, say)
    kept = KeptProbes(subject.key, asked.fresh, say)
    prober = Prober(subject, kept)
    progress("float", 0.0)
    warnings = prober.look_at_float(lambda outputs, labels: _judge(subject, outputs, labels))
    for warning in warnings:
        say(f"warning: {warning}")
    int8 = prober.round_all()
    rows = list(_probe_layers(prober, progress))
    softened = soften(subject, prober.thinned, rows, int8)
    outcome = Outcome(
        subject.job.name,
        subject.job.dataset.name,
        subject.images,
        asked.seed,
        asked.max_drop,
        round((int8.accuracy + int8.drop_points / 100) * int8.images) / int8.images,
        int8,
        sorted(rows, key=lambda row: -row.badness),
        softened.recipe,
        softened.reasons,
        warnings,
        kept.kept + kept.made,
        kept.kept,
    )
    return outcome, softened


def _probe_layers(prober: Prober, progress: Progress) -> Iterator[LayerRow]:
    """In graph order, each with all of its probes."""
    layers = prober.subject.layers
    for place, layer in enumerate(layers):
        probes = _list_probes(prober, layer.name)
        found: dict[str, Found] = {}
        for number, (name, ask) in enumerate(probes.items()):
            progress(layer.name, (place + number / len(probes)) / len(layers))
            found[name] = ask()
        free = prober.thinned.find_free(layer.name)
        together = free.together if isinstance(free, Free) else ()
        yield LayerRow(layer.name, type(layer).__name__, place, _count_weights(layer), found, together)


def _list_probes(prober: Prober, name: str) -> dict[str, Callable[[], Found]]:
    def prune(percent: int) -> Callable[[], Found]:
        return lambda: prober.prune(name, percent)

    return {
        INT8: lambda: prober.round_only(name),
        FLOAT: lambda: prober.round_others(name),
        **{f"pruned_{percent}": prune(percent) for percent in PERCENTS},
        HALF: lambda: prober.thin(name),
    }


def _judge(subject: Subject, outputs: np.ndarray, labels: np.ndarray) -> Sequence[str]:
    """What may spoil it, as `compress` says it. Raises DataError and ModelError as `check_baseline` does."""
    job, task = subject.job, find_task(subject.data)
    found = check_baseline(task, outputs, labels, subject.classes, subject.logits, job.name, job.dataset.name)
    half = task.half(subject.classes, job.loaded.logits)
    return [*check_scale(task, half, job.loaded.model, job.dataset.train, job.scale), *found.warnings]


def _count_weights(layer: KerasLayer) -> int:
    return sum(math.prod(map(int, weight.shape)) for weight in layer.weights)
