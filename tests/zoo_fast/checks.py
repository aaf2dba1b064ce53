"""One net of the zoo, small, through every recipe: what is held of each."""

from __future__ import annotations

from benchmarks.zoo.every_layer import CASES, try_net
from benchmarks.zoo_nets import RECIPES

LEFT: dict[str, int] = {}
"""Layers that rounding in training leaves to the converter; none where a net has no row."""


def check(name: str) -> None:
    """Bytes from every recipe, integers throughout, and no more left to the converter than is known."""
    came = dict(try_net(name))
    assert list(came) == list(RECIPES)
    for recipe, found in came.items():
        assert found["ok"], f"{name}, {recipe}: {found['why']}"
        assert found["operators"], f"{name}, {recipe}: the bytes hold nothing"
        assert found["float_operators"] == [], f"{name}, {recipe}"
        assert len(found["left_to_converter"]) == LEFT.get(name, 0), f"{name}, {recipe}: {found['left_to_converter']}"
    assert came["shrink50_int8"]["bytes"] < came["ptq_int8"]["bytes"], f"{name}: nothing was removed"


PARTS = [["cnn"], ["vit"], ["resnet18"]]
"""Nets by the file that tries them, so that two processes have about the same to do."""


def test_all() -> None:
    assert sorted(name for part in PARTS for name in part) == sorted(CASES)
