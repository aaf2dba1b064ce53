"""Two models, an old one and a new one, side by side on the same images: each taken as its own artifact says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgedigits.errors import InputError, TfliteError
from edgedigits.ground import artifact_folder
from edgedigits.ground.artifact_folder import Artifact
from edgedigits.ground.facts import JsonObject, Say
from edgedigits.measure.bench import BenchSettings, Contestant
from edgedigits.measure.bench_job import BenchTask, BenchWish, find_images, find_meaning, find_scale
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.packed_file import unpack_file


@dataclass(frozen=True)
class Side:
    """One of the two: what it is called, its file, and the artifact that it lies in, None for a file from elsewhere."""

    name: str
    given: Path
    file: Path
    made: Artifact | None
    inputs: tuple[int, ...]
    outputs: int

    @property
    def told(self) -> JsonObject:
        """What its manifest says of it: as the product, or as the float form that lies beside that."""
        own = self.made.manifest if self.made else {}
        if self.file.name == "float.tflite":
            return {**own, "task": own.get("float_task", own.get("task"))}
        return own if self.file.name == "model.tflite" else {}


def make_comparison(wish: BenchWish, old: Path, folder: Path, say: Say = lambda _: None) -> BenchTask:
    """The new model, which `wish` names, against the old one. Images that are not in a file yet are written into `folder`.

    Raises InputError's kinds where the two take other images, know other classes or were made on other data.
    """
    sides = [_open("old", old), _open("new", wish.tflite)]
    _check_alike(*sides)
    holder = _find_holder(sides, wish)
    if wish.scale is not None and all(side.made for side in sides):
        raise InputError("--scale: both are artifacts, which say themselves how they take their pixels; leave it out")
    images, classes, labelled = find_images(replace(wish, tflite=holder.file), holder.made, folder, say)
    contestants = tuple(_contestant(side, wish, classes, labelled) for side in sides)
    settings = BenchSettings(
        threads=wish.threads,
        runtime=wish.runtime,
        windows=wish.windows,
        window_s=wish.window,
        pin=wish.pin,
        apart=True,
    )
    return BenchTask(contestants, images, settings, None, classes)


def _open(name: str, given: Path) -> Side:
    file = given / "model.tflite" if given.is_dir() else given
    if not file.is_file():
        raise TfliteError(f"{file}: no such file; give a .tflite file, or the folder of an artifact")
    made = artifact_folder.read(file.parent) if (file.parent / "manifest.json").is_file() else None
    contents = read(unpack_file(file), str(file))
    inputs, outputs = contents.inputs[0].shape, contents.outputs[0].shape
    return Side(name, given, file, made, tuple(map(int, inputs[1:])), int(outputs[-1]))


def _check_alike(old: Side, new: Side) -> None:
    if old.inputs != new.inputs:
        shapes = ["x".join(map(str, side.inputs)) for side in (old, new)]
        raise InputError(
            f"{new.given}: takes images of {shapes[1]}, {old.given} of {shapes[0]}; give two models of the same images"
        )
    if old.outputs != new.outputs:
        raise InputError(
            f"{new.given}: answers {new.outputs} classes, {old.given} {old.outputs}; give two models of the same classes"
        )
    if old.made is None or new.made is None:
        return
    names = [list(map(str, side.made.manifest["data"]["classes"])) for side in (old, new) if side.made]
    if names[0] != names[1]:
        at = next((at for at, pair in enumerate(zip(*names, strict=False)) if pair[0] != pair[1]), None)
        what = (
            f"calls class {at} {names[1][at]!r}, {old.given} calls it {names[0][at]!r}"
            if at is not None
            else (f"knows {len(names[1])} classes, {old.given} {len(names[0])}")
        )
        raise InputError(f"{new.given}: {what}; give two models of the same classes in the same order")


def _find_holder(sides: Sequence[Side], wish: BenchWish) -> Side:
    """Whose test images are taken, or whose way to read those that are named: the new one's where it can tell."""
    made = [side for side in sides[::-1] if side.made]
    if wish.data is not None or not made:
        return made[0] if made else sides[1]
    prints = {side.made.manifest["data"]["fingerprint"] for side in made if side.made}
    if len(prints) > 1:
        raise InputError(
            f"--data is missing: {sides[0].given} and {sides[1].given} were made on other data, and the test images of one may "
            "be what the other learned; name images that neither was trained on"
        )
    return next((side for side in made if side.made and (side.made.path / "eval.npz").is_file()), made[0])


def _contestant(side: Side, wish: BenchWish, classes: tuple[str, ...], labelled: bool) -> Contestant:
    own = replace(wish, tflite=side.given, scale=None if side.made else wish.scale)
    meaning = find_meaning(side.told.get("task"), side.file, classes, labelled)
    return Contestant(side.name, side.file, find_scale(own, side.made), wish.resize, meaning)
