"""The table of what the recipes reach, and one line about each for its header; both from pays.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.pays_rows import CORES
from edgedigits.api.render.tables import word_ms
from edgedigits.measure.cost.cycle_model import find_board

SHORT_OF = {board: CORES[find_board(board)[0]] for board in ("zero2", "pi3", "pi4", "pi5")}
BOARD_NAMES = [find_board(board)[1].name.removeprefix("Raspberry ") for board in SHORT_OF]
ABOUT_BOARDS = (
    "Milliseconds of a board are those of one inference on one thread: cycles counted under QEMU by LLVM's model of the core "
    "(`edgedigits cycles`) at the board's clock, without memory; in brackets, how many times fewer than the float form's."
)


def pays_table(document: dict[str, Any]) -> str:
    """The float forms, then a row for every recipe; then the fronts, what is missing, and how it was measured."""
    lines = [
        f"| recipe | accuracy | raw bytes | gzip bytes | p50 here | against float | {' | '.join(BOARD_NAMES)} | made in |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_float(name, found) for name, found in document["floats"].items()]
    lines += [_row(row) for row in document["rows"]]
    lines += [
        "",
        f"MNIST's test images; int8 bytes in LiteRT, one thread, {_machines(document)}. Of several seeds the accuracy "
        "is the median with its range, p50 the median, all else the largest; of one seed the brackets hold its 95 % interval. "
        "p50 and boards are against the net's own float form. " + ABOUT_BOARDS + _about_amx(document),
        "",
        *_fronts(document["fronts"]),
        *(f"Missing: {line}." for line in document["missing"]),
    ]
    return "\n".join(lines).rstrip()


def boards_table(document: dict[str, Any]) -> str:
    """The same files by board, for a first look."""
    lines = [f"| recipe | accuracy | bytes | {' | '.join(BOARD_NAMES)} |", "|---|---|---|---|---|---|---|"]
    forms = [(f"{name}, float32", found) for name, found in document["floats"].items()]
    forms += [(_called(row), row) for row in document["rows"]]
    for name, found in forms:
        cells = [name, f"{found['accuracy_percent']:.2f} %", f"{found['raw_bytes']:,}", *_boards(found)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"MNIST's test images. {ABOUT_BOARDS}"])


def _boards(found: Mapping[str, Any]) -> list[str]:
    """Milliseconds on each board, and how many times fewer cycles than the float form's."""
    return [
        _ms(found, board) + (f" ({_fewer(found, short)})" if f"times_fewer_cycles_{short}" in found else "")
        for board, short in SHORT_OF.items()
    ]


def _ms(found: Mapping[str, Any], board: str) -> str:
    clock = find_board(board)[1].clock_ghz
    return f"{word_ms(found[f'cycles_{SHORT_OF[board]}'] / (1e6 * clock))} ms"


def _fewer(row: Mapping[str, Any], short: str) -> str:
    return f"{row[f'times_fewer_cycles_{short}']:.1f}x"


def _called(row: Mapping[str, Any]) -> str:
    return f"`{row['recipe']}`" + ("" if row["model"] == "cnn" else f" on {row['model']}")


def _has_amx(row: Mapping[str, Any]) -> bool:
    return "amx_times_faster" in row


def _about_amx(document: Mapping[str, Any]) -> str:
    """Said only where some rows were timed both ways."""
    if not any(map(_has_amx, document["rows"])):
        return ""
    return (
        " Times are those of LiteRT's kernels without AMX, which no Raspberry Pi has: the process was refused it. "
        "In brackets, with AMX, whose kernels take long over a first convolution of few channels."
    )


def _machines(document: Mapping[str, Any]) -> str:
    """Where the rows were measured; where that is several machines, which rows on which."""
    rows = [(f"{name}, float32", found) for name, found in document["floats"].items()]
    rows += [(f"`{row['recipe']}`", row) for row in document["rows"]]
    by_cpu: dict[str, list[str]] = {}
    for name, row in rows:
        by_cpu.setdefault(f"{row['measured']['cpu']} ({row['measured']['rounds']} rounds)", []).append(name)
    if len(by_cpu) == 1:
        return next(iter(by_cpu))
    return "; ".join(f"{', '.join(names)} on {cpu}" for cpu, names in by_cpu.items())


def _float(name: str, found: Mapping[str, Any]) -> str:
    cells = [f"{name}, float32", f"{found['accuracy_percent']:.2f} %", *_sizes(found), f"{found['p50_us']:.1f} us", ""]
    return f"| {' | '.join([*cells, *_boards(found), ''])} |"


def _row(row: Mapping[str, Any]) -> str:
    reach = f"{row['accuracy_low']:.2f}–{row['accuracy_high']:.2f}"
    cells = [
        _called(row),
        f"{row['accuracy_percent']:.2f} % ({reach})",
        *_sizes(row),
        f"{row['p50_us']:.1f} us",
        f"{row['times_faster']:.1f}x" + (f" (AMX {row['amx_times_faster']:.1f}x)" if _has_amx(row) else ""),
        *_boards(row),
        time(row),
    ]
    return f"| {' | '.join(cells)} |"


def _sizes(row: Mapping[str, Any]) -> tuple[str, str]:
    return f"{row['raw_bytes']:,}", f"{row['gzip_bytes']:,}"


def _fronts(fronts: Mapping[str, list[str]]) -> list[str]:
    titles = {
        "raw_bytes": "raw bytes",
        "share_of_float_p50": "p50",
        "cycles_a53": "cycles of a Zero 2 W and a Pi 3",
        "cycles_a72": "cycles of a Pi 4",
        "cycles_a76": "cycles of a Pi 5",
    }
    found = [f"- {titles[cost]}: {', '.join(f'`{name}`' for name in names)}" for cost, names in fronts.items()]
    return ["The front of accuracy against each cost, cheapest first, of the nets made from the CNN:", "", *found, ""]


def time(row: Mapping[str, Any]) -> str:
    """What making it took, the longest of its seeds."""
    seconds = row["seconds"]
    took = f"{seconds / 60:.1f} min" if seconds >= 100 else f"{seconds:.0f} s"
    return f"{took}, parts kept from an earlier run" if row["cached"] else took


def reached(row: Mapping[str, Any]) -> list[str]:
    """What a recipe reached, in lines for its header."""
    cpu, cores = row["measured"]["cpu"] + (" without AMX" if _has_amx(row) else ""), row["measured"]["cores"]
    seeds = ", ".join(map(str, row["seeds"]))
    reach = f"{row['accuracy_low']:.2f} to {row['accuracy_high']:.2f}"
    kind = f"median of seeds {seeds}, {reach}" if len(row["seeds"]) > 1 else f"95 % interval {reach}"
    float_form = f"the float {row['model']}"
    return [
        f"{row['accuracy_percent']:.2f} % of MNIST's test images ({kind}; {row['points_against_float']:+.2f} points against",
        f"{float_form}, McNemar p = {row['mcnemar_p']:.2g}), {row['raw_bytes']:,} bytes ({row['gzip_bytes']:,} through gzip),",
        f"{row['times_faster']:.1f}x as fast as {float_form} ({row['p50_us']:.1f} us, LiteRT, one thread, {cpu}),",
        f"{_fewer(row, 'a53')} fewer cycles on a Zero 2 W ({_ms(row, 'zero2')}) and a Pi 3 ({_ms(row, 'pi3')}),",
        f"{_fewer(row, 'a72')} on a Pi 4 ({_ms(row, 'pi4')}), {_fewer(row, 'a76')} on a Pi 5 ({_ms(row, 'pi5')});",
        f"made in {time(row)} on {cores} cores.",
    ]
