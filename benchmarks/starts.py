"""Measure what it takes to begin: seconds to import the package, to show the help, to load the engine and a model.

    python -m benchmarks.starts --before PATH [--rounds N]

PATH is another checkout, timed in turn with this one. Writes the section `starts` of `benchmarks/results/keras3.json`, with the
lines of the folders that read models and whether installing the package brings tf-keras.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import tomllib

from benchmarks.document import target
from benchmarks.training_speed import ROOT, environment, merge

BEGINNINGS = {
    "import edgedigits": "import edgedigits",
    "edgedigits --help": "from edgedigits.cli.main import cli; cli(['--help'], standalone_mode=False)",
    "TensorFlow and Keras": "import edgedigits.backend",
    "reading the shipped nano": (
        "from pathlib import Path; from edgedigits.models.importer.loading import load;"
        " load(Path('artifacts/baselines/nano.keras'))"
    ),
}
LINES_AT_FIRST = 1439
"""Of `models/importer`, when the stages stood on Keras 2, all that reads files stood there and this was to be halved."""
FOLDERS = ("importer", "saved", "keras2")


def seconds(checkout: Path, code: str) -> float:
    """Of one new process."""
    began = time.perf_counter()
    command = [sys.executable, "-c", code]
    subprocess.run(command, cwd=checkout, env=environment(checkout), check=True, capture_output=True)
    return time.perf_counter() - began


def count_lines(checkout: Path) -> dict[str, int]:
    """Of each folder that reads models."""
    models = checkout / "edgedigits" / "models"
    return {
        f"models/{name}": sum(
            len(file.read_text(encoding="utf-8").splitlines()) for file in (models / name).glob("*.py")
        )
        for name in FOLDERS
    }


def measure(before: Path, rounds: int) -> dict[str, dict[str, Any]]:
    """Name of a beginning -> medians, and their ratio: above 1 this checkout is slower."""
    found = {}
    for name, code in BEGINNINGS.items():
        times: dict[str, list[float]] = {"before": [], "now": []}
        for _ in range(rounds):
            for which, checkout in (("before", before), ("now", ROOT)):
                times[which].append(round(seconds(checkout, code), 3))
        medians = {which: statistics.median(values) for which, values in times.items()}
        found[name] = {**medians, "ratio": round(medians["now"] / medians["before"], 3), "seconds": times}
        print(name, found[name], flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="another checkout, measured in turn with this one")
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    found = measure(asked.before.resolve(), asked.rounds)
    lines = count_lines(ROOT)
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    old = sum(one.startswith("tf-keras") for one in needed)
    most = LINES_AT_FIRST // 2
    targets = [
        target(
            "lines in models/importer", f"<= {most}", lines["models/importer"], "", lines["models/importer"] <= most
        ),
        target("tf-keras among what is installed", "0", old, "packages", old == 0),
        *(
            target(f"{name}: time against before", "<= 1.05", row["ratio"], "times", row["ratio"] <= 1.05)
            for name, row in found.items()
        ),
    ]
    merge(
        "starts",
        f"python -m benchmarks.starts --before PATH --rounds {asked.rounds}",
        {"targets": targets, "lines": lines, "rows": found},
    )


if __name__ == "__main__":
    main()
