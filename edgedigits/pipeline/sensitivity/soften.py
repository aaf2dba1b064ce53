"""A recipe from what was found: channels and weights go where a layer bears it, what hurts is left out or spared.

A layer bears what costs it, alone and without training, less than matters. That is cautious, for training heals much.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import escape
from typing import Any, Final

import yaml

from edgedigits.errors import ModelError
from edgedigits.ground.facts import JsonObject
from edgedigits.ground.names import make_safe
from edgedigits.keras_types import KerasModel
from edgedigits.models.graph import walk
from edgedigits.models.layers.layer_kinds import KINDS, Passage
from edgedigits.pipeline.recipe import Recipe, parse
from edgedigits.pipeline.sensitivity.confidence import Finding
from edgedigits.pipeline.sensitivity.outcome import HALF, INT8, LayerRow
from edgedigits.pipeline.sensitivity.prober import PERCENTS
from edgedigits.pipeline.sensitivity.subject import Subject
from edgedigits.pipeline.sensitivity.thinned_net import Free, ThinnedNet
from edgedigits.stages.select_layers import find_output_layer
from edgedigits.tasks.kinds.table import find_task

WORTH: Final = 0.05
"""Of the parameters: where fewer would go, no channel does."""
NEAR: Final = 0.9
"""Of what goes where each layer that bears it loses half of its channels: what is asked for, so that it can surely be had."""


@dataclass(frozen=True)
class Softened:
    """`text` is the file: the recipe, with the `reasons`, by layer, as comments before it."""

    recipe: Recipe
    reasons: Mapping[str, str]
    text: str


def soften(subject: Subject, thinned: ThinnedNet, rows: Sequence[LayerRow], int8: Finding) -> Softened:
    """A recipe for this model; without stages where they can't train it."""
    stages: list[JsonObject] = []
    reasons: dict[str, list[str]] = {}
    if (untrained := _find_refusal(subject)) is None:
        whole = _list_makers(subject)
        stages += _thin(thinned, rows, whole, subject.max_drop, reasons)
        stages += _prune(subject, rows, whole, reasons)
        stages += _round(rows, int8, subject.max_drop, reasons)
    document: JsonObject = {
        "name": make_safe(f"{subject.job.name[:80]}_spared"),
        "for": f"{subject.job.name} on {subject.job.dataset.name}, less what its layers bear to lose",
        "stages": stages,
        "export": {"int8": {"slim": True}},
    }
    said = {layer: "; ".join(why) for layer, why in reasons.items()}
    return Softened(parse(document, "sensitivity", ""), said, _write(document, said, untrained))


def _find_refusal(subject: Subject) -> str | None:
    """Why no stage can train it; None where stages can."""
    try:
        find_task(subject.data).check_model(subject.job.name, subject.job.loaded, trained=True)
    except ModelError as error:
        return str(error)
    return None


def _list_makers(subject: Subject) -> list[str]:
    """Layers with kernels, in graph order."""
    return list(dict.fromkeys(path.rpartition("/")[0] for path in walk.collect_kernels(subject.model)))


def _thin(
    thinned: ThinnedNet,
    rows: Sequence[LayerRow],
    makers: Sequence[str],
    max_drop: float,
    reasons: dict[str, list[str]],
) -> Iterator[JsonObject]:
    """A `shrink` of what bears to lose half of its channels."""
    asked = {row.name: found for row in rows if (found := row.finding(HALF))}
    frees = {name: free for name in makers if isinstance(free := thinned.find_free(name), Free)}
    bears = {name for name, found in asked.items() if found.bears(max_drop)}
    share = thinned.share_parameters(
        [frees[name] for name in frees if name in bears], [frees[name] for name in frees if name not in bears]
    )
    if share * NEAR < WORTH:
        return
    spared = [name for name in frees if name not in bears and not _is_depthwise_of(thinned.model, name)]
    for name in spared:
        lost = f"loses {_word(asked[name])} without half of its channels" if name in asked else "was not asked for"
        reasons.setdefault(name, []).append(f"{lost}, so all stay")
    yield {
        "shrink": {
            "remove_parameters": math.floor(100 * share * NEAR) / 100,
            "scope": "sensitivity",
            **({"skip_layers": [escape(name) for name in spared]} if spared else {}),
            "distillation": 0.7,
        }
    }


def _prune(
    subject: Subject, rows: Sequence[LayerRow], makers: Sequence[str], reasons: dict[str, list[str]]
) -> Iterator[JsonObject]:
    """A `prune` of each layer as far as it bears it; the answers' layer and depthwise ones it leaves whole by itself."""
    last = find_output_layer(subject.model)
    known = {row.name: row for row in rows if row.name != last and not _is_depthwise(row.kind)}
    borne = {name: _find_borne(row, subject.max_drop) for name, row in known.items() if row.finding("pruned_50")}
    if not any(borne.values()):
        return
    usual = Counter(percent for percent in borne.values() if percent).most_common(1)[0][0]
    skipped = [
        name for name in makers if name != last and not borne.get(name) and not _is_depthwise_of(subject.model, name)
    ]
    for name in skipped:
        found = known[name].finding("pruned_50") if name in known else None
        lost = f"loses {_word(found)} without half of its weights" if found else "was not asked for"
        reasons.setdefault(name, []).append(f"{lost}, so it is not pruned")
    for name, percent in borne.items():
        found = known[name].finding(f"pruned_{_next(percent)}") if 0 < percent < PERCENTS[-1] else None
        if found is not None:
            why = f"loses {_word(found)} without {_next(percent)} % of its weights, so {percent} % go"
            reasons.setdefault(name, []).append(why)
    others = {escape(name): percent / 100 for name, percent in borne.items() if percent not in (0, usual)}
    yield {
        "prune": {
            "sparsity": usual / 100,
            **({"layers": others} if others else {}),
            **({"skip_layers": [escape(name) for name in skipped]} if skipped else {}),
            "min_weights": 0,
        }
    }


def _round(
    rows: Sequence[LayerRow], int8: Finding, max_drop: float, reasons: dict[str, list[str]]
) -> Iterator[JsonObject]:
    """A `qat` where rounding costs what matters."""
    hurt = [row for row in rows if (found := row.finding(INT8)) and not found.bears(max_drop)]
    for row in hurt:
        found = row.finding(INT8)
        why = f"loses {_word(found)} where it alone is int8, so the rounding is trained in" if found else ""
        reasons.setdefault(row.name, []).append(why)
    if hurt or not int8.bears(max_drop):
        yield {"qat": {}}


def _find_borne(row: LayerRow, max_drop: float) -> int:
    """The most percent of its weights that it bears to lose; 0 for none."""
    borne = 0
    for percent in PERCENTS:
        found = row.finding(f"pruned_{percent}")
        if found is None or not found.bears(max_drop):
            break
        borne = percent
    return borne


def _next(percent: int) -> int:
    return next(one for one in PERCENTS if one > percent)


def _is_depthwise(kind: str) -> bool:
    return kind in KINDS and KINDS[kind].channels is Passage.DEPTHWISE


def _is_depthwise_of(model: KerasModel, name: str) -> bool:
    return _is_depthwise(type(model.get_layer(name)).__name__)


def _word(found: Finding) -> str:
    return f"{found.drop_points:.1f} points"


def _write(document: JsonObject, reasons: Mapping[str, str], untrained: str | None) -> str:
    lines = ["# Written by `edgedigits sensitivity`. Points are of accuracy on validation images, nothing trained."]
    if untrained:
        lines.append(f"# No stages: {untrained}")
    lines += [f"# {layer}: {why}" for layer, why in reasons.items()]
    lines = ["".join(one if one.isprintable() else " " for one in line) for line in lines]  # a name may hold anything
    body: Any = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
    return "\n".join(lines) + "\n" + str(body)
