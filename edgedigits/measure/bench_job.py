"""From what a user says to a benchmark: which two files, which images, how pixels are scaled."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from edgedigits_runner.tasks import CLASSIFICATION, Task, from_json, multilabel

from edgedigits.data.dataset import Dataset
from edgedigits.data.images import read_all
from edgedigits.data.one_label import fit_to_outputs
from edgedigits.data.reading import PLAIN, parse_reading
from edgedigits.data.scale import NAMED, Scale, parse_scaling
from edgedigits.data.sources.layouts import read_class_names
from edgedigits.data.sources.wish import DataWish, tell_notes
from edgedigits.errors import DataError, InputError, TfliteError
from edgedigits.ground import artifact_folder
from edgedigits.ground.artifact_folder import Artifact
from edgedigits.ground.facts import Say
from edgedigits.measure.bench import BenchSettings, Contestant, bench, bench_together
from edgedigits.measure.bench_result import Report
from edgedigits.measure.runtimes.environments import RuntimeName
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.packed_file import unpack_file


@dataclass(frozen=True, kw_only=True)
class BenchWish(DataWish):
    """The options of `edgedigits bench`, as given. `tflite` is a file, alone or in an artifact folder, or such a folder."""

    tflite: Path
    baseline: Path | None = None
    threads: tuple[int, ...] = (1,)
    runtime: RuntimeName = "auto"
    windows: int = 5
    window: float = 0.5
    pin: int | None = None
    cold: bool = False


@dataclass(frozen=True)
class BenchTask:
    """What is measured, on whatever machine: the baseline, if there is one, and the compressed model; an .npz of images.

    `artifact` is the folder that the compressed model is the product of, None for a file from elsewhere. `classes` are the names
    of the images' labels, () where not known.
    """

    contestants: tuple[Contestant, ...]
    images: Path
    settings: BenchSettings
    artifact: Path | None
    classes: tuple[str, ...] = ()


def run(wish: BenchWish, say: Say) -> Report:
    """Measure here. Raises InputError's kinds when something given can't be used."""
    with tempfile.TemporaryDirectory(prefix="edgedigits-bench-") as folder:
        return bench_here(make_task(wish, Path(folder), say), say)


def bench_here(task: BenchTask, say: Say) -> Report:
    """The task measured on this machine."""
    *baseline, compressed = task.contestants
    found = bench(compressed, baseline[0] if baseline else None, task.images, task.settings, say)
    return replace(found, classes=task.classes)


def bench_artifacts(folders: Sequence[Path], say: Say, windows: int = 5, window: float = 0.5) -> tuple[Report, ...]:
    """Each of these artifacts of one model against their float form, all in one run, on the first one's test images."""
    with tempfile.TemporaryDirectory(prefix="edgedigits-bench-") as folder:
        tasks = [
            make_task(BenchWish(tflite=path, windows=windows, window=window), Path(folder), say) for path in folders
        ]
    first = tasks[0]
    contestants = [first.contestants[0], *(task.contestants[-1] for task in tasks)]
    found = bench_together(contestants, first.images, first.settings, say)
    return tuple(replace(report, classes=first.classes) for report in found)


def make_task(wish: BenchWish, folder: Path, say: Say = lambda _: None) -> BenchTask:
    """What a wish comes to. Images that are not in a file yet are written into `folder`. Raises InputError's kinds."""
    file = wish.tflite / "model.tflite" if wish.tflite.is_dir() else wish.tflite
    for path in (file, wish.baseline):
        if path is not None and not path.is_file():
            raise TfliteError(f"{path}: no such file; give a .tflite file, or the folder of an artifact")
    made = artifact_folder.read(file.parent) if (file.parent / "manifest.json").is_file() else None
    scale = find_scale(wish, made)
    product = made if made and file.name == "model.tflite" else None
    compressed = Contestant(made.manifest["recipe"]["name"] if made else file.stem, file, scale, wish.resize)
    baseline = Contestant("float", product.path / "float.tflite", scale, wish.resize) if product else None
    if wish.baseline is not None:
        baseline = Contestant(wish.baseline.stem, wish.baseline, scale, wish.resize)
    images, classes, labelled = find_images(wish, made, folder, say)
    own = made.manifest if made and compressed.path.name == "model.tflite" else {}
    asked = own.get("task")
    before = own.get("float_task", asked) if wish.baseline is None else None
    compressed = replace(compressed, task=find_meaning(asked, compressed.path, classes, labelled))
    baseline = baseline and replace(baseline, task=find_meaning(before, baseline.path, classes, labelled))
    return BenchTask(
        contestants=(baseline, compressed) if baseline else (compressed,),
        images=images,
        settings=BenchSettings(
            threads=wish.threads,
            runtime=wish.runtime,
            windows=wish.windows,
            window_s=wish.window,
            pin=wish.pin,
            cold=wish.cold,
        ),
        artifact=product.path if product else None,
        classes=classes,
    )


def find_meaning(told: object, file: Path, classes: tuple[str, ...], labelled: bool) -> Task:
    """What the outputs of a file mean: as its manifest says, else by the data's labels, with the usual thresholds."""
    if told is not None:
        return from_json(told)  # looked at when the manifest was read
    return multilabel(classes, logits=not is_sigmoid_at_end(unpack_file(file))) if labelled else CLASSIFICATION


def is_sigmoid_at_end(flat: bytes) -> bool:
    """Whether a model's outputs are probabilities of labels: a sigmoid makes them, perhaps quantized or not behind it."""
    contents = read(flat, "the model")
    makers = {tensor: one for one in contents.operators if one.subgraph == 0 for tensor in one.outputs}
    maker = makers.get(contents.outputs[0].index)
    while maker is not None and maker.name in ("QUANTIZE", "DEQUANTIZE"):
        maker = makers.get(maker.inputs[0])
    return maker is not None and maker.name == "LOGISTIC"


def find_scale(wish: BenchWish, made: Artifact | None) -> Scale:
    """As given, else the artifact's; that too where what was given is what was folded into its weights."""
    scale: Scale | None = wish.scale
    own = made.manifest["input"] if made else {}
    if wish.scale is None or own.get("folded", {}).get("scale") == parse_scaling(wish.scale, "--scale").as_json():
        scale = own.get("scale")
    if scale is None:
        raise InputError(
            f"--scale is missing: {wish.tflite} is not in an artifact folder, "
            f"so say what it was trained on, one of {', '.join(NAMED)}"
        )
    return scale


def find_images(wish: BenchWish, made: Artifact | None, folder: Path, say: Say) -> tuple[Path, tuple[str, ...], bool]:
    """The artifact's own test images, or the test part of the data that was named; the names of their classes, and whether an
    image may have several."""
    if made and wish.data is None and (made.path / "eval.npz").is_file():
        told = from_json(made.manifest.get("task"))
        return (
            made.path / "eval.npz",
            tuple(map(str, made.manifest["data"]["classes"])),
            told.name != CLASSIFICATION.name,
        )
    if made and wish.data is None:
        raise InputError(
            f"--data is missing: {made.path} holds only a pointer to its test images, {made.manifest['data']['name']}"
        )
    found = _named(wish, made, say)
    if len(found.classes) == 2 and _outputs(wish, made) == 1:
        found = fit_to_outputs(found, 1)
    if not len(found.test):
        raise DataError(f"data {found.name}: holds too few images for a test part; give at least two of a class")
    path = folder / "images.npz"
    np.savez(path, images=read_all(found.test), labels=found.test.labels)
    return path, found.classes, found.test.labels.ndim > 1


def _outputs(wish: BenchWish, made: Artifact | None) -> int:
    """How many numbers the model answers."""
    if made:
        told = from_json(made.manifest.get("task"))
        return len(made.manifest["data"]["classes"]) if told.name != CLASSIFICATION.name else 2
    return int(read(unpack_file(wish.tflite), "the model").outputs[0].shape[-1])


def _named(wish: BenchWish, made: Artifact | None, say: Say) -> Dataset:
    """The data that was named, read as the images of the artifact were as far as the wish says nothing else."""
    known = parse_reading(made.manifest["input"]) if made else PLAIN
    read = wish.filled(known, made is not None)
    dataset = replace(
        read,
        resize=read.resize or known.size,
        grey=read.grey or known.grey,
        classes=read.classes or _order(read.data, made),
    ).dataset(known.bits)
    tell_notes(dataset, say)
    return dataset


def _order(data: str | Dataset | None, made: Artifact | None) -> tuple[str, ...] | None:
    """The artifact's order of classes for a folder that has the same ones, of labels for a table that does."""
    if made is None or not isinstance(data, str):
        return None
    known = tuple(str(name) for name in made.manifest["data"]["classes"])
    found = read_class_names(Path(data))
    return known if set(known) == set(found or ()) else None
