"""One net of the zoo, small, through every recipe: what is held of each. `make zoo-fast` is the files beside this one."""

from __future__ import annotations

from typing import Final

from benchmarks.zoo.every_layer import try_net
from benchmarks.zoo_nets import RECIPES

PARTS: Final = {
    "plain": ["classic_cnn", "cnn", "deep", "leaky_cnn", "lenet5", "mlp", "nano", "pico", "vit"],
    "gated": ["cbam_cnn", "gap_cnn", "se_cnn", "self_attention_cnn"],
    "residual": ["resnet18", "resnet50", "resnet8"],
    "mobile": ["mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small"],
    "efficient": ["efficientnet_b0"],
}
"""Nets by the file that tries them: two processes take a file each, and shall have about the same to do."""


TOO_SMALL: Final = ("lenet5", "pico")
"""Nets so narrow that half of their bytes and cycles can't go; `shrink` says so in a sentence."""


def check(name: str) -> None:
    """Bytes from every recipe, integers throughout, nothing left to the converter, and channels that were removed."""
    came = dict(try_net(name, light=True))
    assert list(came) == list(RECIPES)
    if name in TOO_SMALL:
        assert "shrink.remove: 0.5 can't be reached" in came.pop("shrink50_int8")["why"]
    for recipe, found in came.items():
        assert found["ok"], f"{name}, {recipe}: {found['why']}"
        assert found["operators"], f"{name}, {recipe}: the bytes hold nothing"
        assert found["float_operators"] == [], f"{name}, {recipe}"
        assert found["left_to_converter"] == {}, f"{name}, {recipe}"
        whole = recipe != "shrink50_int8"
        assert whole or found["bytes"] < came["ptq_int8"]["bytes"], f"{name}: nothing was removed"
