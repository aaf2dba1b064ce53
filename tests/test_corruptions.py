"""Corrupted images: what every corruption promises, what single ones are known for, and how answers under them count."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgedigits as ed
from edgedigits.data.augmentation.augment import Augment
from edgedigits.data.augmentation.spoiling import spoil_arrays
from edgedigits.data.corruptions.corrupt import check_corruptions, corrupt
from edgedigits.data.corruptions.field import Draws
from edgedigits.data.corruptions.light import make_plasma
from edgedigits.data.corruptions.table import CORRUPTIONS
from edgedigits.data.images import ArrayImages
from edgedigits.measure.findings.corrupted import CorruptedImages, bound_mean_drop
from edgedigits.pipeline.gates.evidence import Answers, Evidence
from edgedigits.pipeline.gates.gate import overlay
from edgedigits.pipeline.gates.judge import judge
from tests import tiny_release
from tests.warm import edgedigits

NAMES = sorted(CORRUPTIONS)


def strokes(shape: tuple[int, ...] = (28, 28, 1), count: int = 3) -> np.ndarray:
    """A bright bar on black, at another place in each image."""
    found = np.zeros((count, *shape), np.uint8)
    for number in range(count):
        left = shape[1] // 2 - number % 3
        found[number, shape[0] // 5 : -shape[0] // 5, left : left + 4] = 230
    return found


def test_there_are_fifteen() -> None:
    assert len(NAMES) == 15
    assert {len(one.amounts) for one in CORRUPTIONS.values()} == {1, 5}


@pytest.mark.parametrize("shape", [(28, 28, 1), (20, 24, 3), (64, 40, 3)])
@pytest.mark.parametrize("name", NAMES)
def test_any_image_is_spoilt_alike_by_the_same_seed(name: str, shape: tuple[int, ...]) -> None:
    images = strokes(shape)
    kept = images.copy()
    found = corrupt(images, name, seed=3)
    assert found.shape == images.shape
    assert found.dtype == np.uint8
    assert (images == kept).all()
    assert all((one != other).any() for one, other in zip(found, images, strict=True))
    assert (corrupt(images, name, seed=3) == found).all()
    assert (corrupt(images[1:2], name, seed=3, rows=np.array([1])) == found[1:2]).all(), "whatever is beside it"


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"stripe", "brightness", "scale", "canny_edges"}))
def test_another_seed_spoils_otherwise(name: str) -> None:
    images = strokes(count=12)
    assert (corrupt(images, name, seed=1) != corrupt(images, name, seed=2)).any()


@pytest.mark.parametrize("name", [name for name in NAMES if len(CORRUPTIONS[name].amounts) == 5])
def test_a_higher_severity_changes_more(name: str) -> None:
    images = strokes(count=40).astype(np.float64)
    changes = [np.abs(corrupt(images.astype(np.uint8), name, one) - images).mean() for one in (1, 5)]
    assert changes[1] > changes[0]
    usual = corrupt(images.astype(np.uint8), name)
    assert (usual == corrupt(images.astype(np.uint8), name, CORRUPTIONS[name].usual)).all()


def test_single_ones_do_what_they_are_called_for() -> None:
    images = strokes(count=200)
    noisy = corrupt(images, "impulse_noise")
    assert np.mean((noisy == 255) | (noisy == 0) & (images > 0)) == pytest.approx(
        0.17 / 2 * (1 + np.mean(images > 0)), abs=0.01
    )
    assert corrupt(images, "shot_noise").mean() == pytest.approx(0.8 * images.mean(), rel=0.1), (
        "white ends at three photons"
    )
    assert set(np.unique(corrupt(images, "shot_noise"))) == {0, 85, 170, 255}, "of three photons"
    striped = corrupt(images, "stripe")
    assert (striped[:, :, 7:21] == images[:, :, 7:21]).all()
    assert (striped[:, :, :7] == 255 - images[:, :, :7]).all()
    assert (corrupt(images, "brightness", 1) == np.minimum(255, images + 25.5).round()).mean() > 0.8
    moved = corrupt(images, "translate")
    assert (moved.sum(axis=(1, 2, 3)) == images.sum(axis=(1, 2, 3))).all()
    small = corrupt(images, "scale").astype(float)
    assert small.sum() == pytest.approx(0.49 * images.sum(), rel=0.1)
    assert set(np.unique(corrupt(images, "canny_edges"))) == {0, 255}


def test_moves_bring_the_colour_of_the_edge_and_marks_that_of_ink() -> None:
    paper = 255 - strokes(count=20)
    assert corrupt(paper, "rotate")[:, 0].min() > 200
    assert (corrupt(paper, "dotted_line") <= paper).all(), "dark ink on paper"
    dark = strokes(count=20)
    assert (corrupt(dark, "dotted_line") >= dark).all(), "light ink on black"


def test_fog_is_a_map_of_0_to_1_that_differs_by_image() -> None:
    fog = make_plasma(Draws([(1, 1), (1, 2)]), 2.0)
    assert (fog.min(axis=(1, 2)) == 0).all()
    assert (fog.max(axis=(1, 2)) == 1).all()
    assert np.abs(np.diff(fog, axis=2)).mean() < 0.1 < np.abs(fog[0] - fog[1]).mean()


def test_images_are_spoilt_by_their_number_while_they_are_read() -> None:
    images = ArrayImages(strokes(count=6), np.arange(6, dtype=np.int32))
    spoilt = CorruptedImages(images, "fog", seed=5)
    whole = spoilt.read(np.arange(6))
    assert (spoilt.subset(np.array([4, 1])).subset(np.array([1])).read(np.array([0])) == whole[1:2]).all()
    assert (spoilt.subset(np.array([4, 1])).labels == [4, 1]).all()


@pytest.mark.parametrize(
    ("names", "severity", "said"),
    [
        (["fogg"], None, "unknown corruption 'fogg'"),
        (["fog", "fog"], None, "names fog twice"),
        ([], 6, "--severity 6: wanted a whole number from 1 to 5"),
    ],
)
def test_what_is_no_corruption_is_refused(names: list[str], severity: int | None, said: str) -> None:
    with pytest.raises(ed.InputError, match=said):
        check_corruptions(names, severity)


def test_training_images_are_spoilt_by_their_draw_alone() -> None:
    images = np.repeat(strokes().astype(np.float32), 20, axis=0)
    draws = np.linspace(-0.9, 0.9, len(images)).astype(np.float32)
    found = spoil_arrays(images, 0.5, draws)
    changed = (found != images).any(axis=(1, 2, 3))
    assert 0.3 < changed.mean() < 0.7
    at = int(np.flatnonzero(changed)[0])
    assert (spoil_arrays(images[at : at + 1], 0.5, draws[at : at + 1]) == found[at]).all()
    moved = Augment.only(corrupted=1.0)(images, [1, 2]).numpy()
    assert (moved == Augment.only(corrupted=1.0)(images, [1, 2]).numpy()).all()
    assert (moved != images).any(axis=(1, 2, 3)).mean() > 0.9


def test_an_image_is_one_case_however_many_corruptions_it_bears() -> None:
    drops = np.zeros(1000)
    sure = bound_mean_drop(drops, 15)
    assert sure.value == 0 < sure.high < 0.001
    drops[:100] = 1
    some = bound_mean_drop(drops, 15)
    assert some.value == pytest.approx(0.1)
    assert some.high - some.low == pytest.approx(2 * 1.96 * 0.3 / np.sqrt(1000), rel=0.02)


def seen(lost: int) -> Evidence:
    """The float form is right under all corruptions, the other not on `lost` of 1,000 images."""
    from edgedigits.measure.findings.corrupted import Borne, Robustness
    from edgedigits.tasks.class_recalls import ClassChanges
    from edgedigits.tasks.statistics import Paired

    rows = (Borne("fog", Paired(1000 - lost, lost, 0, 0)),)
    drops = np.where(np.arange(1000) < lost, 1.0, 0.0)
    corrupted = Robustness(1000, None, 0, rows[0], rows, drops)
    answers = Answers(1000, ClassChanges(()), (), None, None)
    return Evidence(answers, (1, 1), {}, None, corrupted=corrupted)


@pytest.mark.parametrize(("lost", "verdict"), [(0, "held"), (10, "not sure"), (60, "missed")])
def test_the_gate_is_judged_on_the_interval_of_the_mean(lost: int, verdict: str) -> None:
    (found,) = judge(overlay((), ["max_corruption_drop_points=1"]), seen(lost))
    assert found.verdict == verdict
    with pytest.raises(ed.InputError, match="max_corruption_drop_points: found '1x'"):
        overlay((), ["max_corruption_drop_points=1x"])


def test_the_command_counts_both_forms_side_by_side(shapes: Path, tmp_path: Path) -> None:
    made = tiny_release.made(shapes)
    words = ["robustness", made, "--data", shapes, "--only", "stripe,shear", "--severity", 2, "--validation"]
    done = edgedigits(*words, "--csv", tmp_path / "r.csv")
    assert done.returncode == 0, done.stderr
    assert "On average over 2: " in done.stdout
    assert [line.partition(",")[0] for line in (tmp_path / "r.csv").read_text().splitlines()] == [
        "corruption",
        "stripe",
        "shear",
    ]
    told = json.loads(edgedigits(*words, "--json").stdout)
    assert (told["part"], told["severity"], told["images"]) == ("validation", 2, 18)
    row: dict[str, Any] = told["corruptions"][0]
    assert row["low"] <= row["accuracy"] <= row["high"]
    both = [sum(one[key] for one in told["corruptions"]) / 2 for key in ("float_accuracy", "accuracy")]
    assert [told["mean"]["float_accuracy"], told["mean"]["accuracy"]] == pytest.approx(both)
    assert told["mean"]["drop_points"] == pytest.approx(100 * (both[0] - both[1]))


def test_bench_holds_an_artifact_to_the_gate(shapes: Path) -> None:
    said = ["max_corruption_drop_points=100"]
    found = ed.bench(tiny_release.made(shapes), windows=1, window=0.05, gates=said, progress=False)
    (gate,) = found.gates
    assert (gate["verdict"], gate["unit"]) == ("held", "points")
    assert gate["low"] <= gate["measured"] <= gate["high"]
