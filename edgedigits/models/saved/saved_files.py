"""What a saved Keras model holds, read as plain data: which Keras wrote it, its config and where its weights lie.

Nothing is deserialized here. The config is JSON, the Keras version a string beside it, so that everything a file would
have Keras build can be looked at first (`config_check.check_config`).
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from edgedigits.backend import keras as keras_library
from edgedigits.errors import EdgeDigitsError, ModelError
from edgedigits.ground.facts import JsonObject
from edgedigits.ground.processes.children import MIB, Errand, ask
from edgedigits.models.layers.keras_private import VERSIONS

Config = JsonObject
Generation = Literal["2", "3"]

LEAST_S: Final = 8.0
BYTES_PER_S: Final = 4 * MIB
"""How long reading a file may say nothing: so long, and longer by its bytes."""
MOST_BYTES, MOST_TIMES = 512 * MIB, 8
"""The memory that reading may take: so much, and so many times the file's bytes."""


@dataclass(frozen=True)
class SavedModel:
    """A saved model as data.

    `format` is for people, `keras` the generation that wrote it, `weights` what its `load_weights` takes: of a file the
    clean copy.
    """

    format: str
    keras: Generation
    config: Config
    weights: Path

    @property
    def size_bytes(self) -> int:
        """What its weights take on the disk."""
        there = self.weights.parent.glob(f"{self.weights.name}*")
        return sum(file.stat().st_size for file in there)


@contextmanager
def translate(where: object, doing: str) -> Iterator[None]:
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


def read(path: Path, copies: Path) -> SavedModel:
    """Reads what `path` says about itself: a `.keras`, `.h5` or `.hdf5` file, or a SavedModel folder.

    The file is opened by a child process alone, which writes a clean copy of the weights into the folder `copies`.

    Raises:
        ModelError: nothing there, not a saved Keras model, truncated, or one whose layers can't be recovered.
    """
    if not path.exists():
        raise ModelError("there is no such file or folder.")
    if path.is_dir():
        return _read_folder(path)
    if path.suffix == ".keras":
        return _read_file(path, "read_archive", ".keras", copies / "model.weights.h5")
    if path.suffix in (".h5", ".hdf5"):
        return _read_file(path, "read_h5", ".h5", copies / "model.h5")
    raise ModelError(
        f"'{path.suffix}' is not an ending of a saved Keras model; hand in .keras, .h5, .hdf5 or a SavedModel folder."
    )


def _read_file(path: Path, reader: str, kind: str, copy: Path) -> SavedModel:
    if not path.is_file():
        raise ModelError("this is no regular file; hand in the file as model.save() wrote it.")
    size = path.stat().st_size
    errand = Errand(
        function=f"models.saved.file_reading:{reader}",
        doing="reading the model",
        advice="is the file complete, and saved by Keras?",
        error=ModelError,
        most_s=LEAST_S + size / BYTES_PER_S,
        most_bytes=MOST_BYTES + MOST_TIMES * size,
    )
    version, config, computed_by = ask(errand, path=str(path.absolute()), copy=str(copy))
    if config is None:
        raise ModelError("the file holds weights only, no model; save the whole model with model.save().")
    if computed_by not in (None, "tensorflow"):
        raise ModelError(
            f"it asks for Keras' backend '{computed_by}', and what is built here is TensorFlow's; load it where "
            "KERAS_BACKEND=tensorflow is set, and save it again."
        )
    keras = _generation(version)
    return SavedModel(f"keras{keras} {kind}", keras, _as_config(config), copy)


def _read_folder(path: Path) -> SavedModel:
    if not (path / "saved_model.pb").is_file():
        raise ModelError("this folder holds no saved_model.pb, so it is no SavedModel; hand in a .keras or .h5 file.")
    if not (path / "keras_metadata.pb").is_file():
        raise ModelError(
            "this SavedModel holds a graph but no Keras layers (model.export() and tf.saved_model.save() write such), "
            "and layers can't be recovered from a graph; hand in the .keras file."
        )
    from tensorflow.python.keras.protobuf.saved_metadata_pb2 import SavedMetadata

    nodes = SavedMetadata.FromString((path / "keras_metadata.pb").read_bytes()).nodes
    roots = [node.metadata for node in nodes if node.node_path == "root"]
    if len(roots) != 1:
        raise ModelError(f"keras_metadata.pb describes {len(roots)} models instead of one; hand in the .keras file.")
    return SavedModel("SavedModel", "2", _as_config(roots[0]), (path / "variables" / "variables").absolute())


def _as_config(text: str | bytes) -> Config:
    config = json.loads(text)
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise ModelError("its config names no model class; save the model again with model.save().")
    return config


def _generation(version: str | None) -> Generation:
    """The generation that saved a file; one that is newer than ours is read where its Keras is among those that were tried."""
    text, ours = str(version), str(keras_library.__version__)
    if text.startswith("2."):
        return "2"
    if not re.match(r"\d+\.\d+", text) or text.startswith(("0.", "1.")):
        raise ModelError(f"it was saved by Keras '{text}'; Keras 2 and Keras 3 can be read.")
    if _release(text) > max(_release(ours), _release(VERSIONS[-1])):
        raise ModelError(
            f"it was saved by Keras {text}, which is newer than Keras {ours} here; install that one, or save the model by an "
            "older one."
        )
    return "3"


def _release(version: str) -> tuple[int, ...]:
    """(3, 12) of "3.12.1": what comes behind changes no file."""
    return tuple(map(int, re.findall(r"\d+", version)[:2]))


def hash_model(path: Path) -> str:
    """SHA-256 of a model file, or of the files of a SavedModel folder in order of their names."""
    digest = hashlib.sha256()
    for item in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if item.is_file():
            digest.update(item.relative_to(path).as_posix().encode() if path.is_dir() else b"")
            digest.update(item.read_bytes())
    return digest.hexdigest()
