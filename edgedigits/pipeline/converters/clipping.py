"""Ranges by another rule than min-max: what every tensor of the float file holds on the calibration images, counted.

TensorFlow's converter calibrates by min-max alone, and notes the ends in the file that its quantizer then reads; so the ends are
changed there, between the two. The file's own input keeps its range, so that every pixel is held, and so do its answers, since
what is cut off there is which class came first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from edgedigits.pipeline.calibration.ranges import Counts, find_range
from edgedigits.pipeline.calibration.rule import Rule
from edgedigits.pipeline.converters.numbers import Numbers
from edgedigits.pipeline.converters.samples import read_samples
from edgedigits.tflite import schema

Ends = dict[int, tuple[float, float]]
"""Tensor number -> what it reaches, or is to hold."""
_STEPS: Final = {"int8": 255, "int16": 65_535}
_CLOSING: Final = ("LOGISTIC", "LOG_SOFTMAX", "SOFTMAX")


def find_ends(flat: bytes, folder: Path, reached: Ends, numbers: Numbers) -> Ends:
    """What each tensor of the float file is to hold by the rule of `numbers`; `reached` is by min-max."""
    rule, kept = Rule(numbers.calibration, numbers.percentile), _list_kept(flat)
    counts = {index: Counts(*ends) for index, ends in reached.items() if index not in kept}
    net = open_interpreter(flat)
    source = net.get_input_details()[0]["index"]
    for (image,) in read_samples(folder):
        net.set_tensor(source, image)
        net.invoke()
        for index, counted in counts.items():
            counted.add(net.get_tensor(index))
    steps = _STEPS[numbers.activations]
    return {index: find_range(counts[index], rule, steps) if index in counts else reached[index] for index in reached}


def clip_calibrated(calibrated: bytes, folder: Path, numbers: Numbers) -> bytes:
    """The float file with the ends by the rule of `numbers` in place of those by min-max."""
    model = schema.unpack(calibrated)
    tensors = model.subgraphs[0].tensors
    made = {int(index) for operator in model.subgraphs[0].operators for index in operator.outputs}
    reached = {}
    for index in made:
        known = tensors[index].quantization
        if known is not None and known.min is not None and known.max is not None and len(known.min) == 1:
            reached[index] = (float(known.min[0]), float(known.max[0]))
    for index, ends in find_ends(calibrated, folder, reached, numbers).items():
        known = tensors[index].quantization
        assert known is not None
        known.min, known.max = (np.array([end], np.float32) for end in ends)
    return schema.pack(model)


def open_interpreter(flat: bytes) -> Any:
    """One that keeps what every operator has made."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    net = Interpreter(
        model_content=flat,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    net.allocate_tensors()
    return net


def _list_kept(flat: bytes) -> set[int]:
    """The input, the answers, and what a softmax or sigmoid at the end reads."""
    model = schema.unpack(flat)
    graph = model.subgraphs[0]
    kept = {int(index) for index in (*graph.inputs, *graph.outputs)}
    for operator in graph.operators:
        name = schema.OPERATOR_NAMES[schema.find_number(model.operatorCodes[operator.opcodeIndex])]
        if name in _CLOSING and kept & {int(index) for index in operator.outputs}:
            kept |= {int(index) for index in operator.inputs}
    return kept
