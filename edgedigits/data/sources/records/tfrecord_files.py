"""TFRecord files as TensorFlow Datasets writes them: image files and labels, described by features.json beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgedigits_runner.files import read_whole
from edgedigits_runner.picture_kinds import kind_of

from edgedigits.data.sources.files.held import Held, Picture
from edgedigits.data.sources.files.part_files import Parts, find_part_files
from edgedigits.data.sources.records.record_data import Records
from edgedigits.errors import DataError

_IMAGES = ("image", "image/encoded", "image_raw", "img")
_LABELS = ("label", "image/class/label", "class", "target", "labels")
_WANTED = "wanted examples with the bytes of an image file (image or image/encoded) and a whole number (label), as TFDS has them"


@dataclass(frozen=True)
class Features:
    """The keys of image and label in every example, None where the first example is to say; the names of the classes."""

    image: str | None = None
    label: str | None = None
    names: tuple[str, ...] | None = None


def find_tfrecords(path: Path) -> Parts:
    """The files of the parts: NAME-train.tfrecord-00000-of-00001, there or in the folder of a version below."""
    return find_part_files(path, r"\.tfrecords?(-[0-9]+-of-[0-9]+)?")


def read_tfrecord_parts(parts: Parts) -> dict[str, Records]:
    """Every part. Raises DataError for what is no such file, or described as something else."""
    features = _read_features(parts["train"][0].parent)
    return {part: _read_part(files, features) for part, files in parts.items()}


def _read_features(folder: Path) -> Features:
    file = folder / "features.json"
    if not file.is_file():
        return Features(names=_read_names(folder, "label"))
    try:
        told = json.loads(read_whole(file))
        known = told["featuresDict"]["features"] if "featuresDict" in told else told["features"]
        kinds = {str(key): str(one.get("pythonClassName") or one.get("type")) for key, one in known.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{file}: not a readable description of features ({type(error).__name__})") from error
    images = [key for key, kind in kinds.items() if kind.endswith(".Image")]
    labels = [key for key, kind in kinds.items() if kind.endswith(".ClassLabel")]
    if not images:
        raise DataError(f"{file}: no feature is an image; {_WANTED}")
    label = next((key for key in (*_LABELS, *labels) if key in labels or (not labels and key in kinds)), None)
    return Features(images[0], label, _read_names(folder, label) if label else None)


def _read_names(folder: Path, label: str) -> tuple[str, ...] | None:
    """Of NAME.labels.txt, one a line."""
    file = folder / f"{label}.labels.txt"
    if not file.is_file():
        return None
    try:
        return tuple(line.strip() for line in read_whole(file).decode("utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: not a readable list of classes in UTF-8") from error


def _read_part(files: Sequence[Path], features: Features) -> Records:
    pictures: list[Picture] = []
    labels: list[int | str] = []
    for file in files:
        for number, example in enumerate(_examples(file)):
            picture, label = _of_example(example, features, f"{file} example {number}")
            pictures.append(picture)
            labels.append(label)
    return Records(str(files[0]), tuple(pictures), tuple(labels), features.names)


def _of_example(example: dict[str, Any], features: Features, where: str) -> tuple[Picture, int | str]:
    image = features.image or next((key for key in _IMAGES if key in example), None)
    label = features.label or next((key for key in _LABELS if key in example), None)
    data = example.get(image or "")
    if not isinstance(data, bytes) or kind_of(data[:64]) is None:
        raise DataError(f"{where}: found no image file{f' under {image}' if image else ''}; {_held(example)}")
    found = example.get(label or "")
    if isinstance(found, bytes):
        return Held(where, data), found.decode("utf-8", "replace")
    if not isinstance(found, int):
        raise DataError(f"{where}: found no label{f' under {label}' if label else ''}; {_held(example)}")
    return Held(where, data), found


def _held(example: dict[str, Any]) -> str:
    return f"the example holds {', '.join(sorted(example))[:80]}; {_WANTED}"


def _examples(file: Path) -> Iterator[dict[str, Any]]:
    """The features of every example that have one value: bytes or a whole number."""
    from google.protobuf.message import DecodeError

    from edgedigits.backend import tf

    try:
        for record in tf.data.TFRecordDataset([str(file)]).as_numpy_iterator():
            parsed = tf.train.Example.FromString(record)
            yield {key: _value(feature) for key, feature in parsed.features.feature.items()}
    except (tf.errors.OpError, DecodeError) as error:
        said = " ".join(str(getattr(error, "message", error)).split())[:120]
        raise DataError(f"{file}: not a whole TFRecord file ({said})") from error


def _value(feature: Any) -> bytes | int | None:
    if len(feature.bytes_list.value) == 1:
        return bytes(feature.bytes_list.value[0])
    return int(feature.int64_list.value[0]) if len(feature.int64_list.value) == 1 else None
