"""A profile for people (a table of rich and sentences) and for programs (a JSON-safe dict)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from edgedigits.api.render.tables import start_table
from edgedigits.ground.facts import JsonObject
from edgedigits.measure.profile.report import OperatorTime, ProfileReport, multiplied_as
from edgedigits.tasks.statistics import Spread

_SCHEMA: Final = 1
_MOST_ROWS: Final = 40
_LOADED: Final = ", and load from others interrupts a long call more often than a short one"
_ADDS_UP: Final = 0.1  # of the whole; a sum that is off by more is worth a sentence


def to_json(report: ProfileReport, device: str | None) -> JsonObject:
    """All that was found: times in microseconds on one thread, rates in 10^9 multiply-adds a second, shares of 1."""
    return {
        "schema": _SCHEMA,
        "kind": "profile",
        "file": report.source,
        "sha256": report.sha256,
        "device": device,
        "environment": report.environment,
        "threads": 1,
        "pin": report.pin,
        "windows": report.windows,
        "window_s": report.window_s,
        "valid_windows": report.valid_windows,
        "void_reasons": list(report.void_reasons),
        "whole_us": asdict(report.whole),
        "fixed_us": asdict(report.fixed),
        "sum_us": asdict(report.total),
        "sum_of_whole": asdict(report.of_whole),
        "peaks": [asdict(peak) for peak in report.peaks],
        "operators": [operator_json(one) for one in report.operators],
    }


def operator_json(one: OperatorTime) -> JsonObject:
    """One row, flat but for its interval and shape."""
    return {
        "index": one.work.index,
        "kind": one.work.kind,
        "version": one.version,
        "output_shape": list(one.work.output_shape),
        "arithmetic": one.work.arithmetic,
        "macs": one.work.macs,
        "us": None if one.us is None else asdict(one.us),
        "untimed": one.untimed,
        "share": one.share,
        "gmacs_per_s": one.gmacs,
        "of_peak": one.of_peak,
        "xnnpack": one.delegation.runs,
        "why_not": one.delegation.why_not,
        "would_change": one.delegation.would_change,
    }


def render(report: ProfileReport, device: str | None) -> Group:
    """The table, then how it adds up, what the peak is, and what XNNPACK leaves and why; made for 100 columns."""
    told = [*_sums(report), *_peaks(report), *_left(report.operators), *_voids(report)]
    return Group(_table(report, device), Text(_machine(report), style="dim"), *map(Text, told))


def _table(report: ProfileReport, device: str | None) -> Table:
    where = f" on {device}" if device else ""
    columns = ("operator", "XNNPACK", "us", "95 % interval", "share", "multiply-adds", "G/s", "of peak")
    table = start_table(f"{plain(report.source)}{where}: {word_us(report.whole.value)} us", *columns, words=2)
    slowest = sorted(report.operators, key=lambda one: -(one.us.value if one.us else 0.0))[:_MOST_ROWS]
    kept = {one.work.index for one in slowest}
    for one in report.operators:
        if one.work.index in kept:
            table.add_row(*_cells(one))
    if rest := [one for one in report.operators if one.work.index not in kept]:
        spent = sum(one.us.value for one in rest if one.us)
        share = sum(one.share for one in rest if one.share)
        table.add_row(f"{len(rest)} faster ones", "", word_us(spent), "", word_share(share), "", "", "")
    table.add_section()
    table.add_row(
        *("a call that does nothing", "", word_us(report.fixed.value), word_interval(report.fixed)),
        *(word_share(report.fixed.value / report.whole.value), "", "", ""),
    )
    table.add_row(
        *("sum", "", word_us(report.total.value), word_interval(report.total), word_share(report.of_whole.value)),
        *(f"{sum(one.work.macs for one in report.operators):,}", "", ""),
    )
    return table


def _cells(one: OperatorTime) -> Iterator[str]:
    yield f"#{one.work.index} {plain(one.work.kind)}"
    yield {True: "yes", False: "no", None: ""}[one.delegation.runs]
    yield "?" if one.us is None else word_us(one.us.value)
    yield "" if one.us is None else word_interval(one.us)
    yield "" if one.share is None else word_share(one.share)
    yield f"{one.work.macs:,}" if one.work.macs else ""
    yield "" if one.gmacs is None else f"{one.gmacs:#.3g}".rstrip(".")
    yield "" if one.of_peak is None else word_share(one.of_peak)


def _machine(report: ProfileReport) -> str:
    at = report.environment
    pinned = "" if report.pin is None else f", pinned to core {report.pin}"
    return (
        f"{at['runtime']} {at['runtime_version']} on {at['board'] or at['cpu'] or at['machine']}{pinned}, one thread; "
        f"{report.windows} window(s) of {report.window_s:g} s in which the net and each operator alone take turns, medians; "
        "an operator's time is that of a file of it alone, less the call that does nothing."
    )


def _sums(report: ProfileReport) -> Iterator[str]:
    share = report.of_whole.value
    said = (
        f"The operators alone and a call that does nothing sum to {word_us(report.total.value)} us, "
        f"{100 * share:.0f} % of the net's {word_us(report.whole.value)} us"
    )
    untimed = [one for one in report.operators if one.us is None]
    if untimed:
        said += f"; {len(untimed)} of {len(report.operators)} operators are missing in it"
    elif share > 1 + _ADDS_UP:
        said += "; what is too much is no single operator's"
    elif share < 1 - _ADDS_UP:
        said += "; what is missing is no single operator's" + ("" if report.valid_windows else _LOADED)
    yield said + "."
    for one in untimed[:3]:
        yield f"#{one.work.index} {plain(one.work.kind)} has no time: {plain(one.untimed)}."


def _peaks(report: ProfileReport) -> Iterator[str]:
    used = {multiplied_as(one.work) for one in report.operators if one.work.macs}
    for peak in report.peaks:
        beside = "" if peak.arithmetic in used else ", which this net does not use"
        yield f"Peak in {peak.arithmetic}{beside}: {f'{peak.gmacs:#.3g}'.rstrip('.')} G/s ({peak.basis})."


def _left(operators: Iterable[OperatorTime]) -> Iterator[str]:
    """One sentence for all operators of which the same is said."""
    said: dict[tuple[str, str], list[OperatorTime]] = {}
    for one in operators:
        if one.delegation.runs is False:
            said.setdefault((one.delegation.why_not, one.delegation.would_change), []).append(one)
    for (why, change), each in said.items():
        names = ", ".join(f"#{one.work.index}" for one in each[:6]) + (", ..." if len(each) > 6 else "")
        shares = [one.share for one in each if one.share is not None]
        took = f" ({word_share(sum(shares))} of the time)" if shares else ""
        cure = f"What XNNPACK would take: {plain(change)}" if change else "Nothing that was tried changes that"
        yield f"{names}{took}: {plain(why)}. {cure}."
    if any(one.delegation.runs is None and not one.untimed and one.us and one.us.value for one in operators):
        yield "This runtime does not tell which operators XNNPACK runs."


def _voids(report: ProfileReport) -> Iterator[str]:
    if not report.void_reasons:
        return
    why = "; ".join(dict.fromkeys(report.void_reasons[:3]))
    if report.valid_windows:
        yield f"{report.windows - report.valid_windows} of {report.windows} windows are void and left out ({why})."
    else:
        yield f"Every window is void ({why}): times are shown, but measure again before believing them."


def word_us(value: float) -> str:
    """Three digits that count, and no more than a nanosecond."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:#.3g}".rstrip(".") if value >= 1 else f"{value:.3f}"


def word_interval(spread: Spread) -> str:
    if spread.low is None or spread.high is None:
        return ""
    return f"{word_us(spread.low)} to {word_us(spread.high)}"


def word_share(share: float) -> str:
    """As people say it."""
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:.1f} %"


def plain(text: str) -> str:
    """What comes from a file, with whatever could steer the terminal made visible."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
