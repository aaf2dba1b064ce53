"""How long a .tflite file may take on a Raspberry Pi: an estimate, from its multiply-adds and published throughput.

Nothing is measured. Per operator the time lies between two extremes:

- fastest: its multiply-adds at the highest rate that published numbers allow, its weights in the cache if all weights
  of the model fit, else read at twice the published memcpy rate, and nothing besides;
- slowest: its multiply-adds at the lowest such rate, or its weights (an operator without multiply-adds: all it reads
  and writes) from memory at the published memcpy rate, whichever takes longer, and a fixed cost per operator.

Beside that range stands what a model of cycles, fitted to single operators, foretells for one thread (`cycle_model.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgedigits.errors import InputError
from edgedigits.measure.cost.boards import CORES, RATED_BOARDS, SOURCES, RatedBoard, RateRow, RowArithmetic, Source
from edgedigits.measure.cost.cycle_model import Foretold, foretell
from edgedigits.measure.cost.throughput import Kind, Range, Rates, bound_gain, bound_rates
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.multiply_adds import Work, count_per_operator

OPERATOR_INSTRUCTIONS: Final = 20_000  # at most, beside multiply-adds; see SOURCES["instructions"]
SLOWEST_IPC: Final = 0.5  # instructions per cycle at worst: an assumption
_READS_PER_COPY: Final = 2
_KINDS: Final[dict[str, Kind]] = {"DEPTHWISE_CONV_2D": "depthwise", "FULLY_CONNECTED": "dense"}  # others: conv
_MOST_NAMED: Final = 3


@dataclass(frozen=True)
class OperatorEstimate:
    """An operator's work and the estimated range of its time in ms."""

    work: Work
    low_ms: float
    high_ms: float


@dataclass(frozen=True)
class RateUsed:
    """Multiply-adds per second of one core, the range that was reckoned with, in 10^9 per second."""

    kind: Kind
    arithmetic: str
    low_gmacs: float
    high_gmacs: float
    rows: tuple[str, ...]


@dataclass(frozen=True)
class Estimate:
    """The estimated range of one inference in ms, how it comes about, and where its numbers are published; `foretold` is of one
    thread, whatever `threads` are."""

    file: str
    device: str
    board: str
    threads: int
    low_ms: float
    high_ms: float
    foretold: Foretold
    macs: int
    weight_bytes: int
    operators: tuple[OperatorEstimate, ...]
    rates: tuple[RateUsed, ...]
    sources: tuple[Source, ...]
    notes: tuple[str, ...]


def estimate(path: Path, device: str, threads: int = 1) -> Estimate:
    """The range in which one inference of the file probably lies on the device, one of `BOARDS`.

    Raises:
        InputError: an unknown device, more threads than cores, a file that can't be read or that computes in a way
            for which nothing is published.
        TfliteError: not a .tflite file, or one whose shapes are open.
    """
    if device not in RATED_BOARDS:
        raise InputError(f"--device: no board is called {device!r}; choose from {', '.join(RATED_BOARDS)}.")
    if not 1 <= threads <= CORES:
        raise InputError(f"--threads: {threads} is not from 1 to {CORES}, the cores of the boards.")
    contents = read(_bytes(path), str(path))
    works = count_per_operator(contents)
    _check_arithmetic(path, works)
    reckoning = _Reckoning(RATED_BOARDS[device], threads, sum(work.weight_bytes for work in works))
    operators = tuple(map(reckoning.operator, works))
    return Estimate(
        file=str(path),
        device=device,
        board=_board(RATED_BOARDS[device]),
        threads=threads,
        low_ms=sum(each.low_ms for each in operators),
        high_ms=sum(each.high_ms for each in operators),
        foretold=foretell(contents, device),
        macs=sum(work.macs for work in works),
        weight_bytes=reckoning.weight_bytes,
        operators=operators,
        rates=reckoning.used(works),
        sources=_sources(RATED_BOARDS[device]),
        notes=tuple(_notes(RATED_BOARDS[device], works, threads, contents.float16_arithmetic)),
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from error


def _check_arithmetic(path: Path, works: tuple[Work, ...]) -> None:
    unknown = [work for work in works if work.macs and work.arithmetic in ("int16x8", "int8x4")]
    if unknown:
        raise InputError(
            f"{path}: {len(unknown)} operators compute in {unknown[0].arithmetic}, for which no throughput on a Raspberry Pi is "
            "published; "
            "export it as int8 or float32, or measure it with bench --host."
        )


def _board(board: RatedBoard) -> str:
    clocks = " to ".join(f"{clock:.1f}" for clock in sorted(set(board.clock_ghz)))
    return f"{board.name} ({CORES} x {board.core}, {clocks} GHz)"


class _Reckoning:
    """The extremes for one board, so many threads, and one model's weights."""

    def __init__(self, board: RatedBoard, threads: int, weight_bytes: int) -> None:
        self.board = board
        self.threads = threads
        self.weight_bytes = weight_bytes
        self.cached = weight_bytes <= board.cache_bytes
        self.rates: dict[RowArithmetic, Rates] = {
            "float32": bound_rates(board, "float32"),
            "int8": bound_rates(board, "int8"),
        }
        self.fixed_s = OPERATOR_INSTRUCTIONS / (SLOWEST_IPC * board.clock_ghz[0] * 1e9)

    def operator(self, work: Work) -> OperatorEstimate:
        """Nothing moved, nothing computed: nothing estimated, such as for a RESHAPE or unpacking done when loaded."""
        if not work.macs and not work.elements:
            return OperatorEstimate(work, 0.0, 0.0 if work.counted else 1000 * self.fixed_s)
        fast = slow = 0.0
        if work.macs:
            rate = self.rate(work)
            fast, slow = work.macs / (rate.high * self._speedup(work)), work.macs / rate.low
        unavoidable = 0 if self.cached else work.weight_bytes
        fast = max(fast, unavoidable / (_READS_PER_COPY * self.board.memcpy[1]))
        slow = max(slow, (work.weight_bytes if work.macs else work.activation_bytes) / self.board.memcpy[0])
        return OperatorEstimate(work, 1000 * fast, 1000 * (slow + self.fixed_s))

    def rate(self, work: Work) -> Range:
        """Dynamic range quantizes while it runs and has no published numbers: from the slower to int8 itself."""
        kind = _kind(work)
        floats, ints = self.rates["float32"].of(kind), self.rates["int8"].of(kind)
        if work.arithmetic == "dynamic":
            return Range(min(floats.low, ints.low), max(floats.high, ints.high))
        return ints if work.arithmetic == "int8" else floats

    def used(self, works: tuple[Work, ...]) -> tuple[RateUsed, ...]:
        found: dict[tuple[Kind, str], RateUsed] = {}
        for work in works:
            if work.macs:
                rate, kind = self.rate(work), _kind(work)
                rows = tuple(f"{row.source}: {row.row}, {row.ms} ms" for row in self._rows(work))
                used = RateUsed(kind, work.arithmetic, rate.low / 1e9, rate.high / 1e9, rows)
                found.setdefault((kind, work.arithmetic), used)
        return tuple(found.values())

    def _rows(self, work: Work) -> tuple[RateRow, ...]:
        floats, ints = self.rates["float32"].rows, self.rates["int8"].rows
        return {"int8": ints, "dynamic": floats + ints}.get(work.arithmetic, floats)

    def _speedup(self, work: Work) -> float:
        """The most that threads have been published to gain, in between by share."""
        return 1 + (bound_gain(self.board, _table(work)).high - 1) * (self.threads - 1) / (CORES - 1)


def _kind(work: Work) -> Kind:
    return _KINDS.get(work.kind, "conv")


def _table(work: Work) -> RowArithmetic:
    return "int8" if work.arithmetic in ("int8", "dynamic") else "float32"


def _sources(board: RatedBoard) -> tuple[Source, ...]:
    named = dict.fromkeys(row.source for row in board.rows) | dict.fromkeys(
        ("sbc-bench", "device-trees", "instructions")
    )
    if board.peak:
        named["a76"] = None
    return tuple(SOURCES[name] for name in named)


def _notes(board: RatedBoard, works: tuple[Work, ...], threads: int, float16: bool) -> list[str]:
    """What to know about this very estimate, a sentence each."""
    notes = ["Only the interpreter's invoke is estimated: not Python, not reading and scaling images."]
    if board.lacks:
        notes.append(f"Where the estimate stands on less: {board.lacks}.")
    if any(work.macs and work.arithmetic == "dynamic" for work in works):
        notes.append("For dynamic range nothing is published: estimated from float32's to int8's throughput.")
    if any(work.macs and work.arithmetic == "float16 weights" for work in works):
        notes.append("Float16 weights are unpacked when loaded: estimated as float32.")
    if float16:
        notes.append(
            "The file allows float16 arithmetic, which a Raspberry Pi 5 has: estimated as float32, up to twice too slow there."
        )
    if threads > 1:
        notes.append(
            f"The high end of the estimate for {threads} threads is that for one: a small net may gain nothing."
        )
    uncounted = [f"#{work.index} {work.kind}" for work in works if not work.counted]
    if uncounted:
        more = f" and {len(uncounted) - _MOST_NAMED} more" if len(uncounted) > _MOST_NAMED else ""
        named = ", ".join(uncounted[:_MOST_NAMED]) + more
        notes.append(f"The estimate is too low by what its shapes do not tell: the work of {named}.")
    return notes
