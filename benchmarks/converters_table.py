"""The table of the converters, made from `results/converters.json`."""

from __future__ import annotations

from typing import Any

from edgedigits.pipeline.converters.table import DEFAULT


def converters_table(document: dict[str, Any]) -> str:
    """Every file: accuracy, bytes and time; the other converter's time against that of the default one."""
    lines = [
        "| net | export | converter | accuracy | raw bytes | gzip bytes | p50 | against the default | made in |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in document["rows"]:
        against = "" if row["converter"] == DEFAULT else f"{row['times_faster']:.2f}x ({_interval(row)})"
        lines.append(
            f"| {row['net']} | `{row['export']}` | `{row['converter']}` | {row['accuracy_percent']:.2f} % "
            f"| {row['raw_bytes']:,} | {row['gzip_bytes']:,} | {row['p50_us']:.1f} us | {against} | {row['seconds']:.0f} s |"
        )
    first = document["rows"][0]
    lines += ["", f"{first['images']:,} validation images of MNIST; {_how(document)}", "", *_memory(document["memory"])]
    return "\n".join(lines)


def _interval(row: dict[str, Any]) -> str:
    return f"{row['times_faster_low']:.2f} to {row['times_faster_high']:.2f}"


def _how(document: dict[str, Any]) -> str:
    amx = ", AMX refused" if document["amx_refused"] else ""
    return (
        f"LiteRT, one thread, {document['machine']['cpu']}{amx}, {document['rounds']} rounds that visit every file once, each "
        f"window of {document['window_s']:g} s in a process of its own; in brackets 95 % intervals. Above 1 is faster."
    )


def _memory(memory: dict[str, dict[str, Any]]) -> list[str]:
    """What so many conversions in a row add to the process that asks and to its child."""
    lines = [
        "| converter | int8 conversions of the CNN in a row | the process that asks | its child |",
        "|---|---|---|---|",
    ]
    for converter, held in memory.items():
        more = (f"{(held[who][-1] - held[who][0]) / 1024:+.0f} MiB" for who in ("parent_kib", "child_kib"))
        lines.append(f"| `{converter}` | {len(held['parent_kib'])} | {' | '.join(more)} |")
    return lines
