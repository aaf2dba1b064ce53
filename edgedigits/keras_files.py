"""What a saved Keras model holds, read as plain data: which Keras wrote it, its config and where its weights lie.

Nothing is deserialized here. The config is JSON, the Keras version a string beside it, so that everything a file would
have Keras build can be looked at first (`keras_configs.checked`).
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py

from edgedigits.errors import EdgeDigitsError, ModelError

Config = dict[str, Any]
Generation = Literal["2", "3"]

INFLATION = 200
"""A member of an archive may unpack to this many times its packed size; trained weights hardly pack at all."""


@dataclass(frozen=True)
class SavedModel:
    """A saved model as data.

    `format` is for people, `keras` the generation that wrote it, `weights` what its `load_weights` takes.
    """

    format: str
    keras: Generation
    config: Config
    weights: Path


@contextmanager
def translated(where: object, doing: str) -> Iterator[None]:
    """Every error of a foreign reader as `ModelError`, naming the place; our own gets the place put before it."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{where}: {error}") from error
    except EdgeDigitsError:
        raise
    except Exception as error:  # h5py, zipfile, Keras and TensorFlow raise a dozen kinds for one broken file
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise ModelError(f"{where}: {doing} failed ({reason}). Is the file complete, and saved by Keras?") from error


def read(path: Path) -> SavedModel:
    """Reads what `path` says about itself: a `.keras`, `.h5` or `.hdf5` file, or a SavedModel folder.

    Raises:
        ModelError: nothing there, not a saved Keras model, truncated, or one whose layers can't be recovered.
    """
    if not path.exists():
        raise ModelError("there is no such file or folder.")
    if path.is_dir():
        return _read_folder(path)
    if path.suffix == ".keras":
        return _read_archive(path)
    if path.suffix in (".h5", ".hdf5"):
        return _read_h5(path)
    raise ModelError(
        f"'{path.suffix}' is not an ending of a saved Keras model; hand in .keras, .h5, .hdf5 or a SavedModel folder."
    )


def _read_archive(path: Path) -> SavedModel:
    if h5py.is_hdf5(path):
        raise ModelError("this is an HDF5 file, not a .keras archive; rename it to end in .h5.")
    if not zipfile.is_zipfile(path):
        raise ModelError("this is not a .keras archive, or a truncated one; save the model again with model.save().")
    with zipfile.ZipFile(path) as archive:
        _check_members(archive)
        broken = archive.testzip()
        if broken is not None:
            raise ModelError(f"'{broken}' in the archive is damaged (its checksum differs); copy the file again.")
        version = json.loads(archive.read("metadata.json")).get("keras_version")
        config = _as_config(archive.read("config.json"))
        _check_h5(io.BytesIO(archive.read("model.weights.h5")))
    keras = _generation(version)
    return SavedModel(f"keras{keras} .keras", keras, config, path)


def _check_members(archive: zipfile.ZipFile) -> None:
    names = archive.namelist()
    for needed in ("metadata.json", "config.json", "model.weights.h5"):
        if names.count(needed) != 1:
            raise ModelError(
                f"the archive holds '{needed}' {names.count(needed)} times instead of once, so it is no .keras file; "
                "save the model again with model.save()."
            )
    for member in archive.infolist():
        parts = member.filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or ":" in parts[0]:
            raise ModelError(
                f"the archive holds '{member.filename}', which points outside of it; no Keras writes that."
            )
        if member.file_size > INFLATION * (member.compress_size + 1024):
            raise ModelError(
                f"'{member.filename}' in the archive unpacks from {member.compress_size} to {member.file_size} bytes; "
                "trained weights never pack that well."
            )


def _read_h5(path: Path) -> SavedModel:
    if not h5py.is_hdf5(path):
        raise ModelError("this is not an HDF5 file; hand in the file as model.save() wrote it.")
    _check_h5(path)
    with h5py.File(path, "r") as file:
        text, version = file.attrs.get("model_config"), file.attrs.get("keras_version")
    if text is None:
        raise ModelError("the file holds weights only, no model; save the whole model with model.save().")
    keras = _generation(version)
    return SavedModel(f"keras{keras} .h5", keras, _as_config(text), path)


def _check_h5(file: Path | io.BytesIO) -> None:
    """Refuses HDF5 whose contents lie in other files: reading it would copy those into the weights."""
    links: list[str] = []
    elsewhere: list[str] = []

    def look(name: str, link: Any) -> None:
        if not isinstance(link, h5py.HardLink):
            links.append(name)

    def look_inside(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
            elsewhere.append(name)

    with h5py.File(file, "r") as opened:
        opened.visititems_links(look)
        opened.visititems(look_inside)
    if links or elsewhere:
        raise ModelError(f"its weights '{(links + elsewhere)[0]}' lie in another place or file; no Keras writes that.")


def _read_folder(path: Path) -> SavedModel:
    if not (path / "saved_model.pb").is_file():
        raise ModelError("this folder holds no saved_model.pb, so it is no SavedModel; hand in a .keras or .h5 file.")
    if not (path / "keras_metadata.pb").is_file():
        raise ModelError(
            "this SavedModel holds a graph but no Keras layers (model.export() and tf.saved_model.save() write such), "
            "and layers can't be recovered from a graph; hand in the .keras file."
        )
    from tf_keras.protobuf.saved_metadata_pb2 import SavedMetadata

    nodes = SavedMetadata.FromString((path / "keras_metadata.pb").read_bytes()).nodes
    roots = [node.metadata for node in nodes if node.node_path == "root"]
    if len(roots) != 1:
        raise ModelError(f"keras_metadata.pb describes {len(roots)} models instead of one; hand in the .keras file.")
    return SavedModel("SavedModel", "2", _as_config(roots[0]), path / "variables" / "variables")


def _as_config(text: str | bytes) -> Config:
    config = json.loads(text)
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise ModelError("its config names no model class; save the model again with model.save().")
    return config


def _generation(version: object) -> Generation:
    text = version.decode() if isinstance(version, bytes) else str(version)
    if text.startswith("3."):
        return "3"
    if text.startswith("2."):
        return "2"
    raise ModelError(f"it was saved by Keras '{text}'; Keras 2 and Keras 3 can be read.")


def model_hash(path: Path) -> str:
    """SHA-256 of a model file, or of the files of a SavedModel folder in order of their names."""
    digest = hashlib.sha256()
    for item in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if item.is_file():
            digest.update(item.relative_to(path).as_posix().encode() if path.is_dir() else b"")
            digest.update(item.read_bytes())
    return digest.hexdigest()
