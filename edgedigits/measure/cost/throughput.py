"""From published latencies to multiply-adds per second of one core, as ranges.

A network timed alone gives a lower bound for each kind of operator: its multiply-adds of that kind over the whole time.
MobileNet v1 and v2 timed side by side give both kinds they are made of, as two equations with two unknowns:
conv / rate + depthwise / rate = time.

A time on four threads is turned into one on one core between two extremes: all four worked without loss (four times as
long), or they gained no more than the worst network whose times on one and on four threads are published for the board.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from edgedigits.measure.cost.boards import CORES, NETWORKS, V1, V2, RatedBoard, RateRow, RowArithmetic

Kind = Literal["conv", "depthwise", "dense"]

ROW_KINDS: Final[tuple[Kind, ...]] = ("conv", "depthwise", "dense")


@dataclass(frozen=True)
class Range:
    """From `low` to `high`."""

    low: float
    high: float

    def __mul__(self, factor: float) -> Range:
        return Range(self.low * factor, self.high * factor)


@dataclass(frozen=True)
class Rates:
    """Multiply-adds per second of one core by kind of operator, and the published rows they come from."""

    conv: Range
    depthwise: Range
    dense: Range
    rows: tuple[RateRow, ...]

    def of(self, kind: Kind) -> Range:
        """The range of that kind."""
        return {"conv": self.conv, "depthwise": self.depthwise, "dense": self.dense}[kind]


def bound_gain(board: RatedBoard, arithmetic: RowArithmetic) -> Range:
    """How many times faster four threads are than one, over the networks published with both.

    Networks that are mostly dense layers are left out: they wait for memory, which no thread makes faster.
    """
    rows = [row for row in board.rows if row.arithmetic == arithmetic and NETWORKS[row.network].conv]
    times = {(row.source, row.network, row.threads): row.ms for row in rows}
    ratios = [
        row.ms / times[row.source, row.network, CORES]
        for row in rows
        if row.threads == 1 and (row.source, row.network, CORES) in times
    ]
    return Range(min(ratios), max(ratios))


def bound_rates(board: RatedBoard, arithmetic: RowArithmetic) -> Rates:
    """What one core of the board computes per second; lowest and highest that the published rows allow."""
    rows = tuple(_best(row for row in board.rows if row.arithmetic == arithmetic))
    solved = list(_solved(board, rows))
    conv = _span([*_bounds(board, rows, "conv"), *(pair[0] for pair in solved)])
    if board.peak and arithmetic == "float32":
        conv = Range(min(conv.low, board.peak), min(conv.high, board.peak))
    if solved:
        depthwise = _span([pair[1] for pair in solved])
    else:
        depthwise = Range(_span(list(_bounds(board, rows, "depthwise"))).low, conv.high)
    # Only float networks with much in dense layers are published; int8 ones have fewer bytes to read, so are no slower.
    dense = list(_bounds(board, rows, "dense")) or [bound_rates(board, "float32").dense]
    return Rates(conv, depthwise, Range(_span(dense).low, conv.high), rows)


def _best(rows: Iterable[RateRow]) -> Iterator[RateRow]:
    """Times on four threads count only where the source has none on one; else they only tell what threads gain."""
    rows = list(rows)
    single = {(row.source, row.network) for row in rows if row.threads == 1}
    return (row for row in rows if row.threads == 1 or (row.source, row.network) not in single)


def _span(ranges: list[Range]) -> Range:
    return Range(min(each.low for each in ranges), max(each.high for each in ranges))


def _bounds(board: RatedBoard, rows: tuple[RateRow, ...], kind: Kind) -> Iterator[Range]:
    """For each row, what the kind does at least; dense only from the network that is mostly dense."""
    for row in rows:
        network = NETWORKS[row.network]
        macs = {"conv": network.conv, "depthwise": network.depthwise, "dense": network.dense}[kind]
        if macs and not (kind == "dense" and network.conv):
            yield _one_core(board, row, macs / (row.ms / 1000))


def _solved(board: RatedBoard, rows: tuple[RateRow, ...]) -> Iterator[tuple[Range, Range]]:
    """Rates of convolutions and of depthwise convolutions, from MobileNet v1 and v2 in one table."""
    one, two = NETWORKS[V1], NETWORKS[V2]
    seconds = {(row.source, row.threads, row.network): row.ms / 1000 for row in rows}
    determinant = one.conv * two.depthwise - one.depthwise * two.conv
    for row in rows:
        other = seconds.get((row.source, row.threads, V2))
        if row.network != V1 or other is None:
            continue
        this = row.ms / 1000
        per_conv = (this * two.depthwise - one.depthwise * other) / determinant
        per_depthwise = (one.conv * other - two.conv * this) / determinant
        if per_conv > 0 and per_depthwise > 0:
            depthwise = _one_core(board, row, 1 / per_depthwise)
            # It waits for memory more than for arithmetic, so float32 may lose less than half against float16.
            yield _one_core(board, row, 1 / per_conv), Range(depthwise.low, depthwise.high * row.lanes)


def _one_core(board: RatedBoard, row: RateRow, rate: float) -> Range:
    """The rate of all threads together as that of one core in float32 or int8, at the clocks the board comes with."""
    clocks = [clock / (row.clock_ghz or clock) for clock in board.clock_ghz]
    slowest = rate / row.lanes * clocks[0] / row.threads
    fastest = rate / row.lanes * clocks[1] / (1 if row.threads == 1 else bound_gain(board, row.arithmetic).low)
    return Range(slowest, fastest)
