"""How sure answers are, and what is none: fitted, chosen, written into a manifest, and obeyed by the runner."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from edgedigits_runner.clean_settings import Clean
from edgedigits_runner.cleaning import cleaned_all
from edgedigits_runner.confidence import Confidence
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.kept import sealed
from edgedigits_runner.manifest import BINDING, SCHEMA, read_manifest
from edgedigits_runner.release import read_release
from edgedigits_runner.tasks import CLASSIFICATION, Classification, from_json

import edgedigits as ed
from edgedigits.data.sources.named import load_data
from edgedigits.data.sources.outliers import read_outliers
from edgedigits.pipeline.confidence.fitting import (
    choose_threshold,
    fit_temperature,
    measure_auroc,
    measure_ece,
    measure_nll,
    share_refused,
)
from edgedigits.pipeline.confidence.settle import Answering, find_least, settle
from edgedigits.pipeline.confidence.wanted import Outliers, Wanted, make_wanted, parse_refuse
from tests import labelled, tiny_release
from tests.tiny_release import run, write_pgm

RNG = np.random.default_rng(0)
NAMES = ("a", "b", "c")


def too_sure(temperature: float, count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """(logits, labels): labels drawn by the softmax of the logits, which then are made so many times as large."""
    logits = np.random.default_rng(1).normal(0, 2, (count, 3))
    shares = Confidence(logits=True).shares(logits)
    labels = (np.random.default_rng(2).random((count, 1)) > shares.cumsum(axis=1)).sum(axis=1)
    return logits * temperature, labels


def test_the_temperature_of_a_net_that_is_too_sure_is_found() -> None:
    logits, labels = too_sure(3.0)
    found = fit_temperature(logits, labels, logits=True, least=1e-30)
    assert found == pytest.approx(3.0, rel=0.1)
    before, after = (Confidence(one, logits=True).shares(logits) for one in (1.0, found))
    assert measure_nll(after, labels) < measure_nll(before, labels) - 0.2
    assert measure_ece(after, labels) < 0.02 < measure_ece(before, labels)


def test_rounded_probabilities_do_as_well_as_their_steps_allow() -> None:
    logits, labels = too_sure(3.0)
    shares = Confidence(logits=True).shares(logits)
    rounded = np.round(shares * 256) / 256
    assert (rounded == 0).any(axis=1).mean() > 0.3
    found = fit_temperature(rounded, labels, logits=False, least=1 / 512)
    calibrated = Confidence(found, 1 / 512).shares(rounded)
    assert np.isfinite(calibrated).all()
    assert calibrated.sum(axis=1) == pytest.approx(np.ones(len(labels)))
    assert (calibrated.argmax(axis=1) == rounded.argmax(axis=1)).all()
    assert measure_nll(calibrated, labels) < measure_nll(np.maximum(rounded, 1 / 512), labels)


def test_what_was_rounded_to_nothing_counts_as_half_of_the_least_that_was_not() -> None:
    assert find_least(np.array([[0, 1 / 256, 1 - 1 / 256]])) == 1 / 512
    assert find_least(np.array([[0.2, 0.8]])) == 1e-30, "nothing was rounded away"


def test_auroc_and_thresholds_of_scores_that_are_known() -> None:
    apart, mixed = (np.array([0.8, 0.9, 1.0]), np.array([0.1, 0.2])), (np.ones(4), np.ones(5))
    assert measure_auroc(*apart) == 1
    assert measure_auroc(*mixed) == 0.5
    known, unknown = RNG.uniform(0.4, 1, 1000), RNG.uniform(0, 0.6, 1000)
    limit = choose_threshold(known, unknown, 0.05)
    assert 0.045 < share_refused(known, limit) <= 0.05
    balanced = choose_threshold(known, unknown, "balanced")
    assert share_refused(known, balanced) == pytest.approx(1 - share_refused(unknown, balanced), abs=0.01)
    assert choose_threshold(mixed[0], mixed[1], 0.01) == 1, "scores that are all alike refuse nothing"
    assert share_refused(mixed[0], 1.0) == 0


def test_one_half_of_the_outliers_chooses_and_the_other_tells() -> None:
    outputs = RNG.dirichlet((0.2, 0.2, 0.2), 500)
    pixels = RNG.integers(0, 256, (60, 2, 2, 1), np.uint8)
    asked: list[int] = []

    def ask(given: np.ndarray) -> np.ndarray:
        asked.append(len(given))
        return np.full((len(given), 3), 1 / 3)

    wanted = Wanted(outliers=Outliers("noise", pixels, "0" * 64), refuse=0.1)
    found = settle(wanted, Answering(outputs, ask, 0.0), outputs.argmax(axis=1), False)
    assert asked == [30, 30]
    assert found.record["temperature"] == 1
    assert found.record["refused"] <= 0.1
    told = found.tell_test(outputs, outputs.argmax(axis=1))
    assert (told["auroc"], told["outliers_refused"]) == (1.0, 1.0)


def test_an_answer_that_is_not_sure_enough_is_none() -> None:
    task = Classification(confidence=Confidence(threshold=0.6))
    sure, unsure = np.array([0.7, 0.2, 0.1], np.float32), np.array([0.5, 0.3, 0.2], np.float32)
    assert task.answer(sure, NAMES)["top"][0] == {"class": 0, "name": "a", "score": 0.7}
    refused = task.answer(unsure, NAMES)
    assert refused["top"] == [{"class": None, "name": "none", "score": 0.5}]
    assert [one["name"] for one in refused["likeliest"]] == ["a", "b"]
    assert [one["name"] for one in CLASSIFICATION.answer(unsure, NAMES, 3)["top"]] == ["a", "b", "c"]
    assert from_json(json.loads(json.dumps(task.as_json()))) == task


@pytest.mark.parametrize(
    ("confidence", "said"),
    [
        ({"temperature": 0, "least": 0.1, "logits": False}, "temperature"),
        ({"temperature": 1, "least": 0.1, "logits": 1}, "logits"),
        ({"temperature": 1, "least": 0.1, "logits": False, "threshold": 1.5}, "threshold"),
        ({"temperature": 1, "logits": False}, "wanted an object"),
        ({"temperature": 1, "least": 0.1, "logits": False, "treshold": 0.5}, "wanted an object"),
    ],
)
def test_settings_that_cannot_be_are_refused(confidence: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        from_json({"name": "classification", "confidence": confidence})


@pytest.fixture(scope="module")
def refusing(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> ed.Artifact:
    """Of shapes, which refuses what is like noise."""
    folder = tmp_path_factory.mktemp("refusing")
    np.savez(folder / "noise.npz", pixels=np.random.default_rng(3).integers(0, 256, (80, 12, 12), np.uint8))
    return ed.compress(
        tiny_release.made(shapes).parent / "tiny.keras",
        shapes,
        recipe="ptq_int8",
        pixel_range="0..1",
        out=folder,
        confidence="calibrated",
        outliers=folder / "noise.npz",
        refuse="10 %",
        progress=False,
    )


def test_both_forms_have_their_own_in_the_manifest(refusing: ed.Artifact) -> None:
    told = refusing.manifest
    assert told["schema"] == BINDING
    own = [told[place]["confidence"] for place in ("task", "float_task")]
    assert [one["temperature"] for one in own] == [
        told["confidence"][form]["temperature"] for form in ("compressed", "float")
    ]
    assert own[0]["least"] == 1 / 512
    for form in ("float", "compressed"):
        chosen, last = told["confidence"][form], told["test"]["confidence"][form]
        assert chosen["nll"] <= chosen["nll_before"]
        assert chosen["refused"] <= 0.1
        assert 0 <= last["auroc"] <= 1
        assert last["ece"] >= 0
    assert "An answer whose score is below" in (refusing.path / "README.md").read_text()


def test_the_runner_obeys_the_threshold(refusing: ed.Artifact, shapes: Path, tmp_path: Path) -> None:
    release = tmp_path / "release"
    release.mkdir()
    for file in refusing.path.iterdir():
        (release / file.name).write_bytes(file.read_bytes())
    from edgedigits.devices.runner_archive import NAME, write_runner

    write_runner(release / NAME)
    manifest = json.loads((release / "manifest.json").read_text())
    noise = write_pgm(tmp_path / "noise.pgm", RNG.integers(0, 256, (12, 12, 1), np.uint8))
    (free,) = [json.loads(line) for line in run(release, "predict", "--top", 3, noise).stdout.splitlines()]
    shown = free.get("likeliest", free["top"])
    assert len(shown) == 3
    assert sum(one["score"] for one in shown) == pytest.approx(1, abs=1e-5), "calibrated probabilities"
    manifest["task"]["confidence"]["threshold"] = 1.0
    (release / "manifest.json").write_text(json.dumps(sealed(manifest)))
    (found,) = [json.loads(line) for line in run(release, "predict", noise).stdout.splitlines()]
    assert found["top"] == [{"class": None, "name": "none", "score": shown[0]["score"]}]
    del manifest["task"]["confidence"]
    del manifest["float_task"]["confidence"]
    manifest["schema"] = SCHEMA
    (release / "manifest.json").write_text(json.dumps(sealed(manifest)))
    assert read_release(str(release)).task == CLASSIFICATION, "as older versions wrote it"


def test_a_report_tells_what_is_refused(refusing: ed.Artifact, shapes: Path) -> None:
    html = ed.report(refusing, str(shapes), windows=1, window=0.05, images=9, progress=False).html
    assert "The runner divides by a temperature, " in html
    assert "is no answer: that refuses " in html


def test_who_knows_no_thresholds_refuses_the_manifest(refusing: ed.Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgedigits_runner.manifest.SCHEMAS", (1, SCHEMA))
    with pytest.raises(RunnerError, match="not of schema 1 or 2"):
        read_manifest(str(refusing.path / "manifest.json"))


def test_labels_are_answered_each_for_itself(tmp_path: Path) -> None:
    pixels, labels = labelled.pairs(40)
    dataset = load_data(str(labelled.folder(tmp_path / "labels", pixels, labels, ("a", "b", "c", "d"))))
    with pytest.raises(ed.InputError, match=r"^--confidence calibrated: data labels has labels"):
        make_wanted("calibrated", None, 0.01, dataset)


@pytest.mark.parametrize(("said", "share"), [("1 %", 0.01), (0.05, 0.05), ("balanced", "balanced"), ("0", 0)])
def test_how_much_may_be_refused(said: object, share: object) -> None:
    assert parse_refuse(said) == share


@pytest.mark.parametrize("said", ["60 %", "-1", "some", None])
def test_what_is_no_share_is_refused(said: object) -> None:
    with pytest.raises(ed.InputError, match="--refuse: found"):
        parse_refuse(said)


def test_outliers_come_from_folders_and_arrays(shapes: Path, tmp_path: Path) -> None:
    dataset = load_data(str(shapes))
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for number in range(21):
        write_pgm(tmp_path / "deep" / "er" / f"{number}.pgm", np.full((5, 7, 3), 9 * number, np.uint8))
    found, _ = read_outliers(str(tmp_path / "deep"), dataset)
    assert found.shape == (21, 12, 12, 1)
    several = tmp_path / "several.npz"
    np.savez(several, x_raw=np.zeros((30, 28, 28), np.uint8), x_clean=np.full((30, 28, 28), 7, np.uint8))
    assert read_outliers(f"{several}:x_clean", dataset)[0].max() == 7
    for spec, said in (
        (str(several), "holds x_raw, x_clean; name one, as several.npz:x_raw"),
        (f"{several}:x", "holds no x"),
        (str(tmp_path / "no.npz"), "no folder and no .npz file"),
        (str(tmp_path / "deep" / "er" / "3.pgm"), "no folder and no .npz file"),
    ):
        with pytest.raises(ed.DataError, match=said):
            read_outliers(spec, dataset)


def test_outliers_are_cleaned_where_the_data_is(shapes: Path, tmp_path: Path) -> None:
    """As the runner cleans what it is asked; a page without ink it does not answer."""
    plain = load_data(str(shapes))
    dataset = replace(plain, reading=replace(plain.reading, clean=Clean()))
    pages = np.full((25, 28, 28), 200, np.uint8)
    pages[:24, 6:22, 12:16] = 30
    np.savez(tmp_path / "pages.npz", x=pages)
    (tmp_path / "pages").mkdir()
    for number, page in enumerate(pages):
        write_pgm(tmp_path / "pages" / f"{number:02}.pgm", page[..., None])
    wanted, _ = cleaned_all(pages[:24, ..., None], dataset.shape, Clean())
    for spec in ("pages.npz", "pages"):
        found, _ = read_outliers(str(tmp_path / spec), dataset)
        np.testing.assert_array_equal(found, wanted)
    assert wanted.max() > 200
