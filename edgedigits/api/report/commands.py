"""The command lines that make an artifact and its report again, as far as the manifest tells."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence

from edgedigits_runner.scaling import scaling_of

from edgedigits.errors import EdgeDigitsError
from edgedigits.ground.facts import JsonObject
from edgedigits.models.zoo.shipped import find_shipped_record
from edgedigits.pipeline.recipe import load_recipe


def tell_commands(manifest: JsonObject, artifacts: Sequence[str], out: str) -> dict[str, str]:
    """`compress`, `report`, and how to have `sensitivity` shown: what is typed, each in a line."""
    report = _join("edgedigits", "report", *artifacts, "--out", out)
    model = list(_model(manifest))
    source = [*model, *_data(manifest, zoo="--zoo" in model)]  # a shipped net's images are of its size by themselves
    return {
        "compress": _join("edgedigits", "compress", "--recipe", _recipe(manifest), *source, *_seed(manifest)),
        "report": report,
        "sensitivity": _join("edgedigits", "sensitivity", *source, "--json") + " > sensitivity.json",
        "show_sensitivity": f"{report} --sensitivity sensitivity.json",
    }


def _join(*words: str) -> str:
    return " ".join(map(shlex.quote, words))


def _recipe(manifest: JsonObject) -> str:
    """The shipped one of that name where it is still the same, else a file with what the manifest holds."""
    own = manifest["recipe"]
    try:
        same = load_recipe(own["name"]).as_dict() == own
    except EdgeDigitsError:
        same = False
    return str(own["name"]) if same else f"{own['name']}.yaml"


def _model(manifest: JsonObject) -> Iterator[str]:
    model = manifest["model"]
    try:
        record = find_shipped_record(model["name"])
    except EdgeDigitsError:
        record = None
    if record is not None and record["model_sha256"] == model["sha256"]:
        yield from ("--zoo", model["name"])
        return
    yield from ("--model", f"{model['name']}.keras")
    folded = manifest["input"].get("folded") or {}
    scale = scaling_of(folded.get("scale", manifest["input"]["scale"]))
    yield from ("--scale", scale.range)
    for name, numbers in (("--mean", scale.mean), ("--std", scale.std)):
        if numbers:
            yield from (name, ",".join(f"{one:g}" for one in numbers))
    if scale.bgr:
        yield "--bgr"


def _data(manifest: JsonObject, zoo: bool) -> Iterator[str]:
    yield from ("--data", str(manifest["data"]["name"]))
    told = manifest["input"]
    if not zoo and isinstance(told.get("resize"), list):
        yield from ("--resize", "x".join(map(str, told["resize"])))
        if told.get("resizing", "area") != "area":
            yield from ("--resizing", told["resizing"])
    if told.get("clean"):
        yield from ("--clean", json.dumps(told["clean"]))
    if told.get("grey"):
        yield "--grey"


def _seed(manifest: JsonObject) -> Iterator[str]:
    if manifest.get("seed"):
        yield from ("--seed", str(manifest["seed"]))
