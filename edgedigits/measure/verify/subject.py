"""From what a user says to what is verified: which two files, which images, how pixels become inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgedigits.data.dataset import Dataset
from edgedigits.data.images import read_all
from edgedigits.data.one_label import fit_to_outputs
from edgedigits.data.reading import PLAIN, parse_reading
from edgedigits.data.samples import draw_sample
from edgedigits.data.scale import NAMED, Scale, parse_scaling, scale_pixels
from edgedigits.data.sources.wish import DataWish, tell_notes
from edgedigits.data.splits import split
from edgedigits.errors import DataError, EdgeDigitsError, InputError, TfliteError
from edgedigits.ground import artifact_folder
from edgedigits.ground.artifact_folder import Artifact
from edgedigits.ground.facts import JsonObject, Say
from edgedigits.tflite.contents import Contents
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.packed_file import unpack_file

IMAGES = 64
"""How many are looked at where nothing is said: a layer's decibels change by less than one with more."""

_INTEGERS = ("INT8", "UINT8", "INT16")


@dataclass(frozen=True, kw_only=True)
class VerifyWish(DataWish):
    """The options of `edgedigits verify`, as given. `model` is an artifact folder or a file; with `other`, a file as well,
    `model` is what `other` is held against."""

    model: Path
    other: Path | None = None
    images: int = IMAGES


@dataclass(frozen=True, eq=False)
class Subject:
    """The bytes that are judged, and those that they are held against, None where only the bytes' own float form is at hand.

    `inputs` are float32 [n, h, w, c] as the float form takes them; `promised` is the sparsity that the record has for each layer.
    """

    name: str
    flat: bytes
    plain_name: str
    plain: bytes | None
    inputs: np.ndarray
    images: str
    promised: Mapping[str, float]
    calibration_images: int | None
    notes: tuple[str, ...] = ()


def make_subject(wish: VerifyWish, say: Say) -> Subject:
    """What a wish comes to. Raises InputError's kinds."""
    for path in (wish.model, wish.other):
        if path is not None and not path.exists():
            raise TfliteError(f"{path}: no such file or folder; give an artifact's folder, or a .tflite file")
    made = _artifact(wish)
    file = wish.model / "model.tflite" if wish.model.is_dir() else wish.model
    flat, contents = _read(file)
    plain_name, plain, notes = "", None, []
    if wish.other is not None:
        other_flat, other = _read(wish.other)
        _check_alike(file, contents, wish.other, other)
        (plain_name, plain), (file, flat, contents) = (str(file), flat), (wish.other, other_flat, other)
    elif made is not None and file.name == "model.tflite":
        plain_name, plain = str(made.path / "float.tflite"), _read(made.path / "float.tflite")[0]
    pixels, whence = _pixels(wish, made, contents, say)
    inputs = scale_pixels(pixels, _scale(wish, made)).astype(np.float32)
    trained = [next(iter(one)) if isinstance(one, dict) else str(one) for one in _stages(made)]
    if trained and wish.other is None and made is not None:
        notes.append(
            f"the recipe changed the weights ({', '.join(trained)}), so layers are held against these bytes computed in float, "
            "and the answers against the float form as well"
        )
    known = made.manifest if made is not None and wish.other is None else {}
    return Subject(
        name=str(file),
        flat=flat,
        plain_name=plain_name,
        plain=plain,
        inputs=inputs,
        images=whence,
        promised=_read_promises(known),
        calibration_images=_read_calibration(known),
        notes=tuple(notes),
    )


def is_trained(subject: Subject) -> bool:
    """Whether the weights are others than the float form's, by what the record says."""
    return any("changed the weights" in note for note in subject.notes)


def computes_in_integers(flat: bytes, name: str) -> bool:
    """Whether anything is computed in integers; weights that are only stored in them do not count."""
    return any(tensor.dtype in _INTEGERS and tensor.role == "activation" for tensor in read(flat, name).tensors)


def _artifact(wish: VerifyWish) -> Artifact | None:
    """The artifact that the model is of, every file's hash checked."""
    folder = wish.model if wish.model.is_dir() else wish.model.parent
    if wish.model.is_dir() or (folder / "manifest.json").is_file():
        return artifact_folder.read(folder)
    return None


def _stages(made: Artifact | None) -> list[object]:
    found = made.manifest["recipe"].get("stages") if made is not None else None
    return list(found) if isinstance(found, list) else []


def _read(path: Path) -> tuple[bytes, Contents]:
    if path.is_dir():
        raise TfliteError(f"{path}: a folder; as the second give a .tflite file")
    flat = unpack_file(path)
    contents = read(flat, str(path))
    if len(contents.inputs) != 1 or len(contents.outputs) != 1:
        raise TfliteError(
            f"{path}: has {len(contents.inputs)} inputs and {len(contents.outputs)} outputs; wanted a file that takes one image "
            "and gives one answer"
        )
    if len(contents.inputs[0].shape) != 4:
        shape = "x".join(map(str, contents.inputs[0].shape)) or "a single number"
        raise TfliteError(f"{path}: takes {shape}; wanted one image, as 1x28x28x1")
    return flat, contents


def _check_alike(one: Path, first: Contents, two: Path, second: Contents) -> None:
    for what, ours, theirs in (
        ("takes images", first.inputs[0].shape, second.inputs[0].shape),
        ("answers with", first.outputs[0].shape, second.outputs[0].shape),
    ):
        if ours[1:] != theirs[1:]:
            sizes = ["x".join(map(str, shape[1:])) for shape in (ours, theirs)]
            raise TfliteError(
                f"{two}: {what} {'of ' if 'takes' in what else ''}{sizes[1]}, and {one} {sizes[0]}; give two files of one model"
            )


def _check_classes(file: Path, contents: Contents, dataset: Dataset) -> None:
    """Of a class for each output, as nets that classify have them."""
    outputs, classes = int(contents.outputs[0].shape[-1]), len(dataset.classes)
    if dataset.train.labels.ndim == 1 and outputs > 1 and classes != outputs:
        raise DataError(
            f"{file}: answers with {outputs} classes, and {dataset.name} has {classes}; give data of the model's classes"
        )


def _check_size(file: Path, contents: Contents, pixels: np.ndarray) -> None:
    """Grey images may be shown to a model for colour."""
    wanted = contents.inputs[0].shape[1:]
    if pixels.shape[1:3] != wanted[:2] or pixels.shape[3] not in (wanted[2], 1):
        have, want = ("x".join(map(str, shape)) for shape in (pixels.shape[1:], wanted))
        grey = " --grey" if wanted[2] == 1 and pixels.shape[3] == 3 else ""
        raise DataError(
            f"{file}: takes images of {want}, and the data has {have}; pass --resize {wanted[0]}x{wanted[1]}{grey}"
        )


def _scale(wish: VerifyWish, made: Artifact | None) -> Scale:
    """As given, else the artifact's; that too where what was given was folded into its weights."""
    own = made.manifest["input"] if made else {}
    if wish.scale is not None and own.get("folded", {}).get("scale") != parse_scaling(wish.scale, "--scale").as_json():
        return wish.scale
    if "scale" not in own:
        raise InputError(
            f"--scale is missing: {wish.model} is not in an artifact folder, so say what it was trained on, one of "
            f"{', '.join(NAMED)}"
        )
    found: Scale = own["scale"]
    return found


def _pixels(wish: VerifyWish, made: Artifact | None, contents: Contents, say: Say) -> tuple[np.ndarray, str]:
    """Validation images, uint8 [n, h, w, c], of every class in proportion; where they are from."""
    if made is None and wish.data is None:
        raise InputError(
            f"--data is missing: {wish.model} is not in an artifact folder, so say on which images to verify it"
        )
    dataset = find_dataset(wish, made, say)
    outputs = int(contents.outputs[0].shape[-1])
    if len(dataset.classes) == 2 and outputs == 1:
        dataset = fit_to_outputs(dataset, 1)
    _check_classes(wish.model, contents, dataset)
    images = draw_sample(split(dataset, _scale(wish, made), 0).validation, wish.images)
    if made is not None and wish.data is not None and dataset.fingerprint != made.manifest["data"]["fingerprint"]:
        say(f"note: {dataset.name} is not the data, or not read as the data, that {made.path} was made of")
    pixels = read_all(images)
    _check_size(wish.model, contents, pixels)
    if pixels.shape[3] == 1 and contents.inputs[0].shape[3] == 3:
        pixels = np.repeat(pixels, 3, axis=3)
    return pixels, f"{len(pixels)} validation images of {dataset.name}"


def find_dataset(wish: VerifyWish, made: Artifact | None, say: Say) -> Dataset:
    """The data that was named, else the artifact's, read as its images were as far as the wish says nothing else. Raises
    InputError's kinds, also where an artifact's data can't be found by its name."""
    known = parse_reading(made.manifest["input"]) if made else PLAIN
    filled = wish.filled(known, made is not None)
    asked = replace(filled, resize=filled.resize or known.size, grey=filled.grey or known.grey)
    named = wish.data is not None or made is None
    dataset = asked.dataset(known.bits) if named or made is None else _own_data(asked, made, known.bits)
    tell_notes(dataset, say)
    return dataset


def _own_data(wish: VerifyWish, made: Artifact, bits: int | None) -> Dataset:
    """What the manifest names, if it is there and still the same."""
    named, classes = str(made.manifest["data"]["name"]), tuple(map(str, made.manifest["data"]["classes"]))
    try:
        dataset = replace(wish, data=named).dataset(bits)
    except EdgeDigitsError as error:
        raise InputError(
            f"--data is missing: {made.path} was made of {named}, which can't be found by that name; give the data that compress "
            "was given, whose validation images are looked at"
        ) from error
    if dataset.fingerprint != made.manifest["data"]["fingerprint"] and tuple(dataset.classes) != classes:
        raise InputError(f"--data is missing: {made.path} was made of other data than what is called {named} now")
    return dataset


def _read_promises(manifest: JsonObject) -> dict[str, float]:
    """Zeros per weight of each layer, by the last stage that has any in its record."""
    found: dict[str, float] = {}
    for record in manifest.get("stages", []):
        told = record.get("sparsity") if isinstance(record, dict) else None
        if isinstance(told, dict):
            found = {str(path).rpartition("/")[0]: float(share) for path, share in told.items()}
    return found


def _read_calibration(manifest: JsonObject) -> int | None:
    export = manifest.get("recipe", {}).get("export")
    settings = next(iter(export.values()), None) if isinstance(export, dict) else None
    found = settings.get("calibration_images") if isinstance(settings, dict) else None
    return found if isinstance(found, int) else None
