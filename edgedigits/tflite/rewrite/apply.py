"""What an export's options do to bytes that were found right: smaller ones that are shown to be the same model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

from edgedigits.data.images import Pixels
from edgedigits.data.scale import Scale
from edgedigits.ground.facts import Facts
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.interpreter import TfliteModel
from edgedigits.tflite.rewrite.block_sparse import make_sparse
from edgedigits.tflite.rewrite.equivalence import Example, check_same
from edgedigits.tflite.rewrite.slim import slim


def rewrite(wished: Collection[str], flat: bytes, pixels: Pixels, scale: Scale) -> tuple[bytes, Facts]:
    """The bytes to ship, and what was done to them: what `wished`, names of `REWRITES`, asks for; nothing, {}, for none.

    Raises CheckError where smaller bytes answer differently on `pixels`, uint8 [n, h, w, c], none of them test images.
    """
    if not wished:
        return flat, {}
    examples: list[Example] = [[image[None]] for image in TfliteModel(flat).inputs(pixels, scale)]
    facts: Facts = {}
    for name, rewrite in REWRITES.items():
        if name in wished:
            flat, more = rewrite(flat, examples)
            facts |= more
    return flat, facts


def _block_sparse(flat: bytes, examples: list[Example]) -> tuple[bytes, Facts]:
    flat, facts = make_sparse(flat, examples)
    return flat, {"block_sparse": facts}


def _slim(flat: bytes, examples: list[Example]) -> tuple[bytes, Facts]:
    return apply_slim(flat, examples, "slim")


def apply_slim(flat: bytes, examples: list[Example], source: str) -> tuple[bytes, Facts]:
    """The slim bytes, their proof, and both breakdowns in bytes a part. Raises CheckError where they answer differently."""
    small = slim(flat, source)
    proof = check_same(flat, small, examples, source)
    facts = {**proof, "before": read(flat, source).parts, "after": read(small, source).parts}
    return small, {"size_bytes_before_slim": len(flat), "slim": facts}


REWRITES: Final[Mapping[str, Callable[[bytes, list[Example]], tuple[bytes, Facts]]]] = {
    "block_sparse": _block_sparse,
    "slim": _slim,
}
"""By the name of the option that asks for it, in the order they are done."""
