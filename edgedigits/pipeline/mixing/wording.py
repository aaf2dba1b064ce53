"""What a record of mixed precision tells, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from edgedigits.ground.facts import JsonObject
from edgedigits.pipeline.mixing.settings import LAYERS

_NAMED = 6


def tell_mixed(record: JsonObject) -> str:
    """Which layers compute in what, what they gained, and what it costs; without a full stop."""
    layers = [f"{_list(record[setting])} in {words}" for setting, words in LAYERS.items() if record[setting]]
    if not layers:
        return f"Mixed precision: int8 is within {record['keep_within_points']:g} points by itself, so no layer is left out"
    return "; ".join(["Mixed precision: " + ", ".join(layers), *_tell_gain(record), _tell_cost(record)])


def list_mixed_warnings(export: JsonObject) -> Iterator[str]:
    """A choice that did not reach its bound, by an export's record."""
    record = export.get("mixed", {})
    if not record.get("kept", True):
        below = 100 * (record["float_accuracy"] - record["accuracy"])
        yield (
            f"mixed precision: after {record['tries']} tries {below:.2f} points of validation accuracy are still missing, "
            f"{record['keep_within_points']:g} were allowed; `edgedigits verify` tells what else there is"
        )


def _tell_gain(record: JsonObject) -> Iterator[str]:
    if steps := record.get("steps"):
        each = ", ".join(f"{_list(step['layers'])} {step['points']:+.2f}" for step in steps)
        yield (
            f"{100 * record['before_accuracy']:.2f} % before and {100 * record['accuracy']:.2f} % with it, of "
            f"{100 * record['float_accuracy']:.2f} % in float, on {record['images']:,} validation images (points: {each})"
        )


def _tell_cost(record: JsonObject) -> str:
    more = record["bytes"] - record["int8_bytes"]
    return (
        f"against all in int8 {more:+,} bytes and {record['times_as_long']:.2f}x the time ({record['p50_us']:,.1f} against "
        f"{record['int8_p50_us']:,.1f} us here, in turns)"
    )


def _list(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return " + ".join(names[:_NAMED]) + more
