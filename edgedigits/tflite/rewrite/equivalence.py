"""Whether other bytes are the same model: every interpreter here must answer with the very same bits, at the same speed.

Three ways of computing are asked: LiteRT's default kernels (XNNPACK), LiteRT's reference kernels, and the interpreter
inside TensorFlow, which is built apart from LiteRT's. Speed is not timed here: no operator may fall out of XNNPACK's hands.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from edgedigits_runner.delegation import xnnpack

from edgedigits.errors import CheckError, TfliteError
from edgedigits.ground.facts import Facts, JsonObject
from edgedigits.ground.processes.child import beat
from edgedigits.ground.processes.children import MIB, Errand, Room, ask
from edgedigits.tflite.litert import Net, choose_patience_s

INTERPRETERS: Final = ("LiteRT", "LiteRT's reference kernels", "TensorFlow")
_REFERENCE: Final = INTERPRETERS[1]
REFERENCE_EXAMPLES: Final = 16
"""How many of the examples the reference kernels answer: they are up to a hundred times slower."""

MEMORY_BYTES, MEMORY_TIMES = 1024 * MIB, 20
"""The memory that the interpreters may take: so much, and so many times the model's bytes."""

Example = Sequence[np.ndarray]
"""One array for each input of the model, in its type and shape."""


def check_same(before: bytes, after: bytes, examples: Sequence[Example], what: str) -> Facts:
    """Asks both on the examples. Raises CheckError naming `what`, the interpreter and the first example that differs.

    With `after` not loading, or with more operators outside XNNPACK than `before` has, it is not the same either. An
    interpreter that does not load `before` has nothing to compare and is not listed; LiteRT must.
    """
    facts: Facts = ask(
        _errand("compare", what, before, "tensorflow"), before=before, after=after, examples=examples, what=what
    )
    return facts


def _errand(function: str, what: str, flat: bytes, room: Room) -> Errand:
    return Errand(
        function=f"tflite.rewrite.equivalence:{function}",
        doing=f"{what}: an interpreter, at work on the bytes,",
        advice="they may be damaged; export or copy the file again",
        room=room,
        most_s=choose_patience_s(flat),
        most_bytes=MEMORY_BYTES + MEMORY_TIMES * len(flat),
    )


def compare(before: bytes, after: bytes, examples: Sequence[Example], what: str) -> Facts:
    """`check_same` in this process."""
    asked = []
    for interpreter in INTERPRETERS:
        try:
            one = load(before, interpreter, f"before {what}")
        except CheckError:
            if interpreter == INTERPRETERS[0]:
                raise
            continue
        other = load(after, interpreter, what)
        if left := _left_behind(one, other):
            raise CheckError(
                f"{what}: {interpreter} leaves {', '.join(left)} outside XNNPACK, which is slower than before"
            )
        shown = few(examples) if interpreter == _REFERENCE else examples
        for number, (wanted, found) in enumerate(zip(run_outputs(one, shown), run_outputs(other, shown), strict=True)):
            if wanted != found:
                raise CheckError(f"{what}: {interpreter} answers differently on example {number} of {len(shown)}")
        asked.append(interpreter)
    return {"examples": len(examples), "interpreters": asked}


def few(examples: Sequence[Example]) -> Sequence[Example]:
    """As many as the reference kernels answer, from all over: what lies together may be of one class."""
    return examples[:: -(-len(examples) // REFERENCE_EXAMPLES)] if examples else examples


def _left_behind(one: Net, other: Net) -> list[str]:
    """Kinds of operators that XNNPACK, where it is applied, takes in `one` and leaves in `other`."""
    before, after = xnnpack(one), xnnpack(other)
    return sorted(set(after["outside"]) - set(before["outside"])) if before["applied"] else []


def load(flat: bytes, interpreter: str, what: str) -> Net:
    """One of `INTERPRETERS` with the model ready in it, one thread. Raises CheckError where it does not load."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TensorFlow's interpreter says that it is to be replaced by LiteRT's
            net = _made(flat, interpreter)
            net.allocate_tensors()
            beat()
    except (RuntimeError, ValueError) as error:
        raise CheckError(f"{what}: {interpreter} does not load it: {' '.join(str(error).split())}") from error
    return net


def _made(flat: bytes, interpreter: str) -> Net:
    result: Net
    if interpreter == INTERPRETERS[2]:
        from edgedigits.backend import tf

        result = tf.lite.Interpreter(model_content=flat, num_threads=1)
        return result
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kind = OpResolverType.BUILTIN_REF if interpreter == _REFERENCE else OpResolverType.AUTO
    result = Interpreter(model_content=flat, num_threads=1, experimental_op_resolver_type=kind)
    return result


def run_outputs(net: Net, examples: Sequence[Example]) -> Iterator[list[bytes]]:
    """The outputs on each example, every bit of them. Raises CheckError where it can't be run on one."""
    sources, sinks = net.get_input_details(), net.get_output_details()
    for number, example in enumerate(examples):
        for source, values in zip(sources, example, strict=True):
            net.set_tensor(source["index"], values)
        beat()
        try:
            net.invoke()
        except (RuntimeError, ValueError) as error:
            raise CheckError(f"example {number} can't be run: {' '.join(str(error).split())}") from error
        yield [net.get_tensor(sink["index"]).tobytes() for sink in sinks]


def draw_examples(flat: bytes, count: int = 32, seed: int = 0, what: str = "the model") -> list[Example]:
    """For a model whose data is not at hand: integers over all of their range, floats evenly from -1 to 2.

    Raises TfliteError where LiteRT does not load it, or it takes more values than `MEMORY_BYTES` for all examples.
    """
    rng = np.random.default_rng(seed)

    def values(source: JsonObject) -> np.ndarray:
        shape, dtype = tuple(source["shape"]), np.dtype(source["dtype"])
        if dtype.kind == "f":
            return rng.uniform(-1, 2, shape).astype(dtype)
        limits = np.iinfo(dtype.name if dtype.kind in "iu" else "uint8")
        return rng.integers(limits.min, limits.max, shape, dtype=limits.dtype, endpoint=True).astype(dtype)

    try:
        sources = ask(_errand("list_sources", what, flat, "light"), flat=flat, what=what)
    except CheckError as error:
        raise TfliteError(str(error)) from error
    wanted = count * sum(math.prod(source["shape"]) * np.dtype(source["dtype"]).itemsize for source in sources)
    if wanted > MEMORY_BYTES:
        raise TfliteError(f"{what}: {count} examples of its inputs would take {wanted:,} bytes, too many to compare on")
    return [[values(source) for source in sources] for _ in range(count)]


def list_sources(flat: bytes, what: str) -> list[Facts]:
    """Shape and type of a model's inputs, asked of LiteRT in this process."""
    found = load(flat, INTERPRETERS[0], what).get_input_details()
    return [{"shape": [int(size) for size in one["shape"]], "dtype": np.dtype(one["dtype"]).str} for one in found]
