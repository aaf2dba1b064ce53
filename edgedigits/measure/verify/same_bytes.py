"""Bytes against bytes: one file on two runtimes, or two quantized files on one; bit-identical, or by how many steps and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from edgedigits_runner.quantizing import real, stored

from edgedigits.errors import TfliteError
from edgedigits.ground.facts import JsonObject, Say
from edgedigits.measure.verify.answers import read_meaning
from edgedigits.measure.verify.report import SCHEMA
from edgedigits.measure.verify.sides import run_side
from edgedigits.measure.verify.subject import Subject
from edgedigits.tflite.checked_walk import follow
from edgedigits.tflite.contents import Tensor
from edgedigits.tflite.layers.matching import INPUT, Match, match_steps, shares_weights
from edgedigits.tflite.layers.rewiring import expose_tensors
from edgedigits.tflite.layers.steps import Net

_LOOKED_AT: Final = 4
"""Images whose every layer is compared; the answers are compared on all."""


@dataclass(frozen=True)
class Side:
    """A file and what runs it."""

    name: str
    flat: bytes
    runtime: str


@dataclass(frozen=True)
class LayerDifference:
    """`differing_share` of the values differ; the largest by `largest_steps` of the second file's scale, None where it has
    none."""

    layer: str
    index: int
    kind: str
    differing_share: float
    largest: float
    largest_steps: float | None


@dataclass(frozen=True)
class BytesReport:
    """`layers` are those that differ, the largest first, in a file that gives every tensor out; `first` is where it begins.

    `answers` are of the files as they are: "identical", "differing_share", "largest_steps", "changed_images", and in "image" and
    "output" where the largest difference is.
    """

    one: str
    other: str
    images: str
    compared: int
    layers: tuple[LayerDifference, ...]
    first: str
    answers: JsonObject
    notes: tuple[str, ...]

    def as_json(self) -> JsonObject:
        return {
            "schema": SCHEMA,
            "kind": "bytes",
            "file": self.other,
            "against": self.one,
            "images": self.images,
            "identical": bool(self.answers["identical"]),
            "layers_identical": bool(self.compared and not self.layers),
            "answers": self.answers,
            "compared_layers": self.compared,
            "first_difference": self.first,
            "layers": [asdict(one) for one in self.layers],
            "notes": list(self.notes),
        }


def verify_bytes(subject: Subject, one: Side, other: Side, say: Say) -> BytesReport:
    """Raises InputError's kinds where a runtime can't be had, or can't run a file."""
    nets = [Net(one.flat, one.name), Net(other.flat, other.name)]
    with follow(f"{one.name} or {other.name}"):
        matches = [match for match in match_steps(nets[1], nets[0]) if match.kind != INPUT]
    notes = list(subject.notes)
    if not shares_weights(nets[1], matches):
        matches = []
        notes.append("no layer of the two is the same, so only their answers are compared")
    inputs = [_as_taken(subject.inputs, net.contents.inputs[0]) for net in nets]
    say(f"running {one.runtime} and {other.runtime} on {subject.images}")
    ends = [
        run_side(side.runtime, side.flat, side.name, given, say)[0]
        for side, given in zip((one, other), inputs, strict=True)
    ]
    try:
        looks = [
            run_side(side.runtime, expose_tensors(side.flat, places, side.name), side.name, given[:_LOOKED_AT], say)
            for side, given, places in zip(
                (one, other),
                inputs,
                ([match.float for match in matches], [match.compressed for match in matches]),
                strict=True,
            )
        ]
    except TfliteError as error:
        looks, matches = [[], []], []
        notes.append(f"layers can't be compared: {error}")
    differing = _compare_layers(matches, looks, nets)
    return BytesReport(
        one=f"{one.name} on {one.runtime}",
        other=f"{other.name} on {other.runtime}",
        images=subject.images,
        compared=len(matches),
        layers=tuple(sorted(differing, key=_by_size)),
        first=_name(min(differing, key=lambda each: each.index)) if differing else "",
        answers=_compare_answers(ends, nets),
        notes=tuple(notes),
    )


def _as_taken(inputs: np.ndarray, tensor: Tensor) -> np.ndarray:
    """float32 images in the file's own type."""
    return stored(inputs, tensor.dtype.lower(), *_quantization(tensor))


def _quantization(tensor: Tensor) -> tuple[float, int]:
    if len(tensor.scales) != 1:
        return 0.0, 0
    return float(tensor.scales[0]), int(tensor.zero_points[0]) if len(tensor.zero_points) else 0


def _compare_layers(
    matches: Sequence[Match], looks: Sequence[Sequence[np.ndarray]], nets: Sequence[Net]
) -> list[LayerDifference]:
    found = []
    for match, one, other in zip(matches, *looks, strict=True):
        ours, theirs = nets[0].tensor(match.float), nets[1].tensor(match.compressed)
        if np.array_equal(one, other) and _quantization(ours) == _quantization(theirs):
            continue
        difference = np.abs(_real(one, ours) - _real(other, theirs))
        step = _quantization(theirs)[0]
        largest = float(difference.max(initial=0.0))
        found.append(
            LayerDifference(
                layer=match.name,
                index=match.index,
                kind=match.kind,
                differing_share=float((difference > step / 2).mean()),
                largest=largest,
                largest_steps=largest / step if step else None,
            )
        )
    return found


def _real(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    found: np.ndarray = real(values, *_quantization(tensor)).astype(np.float64)
    return found


def _compare_answers(ends: Sequence[np.ndarray], nets: Sequence[Net]) -> JsonObject:
    sinks = [net.contents.outputs[0] for net in nets]
    one, other = (_real(end.reshape(len(end), -1), sink) for end, sink in zip(ends, sinks, strict=True))
    step = _quantization(sinks[1])[0]
    difference = np.abs(one - other)
    image, output = np.unravel_index(int(difference.argmax()), difference.shape)
    meaning = read_meaning(nets[1], nets[0])
    largest = float(difference.max(initial=0.0))
    return {
        "identical": bool(ends[0].dtype == ends[1].dtype and np.array_equal(ends[0], ends[1])),
        "differing_share": float((difference > step / 2).mean()),
        "largest": largest,
        "largest_steps": largest / step if step else None,
        "image": int(image),
        "output": int(output),
        "changed_images": round(meaning.changed(one, other) * len(one)),
    }


def _by_size(one: LayerDifference) -> tuple[float, int]:
    """Whole steps: their real values differ in the last digits of float32."""
    return (-one.largest if one.largest_steps is None else -round(one.largest_steps)), one.index


def _name(one: LayerDifference) -> str:
    return f"#{one.index} {one.kind} {one.layer}"
