"""The nets of the zoo have the sizes their docstrings promise, and refuse what can't be built."""

from typing import Any

import numpy as np
import pytest

from benchmarks.zoo.every_layer import CASES
from edgedigits.cli.options import zoo_options
from edgedigits.errors import InputError
from edgedigits.models.zoo import NETS, ZOO, build, check_net
from edgedigits.models.zoo.nets.resnets import STEMS
from tests.zoo_fast.checks import PARTS

ISSUED = {
    "cbam_cnn": 162_575,
    "classic_cnn": 225_034,
    "cnn": 330_346,
    "deep": 291_738,
    "gap_cnn": 156_650,
    "leaky_cnn": 670_538,
    "lenet5": 61_706,
    "mlp": 235_146,
    "nano": 16_986,
    "pico": 6_646,
    "resnet8": 78_666,
    "se_cnn": 162_278,
    "self_attention_cnn": 131_338,
    "vit": 342_922,
}
"""Parameters that were published or are promised, for the images a net was drawn for and ten classes."""


@pytest.mark.parametrize("name", NETS)
def test_parameters_are_those_of_its_row(name: str) -> None:
    row = NETS[name]
    net = ZOO[name](row.images, 10)
    assert net.count_params() == row.parameters == ISSUED.get(name, row.parameters)
    assert name not in ISSUED or f"{row.parameters:,} parameters" in (ZOO[name].__doc__ or "")
    assert np.allclose(net(np.zeros((1, *row.images), np.float32)).numpy().sum(), 1, atol=1e-5)


def test_published_sizes_of_large_nets() -> None:
    """Of ResNet18 and ResNet50 for ImageNet, of MLPerf Tiny's MobileNet for two classes."""
    for name, trained in (("resnet18", 11_689_512), ("resnet50", 25_557_032)):
        net: Any = ZOO[name]((224, 224, 3), 1000, stem="224")
        assert sum(int(np.prod(weight.shape)) for weight in net.trainable_weights) == trained
    assert ZOO["mobilenet_v1"]((96, 96, 3), 2).count_params() == 221_794


@pytest.mark.parametrize(("shape", "classes"), [((20, 24, 1), 3), ((32, 32, 3), 26), ((8, 8, 1), 2)])
def test_other_images_and_classes_work_or_are_refused_in_a_sentence(shape: tuple[int, int, int], classes: int) -> None:
    refused = {}
    for name in NETS:
        try:
            net = build(name, shape, classes)
        except InputError as error:
            refused[name] = str(error)
        else:
            assert (net.input_shape[1:], net.output_shape[1:]) == (shape, (classes,))
    assert all(said.startswith(f"{name}: ") and "\n" not in said for name, said in refused.items())
    ready = {"efficientnet_b0", "mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small"}
    sets = {32: set(), 24: {"deep", *ready}, 8: {"classic_cnn", "cnn", "deep", "lenet5", "pico", *ready}}
    assert set(refused) == sets[shape[1]]


def test_an_unknown_net_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match="--zoo leaky_cn: no such net; nearest: leaky_cnn; choose from cbam_cnn"):
        check_net("leaky_cn")


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
        ("vit", (30, 28, 1), {}, "patches of 4x4 don't cover them; pass --resize 32x28, or another --patch"),
        ("vit", (28, 28, 1), {"width": 30}, "4 heads don't divide a width of 30"),
        ("vit", (224, 224, 3), {}, "have 3136 patches of 4x4, and attention takes at most 1024"),
        ("resnet18", (28, 28, 1), {"stem": "7x7"}, "choose from small, 224"),
        ("resnet50", (28, 28, 1), {"stem": "224"}, "with the stem 224 it needs at least 32x32"),
        ("se_cnn", (28, 28, 1), {"ratio": 64}, "ratio 64: wanted 1 to 32"),
        ("self_attention_cnn", (160, 160, 1), {}, "6400 places for attention, which takes at most 4096"),
    ],
)
def test_what_cannot_be_built(name: str, shape: tuple[int, int, int], options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        ZOO[name](shape, 10, **options)


def test_every_net_is_tried_with_every_recipe() -> None:
    tried = [name for part in PARTS.values() for name in part]
    assert sorted(tried) == sorted(CASES) == list(NETS)


def test_the_command_line_names_what_there_is() -> None:
    assert list(zoo_options.NAMES) == list(ZOO)
    assert zoo_options.STEMS == STEMS
