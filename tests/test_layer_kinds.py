"""What becomes of each kind of layer in each export: the table `golden/layer_kinds.json`, cell by cell. No cell is a surprise."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edgedigits.models.layers import known_layers
from edgedigits.pipeline.recipe import EXPORTS
from tests.layer_kinds import GOLDEN, OPERATIONS, kinds, outcome, rebuilt

TABLE: dict[str, dict[str, str]] = json.loads(GOLDEN.read_text())
INT8 = "int8"
LOWERED = [
    kind
    for kind in TABLE
    if kind.startswith(
        (
            "ELU",
            "GroupN",
            "LayerN",
            "Maximum",
            "Minimum",
            "MultiH",
            "RMS",
            "ReLU(max_value=0.5, n",
            "ReLU(thr",
            "Unit",
            "Thresh",
            "UpSampling1D",
        )
    )
    or kind in ("mish", "selu", "softplus", "sparse_plus", "gelu, approximate", "minimum with a constant", "sqrt")
]
"""What the loader puts in other operators: the converter alone would refuse it, or answer wrong. The rest takes a minute more."""


def test_the_table_is_complete() -> None:
    """It tells of what the loader takes, and of nothing else; each cell is `ok` or names the layer."""
    assert list(TABLE) == list(kinds())
    named = {kind.split("(", maxsplit=1)[0] for kind in TABLE}
    assert known_layers.LAYERS - known_layers.LEFT_OUT - known_layers.WRAPPERS.keys() - {"InputLayer"} <= named
    assert named >= known_layers.ACTIVATIONS
    for row in TABLE.values():
        assert list(row) == list(EXPORTS)
        assert all(cell == "ok" or cell.startswith("layer '") for cell in row.values())


@pytest.mark.parametrize(
    "kind", [kind for kind in TABLE if kind in OPERATIONS or kind.partition("(")[0] in known_layers.OPENED]
)
def test_what_is_opened_answers_as_before(kind: str) -> None:
    """Operations on tensors, and layers in whose place others stand."""
    model = kinds()[kind]()
    made = rebuilt(kinds()[kind])
    if isinstance(made, str):
        assert set(TABLE[kind].values()) == {made}
        return
    images = np.random.default_rng(0).random((3, *model.input_shape[1:]), dtype=np.float32)
    wanted = np.asarray(model(images))
    np.testing.assert_allclose(np.asarray(made(images)), wanted, rtol=0, atol=2e-6 * np.abs(wanted).max())


@pytest.mark.parametrize("kind", LOWERED)
def test_lowered_kinds_in_int8(kind: str) -> None:
    assert outcome(kinds()[kind], INT8) == TABLE[kind][INT8]


@pytest.mark.device
@pytest.mark.parametrize("export", list(EXPORTS))
@pytest.mark.parametrize("kind", list(TABLE))
def test_every_kind_in_every_export(kind: str, export: str) -> None:
    if (kind in LOWERED, export) != (True, INT8):
        assert outcome(kinds()[kind], export) == TABLE[kind][export]
