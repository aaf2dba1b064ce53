"""Dense layers in block-sparse form: fewer bytes where whole blocks of weights are zero, kept only when it pays here.

Two forms are tried: FULLY_CONNECTED reading sparse weights itself, and DENSIFY unpacking them while the model loads, so
that XNNPACK keeps the layer. A form is kept when it is smaller, loads, answers as the dense bytes do, within what kernels
of one machine round differently, and is no slower, all in this machine's LiteRT. Else the dense bytes stay, with the reason.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import chain
from time import perf_counter_ns
from typing import Final, Literal, get_args

import numpy as np
from ai_edge_litert import schema_py_generated as generated
from edgedigits_runner.golden import compared, measure_of

from edgedigits.errors import CheckError
from edgedigits.ground.facts import Facts
from edgedigits.ground.processes.child import beat
from edgedigits.ground.processes.children import Errand, ask
from edgedigits.tflite import schema
from edgedigits.tflite.litert import Net, choose_patience_s
from edgedigits.tflite.rewrite.equivalence import (
    INTERPRETERS,
    MEMORY_BYTES,
    MEMORY_TIMES,
    Example,
    few,
    load,
    run_outputs,
)
from edgedigits.tflite.rewrite.sparse_format import BLOCKS, encode_matrix
from edgedigits.tflite.rewrite.writer import Builder

SparseForm = Literal["densify", "direct"]
SPARSE_FORMS: Final[tuple[SparseForm, ...]] = get_args(SparseForm)
_TYPES: Final = {generated.TensorType.FLOAT32: np.float32, generated.TensorType.INT8: np.int8}
_DIRECT_VERSION: Final = 8  # of FULLY_CONNECTED with sparse weights
NO_SLOWER: Final = 1.05
"""The sparse form's time over the dense one's; repeated measurements of one model differ by as much."""
_ROUNDS, _RUNS = 15, 40


@dataclass(frozen=True)
class _Tried:
    """One form: what it came to, and why it is not kept (empty where it could be)."""

    form: SparseForm
    flat: bytes
    refused: str
    ratio: float | None = None

    def as_facts(self) -> Facts:
        facts: Facts = {"form": self.form, "size_bytes": len(self.flat), "refused": self.refused or None}
        return facts if self.ratio is None else {**facts, "p50_ratio": round(self.ratio, 3)}


def make_sparse(flat: bytes, examples: Sequence[Example], timed: bool = True) -> tuple[bytes, Facts]:
    """The bytes to ship and {"kept", "reason", "layers", "runtime", "dense_size_bytes", "tried"}; never an error.

    `timed` off skips the comparison of speed, the only part that is not the same on every run.
    """
    layers = _layers(schema.unpack(flat))
    tried = [_try(form, flat, examples, timed) for form in SPARSE_FORMS] if layers else []
    fit = sorted((one for one in tried if not one.refused), key=lambda one: len(one.flat))
    if fit:
        reason = f"{fit[0].form}: {len(flat) - len(fit[0].flat):,} bytes smaller, the same answers, and no slower here"
    else:
        reasons = "; ".join(f"{one.form}: {one.refused}" for one in tried)
        reason = reasons or "no dense layer has blocks of zeros enough to be smaller"
    runtime = f"LiteRT {version('ai-edge-litert')}"
    facts: Facts = {"kept": bool(fit), "reason": reason, "layers": len(layers), "runtime": runtime}
    facts["dense_size_bytes"] = len(flat)
    return (fit[0].flat if fit else flat), {**facts, "tried": [one.as_facts() for one in tried]}


def _try(form: SparseForm, flat: bytes, examples: Sequence[Example], timed: bool) -> _Tried:
    made = encode(flat, form)
    if len(made) >= len(flat):
        return _Tried(form, made, f"{len(made):,} bytes, not smaller than {len(flat):,}")
    try:
        wrong, ratio = _compared(flat, made, examples, timed)
    except CheckError as error:
        return _Tried(form, made, f"can't be run ({error})")
    if wrong:
        return _Tried(form, made, f"in LiteRT {wrong}")
    if ratio is not None and ratio > NO_SLOWER:
        return _Tried(form, made, f"{ratio:.2f} times as slow as the dense form", ratio)
    return _Tried(form, made, "", ratio)


def _compared(dense: bytes, sparse: bytes, examples: Sequence[Example], timed: bool) -> tuple[str, float | None]:
    """How the answers differ, "" where they don't; and the time of the sparse form over the dense one's, where asked for."""
    errand = Errand(
        function="tflite.rewrite.block_sparse:compare",
        doing="LiteRT, at work on the sparse form,",
        advice="the dense one stays",
        most_s=_ROUNDS * choose_patience_s(dense),
        most_bytes=MEMORY_BYTES + MEMORY_TIMES * len(dense),
    )
    wrong, ratio = ask(errand, dense=dense, sparse=sparse, examples=examples, timed=timed)
    return wrong, ratio


def compare(dense: bytes, sparse: bytes, examples: Sequence[Example], timed: bool) -> list[str | float | None]:
    """[how the answers differ, time over the dense form's] in this process. Raises CheckError where a form can't be run."""
    try:
        nets = _both(dense, sparse, INTERPRETERS[0])
        wrong = _wrong(*nets, examples)
        wrong = wrong or _wrong(*_both(dense, sparse, INTERPRETERS[1]), few(examples))
    except ValueError as error:
        raise CheckError(str(error)) from error
    return [wrong, None if wrong or not timed else _ratio(*nets, examples)]


def _both(dense: bytes, sparse: bytes, interpreter: str) -> tuple[Net, Net]:
    return load(dense, interpreter, "the dense form"), load(sparse, interpreter, "this form")


def _wrong(dense: Net, sparse: Net, examples: Sequence[Example]) -> str:
    """How the answers differ by more than kernels of one machine do among themselves; empty where they don't."""
    kinds = [np.dtype(sink["dtype"]) for sink in dense.get_output_details()]
    both = [list(run_outputs(net, examples)) for net in (dense, sparse)]
    for at, kind in enumerate(kinds):
        wanted, found = (np.stack([np.frombuffer(each[at], kind) for each in one]) for one in both)
        measure = measure_of(wanted, rounds=False)
        off = compared(wanted, found, measure)
        if off["unsound"]:
            return f"answers are up to {off['steps']:.4g} steps off, {off['changed_sure']} sure classes changed"
    return ""


def _ratio(dense: Net, sparse: Net, examples: Sequence[Example]) -> float:
    """The sparse form's time over the dense one's, side by side in turns; the median of the turns."""
    for net in (dense, sparse):
        for source, values in zip(net.get_input_details(), examples[0], strict=True):
            net.set_tensor(source["index"], values)
    ratios = []
    for turn in range(_ROUNDS):
        spent = {}
        for which in ("dense", "sparse") if turn % 2 else ("sparse", "dense"):
            net, begun = (dense if which == "dense" else sparse), perf_counter_ns()
            for _ in range(_RUNS):
                net.invoke()
            spent[which] = perf_counter_ns() - begun
        beat()
        ratios.append(spent["sparse"] / spent["dense"])
    return float(np.median(ratios))


def encode(flat: bytes, form: SparseForm) -> bytes:
    """The model with every dense layer that gets smaller by it in block-sparse form."""
    model = schema.unpack(flat)
    for graph, operator in _layers(model):
        tensor = graph.tensors[operator.inputs[1]]
        values, tensor.sparsity = encode_matrix(_matrix(model, tensor), BLOCKS[tensor.type])
        model.buffers.append(generated.BufferT())
        model.buffers[-1].data = values.view(np.uint8)
        model.buffers[tensor.buffer].data = None
        tensor.buffer = len(model.buffers) - 1
        if form == "direct":
            operator.opcodeIndex = _kind(model, generated.BuiltinOperator.FULLY_CONNECTED, _DIRECT_VERSION)
        else:
            _unpack_before(model, graph, operator)
    builder = Builder()
    return builder.finished(model.Pack(builder), schema.IDENTIFIER)


def _unpack_before(model: schema.ModelTable, graph: schema.GraphTable, operator: schema.OperatorTable) -> None:
    """A DENSIFY between the layer and its weights."""
    weights = int(operator.inputs[1])
    plain = copy.copy(graph.tensors[weights])
    plain.sparsity, plain.buffer = None, 0
    graph.tensors.append(plain)
    unpacking = generated.OperatorT()
    unpacking.opcodeIndex = _kind(model, generated.BuiltinOperator.DENSIFY, 1)
    unpacking.inputs, unpacking.outputs = (np.array([index], np.int32) for index in (weights, len(graph.tensors) - 1))
    unpacking.builtinOptionsType, unpacking.builtinOptions = (
        generated.BuiltinOptions.DensifyOptions,
        generated.DensifyOptionsT(),
    )
    graph.operators.insert(graph.operators.index(operator), unpacking)
    operator.inputs = np.array([operator.inputs[0], len(graph.tensors) - 1, *operator.inputs[2:]], np.int32)


def _kind(model: schema.ModelTable, number: int, version: int) -> int:
    """The place of an operator kind, added where there is none."""
    for place, code in enumerate(model.operatorCodes):
        if schema.find_number(code) == number and code.version == version:
            return place
    code = generated.OperatorCodeT()
    code.deprecatedBuiltinCode = code.builtinCode = number
    code.version = version
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _layers(model: schema.ModelTable) -> list[tuple[schema.GraphTable, schema.OperatorTable]]:
    """(graph, operator) of the dense layers whose own constant weights get smaller in blocks."""
    found = []
    for graph in model.subgraphs:
        read = list(chain.from_iterable(operator.inputs.tolist() for operator in graph.operators))
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            if schema.find_number(code) != generated.BuiltinOperator.FULLY_CONNECTED:
                continue
            if read.count(operator.inputs[1]) == 1 and _pays(model, graph.tensors[operator.inputs[1]]):
                found.append((graph, operator))
    return found


def _pays(model: schema.ModelTable, tensor: schema.TensorTable) -> bool:
    block, data = BLOCKS.get(tensor.type), model.buffers[tensor.buffer].data
    alone = sum(other.buffer == tensor.buffer for graph in model.subgraphs for other in graph.tensors) == 1
    if block is None or tensor.sparsity is not None or data is None or not alone:
        return False
    if len(tensor.shape) != 2 or tensor.shape[1] % block:
        return False
    values, sparsity = encode_matrix(_matrix(model, tensor), block)
    compressed = sparsity.dimMetadata[1]
    index = compressed.arraySegments.values.nbytes + compressed.arrayIndices.values.nbytes
    return bool(values.nbytes + index < len(data))


def _matrix(model: schema.ModelTable, tensor: schema.TensorTable) -> np.ndarray:
    flat = np.asarray(model.buffers[tensor.buffer].data).tobytes()
    return np.frombuffer(flat, _TYPES[tensor.type]).reshape(tensor.shape)
