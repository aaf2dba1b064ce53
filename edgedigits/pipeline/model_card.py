"""Model cards as Markdown, generated from records and manifests; no number in them is typed by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgedigits_runner.scaling import scaling_of

from edgedigits.tasks.differences import interval_text, mcnemar_sentence
from edgedigits.tasks.statistics import Paired, wilson


def artifact_card(manifest: dict[str, Any]) -> str:
    """The card of an artifact folder."""
    export, test, size = manifest["export"], manifest["test"], manifest["float"]
    lines = [
        f"# {manifest['model']['name']}, {manifest['recipe']['name']}",
        "",
        manifest["recipe"]["for"] + ".",
        "",
        f"| {manifest['data']['name']}, {test['images']} test images | float | this model |",
        "|---|---|---|",
        f"| accuracy | {_percent(test['float_accuracy'])} | {_percent(test['accuracy'])} |",
        f"| 95 % interval | {_interval(test, 'float_accuracy')} | {_interval(test, 'accuracy')} |",
        *_worst_class(test),
        f"| bytes | {size['size_bytes']:,} | {export['size_bytes']:,} |",
        f"| gzip bytes | {size['gzip_bytes']:,} | {export['gzip_bytes']:,} |",
        "",
        f"Input: {'x'.join(map(str, manifest['input']['shape']))} pixels, scaled to {_scale(manifest)}. "
        f"Export: {export['export']}. Seed: {manifest['seed']}.",
        mcnemar_sentence(_paired(test), "float", "this model"),
        "",
        "| stage | validation accuracy | seconds |",
        "|---|---|---|",
        *(
            f"| {row['stage']} | {_percent(row['validation_accuracy'])} | {row['seconds']} |"
            for row in manifest["stages"]
        ),
    ]
    lines += ["", *(f"Warning: {warning}" for warning in manifest["warnings"])]
    return "\n".join(lines).rstrip() + "\n"


def _paired(test: dict[str, Any]) -> Paired:
    """The test images counted by who is right, from the accuracies in the record."""
    images, before, after = test["images"], test["only_float_right"], test["only_compressed_right"]
    both = round(test["accuracy"] * images) - after
    return Paired(both, before, after, images - both - before - after)


def _interval(test: dict[str, Any], which: str) -> str:
    return interval_text(wilson(round(test[which] * test["images"]), test["images"]))


def _worst_class(test: dict[str, Any]) -> Iterator[str]:
    """The row of the class that loses most of its recall."""
    rows = test.get("classes", [])
    worst = max(rows, key=lambda row: row["float_recall"] - row["compressed_recall"], default=None)
    if worst is None or len(rows) < 2:
        return
    name = str(worst["class"]).replace("|", "\\|")
    if worst["float_recall"] > worst["compressed_recall"]:
        yield (
            f"| recall of class {name}, which loses most ({worst['images']} images) | {_percent(worst['float_recall'])} "
            f"| {_percent(worst['compressed_recall'])} |"
        )
    else:
        yield "| recall by class | | no class loses |"


def baseline_card(record: dict[str, Any]) -> str:
    """The card of a float baseline, from its training record."""
    settings, data, images = record["settings"], record["data"], record["images"]
    options = "".join(f", {name} {value}" for name, value in settings["options"].items())
    lines = [
        f"# {settings['name']}{options}",
        "",
        f"A float classifier of {'x'.join(map(str, record['input']['shape']))} images into {len(data['classes'])} classes, "
        f"trained on {data['name']}.",
        "",
        "| | |",
        "|---|---|",
        f"| parameters | {record['parameters']:,} |",
        f"| test accuracy | {_percent(record['test_accuracy'])} of {images['test']:,} images |",
        f"| validation accuracy | {_percent(record['validation_accuracy'])} of {images['validation']:,} images |",
        f"| trained on | {images['fit']:,} images, {record['epochs_run']} epochs, the best was {record['best_epoch']} |",
        f"| input scale | {_scale(record)} |",
        f"| seed, batch, rate | {settings['seed']}, {settings['batch']}, {settings['rate']} |",
        f"| augmentation | {'yes' if settings['augment'] else 'no'} |",
        f"| seconds | {record['seconds']} |",
        f"| made with | {', '.join(f'{name} {number}' for name, number in record['versions'].items())} |",
        "",
        "The epoch was chosen on validation images; the test images were scored once, at the end.",
    ]
    return "\n".join(lines) + "\n"


def _scale(record: dict[str, Any]) -> str:
    folded = record["input"].get("folded")
    inside = f" ({scaling_of(folded['scale'])} is in the weights of its first layer)" if folded else ""
    return f"{scaling_of(record['input']['scale'])}{inside}"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
