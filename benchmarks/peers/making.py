"""The files that are compared: each peer's from its own environment, and ours from the recipes."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import finished
from benchmarks.peers.environments import HERE, PeerError, python_of, run
from edgedigits.errors import EdgeDigitsError

PEERS = {
    "plain_tfmot": "plain tfmot",
    "converter": "TFLite converter",
    "ai_edge_quantizer": "ai-edge-quantizer",
    "onnx_runtime": "ONNX Runtime",
}
"""Folder of each peer, and what it is called in the table."""
OURS = "edgedigits"
MODEL = "cnn"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Made:
    """A file to compare; `python` is that of the environment it runs in where that is ONNX Runtime's, else None."""

    tool: str
    version: str
    recipe: str
    path: Path
    seconds: float
    cached: bool = False
    python: Path | None = None

    @property
    def name(self) -> str:
        return f"{self.tool}, {self.recipe}"


def inputs(folder: Path) -> Path:
    """What every peer starts from: the shipped CNN in the forms they read, MNIST, calibration images cut from training."""
    from edgedigits.data.images import read_all
    from edgedigits.data.scale import scale_pixels
    from edgedigits.data.sources.named import find_mnist, load_data
    from edgedigits.data.splits import split
    from edgedigits.models.importer.loading import load
    from edgedigits.models.zoo.shipped import find_shipped_folder
    from edgedigits.pipeline.export.float32 import Float32

    folder.mkdir(parents=True)
    data = split(load_data("mnist"), "0..1", 0)
    picked = np.linspace(0, len(data.calibration) - 1, 300).round().astype(np.int64)
    np.save(folder / "calibration.npy", scale_pixels(read_all(data.calibration.subset(picked)), "0..1"))
    model = load(find_shipped_folder() / f"{MODEL}.keras").model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that HDF5 is an old format; it is the one that all of them read
        model.save(folder / "cnn.h5")
    (folder / "float32.tflite").write_bytes(Float32()(model, data.calibration, "0..1"))
    shutil.copyfile(find_mnist(), folder / "mnist.npz")
    return folder


def by_peer(peer: str, given: Path, out: Path, say: Say) -> list[Made]:
    """What a peer makes. Raises PeerError."""
    python = python_of(peer, say)
    out.mkdir(parents=True)
    say(f"{peer}: making its files")
    run([str(python), str(HERE / peer / "make.py"), str(given), str(out)])
    report: dict[str, Any] = json.loads((out / "made.json").read_text())
    return [
        Made(
            tool=PEERS[peer],
            version=report["version"],
            recipe=one["recipe"],
            path=out / one["file"],
            seconds=round(one["seconds"], 1),
            python=python if one["file"].endswith(".onnx") else None,
        )
        for one in report["made"]
    ]


def by_us(recipe: str, artifacts: Path, say: Say) -> list[Made]:
    """What a recipe of ours makes, or has made. Raises PeerError."""
    try:
        found = finished.have(recipe, MODEL, 0, finished.in_folder(artifacts, say), artifacts, say)
    except EdgeDigitsError as error:
        raise PeerError(str(error)) from error
    assert found is not None
    took = finished.seconds(found)
    own = f"edgedigits {version('edgedigits')}"
    return [Made(OURS, own, recipe, found.path / "model.tflite", took["seconds"], took["cached"])]
