"""Hold foretold milliseconds against latencies that others have published, on the cores of Raspberry Pis.

    python -m benchmarks.cycles_published [NET ...] [--work FOLDER] [--fresh]

`published.json` has the latencies, word for word and with their sources. Each net is built with random weights and exported as it
was timed, its cycles are counted, and what is foretold is these at the board's clock, plus the time of what comes from memory.
Writes the section "published" of `results/cycles.json` after each net; with --work, nets and counts are kept in that folder, so
that a run that was cut off goes on, and others may count at the same time. Judged are rows of the same runtime on one thread; the
others stand beside them. Needs what `benchmarks.cycles` needs. An hour for all.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cycles import RESULT
from benchmarks.document import document, save_section
from benchmarks.published_judgement import Row, judge, list_targets, read_rows
from benchmarks.published_nets import make_net
from edgedigits.measure.cost.memory import BOARDS
from edgedigits.measure.cycles.cycles import Cycles, count_cycles
from edgedigits.measure.qemu.boards import CPUS

COMMAND = "python -m benchmarks.cycles_published"
CALIBRATION = 4
"""Random images that the int8 export is calibrated on: which scales it finds does not change what is computed."""

Counts = dict[str, dict[str, dict[str, Any]]]
"""File -> core -> its cycles, instructions, and bytes from memory."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nets", nargs="*", help="only these; of others, what is in FOLDER")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="where nets and counts are kept")
    parser.add_argument("--cpu", choices=sorted(CPUS), help="only on this core")
    settings = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edgedigits-published-") as name:
        run(settings.work or Path(name), settings.nets, settings.cpu)


def run(work: Path, nets: Sequence[str], cpu: str | None = None) -> None:
    """Counts what is missing, of all nets and cores or of those, and writes."""
    work.mkdir(parents=True, exist_ok=True)
    rows = read_rows()
    save(rows, read_counts(rows, work))
    for row, cores in list_missing(rows, read_counts(rows, work)):
        chosen = [core for core in cores if cpu in (None, core)]
        if (nets and row.net not in nets) or not chosen:
            continue
        path = export(row, work)
        for core in chosen:
            if name_count(row, core, work).exists():  # by another that counts at the same time
                continue
            (found,) = count_cycles([path], core, operators=False)
            name_count(row, core, work).write_text(json.dumps(describe(found)))
            print(f"{row.file:<40}{core:<12}{found.cycles:>14,}", flush=True)
            save(rows, read_counts(rows, work))


def name_count(row: Row, core: str, work: Path) -> Path:
    """Where a count is kept."""
    return work / f"{row.file}-{core}.json"


def read_counts(rows: Sequence[Row], work: Path) -> Counts:
    """What is counted of these rows so far."""
    counts: Counts = {}
    for row in rows:
        kept = name_count(row, row.core, work)
        if kept.exists():
            counts.setdefault(row.file, {})[row.core] = json.loads(kept.read_text())
    return counts


def list_missing(rows: Sequence[Row], counts: Counts) -> Iterator[tuple[Row, list[str]]]:
    """A row of each file of which not all is counted, with the cores; those with a judged row first."""
    wanted: dict[str, tuple[Row, dict[str, None]]] = {}
    for row in sorted(rows, key=lambda row: not row.judged):
        if row.core not in counts.get(row.file, {}):
            wanted.setdefault(row.file, (row, {}))[1][row.core] = None
    yield from ((row, list(cores)) for row, cores in wanted.values())


def export(row: Row, work: Path) -> Path:
    """The net's .tflite in the row's precision; one that is in `work` is taken."""
    from edgedigits.data.images import ArrayImages
    from edgedigits.pipeline.export.float32 import Float32
    from edgedigits.pipeline.export.int8 import Int8

    path = work / f"{row.file}.tflite"
    if not path.exists():
        side = row.resolution
        pixels = np.random.default_rng(0).integers(0, 256, (CALIBRATION, side, side, 3)).astype(np.uint8)
        images = ArrayImages(pixels, np.zeros(CALIBRATION, np.uint8))
        make = Int8(calibration_images=CALIBRATION) if row.precision == "int8" else Float32()
        path.write_bytes(make(make_net(row.net, side, row.alpha), images, "-1..1"))
    return path


def describe(found: Cycles) -> dict[str, Any]:
    """What is kept of a count."""
    return {
        "instructions": found.instructions,
        "cycles": found.cycles,
        "memory_bytes": found.memory_bytes,
        "unmodelled_share": round(found.unmodelled_share, 6),
        "llvm": f"{found.llvm_version} {found.llvm_model}",
        "qemu": found.qemu_version,
        "runtime": f"{found.runtime} {found.version}",
    }


def foretell(row: Row, counts: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> tuple[float, float] | None:
    """Milliseconds of cycles at the clock of the row, and of memory; None where nothing is counted yet."""
    count = counts.get(row.file, {}).get(row.core)
    if count is None:
        return None
    board = next(board for board in BOARDS[row.core] if row.board.startswith(board.name))
    return count["cycles"] / (1e6 * row.clock_ghz), 1e3 * (count["memory_bytes"] or 0) / board.bandwidth


def save(rows: Sequence[Row], counts: Counts) -> None:
    """The section, from what is counted so far."""
    judged = [judge(row, foretell(row, counts)) for row in rows]
    raw = {"counts": counts, "rows": judged}
    save_section(RESULT, "published", document(COMMAND, list_targets(judged), **raw))


if __name__ == "__main__":
    main()
