"""The nets of the zoo have the sizes their docstrings promise, and refuse what can't be built."""

import numpy as np
import pytest

from edgedigits.errors import InputError
from edgedigits.models.zoo import ZOO

SIZES = {"cnn": 330_346, "deep": 291_738, "lenet5": 61_706, "mlp": 235_146, "nano": 16_986, "pico": 6_646}


@pytest.mark.parametrize("name", SIZES)
def test_parameters(name: str) -> None:
    net = ZOO[name]((28, 28, 1), 10)
    assert net.count_params() == SIZES[name]
    assert f"{SIZES[name]:,} parameters" in (ZOO[name].__doc__ or "")
    assert np.allclose(net(np.zeros((1, 28, 28, 1), np.float32)).numpy().sum(), 1, atol=1e-5)


def test_unpadded_convolutions_shrink_what_they_see() -> None:
    net = ZOO["nano"]((28, 28, 1), 10, filters=(8, 24, 32, 32), strides=(2, 2, 1, 1), unpadded=2)
    sides = [layer.output.shape[1] for layer in net.layers if "conv2d" in layer.name]
    assert sides == [14, 7, 5, 3]


def test_the_dense_layer_reads_the_mean_or_every_place() -> None:
    settings = {"filters": (4, 6), "strides": (2, 2), "unpadded": 2}
    pooled = ZOO["nano"]((28, 28, 1), 10, **settings)
    places = ZOO["nano"]((28, 28, 1), 10, pooled=False, dropout=0.25, **settings)
    assert [net.layers[-1].kernel.shape[0] for net in (pooled, places)] == [6, 6 * 6 * 6]
    assert [type(layer).__name__ for layer in places.layers[-3:]] == ["Flatten", "Dropout", "Dense"]
    assert places.layers[-2].rate == 0.25


@pytest.mark.parametrize(
    ("name", "shape", "options", "said"),
    [
        ("nano", (28, 28, 1), {"filters": (8, 8)}, "as many strides as filters"),
        ("nano", (28, 28, 1), {"filters": (), "strides": ()}, "as many strides as filters"),
        ("nano", (28, 28, 1), {"filters": (8, 0), "strides": (1, 1)}, "all 1 or more"),
        ("deep", (8, 8, 1), {}, "nothing is left of 8x8 images at convolution 4"),
        ("pico", (8, 8, 1), {}, "at least 12x12"),
        ("pico", (28, 28, 1), {"filters": (8, 8)}, "wanted six numbers"),
    ],
)
def test_what_cannot_be_built(name: str, shape: tuple[int, int, int], options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        ZOO[name](shape, 10, **options)
