"""Model cards as Markdown, generated from records and manifests; no number in them is typed by hand."""

from __future__ import annotations

from collections.abc import Iterator

from edgedigits_runner.scaling import scaling_of

from edgedigits.ground.facts import JsonObject
from edgedigits.pipeline.confidence.wording import tell_confidence
from edgedigits.pipeline.gates.wording import list_lines
from edgedigits.pipeline.mixing.wording import tell_mixed
from edgedigits.tasks.class_recalls import ClassChange, ClassChanges
from edgedigits.tasks.differences import tell_classes, tell_mcnemar, word_interval, word_share
from edgedigits.tasks.statistics import Interval, Paired, bound_share


def write_artifact_card(manifest: JsonObject) -> str:
    """The card of an artifact folder."""
    export, test, size = manifest["export"], manifest["test"], manifest["float"]
    lines = [
        f"# {manifest['model']['name']}, {manifest['recipe']['name']}",
        "",
        manifest["recipe"]["for"] + ".",
        "",
        f"| {manifest['data']['name']}, {test['images']} test images | float | this model |",
        "|---|---|---|",
        f"| {_accuracy(manifest)} | {word_share(test['float_accuracy'])} | {word_share(test['accuracy'])} |",
        f"| 95 % interval | {_interval(test, 'float_accuracy')} | {_interval(test, 'accuracy')} |",
        *_f1(test),
        *_worst_class(test, _noun(manifest)),
        f"| bytes | {size['size_bytes']:,} | {export['size_bytes']:,} |",
        f"| gzip bytes | {size['gzip_bytes']:,} | {export['gzip_bytes']:,} |",
        "",
        f"Input: {'x'.join(map(str, manifest['input']['shape']))} pixels, scaled to {_scale(manifest)}. "
        f"Export: {export['export']}. Seed: {manifest['seed']}.",
        tell_mcnemar(_paired(test), "float", "this model"),
        *_classes(test, _noun(manifest)),
        *_float16(export),
        *(f"{tell_mixed(found)}." for found in [export.get("mixed")] if found),
        *_labels(manifest),
        *tell_confidence(manifest),
        "",
        f"| stage | validation {_accuracy(manifest)} | seconds |",
        "|---|---|---|",
        *(
            f"| {row['stage']} | {word_share(row['validation_accuracy'])} | {row['seconds']} |"
            for row in manifest["stages"]
        ),
    ]
    lines += ["", *(f"- {line}" for line in list_lines(manifest.get("gates", [])))]
    said = {_worse_classes(test)}  # above
    lines += ["", *(f"Warning: {warning}" for warning in manifest["warnings"] if warning not in said)]
    return "\n".join(lines).rstrip() + "\n"


def _paired(test: JsonObject) -> Paired:
    """The test images counted by who is right, from the accuracies in the record."""
    images, before, after = test["images"], test["only_float_right"], test["only_compressed_right"]
    both = round(test["accuracy"] * images) - after
    return Paired(both, before, after, images - both - before - after)


def _classes(test: JsonObject, noun: str) -> Iterator[str]:
    """Whether one class lost more than the rest, by a test that allows for how many there are."""
    if worse := _worse_classes(test):
        yield f"Of single classes: {worse}."
    elif len(test.get("classes", [])) > 1:
        yield f"No {noun} loses significantly more than the rest (exact test, corrected for {len(test['classes'])})."


def _worse_classes(test: JsonObject) -> str | None:
    rows = test.get("classes", [])
    each = (
        ClassChange(
            at,
            row["images"],
            round(row["float_recall"] * row["images"]),
            round(row["compressed_recall"] * row["images"]),
            row["only_float_right"],
            row["only_compressed_right"],
            row["p_value"],
            lost_p_value=1.0,  # which this is not asked for
        )
        for at, row in enumerate(rows)
    )
    return tell_classes(ClassChanges(tuple(each)), [str(row["class"]) for row in rows], "the test images")


def _interval(test: JsonObject, which: str) -> str:
    return word_interval(bound_share(round(test[which] * test["images"]), test["images"]))


def _noun(manifest: JsonObject) -> str:
    return "label" if manifest.get("task", {}).get("name") == "multilabel" else "class"


def _accuracy(manifest: JsonObject) -> str:
    """What is counted as right, in words of the task."""
    return "images with every label right" if _noun(manifest) == "label" else "accuracy"


def _f1(test: JsonObject) -> Iterator[str]:
    """The rows of F1, where labels are asked."""
    for name, words in (("f1_macro", "F1, the mean over labels"), ("f1_micro", "F1 of all labels together")):
        if name in test.get("scores", {}):
            yield f"| {words} | {word_share(test['float_scores'][name])} | {word_share(test['scores'][name])} |"


def _float16(export: JsonObject) -> Iterator[str]:
    """What the answers above don't show, where the bytes may be computed otherwise elsewhere."""
    if not export.get("float16_arithmetic"):
        return
    yield "Processors with float16 arithmetic, as a Raspberry Pi 5's, compute this model in it; others compute it in float32."
    if export["parity"]["arithmetic"] == "float32":
        yield (
            "The answers counted here, and those held against the Keras model, were computed in float32, as this machine can't "
            "otherwise: what float16 answers is not among them. The runner's doctor compares it on a device."
        )


def _labels(manifest: JsonObject) -> Iterator[str]:
    """What is to be known of answers of labels: how sure the difference of F1 is, and from where on a label is answered."""
    if _noun(manifest) != "label":
        return
    found = manifest["test"]["f1_macro_difference"]
    yield (
        f"F1 differs by {100 * found['value']:+.2f} points on average over labels, 95 % interval {100 * found['low']:+.2f} to "
        f"{100 * found['high']:+.2f} (paired bootstrap over images)."
    )
    task = manifest["task"]
    each = ", ".join(f"{name} {at:g}" for name, at in zip(task["labels"], task["thresholds"], strict=True))
    tuned = any(at != 0.5 for at in task["thresholds"])
    how = " (chosen on validation images, for the float form its own)" if tuned else ""
    yield f"An image has a label where its probability is above: {each}{how}."


def _worst_class(test: JsonObject, noun: str) -> Iterator[str]:
    """The row of the class, or of the label or its absence, that loses most of its recall."""
    rows = test.get("classes", [])
    worst = max(rows, key=lambda row: row["float_recall"] - row["compressed_recall"], default=None)
    if worst is None or len(rows) < 2:
        return
    name = str(worst["class"]).replace("|", "\\|")
    if worst["float_recall"] > worst["compressed_recall"]:
        yield (
            f"| recall of {noun} {name}, which loses most ({worst['images']} images) | {word_share(worst['float_recall'])} "
            f"| {word_share(worst['compressed_recall'])} |"
        )
    else:
        yield f"| recall by {noun} | | no {noun} loses |"


def write_baseline_card(record: JsonObject) -> str:
    """The card of a float baseline, from its training record."""
    settings, data, images = record["settings"], record["data"], record["images"]
    options = "".join(f", {name} {value}" for name, value in settings["options"].items())
    lines = [
        f"# {settings['name']}{options}",
        "",
        f"A float classifier of {'x'.join(map(str, record['input']['shape']))} images into {_asked(record)}, "
        f"trained on {data['name']}.",
        "",
        "| | |",
        "|---|---|",
        f"| parameters | {record['parameters']:,} |",
        f"| test accuracy | {word_share(record['test_accuracy'])} of {images['test']:,} images |",
        f"| validation accuracy | {word_share(record['validation_accuracy'])} of {images['validation']:,} images |",
        f"| trained on | {images['fit']:,} images, {record['epochs_run']} epochs, the best was {record['best_epoch']} |",
        f"| input scale | {_scale(record)} |",
        f"| seed, batch, rate | {settings['seed']}, {settings['batch']}, {settings['rate']} |",
        f"| augmentation | {_augmentation(record)} |",
        *_softened(settings),
        f"| seconds | {record['seconds']} |",
        f"| made with | {', '.join(f'{name} {number}' for name, number in record['versions'].items())} |",
        "",
        "The epoch was chosen on validation images; the test images were scored once, at the end.",
        *_held_out(record),
        *(f"{line}." for line in tell_trainings(record)),
    ]
    return "\n".join(lines) + "\n"


def _softened(settings: JsonObject) -> Iterator[str]:
    """The rows of what makes the loss another one, where that was asked for."""
    if smoothing := settings.get("label_smoothing"):
        yield f"| label smoothing | {smoothing:g} |"
    if (weights := settings.get("class_weights", "none")) != "none":
        shown = (
            weights if isinstance(weights, str) else ", ".join(f"{name} {weight:g}" for name, weight in weights.items())
        )
        yield f"| class weights | {shown} |"


def _held_out(record: JsonObject) -> Iterator[str]:
    if fold := record.get("fold"):
        yield f"It is fold {fold['number']} of {fold['of']}, and has not seen {fold['held_out']:,} more of the training images."


def tell_trainings(record: JsonObject) -> Iterator[str]:
    """What a training record tells of several trainings: of seeds the median and the range, of folds the score of images that
    each had not seen."""
    if seeds := record.get("seeds"):
        spreads = ", ".join(f"{of} {_spread(seeds[f'{of}_accuracy'])}" for of in ("validation", "test"))
        yield (
            f"{seeds['seeds']} seeds, median and range: {spreads}; kept is seed {seeds['chosen']}, the best by validation"
        )
    if kfold := record.get("kfold"):
        found = kfold["out_of_fold"]
        bound = word_interval(Interval(found["accuracy"], found["accuracy_low"], found["accuracy_high"]))
        each = ", ".join(f"{100 * row['accuracy']:.2f}" for row in kfold["each"])
        yield (
            f"{kfold['folds']} folds: out of fold {word_share(found['accuracy'])} of {found['images']:,} images "
            f"(95 % interval {bound}); by fold {each}"
        )


def _spread(scores: JsonObject) -> str:
    ends = f"{100 * scores['lowest']:.2f} to {100 * scores['highest']:.2f}"
    return f"{word_share(scores['median'])} ({ends})"


def _augmentation(record: JsonObject) -> str:
    """Which set; a record from before there were several says whether it was that of digits."""
    said = record["settings"]["augment"]
    if isinstance(said, bool):
        return "yes" if said else "no"
    found = record.get("augment", {})
    also = "".join(f", and {name} {limit:g}" for name, limit in record["settings"].get("also", {}).items())
    return f"{found.get('chosen', said)}" + (f" ({found['why']})" if "why" in found else "") + also


def _asked(record: JsonObject) -> str:
    data = record["data"]
    count = len(data["classes"])
    return f"any of {count} labels" if data.get("task") == "multilabel" else f"{count} classes"


def _scale(record: JsonObject) -> str:
    folded = record["input"].get("folded")
    inside = f" ({scaling_of(folded['scale'])} is in the weights of its first layer)" if folded else ""
    return f"{scaling_of(record['input']['scale'])}{inside}"
