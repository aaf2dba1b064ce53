"""Nets of the zoo through every recipe: those of the part "residual"."""

import pytest

from tests.zoo_fast.checks import PARTS, check


@pytest.mark.parametrize("name", PARTS["residual"])
def test_every_recipe(name: str) -> None:
    check(name)
