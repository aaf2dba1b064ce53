"""Images that are decoded once: what was read stays, in memory or in a file on disk, so that an epoch costs no decoding again."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, replace

import numpy as np

from edgedigits.data.images import ArrayImages, Images, Indices, Labels, Pixels
from edgedigits.data.keeping.room import find_disk_room, find_memory_room
from edgedigits.ground.cache_dir import find_cache_dir


@dataclass(frozen=True, eq=False)
class Store:
    """All images of a source, uint8 [n, height, width, channels], and which of them are there yet, bool [n]."""

    source: Images
    pixels: Pixels
    there: np.ndarray

    def read(self, places: Indices) -> Pixels:
        """Two threads that lack the same image both decode it, to the same."""
        if (lacking := np.unique(places[~self.there[places]])).size:
            self.pixels[lacking] = self.source.read(lacking)
            self.there[lacking] = True
        return np.asarray(self.pixels[places])


@dataclass(frozen=True)
class KeptImages:
    """Some images of a store, by their places in it; parts of a set share what is kept."""

    store: Store
    places: Indices
    labels: Labels

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.store.source.shape

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, indices: Indices) -> Pixels:
        return self.store.read(self.places[indices])

    def subset(self, indices: Indices) -> KeptImages:
        return replace(self, places=self.places[indices], labels=self.labels[indices])


def keep_images(images: Images) -> Images:
    """The same images, kept once they are read: in memory if they fit into a quarter of what is free, else in a quarter of the
    free disk beside the cache, in a file without a name that goes with the process; images that fit in neither stay as they are.

    Nothing is decoded here, and memory is taken as images are read.
    """
    if isinstance(images, (ArrayImages, KeptImages)) or not len(images):
        return images
    pixels = _make_room((len(images), *images.shape))
    if pixels is None:
        return images
    store = Store(images, pixels, np.zeros(len(images), bool))
    return KeptImages(store, np.arange(len(images)), images.labels)


def _make_room(shape: tuple[int, ...]) -> Pixels | None:
    size = int(np.prod(shape, dtype=np.int64))
    if size <= find_memory_room():
        return np.empty(shape, np.uint8)
    try:
        folder = find_cache_dir() / "decoded"
        folder.mkdir(parents=True, exist_ok=True)
        if size > find_disk_room(folder):
            return None
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)  # a file with holes would end the process where the disk is full
            return np.memmap(file, np.uint8, "r+", shape=shape)
    except OSError:
        return None  # a full or closed disk: then every epoch decodes, as it would without
