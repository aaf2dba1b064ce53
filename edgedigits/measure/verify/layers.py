"""A compressed file against its float form, layer by layer: measured in a child process, judged here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np

from edgedigits.errors import TfliteError
from edgedigits.ground.facts import JsonObject, Say
from edgedigits.ground.processes.children import MIB, Errand, ask
from edgedigits.measure.verify.answers import Answers, read_meaning
from edgedigits.measure.verify.causes.layer import Layer
from edgedigits.measure.verify.causes.table import find_cause
from edgedigits.measure.verify.report import LayersReport, Suspect
from edgedigits.measure.verify.subject import Subject, is_trained
from edgedigits.tflite.checked_walk import follow
from edgedigits.tflite.layers.matching import Match, match_steps, shares_weights
from edgedigits.tflite.layers.rewiring import compute_in_float
from edgedigits.tflite.layers.steps import Net
from edgedigits.tflite.layers.stored_values import read_constant
from edgedigits.tflite.litert import choose_patience_s

_ALONE: Final = 16
"""Images on which the own error of each layer alone is carried to the answers; each takes an inference per layer."""
_RUNS: Final = 4
_LEAST: Final = 2
"""The input, and a layer."""
_MOST_BYTES, _MOST_TIMES = 2048 * MIB, 40
_ALIKE: Final = 0.7
"""Of weights' cosines in the middle: rounding to eight bits leaves 0.999, pruning four of five weights 0.8 and more."""
_DEFINITE: Final = ("bias_overflow", "revived_mask")
"""Causes that no whole file has; the others must also do harm to be told of."""
_HARM_NATS, _HARM_DB = 1e-3, 25.0
"""Harm: the divergence from the float form's answers that an own error alone makes, or the decibels that the median channel
keeps, of the 30 to 45 that eight bits give."""


def verify_layers(subject: Subject, say: Say) -> LayersReport:
    """Where no layer of the two is the same, the report has none and says so; the answers are compared all the same.

    Raises TfliteError where a file can't be run, or the child dies of it.
    """
    compressed, notes = Net(subject.flat, subject.name), list(subject.notes)
    plain_flat, plain_name = _reference(subject, notes)
    plain = Net(plain_flat, plain_name)
    with follow(f"{subject.name} or {plain_name}"):
        matches, answers = match_steps(compressed, plain), read_meaning(compressed, plain)
    if len(matches) < _LEAST or not shares_weights(compressed, matches):
        notes.append(
            f"no layer of {subject.name} is one of {plain_name}: other channels, or another net, so there is nothing to compare "
            "layer by layer"
        )
        matches = ()
    say(f"comparing {max(0, len(matches) - 1)} of {len(compressed.steps)} layers on {subject.images}")
    found = _trace(subject, plain_flat, matches) if matches else _only_answers(subject, plain_flat, plain_name)
    layers = _read_layers(subject, compressed, plain, matches, found, answers)
    suspects, known = _suspects(layers), {match.index for match in matches}
    if (alike := _weights_alike(layers)) < _ALIKE:
        notes.append(
            f"the weights of the two have a cosine of {alike:.2f} in the middle, so they are two models, or one was trained on: "
            "what differs is not rounding, and no cause is looked for"
        )
        suspects = []
    guilty = [one.layer for one in suspects]
    return LayersReport(
        name=subject.name,
        plain_name=plain_name,
        images=subject.images,
        kernels=found["kernels"],
        layers=(*guilty, *sorted((one for one in layers if one not in guilty), key=_by_harm)),
        suspects=tuple(suspects),
        unmatched=tuple(f"#{one.index} {one.kind}" for one in compressed.steps if one.index not in known),
        answers=answers.compare(found["plain_answers"], found["answers"]),
        float_answers=_compare_float(subject, plain_flat, answers, found["answers"]),
        notes=tuple(notes),
        others=alike < _ALIKE,
    )


def _compare_float(subject: Subject, plain: bytes, answers: Answers, found: np.ndarray) -> JsonObject | None:
    """The answers against the float form's, where the layers were held against something else."""
    if subject.plain is None or plain is subject.plain:
        return None
    other = run_answers(subject.plain, subject.plain_name, subject.inputs)
    return {"against": subject.plain_name, **answers.compare(other, found)}


def _only_answers(subject: Subject, plain: bytes, plain_name: str) -> JsonObject:
    answers = run_answers(subject.flat, subject.name, subject.inputs)
    return {
        "kernels": "optimized",
        "layers": [],
        "answers": answers,
        "plain_answers": run_answers(plain, plain_name, subject.inputs),
    }


def _reference(subject: Subject, notes: list[str]) -> tuple[bytes, str]:
    """What the layers are held against: the float form, or the bytes themselves computed in float."""
    if subject.plain is not None and not is_trained(subject):
        return subject.plain, subject.plain_name
    if subject.plain is None:
        notes.append(
            "no float form is at hand, so layers are held against these bytes computed in float: what the rounding of the "
            "weights did is not seen"
        )
    return compute_in_float(subject.flat, subject.name), f"{subject.name} in float"


def _ask(function: str, name: str, flats: Sequence[bytes], **given: object) -> Any:
    """What a function of `tracing` finds in a child process. Raises TfliteError, with the file's name, whatever goes wrong."""
    errand = Errand(
        function=f"tflite.layers.tracing:{function}",
        doing=f"{name}: LiteRT, at work on the file,",
        advice="it may be damaged; export or copy it again",
        error=TfliteError,
        most_s=_RUNS * max(map(choose_patience_s, flats)),
        most_bytes=_MOST_BYTES + _MOST_TIMES * sum(map(len, flats)),
    )
    try:
        return ask(errand, **given)
    except TfliteError as error:
        raise TfliteError(str(error) if str(error).startswith(name) else f"{name}: {error}") from error


def _trace(subject: Subject, plain: bytes, matches: Sequence[Match]) -> JsonObject:
    found: JsonObject = _ask(
        "trace",
        subject.name,
        [subject.flat, plain],
        compressed=subject.flat,
        plain=plain,
        matches=[[one.compressed, one.float] for one in matches],
        inputs=subject.inputs,
        alone=min(_ALONE, len(subject.inputs)),
    )
    return found


def run_answers(flat: bytes, name: str, inputs: np.ndarray) -> np.ndarray:
    """What a file answers on LiteRT's optimized kernels, float32 [n, classes]."""
    found: np.ndarray = _ask("answer", name, [flat], flat=flat, inputs=inputs)
    return found


def _read_layers(
    subject: Subject, compressed: Net, plain: Net, matches: Sequence[Match], found: JsonObject, answers: Answers
) -> list[Layer]:
    layers = []
    wanted = found["plain_answers"]
    last = plain.root(plain.contents.outputs[0].index)
    for match, told in zip(matches, found["layers"], strict=True):
        alone = told["alone"]
        same = wanted[: 0 if alone is None else len(alone)]
        layers.append(
            Layer(
                match=match,
                found=told,
                alone=answers.divergence(same, alone) if len(same) else 0.0,
                flips=answers.changed(same, alone) if len(same) else 0.0,
                weights=(
                    read_constant(compressed.model, match.weights[0]),
                    read_constant(plain.model, match.weights[1]),
                ),
                biases=(read_constant(compressed.model, match.biases[0]), read_constant(plain.model, match.biases[1])),
                sparsity=_promised(subject, match),
                calibration_images=subject.calibration_images,
                last=match.float == last,
            )
        )
    return layers


def _promised(subject: Subject, match: Match) -> float | None:
    if match.weights[0] < 0:
        return None
    return subject.promised.get(match.name)


def _weights_alike(layers: Sequence[Layer]) -> float:
    """The median cosine between the weights of both files; 1 where none can be read."""
    pairs = [(one.real.ravel(), two.real.ravel()) for one, two in (layer.weights for layer in layers) if one and two]
    sizes = [(float(np.vdot(one, two)), float(np.linalg.norm(one) * np.linalg.norm(two))) for one, two in pairs]
    return float(np.median([both / size if size else 1.0 for both, size in sizes] or [1.0]))


def _by_harm(layer: Layer) -> tuple[float, float, int]:
    """Divergences are told apart where they are more than float32's rounding."""
    return -layer.alone if layer.alone > 1e-6 else 0.0, layer.channel_snr_db, layer.match.index


def _suspects(layers: Iterable[Layer]) -> list[Suspect]:
    """Worst first; what goes on from a layer through those behind it is told once."""
    first: dict[object, Suspect] = {}
    for layer in layers:
        finding = find_cause(layer)
        if finding is None or (finding.cause not in _DEFINITE and not _does_harm(layer)):
            continue
        mark: object = finding.carried or layer
        if mark in first:
            before = first[mark]
            first[mark] = Suspect(before.layer, before.finding, (*before.carried, layer.name))
        else:
            first[mark] = Suspect(layer, finding)
    return sorted(first.values(), key=lambda one: _by_harm(one.layer))


def _does_harm(layer: Layer) -> bool:
    return layer.alone > _HARM_NATS or layer.channel_snr_db < _HARM_DB
