"""Block-sparse matrices as TFLite stores them: rows dense, blocks of a row compressed (CSR), a block's values dense.

Format: SparsityParameters in tensorflow/compiler/mlir/lite/schema/generated.fbs. Of TFLite's kernels FULLY_CONNECTED reads
such weights itself, in blocks of 1x4 float32 or 1x16 int8; DENSIFY unpacks them for any operator.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from ai_edge_litert import schema_py_generated as generated

from edgedigits.tflite import schema

BLOCKS: Final = {generated.TensorType.FLOAT32: 4, generated.TensorType.INT8: 16}
"""Values in a block of the kernels that there are, by tensor type."""


def encode_matrix(matrix: np.ndarray, block: int) -> tuple[np.ndarray, schema.SparsityTable]:
    """(the values of the blocks that hold any, flat; SparsityParametersT) of a matrix [rows, columns].

    Raises ValueError where the columns are no multiple of `block`.
    """
    rows, columns = matrix.shape
    if columns % block:
        raise ValueError(f"{columns} columns are no multiple of {block}")
    blocks = matrix.reshape(rows, columns // block, block)
    kept = blocks.any(axis=2)
    sparsity: schema.SparsityTable = generated.SparsityParametersT()
    sparsity.traversalOrder = np.array([0, 1, 2], np.int32)
    sparsity.blockMap = np.array([1], np.int32)
    segments = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    sparsity.dimMetadata = [_dense(rows), _compressed(segments, np.nonzero(kept)[1]), _dense(block)]
    return blocks[kept].reshape(-1), sparsity


def decode_matrix(values: np.ndarray, sparsity: schema.SparsityTable, columns: int) -> np.ndarray:
    """The matrix [rows, columns] that was encoded."""
    rows, block = sparsity.dimMetadata[0].denseSize, sparsity.dimMetadata[2].denseSize
    compressed = sparsity.dimMetadata[1]
    counts: np.ndarray = np.diff(np.asarray(compressed.arraySegments.values, np.int64))
    indices = np.asarray(compressed.arrayIndices.values)
    blocks = np.zeros((rows, columns // block, block), values.dtype)
    blocks[np.repeat(np.arange(rows), counts), indices] = values.reshape(-1, block)
    return blocks.reshape(rows, columns)


def _dense(size: int) -> schema.DimensionTable:
    dimension: schema.DimensionTable = generated.DimensionMetadataT()
    dimension.format, dimension.denseSize = generated.DimensionType.DENSE, size
    return dimension


def _compressed(segments: np.ndarray, indices: np.ndarray) -> schema.DimensionTable:
    dimension: schema.DimensionTable = generated.DimensionMetadataT()
    dimension.format = generated.DimensionType.SPARSE_CSR
    dimension.arraySegmentsType, dimension.arraySegments = _vector(segments)
    dimension.arrayIndicesType, dimension.arrayIndices = _vector(indices)
    return dimension


def _vector(numbers: np.ndarray) -> tuple[int, schema.IndexTable]:
    """In the narrowest type that holds them."""
    most = int(numbers.max(initial=0))
    for limit, name, dtype in ((255, "Uint8", np.uint8), (65535, "Uint16", np.uint16), (2**31 - 1, "Int32", np.int32)):
        if most <= limit:
            vector = getattr(generated, f"{name}VectorT")()
            vector.values = numbers.astype(dtype)
            return int(getattr(generated.SparseIndexVector, f"{name}Vector")), vector
    raise ValueError(f"{most} is too large an index")
