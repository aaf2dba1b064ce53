"""The runner's own reader of .npz files against NumPy's."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edgedigits_runner.npz import array

ARRAYS: dict[str, Any] = {
    "images": np.random.default_rng(0).integers(0, 256, (50, 20, 30, 3), np.uint8),
    "labels": np.arange(50, dtype=">i8"),
    "one": np.float32(1.5),
    "none": np.zeros((0, 4), np.int16),
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_what_numpy_reads(tmp_path: Path, save: Callable[..., None]) -> None:
    save(tmp_path / "a.npz", **ARRAYS)
    for name, expected in ARRAYS.items():
        with array(tmp_path / "a.npz", name) as found:
            assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
            flat = found.take(int(np.prod(expected.shape)))
            found.finish()
        np.testing.assert_array_equal(flat.reshape(expected.shape), expected)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_in_parts(tmp_path: Path, save: Callable[..., None]) -> None:
    save(tmp_path / "a.npz", **ARRAYS)
    with array(tmp_path / "a.npz", "images") as images:
        parts = [images.take(count, images.shape[1:]) for count in (7, 1, 42)]
        images.finish()
    np.testing.assert_array_equal(np.concatenate(parts), ARRAYS["images"])
    with array(tmp_path / "a.npz", "images") as images:
        images.take(49, images.shape[1:])
        with pytest.raises(ValueError, match="smaller"):
            images.take(2, images.shape[1:])
    with array(tmp_path / "a.npz", "images") as images, pytest.raises(ValueError, match="wrong checksum"):
        images.finish()


def test_a_zip_file_that_another_program_wrote(tmp_path: Path) -> None:
    flat = io.BytesIO()
    np.save(flat, ARRAYS["labels"])
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = b"PK with a comment"
        archive.writestr("folder/", "")
        archive.writestr("labels.npy", flat.getvalue())
    with array(tmp_path / "a.npz", "labels") as labels:
        np.testing.assert_array_equal(labels.take(50), ARRAYS["labels"])


def test_an_array_that_is_not_there_is_a_key_error(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **ARRAYS)
    with pytest.raises(KeyError, match=r"two\.npy"), array(tmp_path / "a.npz", "two"):
        pass


@pytest.mark.parametrize(
    ("name", "said"),
    [("fortran", "Fortran order; save it with numpy.ascontiguousarray"), ("objects", "array of Python objects")],
)
def test_arrays_that_cannot_be_streamed(tmp_path: Path, name: str, said: str) -> None:
    fortran = np.asfortranarray(ARRAYS["images"])
    np.savez(tmp_path / "a.npz", fortran=fortran, objects=np.array([{}], object))
    with pytest.raises(ValueError, match=said), array(tmp_path / "a.npz", name):
        pass


@pytest.mark.parametrize("keep", [0, 10, 300, -30, -3])
def test_a_file_that_was_cut_short(tmp_path: Path, keep: int) -> None:
    np.savez(tmp_path / "a.npz", **ARRAYS)
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:keep])
    with pytest.raises(ValueError, match="not a whole zip file"), array(tmp_path / "a.npz", "images"):
        pass


def test_another_packing_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("images.npy", b"x" * 1000)
    with pytest.raises(ValueError, match="another way than numpy"), array(tmp_path / "a.npz", "images"):
        pass
