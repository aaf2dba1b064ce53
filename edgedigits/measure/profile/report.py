"""What a profile found: microseconds with intervals, shares of the whole, multiply-adds per second against the core's peak."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgedigits.ground.facts import JsonObject
from edgedigits.measure.profile.delegation import Asked, Delegation, Tried, explain
from edgedigits.measure.profile.products import MACS, ROWS, WIDTH
from edgedigits.tasks.statistics import Spread, bound_median
from edgedigits.tflite.contents import Contents
from edgedigits.tflite.fragments import Fragment
from edgedigits.tflite.multiply_adds import Work

_WHOLE, _NOTHING, _FIRST_PRODUCT = 0, 1, 2
_LONG: Final = 5
_PRODUCTS: Final = ("float32", "int8")
_MULTIPLIED_AS: Final = {"float32": "float32", "float16 weights": "float32"}  # all others multiply integers


@dataclass(frozen=True)
class Subject:
    """A model that is profiled: where it is from, its bytes, what is in them, the work and the part of each operator."""

    source: str
    flat: bytes = field(repr=False)
    contents: Contents
    works: tuple[Work, ...]
    parts: tuple[Fragment, ...]


@dataclass(frozen=True)
class Peak:
    """The most multiply-adds per second that were measured in one arithmetic, in 10^9, and on what."""

    arithmetic: str
    gmacs: float
    basis: str


@dataclass(frozen=True)
class OperatorTime:
    """An operator: its time alone less the fixed cost of a call, as a share of the whole net's time; None, and `untimed`
    says why, where it can't be run alone. `gmacs` are 10^9 multiply-adds a second, None where it has none or is too short to
    tell; `of_peak` is the share of the peak of its arithmetic."""

    work: Work
    version: int
    us: Spread | None
    untimed: str
    share: float | None
    gmacs: float | None
    of_peak: float | None
    delegation: Delegation


@dataclass(frozen=True)
class ProfileReport:
    """All times in microseconds, on one thread. `fixed` is what a call takes that does nothing; `total` is that and the sum of
    the operators, `of_whole` the same per time of the net. Void windows are left out, unless all are (`valid_windows` 0)."""

    source: str
    sha256: str
    environment: JsonObject
    pin: int | None
    windows: int
    window_s: float
    valid_windows: int
    void_reasons: tuple[str, ...]
    whole: Spread
    fixed: Spread
    total: Spread
    of_whole: Spread
    peaks: tuple[Peak, ...]
    operators: tuple[OperatorTime, ...]


def make_report(
    subject: Subject,
    places: Sequence[int | None],
    result: JsonObject,
    tries: Mapping[str, Tried],
    window_s: float,
) -> ProfileReport:
    """From what the runner measured. `places` say which file of the result is an operator's."""
    times = _Times(result)
    own = [None if place is None else times.own(place) for place in places]
    fixed, whole = times.of(_NOTHING), times.of(_WHOLE)
    total = fixed + sum((one for one in own if one is not None), np.zeros_like(fixed))
    peaks = tuple(_peaks(subject, times, own))
    return ProfileReport(
        source=subject.source,
        sha256=hashlib.sha256(subject.flat).hexdigest(),
        environment=result["environment"],
        pin=result["pin"],
        windows=len(result["windows"]),
        window_s=window_s,
        valid_windows=len(times.valid),
        void_reasons=tuple(window["void"] for window in result["windows"] if window["void"]),
        whole=bound_median(whole),
        fixed=bound_median(fixed),
        total=bound_median(total),
        of_whole=bound_median(total / whole),
        peaks=peaks,
        operators=tuple(_operators(subject, places, result, tries, own, whole, peaks)),
    )


class _Times:
    """The medians of the windows that count, in microseconds, float64 [windows], by place of the file."""

    def __init__(self, result: JsonObject) -> None:
        windows = result["windows"]
        self.valid = [at for at, window in enumerate(windows) if not window["void"]]
        counting = self.valid or range(len(windows))
        self._columns = {place: column for column, place in enumerate(result["timed"])}
        self._us = np.array([windows[at]["median_ns"] for at in counting], np.float64) / 1000

    def of(self, place: int) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self._us[:, self._columns[place]]
        return found

    def has(self, place: int) -> bool:
        return place in self._columns

    def own(self, place: int) -> NDArray[np.float64] | None:
        """Less what any call takes, never below zero; None where it was not timed."""
        return np.maximum(self.of(place) - self.of(_NOTHING), 0.0) if self.has(place) else None


def multiplied_as(work: Work) -> str:
    """float32 or int8: what its multiplications are held against."""
    return _MULTIPLIED_AS.get(work.arithmetic, "int8")


def _rate(macs: int, own: NDArray[np.float64]) -> float | None:
    """10^9 multiply-adds per second; None where the time can't be told from nothing."""
    spread = bound_median(own)
    least = spread.value if spread.low is None else spread.low
    return macs / spread.value / 1000 if macs and least > 0 else None


def _peaks(subject: Subject, times: _Times, own: Sequence[NDArray[np.float64] | None]) -> Iterator[Peak]:
    """Of each arithmetic the product's rate, or that of an operator that is faster, and so long that a call's fixed cost, which
    its time is less, hardly counts. The product's time holds that cost, a hundredth of it on a board."""
    fixed = float(np.median(times.of(_NOTHING)))
    for number, arithmetic in enumerate(_PRODUCTS):
        product, found = _FIRST_PRODUCT + number, []
        if times.has(product) and (rate := _rate(MACS, times.of(product))) is not None:
            found.append(
                Peak(arithmetic, rate, f"a dense matrix product of {ROWS} x {WIDTH} x {WIDTH}, measured beside")
            )
        for work, part in zip(subject.works, own, strict=True):
            long = part is not None and float(np.median(part)) >= _LONG * fixed
            if part is not None and long and multiplied_as(work) == arithmetic:
                rate = _rate(work.macs, part)
                if rate is not None:
                    found.append(Peak(arithmetic, rate, f"the fastest operator, #{work.index} {work.kind}"))
        if found:
            yield max(found, key=lambda peak: peak.gmacs)


def _operators(
    subject: Subject,
    places: Sequence[int | None],
    result: JsonObject,
    tries: Mapping[str, Tried],
    own: Sequence[NDArray[np.float64] | None],
    whole: NDArray[np.float64],
    peaks: Sequence[Peak],
) -> Iterator[OperatorTime]:
    files, at = result["files"], result["environment"]
    products = {kind: bool(files[_FIRST_PRODUCT + number]["taken"]) for number, kind in enumerate(_PRODUCTS)}
    asked = Asked(f"{at['runtime']} {at['runtime_version']}", files[_WHOLE]["taken"], products, tries)
    best = {peak.arithmetic: peak.gmacs for peak in peaks}
    versions = {one.index: one.version for one in subject.contents.operators if one.subgraph == 0}
    for work, part, place, took in zip(subject.works, subject.parts, places, own, strict=True):
        gmacs = None if took is None else _rate(work.macs, took)
        peak = best.get(multiplied_as(work))
        yield OperatorTime(
            work=work,
            version=versions[work.index],
            us=Spread(0.0, 0.0, 0.0) if part.unpacks else None if took is None else bound_median(took),
            untimed="" if part.unpacks or took is not None else _why_untimed(place, files),
            share=0.0 if part.unpacks else None if took is None else float(np.median(took / whole)),
            gmacs=gmacs,
            of_peak=gmacs / peak if gmacs and peak else None,
            delegation=explain(asked, subject.contents, part, bool(place is not None and files[place]["taken"])),
        )


def _why_untimed(place: int | None, files: Sequence[JsonObject]) -> str:
    if place is None:
        return "it can't be cut out: it runs other graphs, or keeps a state"
    return f"alone it can't be run: {files[place]['reason']}"
