"""Nets of the zoo through every recipe: EfficientNets of `keras.applications`, as deep as they are."""

import pytest

from tests.zoo_fast.checks import PARTS, check

pytestmark = pytest.mark.device  # each takes as long as five others: `make zoo-fast` runs them, `make test` doesn't


@pytest.mark.parametrize("name", PARTS["efficient"])
def test_every_recipe(name: str) -> None:
    check(name)
