"""A row of the comparison: made of what was planned, or of the sentence by which it failed."""

from __future__ import annotations

from typing import Any

from edgedigits.api.zoo.floats import Made
from edgedigits.api.zoo.plans import RowPlan
from edgedigits.ground.artifact_folder import Artifact
from edgedigits.ground.facts import JsonObject


def begin_row(plan: RowPlan, made: Made | None) -> JsonObject:
    """What is known before anything is compressed; every row has every key."""
    record = made.record if made else {}
    seconds = record.get("seconds")
    return {
        "net": plan.name,
        "kind": plan.kind,
        "recipe": plan.recipe.name if plan.recipe else None,
        "best": False,
        "ok": False,
        "why": None,
        "shipped": made is not None and made.shipped,
        "parameters": record.get("parameters"),
        "epochs_run": record.get("epochs_run"),
        "training_minutes": None if seconds is None else seconds / 60,
        "compression_minutes": None,
        "validation": None,
        "images": None,
        "float": None,
        "compressed": None,
        **dict.fromkeys(("drop_points", "drop_low", "drop_high", "only_float_right", "only_compressed_right")),
        **dict.fromkeys(("mcnemar_p", "flips", "smaller", "speedup", "fewer_cycles_pi4", "fewer_cycles_pi5")),
        "untimed": None,
        "warnings": [],
        "artifact": None,
    }


def fill_row(row: JsonObject, artifact: Artifact, numbers: JsonObject, where: str) -> JsonObject:
    """The row of a pair that came out; `numbers` as `measured.measure_pair` gives them."""
    before, after = numbers["float"], numbers["compressed"]
    return {
        **row,
        **numbers,
        "ok": True,
        "float": {**before, "p50_us": None},
        "compressed": {**after, "p50_us": None},
        "compression_minutes": _count_minutes(artifact.manifest),
        "validation": _tell_validation(artifact.manifest),
        "smaller": before["raw_bytes"] / after["raw_bytes"],
        **{f"fewer_{key}": before[key] / after[key] for key in before if key.startswith("cycles_")},
        "warnings": list(artifact.manifest["warnings"]),
        "artifact": where,
    }


def tell_alone(row: JsonObject, made: Made) -> JsonObject:
    """The row of a model that goes through no recipe, by the record of its training."""
    record = made.record
    low, high = record.get("test_accuracy_interval", (None, None))
    form = {
        "accuracy": record["test_accuracy"],
        "accuracy_low": low,
        "accuracy_high": high,
        "raw_bytes": record.get("size_bytes", made.path.stat().st_size),
        "p50_us": record.get("latency", {}).get("p50_us"),
    }
    return {**row, "ok": True, "images": record["images"]["test"], "float": form}


def fail_row(row: JsonObject, why: str) -> JsonObject:
    """The row of a pair that did not come out."""
    return {**row, "ok": False, "why": why}


def add_times(row: JsonObject, times: JsonObject, at: int) -> JsonObject:
    """The row with what `measured.time_net` found, the artifact at place `at` of those that were timed."""
    before, after = times["float_p50_us"], times["p50_us"][at]
    forms = {"float": {**row["float"], "p50_us": before}, "compressed": {**row["compressed"], "p50_us": after}}
    void = None if times["valid_windows"] else "every round was void: others used the machine meanwhile"
    return {**row, **forms, "speedup": before / after, "untimed": void}


def _count_minutes(manifest: JsonObject) -> float:
    """What the stages and the exports took when they were made, whether kept since or not."""
    stages = [one.get("made_in_seconds", one["seconds"]) for one in manifest["stages"]]
    exports = [manifest[part].get("seconds", 0.0) for part in ("export", "float")]
    total: float = sum(stages) + sum(exports)
    return total / 60


def _tell_validation(manifest: JsonObject) -> JsonObject:
    """What a recipe is chosen by: the bytes on validation images, shares of 1, against the float model."""
    before: float = manifest["stages"][0]["validation_accuracy"]
    paired: dict[str, Any] = manifest["export"]["validation_paired"]
    return {
        "images": paired["images"],
        "float_accuracy": before,
        "accuracy": before + paired["difference_points"] / 100,
        "drop_points": 0 - paired["difference_points"],
        "mcnemar_p": paired["mcnemar_p"],
    }
