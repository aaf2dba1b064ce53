"""The tables of peers, from peers.json: the whole one, and the README's."""

from __future__ import annotations

from typing import Any


def peers_table(document: dict[str, Any]) -> str:
    """A row for every file, the float model first, then by tool; then what failed, and how it was measured."""
    lines = [
        "| tool | recipe | accuracy | raw bytes | gzip bytes | p50 | against float | seconds | McNemar p |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_row(row) for row in document["rows"]]
    lines += [
        f"| {one['tool']} | {one['recipe']} | failed: {one['reason']} | | | | | | |" for one in document["failed"]
    ]
    refused = "AMX, which no Raspberry Pi has, was refused to all. " if document.get("amx_refused") else ""
    images, machine = document["rows"][0]["images"], document["machine"]
    versions = sorted({row["version"] for row in document["rows"] if row["version"]})
    lines += [
        "",
        f"{images:,} test images, one thread, {machine['cpu']}, {document['rounds']} rounds that visit every file once, each "
        f"window of {document['window_s']:g} s in a process of its own; in brackets 95 % intervals. McNemar p: of being as "
        f"accurate as the float model. Seconds: what making the file took; ours without starting the program. .tflite files "
        f"run in LiteRT, .onnx files in ONNX Runtime. {refused}{', '.join(versions)}.",
    ]
    return "\n".join(lines)


def peers_short(document: dict[str, Any]) -> str:
    """The same files without intervals, for a first look."""
    lines = ["| made by | recipe | accuracy | bytes | time | against float |", "|---|---|---|---|---|---|"]
    lines += [f"| {' | '.join(_short(row))} |" for row in document["rows"]]
    images, machine = document["rows"][0]["images"], document["machine"]
    lines += [
        "",
        f"{images:,} test images of MNIST, one thread, {machine['cpu']}. Time is the median of one image.",
    ]
    return "\n".join(lines)


def _short(row: dict[str, Any]) -> list[str]:
    return [
        "the float model" if row["tool"] == "none" else row["tool"],
        f"`{row['recipe']}`",
        f"{row['accuracy_percent']:.2f} %",
        f"{row['raw_bytes']:,}",
        f"{row['p50_us']:.1f} us",
        "" if row["tool"] == "none" else f"{row['times_faster']:.1f}x faster",
    ]


def _row(row: dict[str, Any]) -> str:
    accuracy = f"{row['accuracy_percent']:.2f} % ({row['accuracy_low']:.2f}–{row['accuracy_high']:.2f})"
    time = f"{row['p50_us']:.1f} us ({row['p50_low_us']:.1f}–{row['p50_high_us']:.1f})"
    float_form = row["tool"] == "none"
    cells = [
        "the float model" if float_form else row["tool"],
        f"`{row['recipe']}`",
        accuracy,
        f"{row['raw_bytes']:,}",
        f"{row['gzip_bytes']:,}",
        time,
        f"{row['times_faster']:.2f}x",
        "" if float_form else _seconds(row),
        "" if float_form else f"{row['mcnemar_p']:.2g}",
    ]
    return f"| {' | '.join(cells)} |"


def _seconds(row: dict[str, Any]) -> str:
    return "parts kept from an earlier run" if row["cached"] else f"{row['seconds']:.0f}"
