"""Letters laid over, under and before digits: drawn by seed, from fonts and images, for any size and either side of the light."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from matplotlib import get_data_path

import edgedigits as ed
from edgedigits.data.augmentation.augment import Augment
from edgedigits.data.augmentation.glyphs import BOX, DEFAULT, SIDE, read_glyphs
from edgedigits.data.augmentation.letters import Letters
from edgedigits.data.augmentation.named_sets import check_said, make_augment
from edgedigits.errors import InputError
from edgedigits.pipeline.recipe import parse

SEED = [3, 4]


def bars(height: int = 28, width: int = 28, channels: int = 1, count: int = 40) -> np.ndarray:
    """White bars on black, upright, float32."""
    images = np.zeros((count, height, width, channels), np.float32)
    images[:, height // 4 : -height // 4, width // 2 - 2 : width // 2 + 2] = 255
    return images


def laid(images: np.ndarray, **settings: Any) -> np.ndarray:
    return np.asarray(Augment.only(noise=settings)(images, SEED))


@pytest.mark.parametrize("shape", [(28, 28, 1), (20, 24, 1), (32, 32, 3)])
def test_the_same_seed_lays_the_same_letters_whatever_the_images_are(shape: tuple[int, int, int]) -> None:
    images = bars(*shape)
    found = laid(images, chance=1)
    assert found.shape == images.shape
    assert found.dtype == np.float32
    assert np.array_equal(found, laid(images, chance=1))
    assert not np.array_equal(found, np.asarray(Augment.only(noise={"chance": 1})(images, [3, 5])))
    assert (found.min(), found.max()) >= (0, 100)
    assert found.max() <= 255
    assert np.abs(found - images).reshape(len(images), -1).sum(axis=1).all(), "each has a letter"
    assert np.abs(255 - laid(255 - images, chance=1) - found).max() < 1e-3, "dark on light alike"


def test_so_many_images_have_a_letter() -> None:
    images = bars(count=400)
    touched = (laid(images, chance=0.25) != images).any(axis=(1, 2, 3))
    assert 60 <= touched.sum() <= 140
    assert not (laid(images, chance=0) != images).any()


def test_letters_lie_over_under_and_before_the_digit() -> None:
    images = bars()
    ink = images > 0
    over, under, through = (
        laid(images, chance=1, ways=[way], intensity=[0.4, 0.4]) for way in ("over", "under", "through")
    )
    assert (under[ink] == 255).all()
    assert (under[~ink] > 0).any()
    assert (over[ink] < 150).any()
    assert np.allclose(over[~ink], under[~ink], atol=1e-3)
    assert np.allclose(through[~ink], under[~ink], atol=1e-3)
    assert (through[ink] == 0).any(), "hidden where there is no letter"
    assert (through[ink] > 250).any(), "seen where there is one"


def test_size_place_intensity_and_thickness_are_held_to() -> None:
    empty = np.zeros((60, 40, 40, 1), np.float32)
    small = laid(empty, chance=1, size=[0.3, 0.3], place=0, thickness=0, intensity=[0.5, 0.5])
    assert small.max() == pytest.approx(127.5, abs=0.5)
    rows = np.flatnonzero((small[..., 0] > 20).any(axis=(0, 2)))
    assert (rows[0] >= 12, rows[-1] <= 27) == (True, True)
    thick = laid(empty, chance=1, size=[0.3, 0.3], place=0, thickness=0.1, intensity=[0.5, 0.5])
    assert (thick > 20).sum() > 1.2 * (small > 20).sum()
    moved = laid(empty, chance=1, size=[0.3, 0.3], place=0.4, thickness=0, intensity=[0.5, 0.5])
    rows = np.flatnonzero((moved[..., 0] > 20).any(axis=(0, 2)))
    assert rows[-1] - rows[0] > 30


def test_a_digit_is_moved_before_and_coloured_after() -> None:
    both = Augment.only(noise={"chance": 1}, shift=0.1, brightness=0.2, cutout=0.3)
    assert both.as_json().keys() == {"noise", "shift", "brightness", "cutout"}
    found = np.asarray(both(bars(), SEED))
    assert np.isfinite(found).all()
    assert not np.array_equal(found, np.asarray(Augment.only(noise={"chance": 1})(bars(), SEED)))


def test_letters_come_from_a_font_a_folder_or_an_npz(tmp_path: Path) -> None:
    default = read_glyphs(DEFAULT)
    assert default.shape == (52, SIDE, SIDE)
    assert default.dtype == np.uint8
    sides = [max(np.ptp(np.nonzero(glyph)[axis]) + 1 for axis in (0, 1)) for glyph in default]
    assert max(sides) <= BOX + 1
    assert min(sides) >= BOX - 1
    file = Path(get_data_path(), "fonts", "ttf", "DejaVuSerif.ttf")
    assert np.array_equal(read_glyphs(str(file)), read_glyphs("DejaVuSerif"))
    assert not np.array_equal(default, read_glyphs("DejaVuSerif"))
    images = np.full((3, 30, 30), 220, np.uint8)
    for image, letter in zip(images, "abc", strict=True):
        cv2.putText(image, letter, (6, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 20, 2)
        cv2.imwrite(str(tmp_path / f"{letter}.png"), image)
    np.savez(tmp_path / "letters.npz", x=images, y=np.arange(3))
    assert np.array_equal(read_glyphs(str(tmp_path)), read_glyphs(str(tmp_path / "letters.npz")))
    assert len(read_glyphs(str(tmp_path))) == 3
    told = Augment.only(noise={"letters": str(tmp_path)}).as_json()["noise"]
    assert told["sha256"] != Augment.only(noise={}).as_json()["noise"]["sha256"], "kept work is of these letters"


def test_a_training_with_a_font_that_cant_be_read_leaves_nothing(shapes: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.ttf").write_bytes(b"no font at all")
    augment = {"noise": {"letters": str(tmp_path / "broken.ttf")}}
    with pytest.raises(InputError, match="can't be read as a font"):
        ed.train("mlp", shapes, out=tmp_path / "n.keras", epochs=1, augment=augment, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["broken.ttf"]


def test_letters_that_cant_be_read_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken.ttf").write_bytes(b"no font at all")
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (tmp_path / "bad.npz").write_bytes(b"PK")
    np.savez(tmp_path / "floats.npz", x=np.zeros((2, 3, 3)))
    for name, says in (
        ("NoSuchFont", "no such file or installed font; give a .ttf or .otf file"),
        (str(tmp_path / "broken.ttf"), "can't be read as a font"),
        (str(tmp_path / "empty"), "shows no letter"),
        (str(tmp_path / "bad"), "a.png: can't be read"),
        (str(tmp_path / "bad.npz"), "can't be read as an .npz file"),
        (str(tmp_path / "floats.npz"), "holds no uint8 images"),
    ):
        with pytest.raises(InputError) as refused:
            make_augment(check_said({"noise": {"letters": name}}, "--augment"))
        assert says in str(refused.value)
        assert "\n" not in str(refused.value)


def test_settings_are_checked_where_they_are_written() -> None:
    for said, says in (
        ("{noise: {letter: a}}", "--augment: noise: unknown setting 'letter'; nearest: letters"),
        ("{noise: {chance: 2}}", "--augment: noise: chance: found 2; wanted a number from 0 to 1"),
        ("{noise: {size: [2, 1]}}", "--augment: noise: size: found [2, 1]; wanted [from, to] of up to 2"),
        (
            "{noise: {ways: [beside]}}",
            "--augment: noise: ways: found ['beside']; wanted a list of over, under, through",
        ),
        ("{noise: salt}", "--augment: noise: found 'salt'; wanted letters, or settings"),
    ):
        with pytest.raises(InputError) as refused:
            check_said(said, "--augment")
        assert str(refused.value).startswith(says), str(refused.value)
    augment = make_augment(check_said("{noise: letters, rotation_degrees: 5}", "--augment"))
    assert augment is not None
    assert (augment.noise, augment.rotation_degrees) == (Letters(), 5)


def test_a_recipe_keeps_its_letters() -> None:
    moves = {"noise": {"letters": "DejaVuSans", "ways": ["over"], "size": [0.5, 0.8]}, "shift": 0.1}
    recipe = parse({"augment": moves, "stages": [{"finetune": {"epochs": 1}}], "export": "int8"}, "here", "noisy")
    assert recipe.as_dict()["augment"] == moves
