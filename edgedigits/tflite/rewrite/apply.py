"""What an export's options do to bytes that were found right: smaller ones that are shown to be the same model."""

from __future__ import annotations

from typing import Any

from edgedigits.data.images import Pixels
from edgedigits.data.scale import Scale
from edgedigits.ground.facts import Facts
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.interpreter import TfliteModel
from edgedigits.tflite.rewrite.block_sparse import sparser
from edgedigits.tflite.rewrite.equivalence import Example, check_same
from edgedigits.tflite.rewrite.slim import slim


def shipped(export: Any, flat: bytes, pixels: Pixels, scale: Scale) -> tuple[bytes, Facts]:
    """The bytes to ship, and what was done to them: nothing, {}, without options.

    Raises CheckError where smaller bytes answer differently on `pixels`, uint8 [n, h, w, c], none of them test images.
    """
    wished = [name for name in ("block_sparse", "slim") if getattr(export, name, False)]
    if not wished:
        return flat, {}
    examples: list[Example] = [[image[None]] for image in TfliteModel(flat).inputs(pixels, scale)]
    facts: Facts = {}
    if "block_sparse" in wished:
        flat, facts["block_sparse"] = sparser(flat, examples)
    if "slim" in wished:
        flat, more = slimmed(flat, examples, "slim")
        facts |= more
    return flat, facts


def slimmed(flat: bytes, examples: list[Example], source: str) -> tuple[bytes, Facts]:
    """The slim bytes, their proof, and both ledgers in bytes a part. Raises CheckError where they answer differently."""
    small = slim(flat, source)
    proof = check_same(flat, small, examples, source)
    facts = {**proof, "before": read(flat, source).parts, "after": read(small, source).parts}
    return small, {"size_bytes_before_slim": len(flat), "slim": facts}
