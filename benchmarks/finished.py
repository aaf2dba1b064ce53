"""Artifact folders that are there already, found by what they were made from, and made where they are not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from edgedigits.errors import ArtifactError, RecipeError
from edgedigits.ground import artifact_folder
from edgedigits.ground.artifact_folder import Artifact
from edgedigits.ground.cache_dir import find_cache_dir
from edgedigits.models.zoo.shipped import find_shipped_folder
from edgedigits.pipeline.recipe import Recipe, load_recipe, parse

Say = Callable[[str], None]


def default_folder() -> Path:
    """Where finished artifacts are looked for and put."""
    return find_cache_dir() / "benchmarks" / "artifacts"


def in_folder(folder: Path, say: Say) -> list[Artifact]:
    """Every whole artifact in a folder or deeper, newest first; one that was altered is named and left out."""
    found = []
    for manifest in folder.rglob("manifest.json"):
        if manifest.parent.name.startswith("."):
            continue  # one that is being written
        try:
            found.append(artifact_folder.read(manifest.parent))
        except ArtifactError as error:
            say(f"left out: {error}")
    return sorted(found, key=lambda made: (made.path / "manifest.json").stat().st_mtime, reverse=True)


def matching(made: Iterable[Artifact], recipe: Recipe, model: str, seed: int) -> Artifact | None:
    """The first that was made by this very recipe, of the shipped baseline of that name, on MNIST, with this seed.

    Every setting must be the same, those that came since at their default; what a recipe is called and is for may have changed.
    """
    wanted = _steps(recipe.as_dict())
    model_sha256 = artifact_folder.hash_file(find_shipped_folder() / f"{model}.keras")
    for one in made:
        about = one.manifest
        of = (about["model"]["sha256"], about["seed"], about["data"]["name"])
        try:
            its = parse(about["recipe"], str(one.path), "")
        except RecipeError:  # it has a setting that is no more
            continue
        if of == (model_sha256, seed, "mnist") and _steps(its.as_dict()) == wanted:
            return one
    return None


def _steps(recipe: dict[str, Any]) -> Any:
    return json.loads(json.dumps([recipe["stages"], recipe["export"]]))


def compress_command(recipe: str, model: str, seed: int, out: Path) -> list[str]:
    """The words after `edgedigits` that make the artifact."""
    words = ["compress", "--recipe", recipe, "--zoo", model, "--data", "mnist", "--seed", str(seed)]
    return [*words, "--out", str(out), "--json"]


def make(recipe: str, model: str, seed: int, out: Path, *, fresh: bool = False) -> Artifact:
    """The artifact, made by the command line in a process of its own. ArtifactError with its last words where it fails."""
    command = [sys.executable, "-m", "edgedigits.cli", *compress_command(recipe, model, seed, out)]
    done = subprocess.run(
        [*command, "--fresh"] if fresh else command, env=os.environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        words = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        raise ArtifactError(f"{recipe} on {model}, seed {seed}: {words[-1]}")
    return artifact_folder.read(Path(json.loads(done.stdout)["path"]))


def have(
    recipe: str,
    model: str,
    seed: int,
    there: Iterable[Artifact],
    folder: Path,
    say: Say,
    *,
    make_it: bool = True,
    fresh: bool = False,
) -> Artifact | None:
    """The artifact of those that are there; else made now, in `folder`, or None where that is not wished.

    Raises InputError's and CheckError's kinds.

    `fresh` takes no stage of an earlier run: neither now, nor in a finished artifact where it may be made anew.
    """
    found = matching(there, load_recipe(recipe), model, seed)
    if found and not (make_it and fresh and seconds(found)["cached"]):
        say(f"{recipe} on {model}, seed {seed}: {found.path.name}")
    elif make_it:
        say(f"{recipe} on {model}, seed {seed}: making it")
        found = make(recipe, model, seed, folder, fresh=fresh)
        say(f"{recipe} on {model}, seed {seed}: {found.path.name}, {seconds(found)['seconds']:.0f} s")
    return found


def seconds(made: Artifact) -> dict[str, Any]:
    """What stages and export took together, when they were made; `cached` where that is not known of all of them."""
    stages = made.manifest["stages"]
    took = sum(stage.get("made_in_seconds", stage["seconds"]) for stage in stages) + made.manifest["export"]["seconds"]
    unknown = any(stage["cached"] and "made_in_seconds" not in stage for stage in stages)
    return {"seconds": round(took, 1), "cached": unknown}
