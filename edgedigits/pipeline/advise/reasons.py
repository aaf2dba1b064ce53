"""Why a setting of a recipe buys nothing, and what would: sentences, each from what was found about this very model."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from edgedigits.pipeline.export.export import Export, list_rewrites
from edgedigits.pipeline.recipe import Recipe
from edgedigits.tflite.multiply_adds import UNCOUNTED

if TYPE_CHECKING:
    from edgedigits.pipeline.advise.dry_run import Step
    from edgedigits.pipeline.advise.outlay import Cost, Effect, Layer

NOTHING: Final = 0.01
"""A smaller change of bytes than this share is none."""
NO_TIME: Final = 0.03
"""A smaller change of time than this share is none."""
_GRAPH_WEIGHS: Final = 0.15  # the share of a file that is no weights, from which slimming it pays
_PACKS: Final = 0.75  # a file that packs to less than this share of itself is worth packing
_UNKNOWN_STAGE: Final = "it leaves the operators and their shapes as they are"


@dataclasses.dataclass(frozen=True)
class Known:
    """What sentences are made of. `as_int8` is what an int8 export of the same would take, None where the recipe's is one."""

    recipe: Recipe
    file: bytes
    layers: Sequence[Layer]
    before: Cost
    after: Cost
    as_int8: Cost | None
    rest_bytes: int


_WORTH_SAYING: Final = 0.1  # so much more of the cycles goes on a core with a dot product
_NO_DOT_PRODUCT: Final = (
    "a Pi 5's cores have int8 dot products and lose {:.0f} % of the cycles; a Pi 4's have none and lose {:.0f} %, a Pi 3's and a "
    "Zero 2 W's {:.0f} %"
)


def word_setting(step: Step, export: str) -> str:
    """A stage as people say it, as `80 % unstructured`; others by their name in the recipe."""
    if step.stage is None:
        return f"{step.name} export"
    return f"{step.stage.in_words}, {export}" if step.stage.in_words else step.name


def explain(effect: Effect, step: Step, export: Export) -> str:
    """Why the bytes or the time stay as they are; "" where both fall."""
    if step.failed:
        return step.failed
    no_raw, no_time = effect.raw > -NOTHING, effect.time is None or effect.time > -NO_TIME
    if step.stage is None:
        return "; ".join(_why_export(effect, export, no_time))
    if not (no_raw or no_time):
        return ""
    if step.stage.makes_zeros:
        return "; ".join([step.stage.why_no_gain] * no_raw + [export.why_zeros_take_time] * no_time)
    return step.stage.why_no_gain or ("" if step.changed else _UNKNOWN_STAGE)


def _why_export(effect: Effect, export: Export, no_time: bool) -> Iterator[str]:
    if export.why_no_faster and no_time:
        yield export.why_no_faster
    if export.why_slower and effect.time is not None and effect.time > 0:
        yield export.why_slower
    if export.multiplies_int8 and effect.cycles["pi4"] > effect.cycles["pi5"] + _WORTH_SAYING:
        gone = [max(0.0, -100 * effect.cycles[board]) for board in ("pi5", "pi4", "zero2")]
        yield _NO_DOT_PRODUCT.format(*gone)


def list_gains(facts: Known) -> Iterator[str]:
    """What this model has to gain from what the recipe leaves out, what gains most first."""
    if facts.as_int8 is not None:
        yield _int8(facts, facts.as_int8)
    if facts.after.macs > 0.9 * facts.before.macs:
        yield _shrink(facts)
    export = facts.recipe.export
    could_slim = "slim" in export.rewrites and "slim" not in list_rewrites(export)
    if could_slim and facts.rest_bytes > _GRAPH_WEIGHS * facts.after.raw_bytes:
        yield (
            f"`slim`: {facts.rest_bytes:,} of {facts.after.raw_bytes:,} bytes are graph, names and scales, not weights"
        )
    if facts.after.gzip_bytes < _PACKS * facts.after.raw_bytes:
        share = 100 * (1 - facts.after.gzip_bytes / facts.after.raw_bytes)
        yield (
            f"shipping it packed: {facts.after.gzip_bytes:,} bytes by gzip, {share:.0f} % less to download; "
            "memory and time stay"
        )


def _int8(facts: Known, other: Cost) -> str:
    after = facts.after
    said = [f"{word_percent(other.raw_bytes / after.raw_bytes - 1)} raw"]
    if other.us is not None and after.us:
        said.append(f"{word_percent(other.us / after.us - 1)} time here")
    for board, name in (("pi4", "Pi 4"), ("pi5", "Pi 5")):
        one, before = other.boards[board], after.boards[board]
        said.append(f"{word_percent(one.cycles / before.cycles - 1)} cycles on a {name}")
    return f"`int8` export: {', '.join(said)}"


def _shrink(facts: Known) -> str:
    """Half of the channels: the first layer's inputs and the last one's outputs stay, all between shrinks on both sides."""
    busy = [layer for layer in facts.layers if layer.macs]
    left = sum(
        layer.macs * (0.5 if place in (0, len(busy) - 1) or layer.kind == "DEPTHWISE_CONV_2D" else 0.25)
        for place, layer in enumerate(busy)
    )
    total = sum(layer.macs for layer in busy)
    share = left / total if total else 1.0
    weights = sum(layer.raw_bytes for layer in busy)
    return (
        f"`shrink` (fewer channels): time follows multiply-adds, of which this recipe leaves {total:,}; half of the channels "
        f"would leave about {100 * share:.0f} % of them, and about as much of the {weights:,} bytes of weights"
    )


def list_warnings(facts: Known) -> Iterator[str]:
    """What can't work as wished."""
    stuck = [layer for layer in facts.layers if layer.us is None]
    if stuck:
        more = f" (and {len(stuck) - 1} more)" if len(stuck) > 1 else ""
        yield f"operator #{stuck[0].index} {stuck[0].kind}{more}: {stuck[0].note}; so no latency is predicted"
    if strange := [layer for layer in facts.layers if layer.kind in UNCOUNTED]:
        yield f"operator #{strange[0].index} {strange[0].kind}: its shapes do not tell its work, so it counts as nothing"
    if facts.after.us and facts.before.us and facts.after.us > (1 + NO_TIME) * facts.before.us:
        yield (
            f"slower than float32 on this runtime: {facts.after.us:,.1f} us against {facts.before.us:,.1f} us are predicted"
        )
    if facts.after.raw_bytes > facts.before.raw_bytes:
        yield f"larger than float32: {facts.after.raw_bytes:,} bytes against {facts.before.raw_bytes:,}"


def word_percent(share: float) -> str:
    """A change as people say it: `-66 %`, and `0 %` for next to nothing."""
    if abs(share) < 0.005:
        return "0 %"
    return f"{100 * share:+.0f} %"
