"""What sorts of files there are, by the reader's view of them, and how a spoiled one is made from right ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import NamedTuple

from benchmarks.attack.mutations import blind, configs, hdf5, jsons, npy, packed, pictures, tflites, yamls, zips
from benchmarks.attack.mutations.zips import Spoil

Seeds = Mapping[str, tuple[Path, ...]]


def _member(name: str) -> Spoil:
    """How what lies in an archive under that name is spoiled."""
    if name.endswith(".npy"):
        return npy.spoil
    return configs.spoil if name.endswith(".json") else hdf5.spoil


def _archive(rng: Random, data: bytes) -> bytes:
    return zips.spoil(rng, data, _member)


class Kind(NamedTuple):
    """How such a file is spoiled, and how many of a hundred or so files are of this kind."""

    spoil: Spoil
    weight: int


KINDS: dict[str, Kind] = {
    "model": Kind(tflites.spoil, 20),
    "packed": Kind(packed.spoil, 4),
    "data": Kind(_archive, 12),
    "eval": Kind(_archive, 6),
    "golden": Kind(_archive, 5),
    "weights": Kind(_archive, 2),
    "masks": Kind(_archive, 1),
    "checkpoint": Kind(_archive, 1),
    "keras": Kind(_archive, 6),
    "h5": Kind(configs.spoil_h5, 6),
    "recipe": Kind(yamls.spoil, 12),
    "hosts": Kind(yamls.spoil, 5),
    "manifest": Kind(jsons.spoil, 10),
    "result": Kind(jsons.spoil, 5),
    "job": Kind(jsons.spoil, 4),
    "record": Kind(jsons.spoil, 2),
    "state": Kind(jsons.spoil, 1),
    "facts": Kind(jsons.spoil, 1),
    "layers": Kind(configs.spoil, 2),
    "timings": Kind(jsons.spoil, 1),
    "picture": Kind(pictures.spoil, 16),
}
"""A kind is a folder of the seeds."""


def mutant(seeds: Seeds, kind: str, rng: Random) -> tuple[str, bytes]:
    """(file name, content) of a spoiled file; the name keeps the ending of the right one it comes from."""
    seed = rng.choice(seeds[kind])
    data = KINDS[kind].spoil(rng, seed.read_bytes())
    if rng.random() < 0.01:
        data = blind.spoil(rng, rng.choice(seeds[rng.choice(list(seeds))]).read_bytes())  # of quite another kind
    return seed.name, data
