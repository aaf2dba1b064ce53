"""The files that Keras writes, read by a child process: what they say is handed on as text, their weights as a clean copy.

HDF5's library can loop for ever on a damaged file, or read past its end. So nothing else opens a file that came from elsewhere:
all that follows reads the copy, which this library wrote itself from the values it could read.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Protocol

import h5py
import numpy as np

from edgedigits.errors import ArtifactError, ModelError
from edgedigits.ground.processes.child import beat

INFLATION: Final = 200
"""A member of an archive may unpack to this many times its packed size; trained weights hardly pack at all."""
MOST_TIMES: Final = 20
LEAST_BYTES: Final = 2**20
"""Arrays may declare so many times the bytes of their file, packed as they may be, or so many bytes where that is more."""
MEMBERS: Final = ("metadata.json", "config.json", "model.weights.h5")
WEIGHTS: Final = "model.weights.h5"

_Text = str | None


def read_archive(path: str, copy: str) -> list[_Text]:
    """[Keras version, config, backend] of a .keras archive, its weights copied; it names no backend.

    Raises ModelError where it is none, or damaged.
    """
    if not zipfile.is_zipfile(
        path
    ):  # asked first: HDF5 may begin at byte 512, 1024, 2048, ..., and so within an archive
        if h5py.is_hdf5(path):
            raise ModelError("this is an HDF5 file, not a .keras archive; rename it to end in .h5.")
        raise ModelError("this is not a .keras archive, or a truncated one; save the model again with model.save().")
    with zipfile.ZipFile(path) as archive:
        _check_members(archive)
        broken = archive.testzip()
        if broken is not None:
            raise ModelError(f"'{broken}' in the archive is damaged (its checksum differs); copy the file again.")
        version = json.loads(archive.read("metadata.json")).get("keras_version")
        config = archive.read("config.json").decode()
        weights = archive.read(WEIGHTS)
    _copy_h5(io.BytesIO(weights), len(weights), copy)
    return [_as_text(version), config, None]


def read_h5(path: str, copy: str) -> list[_Text]:
    """The same of an .h5 file; the config is None in one that holds weights only."""
    if not h5py.is_hdf5(path):
        raise ModelError("this is not an HDF5 file; hand in the file as model.save() wrote it.")
    _copy_h5(path, Path(path).stat().st_size, copy)
    with h5py.File(copy, "r") as file:
        return [_as_text(file.attrs.get(name)) for name in ("keras_version", "model_config", "backend")]


def _as_text(value: object) -> _Text:
    return value.decode() if isinstance(value, bytes) else None if value is None else str(value)


def _check_members(archive: zipfile.ZipFile) -> None:
    names = archive.namelist()
    for needed in MEMBERS:
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


def _copy_h5(file: str | io.BytesIO, size: int, copy: str) -> None:
    """Refuses HDF5 whose contents lie in other files, since reading it would copy those into the weights."""
    made = io.BytesIO()  # the library dies of a disk that is full
    with h5py.File(file, "r") as source, h5py.File(made, "w", libver="latest") as target:
        _Copier(max(LEAST_BYTES, MOST_TIMES * size)).group(source, target)
    try:
        Path(copy).write_bytes(made.getvalue())
    except OSError as error:
        raise ArtifactError(f"{Path(copy).parent}: can't be written ({error.strerror}); make room there") from error


class _Node(Protocol):
    """A group or an array of a file, as h5py has it."""

    name: str
    attrs: Mapping[str, object]
    id: _Stored

    def __iter__(self) -> Iterator[str]: ...
    def get(self, name: str, /, *, getlink: bool) -> object: ...
    def __getitem__(self, name: object, /) -> _Array: ...


class _Array(_Node, Protocol):
    external: object
    is_virtual: bool
    size: int | None
    shape: tuple[int, ...] | None
    chunks: object
    dtype: np.dtype[np.generic]


class _Stored(Protocol):
    def get_storage_size(self) -> int: ...


class _Attributes(Protocol):
    def create(self, name: str, value: object, /, *, dtype: object) -> None: ...


class _Target(Protocol):
    """A group that is written."""

    attrs: _Attributes

    def create_group(self, name: str, /) -> _Target: ...
    def create_dataset(self, name: str, /, *, data: object, **kind: object) -> _Target: ...


class _Copier:
    """One walk through one file; `room` is how many bytes its arrays may still declare."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.met: set[int] = set()

    def group(self, source: _Node, target: _Target) -> None:
        self._once(source)
        self._attributes(source, target)
        for name in source:
            if not isinstance(source.get(name, getlink=True), h5py.HardLink):
                raise _elsewhere(f"{source.name}/{name}")
            item = source[name]
            if isinstance(item, h5py.Group):
                self.group(item, target.create_group(name))
            elif isinstance(item, h5py.Dataset):
                self._dataset(item, name, target)

    def _once(self, item: _Node) -> None:
        """A group within itself would go on for ever."""
        beat()
        address = h5py.h5o.get_info(item.id).addr
        if address in self.met:
            raise _elsewhere(item.name)
        self.met.add(address)

    def _dataset(self, item: _Array, name: str, target: _Target) -> None:
        self._once(item)
        if item.external or item.is_virtual:
            raise _elsewhere(item.name)
        declared, stored = int(item.size or 0) * item.dtype.itemsize, int(item.id.get_storage_size())
        self.room -= declared
        if self.room < 0 or (item.chunks is None and stored < declared):
            raise ModelError(
                f"its weights '{item.name}' are declared as {item.dtype} {list(item.shape or ())}, and the file does not "
                "hold so many; copy it again."
            )
        values = item[()]
        kind = {"dtype": item.dtype} if h5py.check_string_dtype(item.dtype) else {}
        if not isinstance(values, h5py.Empty):
            self._attributes(item, target.create_dataset(name, data=values, **kind))

    def _attributes(self, source: _Node, target: _Target) -> None:
        for name, value in source.attrs.items():
            if isinstance(value, h5py.Empty):
                continue
            texts = isinstance(value, np.ndarray) and value.dtype.kind == "O"
            target.attrs.create(name, value, dtype=h5py.string_dtype() if texts else None)


def _elsewhere(name: str) -> ModelError:
    shown = name.strip("/") or "/"
    return ModelError(f"its weights '{shown}' lie in another place or file; no Keras writes that.")
