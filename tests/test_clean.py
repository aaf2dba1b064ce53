"""Pictures of handwriting in the form of MNIST: paper, light, pens and lines taken off, the same on host and device."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from edgedigits_runner.clean_settings import Clean, clean_of
from edgedigits_runner.cleaning import cleaned, cleaned_all
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.kept import sealed
from edgedigits_runner.picture_errors import PictureError
from edgedigits_runner.release import read_release

import edgedigits as ed
from edgedigits.data.reading import PLAIN, Reading, parse_reading
from edgedigits.data.sources.files.folders import FolderImages
from edgedigits.data.sources.wish import DataWish
from edgedigits.errors import DataError, InputError
from edgedigits.pipeline.prepare import _check_other_models
from edgedigits.pipeline.recipe import parse
from edgedigits.tflite.interpreter import TfliteModel
from tests import tiny_release
from tests.pages import STROKES, draw, rule, shade

SHAPE = (28, 28, 1)
PLAIN_PAGES = {digit: cleaned(draw(digit), SHAPE, Clean()) for digit in STROKES}
SEEN: dict[str, Any] = {
    "uneven light": lambda digit: shade(draw(digit)),
    "blue pen": lambda digit: draw(digit, pen=(60, 80, 200)),
    "red pen": lambda digit: draw(digit, pen=(225, 90, 90)),
    "pencil": lambda digit: draw(digit, pen=(160, 160, 160)),
    "light on dark": lambda digit: 255 - draw(digit),
    "grey": lambda digit: draw(digit)[..., :1],
    "ruled": lambda digit: rule(draw(digit)),
    "all at once": lambda digit: shade(rule(draw(digit, pen=(60, 80, 200))), 0.6),
    "larger": lambda digit: cv2.resize(draw(digit), (960, 1200), interpolation=cv2.INTER_CUBIC),
    "elsewhere": lambda digit: np.pad(draw(digit), ((90, 10), (5, 120), (0, 0)), mode="edge"),
}


@pytest.mark.parametrize("name", SEEN)
@pytest.mark.parametrize("threshold", ["otsu", "sauvola"])
def test_a_digit_is_the_same_however_it_was_written(name: str, threshold: str) -> None:
    for digit, plain in PLAIN_PAGES.items():
        found = cleaned(SEEN[name](digit), SHAPE, Clean(threshold))
        assert np.abs(found.astype(int) - plain).mean() < 14, digit
        others = [np.abs(found.astype(int) - one).mean() for other, one in PLAIN_PAGES.items() if other != digit]
        assert min(others) > 20, digit


@pytest.mark.parametrize("shape", [(28, 28, 1), (56, 56, 1), (20, 24, 1), (32, 32, 3), (96, 64, 3)])
def test_a_clean_digit_fills_its_box_around_its_centre_of_mass(shape: tuple[int, int, int]) -> None:
    for digit in STROKES:
        found = cleaned(shade(draw(digit)), shape, Clean())
        assert found.shape == shape
        assert found.dtype == np.uint8
        assert (found == found[..., :1]).all()
        ink = found[..., 0].astype(float)
        rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
        filled = max((rows[-1] - rows[0] + 1) / shape[0], (columns[-1] - columns[0] + 1) / shape[1])
        assert abs(filled - 20 / 28) <= 1.5 / min(shape[:2])
        for axis in (0, 1):
            middle = (ink.sum(axis=1 - axis) * np.arange(shape[axis])).sum() / ink.sum()
            assert abs(middle - shape[axis] / 2) <= 0.5
        assert ink.max() == 255
        assert np.median(ink) == 0


def test_what_is_clean_stays_as_it_is() -> None:
    for plain in PLAIN_PAGES.values():
        assert np.array_equal(cleaned(plain, SHAPE, Clean()), plain)
        assert np.array_equal(cleaned(255 - plain, SHAPE, Clean()), plain), "dark on light"


def test_many_are_cleaned_as_one_is() -> None:
    pages = np.stack([shade(draw(digit)) for digit in STROKES] + [np.full((120, 96, 3), 200, np.uint8)])
    found, inked = cleaned_all(pages, SHAPE, Clean())
    assert inked.tolist() == [True, True, True, False]
    assert not found[3].any()
    for one, page in zip(found[:3], pages, strict=False):
        assert np.array_equal(one, cleaned(page, SHAPE, Clean()))


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 300), (300, 1), (5, 700), (600, 4)])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_any_size_are_cleaned_or_refused(size: tuple[int, int], channels: int) -> None:
    rng = np.random.default_rng(0)
    for threshold in ("otsu", "sauvola"):
        for noise in (rng.integers(0, 256, (*size, channels)), 255 * (rng.random((*size, channels)) < 0.1)):
            found, inked = cleaned_all(noise[None].astype(np.uint8), (20, 12, 1), Clean(threshold, deskew=True))
            assert found.shape == (1, 20, 12, 1)
            assert bool(found.any()) == bool(inked[0])


def test_ruled_lines_go_and_a_stroke_that_crosses_one_stays_whole() -> None:
    ruled = rule(draw(1), colour=(40, 40, 40))
    kept = cleaned(ruled, SHAPE, Clean(lines=False))
    assert np.abs(kept.astype(int) - PLAIN_PAGES[1]).mean() > 10
    found = cleaned(ruled, SHAPE, Clean())
    assert np.abs(found.astype(int) - PLAIN_PAGES[1]).mean() < 10
    assert ((found[..., 0] > 128).sum(axis=1) > 0).sum() >= 19, "no gap where a line was"


def test_deskew_sets_a_slanted_stroke_upright() -> None:
    page = np.full((100, 100, 1), 230, np.uint8)
    cv2.line(page, (70, 15), (30, 85), 20, 7, cv2.LINE_AA)

    def measure_width(image: np.ndarray) -> int:
        return int(image.any(axis=0).sum())

    assert measure_width(cleaned(page, SHAPE, Clean(deskew=True))) < measure_width(cleaned(page, SHAPE, Clean())) / 2


def test_specks_and_what_is_cut_off_by_the_edge_are_left_out() -> None:
    page = draw(7)
    page[60, 8], page[110, 80] = 30, 30
    page[:9, 60:] = 40
    assert np.abs(cleaned(page, SHAPE, Clean()).astype(int) - PLAIN_PAGES[7]).mean() < 3


@pytest.mark.parametrize("noise", [0, 3, 8])
def test_an_empty_page_is_no_digit(noise: int) -> None:
    page = shade(np.full((80, 80, 1), 210, np.uint8))
    page = np.clip(page + np.random.default_rng(0).normal(0, noise, page.shape), 0, 255).astype(np.uint8)
    with pytest.raises(PictureError, match=r"^shows no ink on its paper"):
        cleaned(page, SHAPE, Clean())


def test_settings_are_read_from_what_people_and_manifests_say() -> None:
    assert (clean_of(None), clean_of(False), clean_of(True)) == (None, None, Clean())
    assert clean_of("sauvola") == Clean("sauvola")
    assert clean_of({"deskew": True}) == Clean(deskew=True)
    assert clean_of(Clean(ink="dark").as_json()) == Clean(ink="dark")
    for wrong, says in (
        (3, "found 3; wanted true, otsu"),
        ("otso", "threshold: found 'otso'; choose from otsu, sauvola"),
        ({"deskew": "yes"}, "deskew: found 'yes'; wanted true or false"),
        ({"ink": "blue"}, "ink: found 'blue'; choose from auto, dark, light"),
        ({"skew": True}, "unknown setting 'skew'; choose from threshold, deskew, ink, lines"),
    ):
        with pytest.raises(ValueError, match=says):
            clean_of(wrong)


def test_a_reading_says_how_it_cleans_only_where_it_does() -> None:
    own = Reading(clean=Clean("sauvola"))
    assert parse_reading(json.loads(json.dumps(own.as_dict()))) == own
    assert "clean" not in PLAIN.as_dict()


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Pages of three digits, 12 of each in training and 6 in test."""
    rng = np.random.default_rng(2)

    def write(count: int) -> tuple[np.ndarray, np.ndarray]:
        pages = [
            np.roll(draw(digit, thick=int(rng.integers(4, 9)))[..., 0], rng.integers(-8, 9, 2), (0, 1))
            for digit in (*STROKES,) * count
        ]
        return np.stack(pages), np.array([0, 1, 2] * count, np.uint8)

    (x_train, y_train), (x_test, y_test) = write(12), write(6)
    np.savez(tmp_path / "pages.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return tmp_path / "pages.npz"


def test_a_data_set_is_cleaned_whole(written: Path) -> None:
    plain, found = (ed.load_data(written, clean=clean, resize=(20, 20)) for clean in (None, True))
    assert (found.shape, found.reading.clean, len(found.train)) == ((20, 20, 1), Clean(), 36)
    assert found.fingerprint != plain.fingerprint
    with np.load(written) as file:
        first = cleaned(file["x_train"][0][..., None], (20, 20, 1), Clean())
    assert np.array_equal(found.train.read(np.array([0]))[0], first)
    again = DataWish(data=found).filled(Reading(clean=Clean())).dataset()
    assert again.fingerprint == found.fingerprint, "cleaned once"
    with pytest.raises(InputError, match=r"^--clean: pages is cleaned already, by \{threshold: otsu"):
        DataWish(data=found, clean=Clean("sauvola")).dataset()
    late = DataWish(data=ed.load_data(written), clean=Clean(), resize=(20, 20)).dataset()
    assert np.array_equal(late.train.read(np.arange(36)), found.train.read(np.arange(36)))


def test_an_empty_page_of_many_is_named_and_with_skip_bad_left_out(written: Path) -> None:
    with np.load(written) as file:
        arrays = dict(file)
    arrays["x_train"][4] = 222
    np.savez(written, **arrays)
    with pytest.raises(DataError, match=r"^data pages: training image 4 without ink .* --skip-bad") as refused:
        DataWish(data=str(written), clean=Clean()).dataset()
    assert "\n" not in str(refused.value)
    found = ed.load_data(written, clean=True, skip_bad=True)
    assert (len(found.train), len(found.test)) == (35, 18)
    assert "data pages: 1 images without ink left out, the first: training image 4" in found.notes


def test_a_folder_is_cleaned_picture_by_picture(tmp_path: Path) -> None:
    for digit in STROKES:
        for number, size in enumerate([(96, 120), (150, 200), (40, 52), (96, 120), (60, 60)]):
            path = tmp_path / "photos" / str(digit) / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), cv2.resize(shade(draw(digit)), size))
    found = ed.load_data(tmp_path / "photos", clean="otsu", resize=(28, 28))
    assert (found.shape, found.reading.clean) == (SHAPE, Clean())
    assert len(found.train) + len(found.test) == 15
    cv2.imwrite(str(tmp_path / "photos" / "7" / "empty.png"), np.full((50, 50), 230, np.uint8))
    with pytest.raises(DataError, match=r"empty\.png: shows no ink on its paper.* --skip-bad|pass skip_bad"):
        ed.load_data(tmp_path / "photos", clean=True, resize=(28, 28))
    left = ed.load_data(tmp_path / "photos", clean=True, resize=(28, 28), skip_bad=True)
    assert len(left.train) + len(left.test) == 15


def test_a_model_that_was_trained_on_cleaned_images_meets_no_others() -> None:
    known = Reading(clean=Clean())
    assert DataWish().filled(known).clean == Clean()
    assert DataWish(clean=Clean()).filled(known).clean == Clean()
    assert DataWish(clean=Clean()).filled(PLAIN).clean == Clean(), "a model may be given a cleaner"
    for wish, reading, made in (
        (DataWish(clean=Clean("sauvola")), known, False),
        (DataWish(clean=Clean()), PLAIN, True),
    ):
        with pytest.raises(InputError, match=r"^--clean: found .* leave --clean out$"):
            wish.filled(reading, made)


def test_what_is_trained_on_cleaned_images_says_so_to_the_end(written: Path, tmp_path: Path) -> None:
    trained = ed.train(
        "mlp",
        written,
        out=tmp_path / "net.keras",
        clean={"deskew": True},
        resize=(12, 12),
        epochs=4,
        batch=12,
        augment=False,
    )
    wanted = Clean(deskew=True).as_json()
    assert trained.record["input"]["clean"] == wanted
    made = ed.compress(trained.path, written, recipe="float32", resize=(12, 12), out=tmp_path)
    assert (made.manifest["schema"], made.manifest["input"]["clean"]) == (3, wanted)
    assert made.manifest["test"]["accuracy"] == trained.record["test_accuracy"]
    assert read_release(str(made.path)).clean == Clean(deskew=True)
    taught = parse({"stages": [{"distil": {"teacher": str(trained.path)}}], "export": "float32"}, "here", "taught")
    with pytest.raises(
        InputError, match=r"net\.keras was trained on cleaned images, these are not .*--clean .*deskew: true"
    ):
        _check_other_models(taught, ed.load_data(written))
    with pytest.raises(InputError, match=r"^clean="):
        ed.compress(trained.path, written, recipe="float32", resize=(12, 12), clean="sauvola", out=tmp_path)
    with pytest.raises(InputError, match=r"^clean="):
        ed.advise(trained.path, written, recipe="float32", clean="sauvola")


def clean_release(shapes: Path, tmp_path: Path, schema: int = 3, **settings: Any) -> Path:
    release = tiny_release.copied(shapes, tmp_path)
    manifest = json.loads((release / "manifest.json").read_text())
    manifest["input"]["clean"] = settings
    (release / "manifest.json").write_text(json.dumps(sealed({**manifest, "schema": schema})))
    return release


def test_the_runner_cleans_by_itself_and_as_the_host_does(shapes: Path, tmp_path: Path) -> None:
    release = clean_release(shapes, tmp_path, threshold="sauvola", deskew=True)
    for digit in STROKES:
        cv2.imwrite(str(tmp_path / f"{digit}.png"), shade(draw(digit, pen=(60, 80, 200)))[..., ::-1])
    cv2.imwrite(str(tmp_path / "empty.png"), np.full((50, 50), 230, np.uint8))
    names = [*(f"{digit}.png" for digit in STROKES), "empty.png"]
    done = tiny_release.run(release, "predict", *names)
    assert done.returncode == 2, done.stderr
    *answers, empty = map(json.loads, done.stdout.splitlines())
    assert empty["error"].startswith("shows no ink on its paper")
    model = TfliteModel((release / "model.tflite").read_bytes())
    reading = replace(PLAIN, size=(12, 12), clean=Clean("sauvola", deskew=True))
    host = FolderImages(tuple(tmp_path / name for name in names[:3]), np.zeros(3, np.int32), (12, 12, 1), reading)
    scores = np.sort(model.outputs(host.read(np.arange(3)), "0..1"), axis=1)[:, :-3:-1]
    found = [[top["score"] for top in answer["top"]] for answer in answers]
    assert found == [pytest.approx(row.tolist(), abs=1e-6) for row in scores]


def test_a_manifest_that_cleans_is_of_a_schema_that_older_runners_refuse(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="schema 2 for what needs 3"):
        read_release(str(clean_release(shapes, tmp_path / "two", schema=2)))
    for wrong in ({"threshold": "best"}, {"skew": True}):
        with pytest.raises(RunnerError, match=r"incomplete or altered \(input\.clean"):
            read_release(str(clean_release(shapes, tmp_path / next(iter(wrong)), **wrong)))
