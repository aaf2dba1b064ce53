"""What of an inference comes from memory, beside its cycles: boards by core, and bytes that their last cache can't keep.

A model whose weights and largest operator fit the last cache together is read from there. Of any other, weights were pushed out
since the last inference, so all are read again; and of an operator whose weights, inputs and outputs do not fit together,
inputs and outputs come and go as well. That time is the longest that it can be: a core that fetches ahead hides some behind its
cycles. What passes between the first cache and the last is nowhere in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edgedigits.measure.cost.boards import RATED_BOARDS
from edgedigits.tflite.multiply_adds import Work

_PER_COPY: Final = 2
"""A byte that memcpy copies passes the memory twice: it is read and written."""


@dataclass(frozen=True)
class Board:
    """`clock_ghz` is the clock that the board comes with; `cache_bytes` what one core's last caches keep; `bandwidth` in bytes
    per second is twice the middle of what is published for memcpy on one core (see `SOURCES` of `measure.cost.boards`)."""

    device: str
    name: str
    clock_ghz: float
    cache_bytes: int
    bandwidth: float


def _board(device: str, clock_ghz: float, own_cache_bytes: int = 0) -> Board:
    rated = RATED_BOARDS[device]
    bandwidth = _PER_COPY * sum(rated.memcpy) / len(rated.memcpy)
    return Board(device, rated.name, clock_ghz, rated.cache_bytes + own_cache_bytes, bandwidth)


BOARDS: Final = {
    "cortex-a53": (_board("zero2", 1.0), _board("pi3", 1.2)),
    "cortex-a72": (_board("pi4", 1.8),),
    "cortex-a76": (_board("pi5", 2.4, own_cache_bytes=512 << 10),),
}
"""By core. Clocks are Raspberry Pi's (https://www.raspberrypi.com/documentation/computers/processors.html): a Pi 3B+ has 1.4 GHz,
a Pi 4 of before 2021, or with `arm_boost=0`, 1.5. The third cache of a Pi 5 keeps what the second one of a core lets go, so
both count (bcm2712.dtsi: 512 KiB a core, 2 MiB for all)."""


def list_memory_bytes(works: Sequence[Work], cache_bytes: int) -> list[int]:
    """Bytes of each operator that pass between memory and cache in one inference, in the steady state."""
    weights = sum(work.weight_bytes for work in works)
    widest = max((work.activation_bytes for work in works), default=0)
    if weights + widest <= cache_bytes:
        return [0] * len(works)
    return [work.weight_bytes + _passing(work, cache_bytes) for work in works]


def _passing(work: Work, cache_bytes: int) -> int:
    return work.activation_bytes if work.weight_bytes + work.activation_bytes > cache_bytes else 0
