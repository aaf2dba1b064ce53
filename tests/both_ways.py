"""What a command's JSON and that of its function share, though each ran by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

SECONDS = r"(.*\.)?(made_in_)?seconds"
LATENCIES = r".*\.latencies\.\d+\.(?!threads|delegated|cold).*|(.*\.)?speedups\.\d+\.(ratio|saved_us)\..*"
MACHINE = r"(.*\.)?environment\.(load_average\.\d|timer_ns|disk_free_kib|memory_available_kib)"
PROFILED = r".*_us\..*|sum_of_whole\..*|valid_windows|void_reasons.*|peaks.*|operators\.\d+\.(us|share|gmacs|of_peak).*"
MEASURED = {
    "compress": "sha256",  # the manifest's seal, over its seconds too
    "advise": "operators_timed_now",  # the second call finds the times of the first
    "bench": rf"{LATENCIES}|{MACHINE}|.*\.why_no_faster",
    "compare": rf"{LATENCIES}|{MACHINE}|why_no_faster",
    "compare-zoo": rf"rows\.\d+\.((float|compressed)\.p50_us|speedup|untimed)|{MACHINE}|machine\..*",
    "report": rf".*\.latency(_rows)?\..*|{MACHINE}|.*\.operators\..*|.*\.verdict\.(slower|state)",
    "search": "resumed",  # the second call goes on
    "sensitivity": "probes_kept",  # the second call finds the probes of the first
    "profile": rf"{MACHINE}|{PROFILED}",
    "deploy": MACHINE,  # of what the doctor there says
}
"""Paths in the JSON that no two runs share, since they hold a time, or load of this machine, or hang on one; all else is the
same both ways."""


def flat(document: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each value of a JSON document under its path, as `stages.0.seconds`; of what is empty, that it is."""
    if not document or not isinstance(document, (dict, list)):
        yield path, document
        return
    for key, value in document.items() if isinstance(document, dict) else enumerate(document):
        yield from flat(value, f"{path}.{key}" if path else str(key))


def compared(document: Any, name: str) -> dict[str, Any]:
    """What of a command's JSON two runs of it share."""
    measured = re.compile(rf"{SECONDS}|{MEASURED.get(name, SECONDS)}")
    return {path: value for path, value in flat(document) if not measured.fullmatch(path)}
