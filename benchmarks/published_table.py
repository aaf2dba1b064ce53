"""The tables of foretold against published milliseconds, from the section "published" of `results/cycles.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.published_judgement import PUBLISHED, find_factor

_HEAD = "| net | images | numbers | board | clock | threads | runtime | published | foretold | error | source |"


def published_table(whole: Mapping[str, Any]) -> str:
    """Judged rows, then what is foretold of the others; each with its source."""
    section = whole.get("published")
    if section is None:
        return "Not made yet: `python -m benchmarks.cycles_published`."
    sources: Mapping[str, Mapping[str, str]] = json.loads(PUBLISHED.read_text(encoding="utf-8"))["sources"]
    rows = [row for row in section["rows"] if row["foretold_ms"] is not None]
    judged, others = ([row for row in rows if row["judged"] is kind] for kind in (True, False))
    missing = len(section["rows"]) - len(rows)
    lines = [
        *_table(judged, sources),
        "",
        *_factors(judged),
        "",
        "Beside them, not judged:",
        "",
        *_table(others, sources),
    ]
    if missing:
        lines += ["", f"{missing} more rows of `benchmarks/published.json` are not counted yet."]
    return "\n".join(lines)


def _table(rows: Sequence[Mapping[str, Any]], sources: Mapping[str, Mapping[str, str]]) -> list[str]:
    return [_HEAD, "|" + "---|" * _HEAD.count(" |"), *(_row(row, sources) for row in rows)]


def _row(row: Mapping[str, Any], sources: Mapping[str, Mapping[str, str]]) -> str:
    side, source = row["resolution"], sources[row["source"]]
    doubt = " (doubted by its author)" if row["doubted"] else ""
    parts = f"{row['cycles_ms']:.1f} + {row['memory_ms']:.1f} of memory"
    if row["sorting_ms"]:
        parts += f" + {row['sorting_ms']:.1f} of sorting"
    told = f"{row['foretold_ms']:.1f} ms ({parts})"
    return (
        f"| {row['net']} | {side}x{side} | {row['precision']} | {row['board']} | {row['clock_ghz']:g} GHz "
        f"| {row['threads'] or 'not said'} | {row['runtime']} | {row['published_ms']:.1f} ms{doubt} | {told} "
        f"| {row['error_percent']:+.0f} % | [{row['source']}]({source['url']}) |"
    )


def _factors(judged: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the foretold would have to be multiplied with, by the half of a core's rows that a hash chose."""
    found = {core: find_factor(judged, core) for core in sorted({row["core"] for row in judged})}
    told = [f"{core} {'no row' if factor is None else f'{factor:.2f}'}" for core, factor in found.items()]
    return [f"Factors fitted on the half of the rows: {', '.join(told)}."] if told else []
