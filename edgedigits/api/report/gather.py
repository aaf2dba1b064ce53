"""The document of a report: what was found of each artifact, what it says of itself, and all of them together."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final

from edgedigits_runner.scaling import scaling_of

from edgedigits.api.report.commands import tell_commands
from edgedigits.api.report.judge import find_best, judge
from edgedigits.ground.facts import JsonObject, Progress, Say
from edgedigits.measure.findings.collect import Asking, collect
from edgedigits.measure.verify.subject import VerifyWish

SCHEMA: Final = 1
CONFIDENCE: Final = 0.95
CORE: Final = "cortex-a72"
"""Whose cycles stand in front: the Pi 4's, in the middle of the boards."""


@dataclass(frozen=True)
class Request:
    """What a report is made of. `named` is how the artifacts were given, `out` where the report goes, as in its own command."""

    wishes: Sequence[VerifyWish]
    out: str
    asking: Asking = field(default_factory=Asking)
    sensitivity: JsonObject | None = None


def gather(request: Request, say: Say, progress: Progress) -> JsonObject:
    """JSON-safe: all that the pages of the report show. Raises InputError's kinds."""
    names = [str(wish.model) for wish in request.wishes]
    artifacts = []
    for at, wish in enumerate(request.wishes):
        share = 1 / len(request.wishes)

        def tell(what: str, done: float, at: int = at, share: float = share) -> None:
            progress(what, (at + done) * share)

        found = collect(wish, request.asking, say, tell)
        artifacts.append(_describe(wish.model, found, tell_commands(found["manifest"], names, request.out)))
        artifacts[-1]["sensitivity"] = request.sensitivity
    return {
        "schema": SCHEMA,
        "kind": "report",
        "edgedigits": version("edgedigits"),
        "confidence": CONFIDENCE,
        "core": CORE,
        "count": len(artifacts),
        "best": find_best(artifacts),
        "points": _points(artifacts),
        "artifacts": artifacts,
    }


def _describe(path: Path, found: JsonObject, commands: dict[str, str]) -> JsonObject:
    """One artifact: what was found, and what follows from its manifest."""
    manifest, latency, operators = found["manifest"], found["latency"], found["operators"]
    rows = (
        [(name, latency[form]) for name, form in (("float form", "float"), ("this model", "compressed"))]
        if latency
        else []
    )
    for row in (operators or {}).get("rows", []):
        row["runs_on"] = {True: "XNNPACK", False: "the interpreter's own kernel"}.get(row["xnnpack"], "not told")
    document: JsonObject = {
        "path": str(path),
        "name": path.resolve().name,
        "edgedigits": manifest.get("versions", {}).get("edgedigits"),
        "scaling": str(scaling_of(manifest["input"]["scale"])),
        "steps": _tell_steps(manifest["recipe"]),
        "settings": list(_list_settings(manifest["recipe"])),
        "commands": commands,
        "how_sensitivity": {"make": commands["sensitivity"], "show": commands["show_sensitivity"]},
        "names": {key: list(manifest.get(key, {})) for key in ("versions", "files")},
        "bytes": _compare_bytes(path),
        "latency_rows": [{"name": name, **times} for name, times in rows if times],
        **found,
    }
    return {**document, "verdict": judge(document)}


def _tell_steps(recipe: JsonObject) -> str:
    """As `Recipe.steps` has it."""
    stages, export = recipe.get("stages") or [], recipe.get("export") or {}
    return " > ".join([*(next(iter(one)) for one in stages), *export]) or "not told"


def _list_settings(recipe: JsonObject) -> Iterator[JsonObject]:
    """A row for each setting of each stage, in their order, and of the export."""
    for part in [*(recipe.get("stages") or []), recipe.get("export") or {}]:
        for name, settings in part.items():
            for setting, value in (settings or {}).items():
                yield {"part": name, "setting": setting, "value": "none" if value is None else str(value)}


def _compare_bytes(path: Path) -> JsonObject:
    sizes = {
        form: (path / name).read_bytes() for form, name in (("float", "float.tflite"), ("compressed", "model.tflite"))
    }
    packed = {form: {"raw": len(flat), "gzip": len(gzip.compress(flat, 9, mtime=0))} for form, flat in sizes.items()}
    ratio = packed["float"]["raw"] / packed["compressed"]["raw"]
    return {**packed, "ratio": ratio, "inverse": 1 / ratio}


def _points(artifacts: Sequence[JsonObject]) -> list[JsonObject]:
    """A point for each artifact, and one for each float form, which several may share: what it costs, and how right it is.
    `front` names the costs at which none of the others is as right for less."""
    points: dict[str, JsonObject] = {}
    for at, one in enumerate(artifacts):
        files, accuracy = one["manifest"]["files"], one["accuracy"]
        if accuracy is None:
            continue
        for form, file in (("float", "float.tflite"), ("compressed", "model.tflite")):
            points[f"{files[file]} {form}"] = {
                "name": f"{one['manifest']['model']['name']}, float"
                if form == "float"
                else one["manifest"]["recipe"]["name"],
                "artifact": at,
                "form": form,
                "bytes": one["bytes"][form]["raw"],
                "cycles": one["cycles"]["cores"][CORE][form] if one["cycles"] else None,
                **{key: accuracy[form][key] for key in ("value", "low", "high")},
            }
    found = list(points.values())
    for point in found:
        point["front"] = [
            cost for cost in ("bytes", "cycles") if not any(_beats(other, point, cost) for other in found)
        ]
    return found


def _beats(one: JsonObject, other: JsonObject, cost: str) -> bool:
    if one[cost] is None or other[cost] is None:
        return False
    alike = one[cost] <= other[cost] and one["value"] >= other["value"]
    return bool(alike and (one[cost] < other[cost] or one["value"] > other["value"]))
