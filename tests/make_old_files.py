"""Files of real old TensorFlows for the tests, each written in an environment that has that one alone.

    python -m tests.make_old_files

Makes an environment for each of VERSIONS, which takes the package index, a Python of that age and a gigabyte each, and
writes golden/keras2/VERSION/: the files, and NAME.npz with images and what that TensorFlow answered.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FOLDER = HERE / "golden" / "keras2"
VERSIONS = {"2.10.1": "python3.10", "2.12.1": "python3.11", "2.13.1": "python3.11", "2.15.1": "python3.11"}
"""TensorFlow, and the Python that it has packages for. The layout of .keras files differs in 2.12, 2.13 and later ones."""
NAMES = ("normalized", "tangled", "nested")
KEPT = ("normalized.h5", "tangled.h5", "normalized.keras", "tangled.keras", "nested")
"""What goes into the repository: of .h5 and SavedModels, whose form stayed, the oldest only."""


class Layers:
    """The layers of an old Keras; what it lacks leaves its input as it is."""

    def __init__(self, layers: Any) -> None:
        self.layers = layers

    def __getattr__(self, name: str) -> Any:
        def make(*args: Any, **settings: Any) -> Any:
            try:
                return getattr(self.layers, name)(*args, **settings)
            except (AttributeError, TypeError, ValueError) as error:
                print(f"without {name}: {error}")
                return self.layers.Activation("linear")

        return make


class Keras:
    """An old Keras with such layers."""

    def __init__(self, keras: Any) -> None:
        self.keras, self.layers = keras, Layers(keras.layers)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.keras, name)


def write(folder: Path) -> None:
    """In the environment of an old TensorFlow: every net in every format, and what it answers."""
    import numpy as np
    import tensorflow as tf

    from tests import keras2_nets

    random = np.random.default_rng(1)
    for name, net in keras2_nets.build(Keras(tf.keras), tf, NAMES).items():
        tints, most = random.normal(0, 1, (6, 1, 1, 3)), 255 if name == "convolutions" else 2
        images = (random.random((6, *net.input_shape[1:])) * tints * most).astype(np.float32)
        np.savez(folder / f"{name}.npz", images=images, answers=np.asarray(net(images, training=False)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            net.save(folder / f"{name}.h5", include_optimizer=False)
            net.save(folder / name, include_optimizer=False)
            if hasattr(tf.keras, "saving"):
                net.save(folder / f"{name}.keras", save_format="keras_v3" if "2.12." in tf.__version__ else "keras")


def main() -> None:
    """All versions."""
    for version, python in VERSIONS.items():
        with tempfile.TemporaryDirectory() as name:
            own, made = Path(name) / "own", Path(name) / "made"
            made.mkdir()
            subprocess.run([python, "-m", "venv", own], check=True)
            its = str(own / "bin" / "python")
            subprocess.run([its, "-m", "pip", "install", "-q", f"tensorflow-cpu=={version}", "numpy<1.27"], check=True)
            subprocess.run([its, "-m", "tests.make_old_files", made], cwd=HERE.parent, check=True)
            keep(made, FOLDER / version)


def keep(made: Path, folder: Path) -> None:
    """What the tests read."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    oldest = folder.name == min(VERSIONS, key=lambda version: int(version.split(".")[1]))
    for name in KEPT:
        if (made / name).exists() and (oldest or name.endswith(".keras")):
            shutil.move(made / name, folder / name)
            shutil.copy(made / f"{name.partition('.')[0]}.npz", folder)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        write(Path(sys.argv[1]))
    else:
        main()
