"""Model cards as Markdown, generated from records and manifests; no number in them is typed by hand."""

from __future__ import annotations

from typing import Any

from edgedigits_runner.scaling import scaling_of


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
        f"| bytes | {size['size_bytes']:,} | {export['size_bytes']:,} |",
        f"| gzip bytes | {size['gzip_bytes']:,} | {export['gzip_bytes']:,} |",
        "",
        f"Input: {'x'.join(map(str, manifest['input']['shape']))} pixels, scaled to {_scale(manifest)}. "
        f"Export: {export['export']}. Seed: {manifest['seed']}.",
        f"Right only before: {test['only_float_right']} images; right only now: {test['only_compressed_right']}.",
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
