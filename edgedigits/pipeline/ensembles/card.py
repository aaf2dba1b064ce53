"""The card of an ensemble as Markdown, from its record."""

from __future__ import annotations

from edgedigits_runner.scaling import scaling_of

from edgedigits.ground.facts import JsonObject
from edgedigits.tasks.differences import word_share


def write_ensemble_card(record: JsonObject) -> str:
    """One page; no number in it is typed by hand."""
    settings, data, images = record["settings"], record["data"], record["images"]
    stacking = record.get("stacking")
    low, high = record["test_accuracy_interval"]
    on_top = (
        f"The layer on top was fitted on {stacking['held_back_images']:,} held-back training images; its validation accuracy is "
        f"that of {stacking['folds']} folds, each answered by a layer that had not seen it."
        if stacking
        else "Its answer is the mean of what its members answer."
    )
    lines = [
        f"# {settings['name']}",
        "",
        f"{len(record['members'])} classifiers of {'x'.join(map(str, record['input']['shape']))} images into "
        f"{len(data['classes'])} classes as one, judged on {data['name']}. {on_top}",
        "",
        "| member | parameters | input scale |",
        "|---|---|---|",
        *(f"| {one['file']} | {one['parameters']:,} | {scaling_of(one['scale'])} |" for one in record["members"]),
        "",
        "| | |",
        "|---|---|",
        f"| parameters | {record['parameters']:,} |",
        f"| test accuracy | {word_share(record['test_accuracy'])} of {images['test']:,} images "
        f"(95 % interval {word_share(low)} to {word_share(high)}) |",
        f"| validation accuracy | {word_share(record['validation_accuracy'])} of {images['validation']:,} images |",
        f"| input scale | {scaling_of(record['input']['scale'])} |",
        f"| made with | {', '.join(f'{name} {number}' for name, number in record['versions'].items())} |",
        "",
        "The test images were scored once, at the end.",
    ]
    return "\n".join(lines) + "\n"
