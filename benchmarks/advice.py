"""How near `edgedigits advise` comes: what it foretells of recipes against the finished artifacts of those recipes.

    python -m benchmarks.advice --artifacts DIR

DIR holds artifact folders that `edgedigits compress` wrote, of shipped baselines. For each the recipe and the baseline of its
manifest are advised on, as the command does it with `--data`, and with no look at the artifact; then the artifact is benched.
Operators are timed anew in the first advice and kept then. Writes `benchmarks/results/advice.json`; needs a quiet machine and the
data of the artifacts.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.document import document, save, target
from edgedigits.ground import artifact_folder
from edgedigits.measure import bench_job
from edgedigits.models.saved.saved_files import hash_model
from edgedigits.models.zoo.shipped import find_shipped_folder
from edgedigits.pipeline.advise.advice import Advice, advise
from edgedigits.pipeline.advise.question import Asked, ask_question
from edgedigits.pipeline.recipe import parse

RESULT = Path(__file__).parent / "results" / "advice.json"
MOST_BYTES, MOST_LATENCY = 3.0, 25.0  # percent, from the issue


def finished(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    """(artifact folder, its manifest) for every artifact of a shipped baseline, sorted."""
    shipped = {hash_model(path): path.stem for path in find_shipped_folder().glob("*.keras")}
    found = []
    for path in sorted(folder.rglob("manifest.json")):
        manifest = artifact_folder.read(path.parent).manifest
        if manifest["model"]["sha256"] in shipped:
            found.append((path.parent, {**manifest, "zoo": shipped[manifest["model"]["sha256"]]}))
        else:
            print(f"left out: {path.parent} is not of a shipped baseline")
    return found


def predict(manifest: dict[str, Any], again: bool) -> Advice:
    """The advice on the recipe and the baseline that an artifact names."""
    recipe = parse(manifest["recipe"], f"recipe {manifest['recipe']['name']}", manifest["recipe"]["name"])
    asked = Asked(zoo=manifest["zoo"], data=manifest["data"]["name"], scale=manifest["input"]["scale"], again=again)
    return advise(ask_question(recipe, asked), lambda _: None)


def row(folder: Path, manifest: dict[str, Any], again: bool, window: float) -> dict[str, Any]:
    """Foretold and measured side by side, with the errors in percent of what was measured."""
    advice = predict(manifest, again)
    report = bench_job.run(bench_job.BenchWish(tflite=folder, window=window), lambda _: None)
    export, latency = manifest["export"], report.compressed.latencies[0]
    float_us = report.baseline.latencies[0].p50_us if report.baseline else None
    told = {"raw_bytes": advice.after.raw_bytes, "gzip_bytes": advice.after.gzip_bytes, "p50_us": advice.after.us}
    seen = {"raw_bytes": export["size_bytes"], "gzip_bytes": export["gzip_bytes"], "p50_us": latency.p50_us}
    told |= {"float_raw_bytes": advice.before.raw_bytes, "float_p50_us": advice.before.us}
    seen |= {"float_raw_bytes": manifest["float"]["size_bytes"], "float_p50_us": float_us}
    errors = {key: error(told[key], seen[key]) for key in told}
    shown = ", ".join(f"{key} {value:+.1f} %" for key, value in errors.items() if value is not None)
    print(f"{manifest['zoo']}/{manifest['recipe']['name']}: {shown}")
    return {
        "model": manifest["zoo"],
        "recipe": manifest["recipe"]["name"],
        "artifact": folder.name,
        "foretold": told,
        "measured": seen,
        "error_percent": errors,
        "valid_windows": latency.valid_windows,
        "boards": {board: asdict(each) for board, each in advice.after.boards.items()},
    }


def error(told: float | None, seen: float | None) -> float | None:
    """How far off, in percent of what was measured; None where one of them is missing."""
    return None if told is None or not seen else round(100 * (told / seen - 1), 2)


def worst(rows: list[dict[str, Any]], *keys: str) -> float:
    """The largest error of these kinds, either way; an error that could not be computed counts as all."""
    found = [each["error_percent"][key] for each in rows for key in keys]
    return max(100.0 if one is None else abs(one) for one in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", type=Path, required=True, metavar="DIR")
    parser.add_argument("--window", type=float, default=0.5, help="seconds of each window of the bench")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    artifacts = finished(given.artifacts)
    if not artifacts:
        raise SystemExit(
            f"{given.artifacts}: no artifact of a shipped baseline is there; make some with edgedigits compress"
        )
    rows = [row(folder, manifest, number == 0, given.window) for number, (folder, manifest) in enumerate(artifacts)]
    raw, packed = worst(rows, "raw_bytes", "float_raw_bytes"), worst(rows, "gzip_bytes")
    slow = worst(rows, "p50_us", "float_p50_us")
    targets = [
        target("advise: raw bytes, worst error", f"<= {MOST_BYTES:g}", raw, "%", raw <= MOST_BYTES),
        target("advise: gzip bytes, worst error", f"<= {MOST_BYTES:g}", packed, "%", packed <= MOST_BYTES),
        target("advise: latency, worst error", f"<= {MOST_LATENCY:g}", slow, "%", slow <= MOST_LATENCY),
    ]
    save(given.out, document("python -m benchmarks.advice --artifacts DIR", targets, rows=rows))


if __name__ == "__main__":
    main()
