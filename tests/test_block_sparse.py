"""Block-sparse dense layers: the encoding, what LiteRT makes of it, and every reason to stay dense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st

from edgedigits.backend import keras
from edgedigits.data.images import read_all
from edgedigits.pipeline.export.dynamic import Dynamic
from edgedigits.pipeline.export.export import list_rewrites
from edgedigits.pipeline.export.float32 import Float32
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.rewrite import block_sparse
from edgedigits.tflite.rewrite.apply import rewrite
from edgedigits.tflite.rewrite.block_sparse import encode, make_sparse
from edgedigits.tflite.rewrite.equivalence import Example, check_same, draw_examples
from edgedigits.tflite.rewrite.sparse_format import decode_matrix, encode_matrix
from tests.nets import fit_data


def sparse_net(block: int, zeros: float) -> Any:
    """Two dense layers; so many of the blocks along an output's weights are zero."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    net = keras.Sequential(
        [layers.Input((12, 12, 1)), layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(3)]
    )
    kernel = net.layers[1].kernel.numpy()
    blocks = kernel.T.reshape(64, -1, block)
    blocks[np.random.default_rng(0).random(blocks.shape[:2]) < zeros] = 0
    net.layers[1].kernel.assign(blocks.reshape(64, -1).T)
    return net


@pytest.fixture(scope="module")
def flats(shapes: Path) -> dict[str, bytes]:
    data = fit_data(shapes)
    calibration = data.calibration.subset(np.arange(8))
    made: dict[str, Any] = {"float32": (Float32(), 4, 0.8), "int8": (Int8(), 16, 0.8), "full": (Float32(), 4, 0.0)}
    return {
        name: export(sparse_net(block, zeros), calibration, "0..1") for name, (export, block, zeros) in made.items()
    }


@pytest.fixture(scope="module")
def examples(flats: dict[str, bytes]) -> dict[str, list[Example]]:
    return {name: draw_examples(flat, 40) for name, flat in flats.items()}


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    rows=st.integers(1, 9),
    blocks=st.integers(1, 400),
    block=st.sampled_from([4, 16]),
    share=st.sampled_from([0.0, 0.5, 0.95, 1.0]),
    seed=st.integers(0, 99),
)
def test_what_is_encoded_is_decoded(rows: int, blocks: int, block: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.integers(-127, 128, (rows, blocks, block)).astype(np.int8)
    matrix[rng.random((rows, blocks)) < share] = 0
    matrix = matrix.reshape(rows, -1)
    values, sparsity = encode_matrix(matrix, block)
    np.testing.assert_array_equal(decode_matrix(values, sparsity, matrix.shape[1]), matrix)
    assert values.size == block * np.count_nonzero(matrix.reshape(rows, -1, block).any(axis=2))


def test_columns_that_are_no_multiple_are_refused() -> None:
    with pytest.raises(ValueError, match="10 columns are no multiple of 4"):
        encode_matrix(np.ones((2, 10), np.int8), 4)


def test_float_layers_get_smaller_with_the_same_answers(
    flats: dict[str, bytes], examples: dict[str, list[Example]]
) -> None:
    flat, facts = make_sparse(flats["float32"], examples["float32"], timed=False)
    assert facts["kept"], facts["reason"]
    assert facts["layers"] == 1
    assert len(flat) < 0.4 * len(flats["float32"])
    weights = [tensor for tensor in read(flat, "sparse").tensors if tensor.sparse]
    assert [tensor.shape for tensor in weights] == [(64, 144)]
    check_same(flats["float32"], encode(flats["float32"], "densify"), examples["float32"], "densify")


def test_int8_is_tried_and_the_record_says_what_came_of_it(
    flats: dict[str, bytes], examples: dict[str, list[Example]]
) -> None:
    flat, facts = make_sparse(flats["int8"], examples["int8"], timed=False)
    assert [one["form"] for one in facts["tried"]] == ["densify", "direct"]
    assert all(one["size_bytes"] < len(flats["int8"]) for one in facts["tried"])
    assert (flat == flats["int8"]) != facts["kept"]
    assert facts["kept"] == any(one["refused"] is None for one in facts["tried"])
    direct = schema.ModelT.InitFromObj(schema.Model.GetRootAs(encode(flats["int8"], "direct"), 0))
    assert 8 in {code.version for code in direct.operatorCodes}, "an old runtime must refuse it, not misread it"


def test_without_blocks_of_zeros_nothing_is_tried(flats: dict[str, bytes], examples: dict[str, list[Example]]) -> None:
    flat, facts = make_sparse(flats["full"], examples["full"])
    assert flat == flats["full"]
    assert (facts["kept"], facts["tried"]) == (False, [])
    assert facts["reason"] == "no dense layer has blocks of zeros enough to be smaller"


def test_what_is_slower_or_wrong_stays_dense(
    flats: dict[str, bytes], examples: dict[str, list[Example]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(block_sparse, "_compared", lambda *_: ("", 1.31))
        flat, facts = make_sparse(flats["float32"], examples["float32"])
    assert flat == flats["float32"]
    assert facts["reason"] == (
        "densify: 1.31 times as slow as the dense form; direct: 1.31 times as slow as the dense form"
    )
    assert [one["p50_ratio"] for one in facts["tried"]] == [1.31, 1.31]

    def spoiled(matrix: np.ndarray, block: int) -> tuple[np.ndarray, Any]:
        values, sparsity = encode_matrix(matrix, block)
        return values[::-1].copy(), sparsity

    monkeypatch.setattr(block_sparse, "encode_matrix", spoiled)
    flat, facts = make_sparse(flats["float32"], examples["float32"])
    assert flat == flats["float32"]
    assert "densify: in LiteRT answers are up to" in facts["reason"]


def test_both_options_together_are_timed_and_recorded(flats: dict[str, bytes], shapes: Path) -> None:
    pixels = read_all(fit_data(shapes).validation)
    wished = list_rewrites(Float32(slim=True, block_sparse=True))
    flat, facts = rewrite(wished, flats["float32"], pixels, "0..1")
    tried = facts["block_sparse"]["tried"]
    assert len(tried) == 2
    assert all(one["p50_ratio"] > 0 for one in tried)
    assert len(flat) < facts["size_bytes_before_slim"] <= len(flats["float32"])
    assert "TensorFlow" in facts["slim"]["interpreters"]
    assert rewrite(list_rewrites(Dynamic()), b"as they are", pixels, "0..1") == (b"as they are", {})
