"""Nets of the zoo through every recipe: those of the part "efficient", which take long."""

import pytest

from tests.zoo_fast.checks import PARTS, check

pytestmark = (
    pytest.mark.device
)  # EfficientNet alone takes as long as ten others: `make zoo-fast` runs it, `make test` doesn't


@pytest.mark.parametrize("name", PARTS["efficient"])
def test_every_recipe(name: str) -> None:
    check(name)
