"""Whether other bytes are the same model: every interpreter here must answer with the very same bits, at the same speed.

Three ways of computing are asked: LiteRT's default kernels (XNNPACK), LiteRT's reference kernels, and the interpreter
inside TensorFlow, which is built apart from LiteRT's. Speed is not timed here: no operator may fall out of XNNPACK's hands.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from edgedigits_runner.golden import xnnpack

from edgedigits.errors import CheckError
from edgedigits.stages.candidate import Facts

INTERPRETERS: Final = ("LiteRT", "LiteRT's reference kernels", "TensorFlow")
_REFERENCE: Final = INTERPRETERS[1]
REFERENCE_EXAMPLES: Final = 16
"""How many of the examples the reference kernels answer: they are up to a hundred times slower."""

Example = Sequence[np.ndarray]
"""One array for each input of the model, in its type and shape."""


def check_same(before: bytes, after: bytes, examples: Sequence[Example], what: str) -> Facts:
    """Asks both on the examples. Raises CheckError naming `what`, the interpreter and the first example that differs.

    With `after` not loading, or with more operators outside XNNPACK than `before` has, it is not the same either. An
    interpreter that does not load `before` has nothing to compare and is not listed; LiteRT must.
    """
    asked = []
    for interpreter in INTERPRETERS:
        try:
            one = loaded(before, interpreter, f"before {what}")
        except CheckError:
            if interpreter == INTERPRETERS[0]:
                raise
            continue
        other = loaded(after, interpreter, what)
        if left := _left_behind(one, other):
            raise CheckError(
                f"{what}: {interpreter} leaves {', '.join(left)} outside XNNPACK, which is slower than before"
            )
        shown = few(examples) if interpreter == _REFERENCE else examples
        for number, (wanted, found) in enumerate(zip(answers(one, shown), answers(other, shown), strict=True)):
            if wanted != found:
                raise CheckError(f"{what}: {interpreter} answers differently on example {number} of {len(shown)}")
        asked.append(interpreter)
    return {"examples": len(examples), "interpreters": asked}


def few(examples: Sequence[Example]) -> Sequence[Example]:
    """As many as the reference kernels answer, from all over: what lies together may be of one class."""
    return examples[:: -(-len(examples) // REFERENCE_EXAMPLES)] if examples else examples


def _left_behind(one: Any, other: Any) -> list[str]:
    """Kinds of operators that XNNPACK, where it is applied, takes in `one` and leaves in `other`."""
    before, after = xnnpack(one), xnnpack(other)
    return sorted(set(after["outside"]) - set(before["outside"])) if before["applied"] else []


def loaded(flat: bytes, interpreter: str, what: str) -> Any:
    """One of `INTERPRETERS` with the model ready in it, one thread. Raises CheckError where it does not load."""
    from edgedigits.backend import silenced_stderr

    try:
        with silenced_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TensorFlow's interpreter says that it is to be replaced by LiteRT's
            net = _made(flat, interpreter)
            net.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise CheckError(f"{what}: {interpreter} does not load it: {' '.join(str(error).split())}") from error
    return net


def _made(flat: bytes, interpreter: str) -> Any:
    if interpreter == INTERPRETERS[2]:
        from edgedigits.backend import tf

        return tf.lite.Interpreter(model_content=flat, num_threads=1)
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kind = OpResolverType.BUILTIN_REF if interpreter == _REFERENCE else OpResolverType.AUTO
    return Interpreter(model_content=flat, num_threads=1, experimental_op_resolver_type=kind)


def answers(net: Any, examples: Sequence[Example]) -> Iterator[list[bytes]]:
    """The outputs on each example, every bit of them. Raises CheckError where it can't be run on one."""
    sources, sinks = net.get_input_details(), net.get_output_details()
    for number, example in enumerate(examples):
        for source, values in zip(sources, example, strict=True):
            net.set_tensor(source["index"], values)
        try:
            net.invoke()
        except RuntimeError as error:
            raise CheckError(f"example {number} can't be run: {' '.join(str(error).split())}") from error
        yield [net.get_tensor(sink["index"]).tobytes() for sink in sinks]


def random_examples(flat: bytes, count: int = 32, seed: int = 0) -> list[Example]:
    """For a model whose data is not at hand: integers over all of their range, floats evenly from -1 to 2."""
    rng = np.random.default_rng(seed)

    def values(source: dict[str, Any]) -> np.ndarray:
        shape, dtype = tuple(source["shape"]), np.dtype(source["dtype"])
        if dtype.kind == "f":
            return rng.uniform(-1, 2, shape).astype(dtype)
        limits = np.iinfo(dtype) if dtype.kind in "iu" else np.iinfo(np.uint8)
        return rng.integers(limits.min, limits.max, shape, dtype=limits.dtype, endpoint=True).astype(dtype)

    sources = loaded(flat, INTERPRETERS[0], "the model").get_input_details()
    return [[values(source) for source in sources] for _ in range(count)]
