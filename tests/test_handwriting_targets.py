"""What the targets of handwriting and of digits under letters are measured on is made as they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from edgedigits_runner.clean_settings import Clean
from edgedigits_runner.cleaning import cleaned, cleaned_all

from benchmarks.zoo.overlays import lay_letters, lay_on_validation, split_letters
from benchmarks.zoo.photos import make_photos
from edgedigits.data.dataset import Dataset
from edgedigits.data.images import read_all
from edgedigits.data.splits import split
from tests.pages import STROKES, draw


@pytest.fixture
def digits() -> np.ndarray:
    """White on black, uint8 [30, 28, 28]."""
    clean = [cleaned(draw(digit), (28, 28, 1), Clean())[..., 0] for digit in STROKES]
    return np.stack(clean * 10)


def test_photos_are_dark_on_light_and_clean_to_what_they_were(digits: np.ndarray) -> None:
    photos = make_photos(digits, 3)
    assert np.array_equal(photos, make_photos(digits, 3))
    assert not np.array_equal(photos, make_photos(digits, 4))
    assert np.median(photos) > 100
    found, inked = cleaned_all(photos[..., None], (28, 28, 1), Clean())
    assert inked.all()
    nearest = np.abs(found[:, None, ..., 0].astype(int) - digits[:3].astype(int)).mean(axis=(2, 3)).argmin(axis=1)
    assert (nearest == np.arange(30) % 3).mean() > 0.8


def test_no_letter_is_in_both_halves(
    digits: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_cache: Path
) -> None:
    letters = np.random.default_rng(0).integers(0, 255, (21, 28, 28), np.uint8)
    np.savez(tmp_path / "letters.npz", x_clean=letters)
    (tmp_path / "mnist.npz").write_bytes(b"")
    monkeypatch.setenv("EDGEDIGITS_DATA", str(tmp_path))
    parts = [np.load(path)["x"] for path in split_letters()]
    assert [len(part) for part in parts] == [11, 10]
    assert {one.tobytes() for part in parts for one in part} == {one.tobytes() for one in letters}


def test_every_image_gets_a_letter_of_its_half(
    digits: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = []
    for digit in (1, 7):
        files.append(tmp_path / f"{digit}.npz")
        np.savez(files[-1], x=draw(digit)[None, ..., 0])
    labels = np.arange(30) % 3
    black = Dataset.from_arrays(np.zeros_like(digits), labels, np.zeros_like(digits), labels)
    laid = lay_letters(black, files[0], files[1], ("under",))
    shapes = {}
    for part, images in (("train", laid.train), ("test", laid.test)):
        pixels = images.read(np.arange(30))
        assert pixels.any(axis=(1, 2, 3)).all()
        shapes[part] = np.mean([np.ptp(np.flatnonzero(one[..., 0].max(axis=0) > 60)) for one in pixels])
    assert shapes["train"] < shapes["test"], "a one is narrower than a seven"


def test_the_epoch_is_chosen_under_letters_and_nothing_else_is_changed(digits: np.ndarray, tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", x=draw(7)[None, ..., 0])
    labels = np.arange(30) % 3
    black = Dataset.from_arrays(np.zeros_like(digits), labels, np.zeros_like(digits), labels)
    data = split(lay_on_validation(black, tmp_path / "one.npz"), "0..1", 0)
    validation, fit = (read_all(part) for part in (data.validation, data.fit))
    assert validation.any(axis=(1, 2, 3)).all()
    assert not fit.any()
