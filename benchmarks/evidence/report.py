"""How long `report` takes on an artifact of the shipped CNN, how large its page is, and whether its numbers are in the JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from benchmarks.document import target
from benchmarks.evidence.report_pages import Read

MOST_S, MOST_BYTES = 20.0, 2_000_000  # from the issue
RECIPE: Final = "ptq_int8"


def measure() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """(targets, raw), with a command line as people type it, from its start to its end."""
    with tempfile.TemporaryDirectory(prefix="edgedigits-report-") as name:
        folder = Path(name)
        run(folder, "compress", "--recipe", RECIPE, "--zoo", "cnn", "--data", "mnist", "--out", "out")
        (artifact,) = (folder / "out").iterdir()
        seconds = run(folder, "report", artifact, "--out", "report.html")
        page = (folder / "report.html").read_text(encoding="utf-8")
        document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    read = Read(page)
    lost, size = read.list_untraceable(document), len(page.encode())
    targets = [
        target(
            "report: seconds on an artifact of the shipped CNN",
            f"< {MOST_S:g}",
            round(seconds, 1),
            "s",
            seconds < MOST_S,
        ),
        target("report: bytes of its page", f"< {MOST_BYTES:,}", size, "bytes", size < MOST_BYTES),
        target(
            "report: numbers of its page that are not in the JSON beside it",
            "= 0",
            len(lost),
            f"of {len(read.told)}",
            not lost,
        ),
    ]
    (one,) = document["artifacts"]
    raw = {
        "recipe": RECIPE,
        "seconds": seconds,
        "images": one["accuracy"]["images"],
        "valid_windows": one["latency"]["valid_windows"],
        "load_average": one["latency"]["environment"]["load_average"],
        "left_out": one["left_out"],
        "numbers": len(read.told),
    }
    return targets, raw


def run(folder: Path, *words: Any) -> float:
    """Seconds of a command."""
    program = Path(sys.executable).with_name("edgedigits")
    began = time.perf_counter()
    subprocess.run([str(program), *map(str, words)], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began
