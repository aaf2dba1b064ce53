"""Ready-made nets of keras.applications: the layers of ConvNeXt, a small transformer; all of them through the recipes on request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras.src.applications import convnext

from benchmarks import zoo_nets
from benchmarks.zoo_nets import NETS, RECIPES, Net, make_images, settle, try_one
from edgedigits.backend import keras
from edgedigits.models.graph.coupling import find_coupling
from edgedigits.models.importer import loading
from tests.shared import once

L = keras.layers
SMALL = Net("MobileNet", "-1..1", size=32, settings=(("alpha", 0.25),))


def prepared(net: Net, folder: Path) -> tuple[Path, Path]:
    """(the net with some training, images): files."""
    images, model = make_images(net.size), net.make()
    np.savez(folder / "bars.npz", **images)  # type: ignore[arg-type]
    settle(model, images["x_train"].astype(np.float32) / 127.5 - 1, images["y_train"])
    model.save(folder / "net.keras")
    return folder / "net.keras", folder / "bars.npz"


@pytest.mark.parametrize("recipe", ["prune80_int8", "shrink50_int8"])
def test_a_small_net_goes_through(recipe: str, shapes: Path, tmp_path: Path) -> None:
    def train(folder: Path) -> None:
        folder.mkdir()
        prepared(SMALL, folder)

    folder = once(shapes.parent / "small-mobilenet", train)
    found = try_one(folder / "net.keras", folder / "bars.npz", SMALL.scale, recipe, tmp_path)
    assert found["ok"], found
    assert found["left_to_converter"] == 0


@pytest.mark.device
@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("name", list(NETS))
def test_every_net_through_every_recipe(name: str, recipe: str) -> None:
    cells: list[dict[str, Any]] = []
    zoo_nets.measure(NETS[name], [recipe], lambda _net, _recipe, found: cells.append(found))
    assert cells[0]["ok"] or cells[0]["why"]


def test_layers_of_convnext_need_no_class_handed_in(tmp_path: Path) -> None:
    image = keras.Input((8, 8, 3))
    x = L.Conv2D(8, 2, strides=2, name="stem")(image)
    y = L.LayerNormalization(epsilon=1e-6)(L.DepthwiseConv2D(3, padding="same")(x))
    y = L.Dense(8, name="back")(L.Activation("gelu")(L.Dense(16, name="wide")(y)))
    y = convnext.StochasticDepth(0.1, name="depth")(convnext.LayerScale(0.5, 8, name="scale")(y))
    net = keras.Model(image, L.Dense(3, name="answer")(L.GlobalAveragePooling2D()(L.Add()([x, y]))))
    random = np.random.default_rng(1)
    net.set_weights([random.normal(0, 0.5, weight.shape) for weight in net.get_weights()])
    net.save(tmp_path / "net.keras")
    loaded = loading.load(tmp_path / "net.keras")
    assert loaded.facts["left_out"] == "depth"
    images = random.random((4, 8, 8, 3), dtype=np.float32)
    np.testing.assert_allclose(np.asarray(loaded.model(images)), np.asarray(net(images)), rtol=1e-5, atol=1e-5)
    groups = {group.layers for group in find_coupling(loaded.model).groups}
    assert ("wide",) in groups, "what only the block reads can be removed"
    assert ("scale",) not in groups
