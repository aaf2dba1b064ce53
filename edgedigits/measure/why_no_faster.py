"""Why a compressed model is hardly faster than its float form on the machine that measured both: one sentence, and no guess.

A cause is named where what was measured and what the files hold make it one; else the sentence says what is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from edgedigits.errors import TfliteError
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.arithmetic_reasons import NO_FASTER, ZEROS_TAKE_TIME, tell_no_dot_product
from edgedigits.tflite.contents import count_weight_zeros
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.multiply_adds import Arithmetic, count_per_operator

CLEARLY_FASTER: Final = 1.2
"""From so many times as fast on, nothing needs a reason."""
_MANY_ZEROS: Final = 0.3
_AS_MUCH: Final = 1 / CLEARLY_FASTER
"""The share of multiply-adds, from which on there are too many left for `CLEARLY_FASTER`."""
_MOSTLY: Final = 0.6
"""The same where the arithmetic is said to be no faster: int8 without a dot product was measured at 0.8 of float32's speed."""
_RULES: Final = 0.25
"""The share of an inference from which on the fixed cost of a call is what keeps it from being faster, not noise."""
_FLOATS: Final[frozenset[Arithmetic]] = frozenset({"float32", "float16 weights"})
_FLOAT16: Final = frozenset({"asimdhp", "avx512_fp16"})
_NO_FLOAT16: Final = "this processor has no float16 arithmetic (a Pi 5 has it)"
_IN_WORDS: Final[dict[Arithmetic, str]] = {
    "dynamic": "int8 weights and float activations",
    "int8x4": "int4 weights and int8 activations",
}
_SLOW: Final[frozenset[Arithmetic]] = frozenset({"int16x8", "int8x4"})
"""Arithmetic that is slow itself, whatever the processor."""


@dataclass(frozen=True)
class FileWork:
    """Multiply-adds of a file, the arithmetic of most of them, and the share of weights that are zero; None where not told.

    `float16`: the file may be computed in float16, where the processor can.
    """

    macs: int
    arithmetic: Arithmetic
    zeros: float | None
    float16: bool = False

    @property
    def words(self) -> str:
        return _IN_WORDS.get(self.arithmetic, self.arithmetic)


@dataclass(frozen=True)
class Side:
    """One of the two models: microseconds of an inference (p50), whether a delegate took part of it (None: not told)."""

    name: str
    us: float
    delegated: bool | None
    work: FileWork | None


@dataclass(frozen=True)
class Race:
    """What is known of a comparison. `fixed_us` is what a call takes on this machine that computes next to nothing."""

    baseline: Side
    compressed: Side
    environment: JsonObject
    fixed_us: float | None

    def in_float16(self, work: FileWork) -> bool:
        """Whether it may well have been computed in float16 there."""
        sets = self.environment.get("instruction_sets")
        return work.float16 and work.arithmetic in _FLOATS and (sets is None or bool(_FLOAT16 & set(sets)))

    @property
    def left(self) -> float | None:
        """The share of the baseline's multiply-adds that the compressed model has."""
        one, other = self.baseline.work, self.compressed.work
        return other.macs / one.macs if one and other and one.macs else None


def look_at(flat: bytes, source: str) -> FileWork | None:
    """What a file has to compute; None where it can't be counted."""
    try:
        contents = read(flat, source)
        works = count_per_operator(contents)
    except TfliteError:
        return None
    by_kind: dict[Arithmetic, int] = {}
    for work in works:
        by_kind[work.arithmetic] = by_kind.get(work.arithmetic, 0) + work.macs
    macs = sum(by_kind.values())
    if not macs or not all(work.counted for work in works):
        return None
    weights = [weight for weight in count_weight_zeros(contents) if weight.zeros is not None]
    elements = sum(weight.elements for weight in weights)
    zeros = sum(weight.zeros or 0 for weight in weights) / elements if elements else None
    return FileWork(macs, max(by_kind, key=lambda kind: by_kind[kind]), zeros, contents.float16_arithmetic)


def explain(race: Race) -> str:
    """One sentence, without its full stop."""
    return next((said for cause in _CAUSES if (said := cause(race))), "") or _tell_known(race)


def _kernels(race: Race) -> str:
    """The compressed model runs without XNNPACK, the baseline with it."""
    if race.compressed.delegated is not False or race.baseline.delegated is not True:
        return ""
    work = race.compressed.work
    own = NO_FASTER[work.arithmetic] if work and work.arithmetic in _SLOW else ""
    at = race.environment
    runtime = f"{at['runtime']} {at['runtime_version']}"
    kernels = f"{runtime} runs {race.compressed.name} on its own kernels, {race.baseline.name} on XNNPACK"
    return f"{own}; {kernels}" if own else kernels


def _fixed_cost(race: Race) -> str:
    """Less what any call takes, the work itself is clearly faster."""
    fixed, before, after = race.fixed_us, race.baseline.us, race.compressed.us
    if fixed is None or before <= fixed or fixed < _RULES * after:
        return ""
    if after > fixed and (before - fixed) / (after - fixed) < CLEARLY_FASTER:
        return ""
    return f"the fixed cost of a call is {fixed:.1f} of its {after:.1f} us, and no compression makes that less"


def _same_work(race: Race) -> str:
    """The same arithmetic, or one that is computed as float32, with nearly as many multiply-adds."""
    one, other, left = race.baseline.work, race.compressed.work, race.left
    if one is None or other is None or left is None or left < _AS_MUCH or race.in_float16(other):
        return ""
    if other.float16 and not one.float16 and {one.arithmetic, other.arithmetic} <= _FLOATS:
        return "; ".join(
            [f"{_NO_FLOAT16}, so it computes in float32 as {race.baseline.name} does", *_work(other, left)]
        )
    if other.arithmetic == "float16 weights" and one.arithmetic == "float32":
        return "; ".join([NO_FASTER["float16 weights"], *_work(other, left)])
    if other.arithmetic != one.arithmetic:
        return ""
    return "; ".join([f"it computes in {other.words} as {race.baseline.name} does", *_work(other, left)])


def _no_dot_product(race: Race) -> str:
    """int8 instead of float32, on a processor that multiplies both alike."""
    one, other, left = race.baseline.work, race.compressed.work, race.left
    if one is None or other is None or left is None or left < _MOSTLY:
        return ""
    if one.arithmetic not in ("float32", "float16 weights") or other.arithmetic not in ("int8", "int8x4", "dynamic"):
        return ""
    said = tell_no_dot_product(race.environment.get("instruction_sets"))
    return "; ".join([said, *_work(other, left)]) if said else ""


def _slow_arithmetic(race: Race) -> str:
    other, left = race.compressed.work, race.left
    if other is None or left is None or left < _MOSTLY or other.arithmetic not in _SLOW:
        return ""
    return NO_FASTER[other.arithmetic]


def _work(work: FileWork, left: float) -> Iterator[str]:
    """How much is left to compute, and why zeros do not make it less."""
    yield f"{100 * left:.0f} % of the multiply-adds are left"
    if work.zeros is not None and work.zeros >= _MANY_ZEROS:
        yield f"that {100 * work.zeros:.0f} % of the weights are zero buys no time ({ZEROS_TAKE_TIME[work.arithmetic]})"


def _tell_known(race: Race) -> str:
    """No cause is known; the facts are."""
    return "; ".join(["no cause of it is known", *_facts(race), "`edgedigits profile` shows what each operator takes"])


def _facts(race: Race) -> Iterator[str]:
    other, left = race.compressed.work, race.left
    if other is not None and left is not None:
        yield f"it has {100 * left:.0f} % of the multiply-adds, in {other.words}"
        if NO_FASTER[other.arithmetic]:
            yield NO_FASTER[other.arithmetic]
    if race.fixed_us is not None:
        yield f"the fixed cost of a call is {race.fixed_us:.1f} of {race.compressed.us:.1f} us"


_CAUSES: Final[Sequence[Callable[[Race], str]]] = (
    _kernels,
    _slow_arithmetic,
    _same_work,
    _fixed_cost,
    _no_dot_product,
)
"""In the order in which they are asked; the first that holds is said."""
