"""Hold foretold milliseconds against latencies that others have published, on the cores of Raspberry Pis.

    python -m benchmarks.cycles_published [NET ...] [--work FOLDER] [--fresh]

`published.json` has the latencies, word for word and with their sources. Each net is built with random weights and exported as it
was timed, its cycles are counted, and what is foretold is these at the board's clock, plus the time of what comes from memory;
of nets that find objects also the cycles of the operator that sorts the boxes, counted in a file of its own.
Writes the section "published" of `results/cycles.json` after each net; with --work, nets and counted blocks are kept in that
folder, so that a run that was cut off goes on, and others may count at the same time; --fresh reckons all of them again. Judged
are rows of the same runtime on one thread; the others stand beside them. Needs what `benchmarks.cycles` needs. An hour for all.
"""

from __future__ import annotations

import argparse
import gzip
import json
import pickle
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cycles import RESULT
from benchmarks.document import document, save_section
from benchmarks.published_detectors import Sorting, find_sorting, make_sorting
from benchmarks.published_judgement import Foretold, Row, judge, list_targets, read_rows
from benchmarks.published_nets import make_net
from edgedigits.measure.cost.memory import BOARDS
from edgedigits.measure.cycles.cycles import Cycles, Origin, count_blocks, reckon_counted
from edgedigits.measure.cycles.running import Counted
from edgedigits.measure.qemu.boards import CPUS, find_board_with

COMMAND = "python -m benchmarks.cycles_published"
CALIBRATION = 4
"""Random images that the int8 export is calibrated on: which scales it finds does not change what is computed."""

Counts = dict[str, dict[str, dict[str, Any]]]
"""File -> core -> its cycles, instructions, and bytes from memory."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nets", nargs="*", help="only these; of others, what is in FOLDER")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="where nets and counts are kept")
    parser.add_argument("--fresh", action="store_true", help="reckon what is counted in FOLDER again")
    parser.add_argument("--cpu", choices=sorted(CPUS), help="only on this core")
    settings = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edgedigits-published-") as name:
        work = settings.work or Path(name)
        if settings.fresh:
            reckon_again(work)
        run(work, settings.nets, settings.cpu)


def run(work: Path, nets: Sequence[str], cpu: str | None = None) -> None:
    """Counts what is missing, of all nets and cores or of those, and writes."""
    work.mkdir(parents=True, exist_ok=True)
    rows = read_rows()
    save(rows, read_counts(rows, work))
    for row in sorted(rows, key=lambda row: not row.judged):
        if (nets and row.net not in nets) or cpu not in (None, row.core):
            continue
        for part in list_parts(row):
            kept = name_count(part.file, row.core, work)
            if kept.exists():
                continue
            counted = count_file(export(part, work), row.core)
            with gzip.open(name_blocks(kept), "wb") as file:
                pickle.dump(counted, file)
            found = reckon(kept)
            print(f"{part.file:<40}{row.core:<12}{found['cycles']:>14,}", flush=True)
            save(rows, read_counts(rows, work))


def list_parts(row: Row) -> list[Row | Sorting]:
    """What is counted of a row: its net, and what sorts its boxes where it finds objects."""
    sorting = find_sorting(row.net, row.resolution)
    return [row] if sorting is None else [row, sorting]


def count_file(path: Path, core: str) -> tuple[Origin, list[Counted]]:
    """What runs in an inference of it."""
    return count_blocks([path], [path.read_bytes()], find_board_with(core), "litert", False, print)


def reckon(kept: Path) -> dict[str, Any]:
    """Cycles of the blocks that were counted, which are written beside them."""
    with gzip.open(name_blocks(kept), "rb") as file:
        (found,) = reckon_counted([kept], pickle.load(file))
    kept.write_text(json.dumps(describe(found)))
    return describe(found)


def reckon_again(work: Path) -> None:
    """All that is counted."""
    for kept in sorted(work.glob("*.json")):
        reckon(kept)


def name_count(file: str, core: str, work: Path) -> Path:
    """Where a count is kept."""
    return work / f"{file}-{core}.json"


def name_blocks(kept: Path) -> Path:
    """Where the blocks of a count are kept."""
    return kept.with_suffix(".blocks.gz")


def read_counts(rows: Sequence[Row], work: Path) -> Counts:
    """What is counted of these rows so far."""
    counts: Counts = {}
    for row in rows:
        for part in list_parts(row):
            kept = name_count(part.file, row.core, work)
            if kept.exists():
                counts.setdefault(part.file, {})[row.core] = json.loads(kept.read_text())
    return counts


def export(part: Row | Sorting, work: Path) -> Path:
    """The net's .tflite in the row's precision, or that of the sorting; one that is in `work` is taken."""
    path = work / f"{part.file}.tflite"
    if not path.exists():
        path.write_bytes(make_sorting(part) if isinstance(part, Sorting) else export_net(part))
    return path


def export_net(row: Row) -> bytes:
    """With random weights."""
    from edgedigits.data.images import ArrayImages
    from edgedigits.pipeline.export.float32 import Float32
    from edgedigits.pipeline.export.int8 import Int8

    side = row.resolution
    pixels = np.random.default_rng(0).integers(0, 256, (CALIBRATION, side, side, 3)).astype(np.uint8)
    images = ArrayImages(pixels, np.zeros(CALIBRATION, np.uint8))
    make = Int8(calibration_images=CALIBRATION) if row.precision == "int8" else Float32()
    return make(make_net(row.net, side, row.alpha), images, "-1..1")


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


def foretell(row: Row, counts: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Foretold | None:
    """Milliseconds of cycles at the clock of the row, of memory and of sorting; None where not all is counted yet."""
    found = [counts.get(part.file, {}).get(row.core) for part in list_parts(row)]
    known = [count for count in found if count is not None]
    if len(known) < len(found):
        return None
    board = next(board for board in BOARDS[row.core] if row.board.startswith(board.name))
    net, *sorting = (count["cycles"] / (1e6 * row.clock_ghz) for count in known)
    memory = sum(count["memory_bytes"] or 0 for count in known)
    return Foretold(net, 1e3 * memory / board.bandwidth, sum(sorting))


def save(rows: Sequence[Row], counts: Counts) -> None:
    """The section, from what is counted so far."""
    judged = [judge(row, foretell(row, counts)) for row in rows]
    raw = {"counts": counts, "rows": judged}
    save_section(RESULT, "published", document(COMMAND, list_targets(judged), **raw))


if __name__ == "__main__":
    main()
