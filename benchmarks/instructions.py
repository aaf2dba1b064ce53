"""Count arm64 instructions per inference of what the shipped recipes that keep channels make, on the cores of a Pi 3, 4 and 5.

    python -m benchmarks.instructions

Writes `benchmarks/results/instructions.json`, which a test holds new counts against. Needs no MNIST: the count depends on the
graph and the kernels, not on the values of the weights (`test_instructions.py` checks that), so each recipe's training is cut
to one step on the bundled digits. Needs Linux, qemu-user and gcc, and no root's rights.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.document import find_commit
from edgedigits.data.dataset import fit_to_shape
from edgedigits.data.sources.named import load_data
from edgedigits.data.splits import FitData, split
from edgedigits.measure.qemu.boards import CPUS
from edgedigits.measure.qemu.instructions import Count, count_each
from edgedigits.models.importer.loading import load
from edgedigits.models.zoo.shipped import find_record_beside, find_shipped_folder
from edgedigits.pipeline.advise.dry_run import cut_short
from edgedigits.pipeline.recipe import list_shipped, load_recipe
from edgedigits.stages.candidate import Candidate

HERE = Path(__file__).parent
RESULT = HERE / "results" / "instructions.json"
OTHERS = (("nano", "float32"), ("nano", "ptq_int8"), ("mobilenet_v2", "float32"), ("mobilenet_v2", "ptq_int8"))
WORSE = 0.02
"""By what share a count may be above the kept one."""

Counted = dict[str, dict[str, int]]


def jobs() -> list[tuple[str, str]]:
    """(baseline, recipe): the CNN through every recipe that doesn't shrink, the others as float and as int8.

    Which channels `shrink` removes depends on the data and, at a near tie, on the processor; `benchmarks.pays` counts those.
    """
    fixed = [name for name in list_shipped() if "shrink" not in (stage for stage, _ in load_recipe(name).stages)]
    return [*(("cnn", recipe) for recipe in fixed), *OTHERS]


def make(pairs: Iterable[tuple[str, str]], folder: Path) -> dict[str, Path]:
    """`baseline/recipe` -> .tflite, with one step of training a stage."""
    made: dict[str, Path] = {}
    kept: dict[str, tuple[Any, FitData]] = {}
    for name, recipe in pairs:
        model, data = kept[name] if name in kept else kept.setdefault(name, _baseline(name))
        made[f"{name}/{recipe}"] = path = folder / f"{name}-{recipe}.tflite"
        path.write_bytes(compressed(model, data, recipe))
    return made


def compressed(model: Any, data: FitData, recipe_name: str) -> bytes:
    """The bytes of a recipe with its training cut short."""
    recipe = load_recipe(recipe_name)
    candidate = Candidate(model, original=model)
    for _, stage in recipe.stages:
        made, _ = cut_short(stage)(candidate, data)
        candidate = made.after(candidate)
    return recipe.export(candidate.model, data.calibration, data.scale)


def _baseline(name: str) -> tuple[Any, FitData]:
    path = find_shipped_folder() / f"{name}.keras"
    record = find_record_beside(path)
    if record is None:
        raise SystemExit(f"{path}: no such baseline with its record")
    height, width, channels = record["input"]["shape"]
    digits = fit_to_shape(load_data("digits", resize=(height, width)), (height, width, channels))
    return load(path).model, split(digits, record["input"]["scale"], 0)


def count_all(models: Mapping[str, Path]) -> dict[str, list[Count]]:
    """Core -> a count for each model, two cores at a time."""
    paths = list(models.values())
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(CPUS, pool.map(lambda cpu: count_each(paths, cpu), CPUS), strict=True))


def by_model(models: Mapping[str, Path], counted: Mapping[str, list[Count]]) -> Counted:
    """`baseline/recipe` -> core -> instructions."""
    return {name: {cpu: counted[cpu][index].instructions for cpu in counted} for index, name in enumerate(models)}


def worse(now: Counted, kept: Counted, limit: float = WORSE) -> list[str]:
    """A sentence for each count that is more than `limit` above the kept one, or that nothing is kept for."""
    found = []
    for name, cores in now.items():
        for cpu, instructions in cores.items():
            before = kept.get(name, {}).get(cpu)
            if before is None:
                found.append(f"{name} on {cpu}: nothing is kept; run `python -m benchmarks.instructions`")
            elif instructions > before * (1 + limit):
                percent = 100 * (instructions / before - 1)
                found.append(f"{name} on {cpu}: {instructions:,} instructions, {percent:.1f} % more than {before:,}")
    return found


def measure() -> dict[str, Any]:
    """The document that is written; everything is counted twice."""
    with tempfile.TemporaryDirectory(prefix="edgedigits-instructions-") as name:
        models = make(jobs(), Path(name))
        first, second = count_all(models), count_all(models)
    apart = max(
        abs(a.instructions - b.instructions) for cpu in CPUS for a, b in zip(first[cpu], second[cpu], strict=True)
    )
    one = first["cortex-a72"][0]
    return {
        "schema": 1,
        "command": "python -m benchmarks.instructions",
        "commit": find_commit(),
        "qemu": one.qemu_version,
        "runtime": f"{one.runtime} {one.version}",
        "targets": [
            {
                "name": "two counts of the same model, furthest apart",
                "wanted": "== 0",
                "got": apart,
                "unit": "instructions",
                "met": apart == 0,
            }
        ],
        "models": by_model(models, first),
    }


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    document = measure()
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(document, indent=1) + "\n")
    for name, cores in document["models"].items():
        print(f"{name:<32}" + "".join(f"{cores[cpu]:>14,}" for cpu in CPUS))


if __name__ == "__main__":
    main()
