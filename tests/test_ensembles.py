"""Ensembles: one graph with one input that answers what its members do, as a model like any other; and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgedigits as ed
from edgedigits.backend import keras
from edgedigits.cli.main import main
from edgedigits.data.images import read_all
from edgedigits.data.scale import parse_scaling, scale_pixels
from edgedigits.data.sources.named import load_data
from edgedigits.data.splits import split
from edgedigits.models.graph import walk
from edgedigits.models.zoo.family_plan import Teacher, count_parameters, plan
from edgedigits.models.zoo.shipped import find_record_beside
from edgedigits.pipeline.baselines import save
from edgedigits.pipeline.ensembles.stacking import fit_stacking
from edgedigits.pipeline.recipe import load_recipe
from edgedigits.tasks.scoring import compute_outputs
from tests.conftest import shapes_npz

L = keras.layers


def net(
    seed: int, shape: tuple[int, ...] = (12, 12, 1), classes: int = 3, logits: bool = False, padded: bool = True
) -> Any:
    keras.utils.set_random_seed(seed)
    image = keras.Input(shape)
    x = L.Conv2D(4, 3, strides=2, padding="same" if padded else "valid", activation="relu")(image)
    x = L.BatchNormalization()(x)
    x = L.Dense(classes, activation=None if logits else "softmax")(L.Flatten()(x))
    return keras.Model(image, x, name="same_name")


def member(
    path: Path, model: Any, data: ed.Dataset, scale: Any = "0..1", train: bool = True, record: Any = None
) -> Path:
    """A model trained for a moment, with the record that `edgedigits train` would leave beside it."""
    if train:
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=walk.find_closing(model) is None))
        pixels = np.asarray(scale_pixels(read_all(data.train), scale))
        model.fit(pixels, data.train.labels, epochs=12, batch_size=32, verbose=0)
    written = {
        "data": {"name": data.name, "fingerprint": data.fingerprint, "classes": list(data.classes)},
        "input": {"shape": list(data.shape), "scale": scale, **data.reading.as_dict()},
        "settings": {"name": "mine", "seed": 0},
        **(record or {}),
    }
    save(model, written, path, lambda _: "")
    return path


@pytest.fixture(scope="module")
def data(shapes: Path) -> ed.Dataset:
    return load_data(str(shapes))


@pytest.fixture(scope="module")
def members(data: ed.Dataset, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Of three scalings, one with logits; all trained, and on the same data."""
    folder = tmp_path_factory.mktemp("members")
    mean = {"range": "0..255", "mean": [100.0], "std": [50.0], "bgr": False}
    return [
        member(folder / "a.keras", net(1), data),
        member(folder / "b.keras", net(2, logits=True), data, "-1..1"),
        member(folder / "c.keras", net(3), data, mean),
    ]


def ask(path: Path, data: ed.Dataset, scale: Any) -> np.ndarray:
    model = keras.saving.load_model(path)
    answers = np.asarray(compute_outputs(model, data.test, scale))
    return np.asarray(keras.ops.softmax(answers)) if walk.find_closing(model) is None else answers


@pytest.fixture(scope="module")
def voted(members: list[Path], data: ed.Dataset, tmp_path_factory: pytest.TempPathFactory) -> ed.Training:
    out = tmp_path_factory.mktemp("voted") / "vote.keras"
    return ed.train("soft_voting", data, out=out, members=members, progress=False)


def test_soft_voting_is_one_model_that_answers_the_mean(
    voted: ed.Training, members: list[Path], data: ed.Dataset
) -> None:
    scales = [json.loads(path.with_suffix(".json").read_text())["input"]["scale"] for path in members]
    wanted = np.mean([ask(path, data, scale) for path, scale in zip(members, scales, strict=True)], axis=0)
    model = keras.saving.load_model(voted.path)  # no custom code is at hand here
    assert len(model.inputs) == 1
    assert not any(type(layer).__module__.startswith("edgedigits") for layer in model.layers)
    found = compute_outputs(model, data.test, "0..1")
    assert found == pytest.approx(wanted, abs=1e-5)
    record = voted.record
    assert record["input"]["scale"] == "0..1"
    assert record["test_accuracy"] == pytest.approx((wanted.argmax(axis=1) == data.test.labels).mean())
    low, high = record["test_accuracy_interval"]
    assert low < record["test_accuracy"] <= high
    assert [one["file"] for one in record["members"]] == ["a.keras", "b.keras", "c.keras"]
    assert record["parameters"] == model.count_params()
    assert find_record_beside(voted.path) is not None
    assert "soft_voting" in voted.path.with_suffix(".md").read_text()
    assert not voted.to_frame().size


def test_an_ensemble_is_compressed_like_any_model(voted: ed.Training, data: ed.Dataset, tmp_path: Path) -> None:
    made = ed.compress(voted.path, data, recipe="ptq_int8", out=tmp_path, progress=False)
    assert made.float_accuracy == pytest.approx(voted.accuracy)
    assert made.accuracy >= voted.accuracy - 0.02
    with pytest.raises(ed.ModelError, match=r"stages can't train it; .* as distil_ensemble_int8"):
        ed.compress(voted.path, data, recipe="qat_int8", out=tmp_path, progress=False)


def test_an_ensemble_teaches_one_small_net(voted: ed.Training, data: ed.Dataset, tmp_path: Path) -> None:
    whole = load_recipe("distil_ensemble_int8")
    assert whole.stages[0][1].makes_another_net  # type: ignore[attr-defined]
    quick = {"epochs": 0.1, "min_steps": 250, "pool": 1, "average": 0.0, "batch": 16}
    stages = [(name, one.__class__(**{**vars(one), **quick})) for name, one in whole.stages]
    short = ed.Recipe("short", "a trial", stages, "int8", whole.export, augment="none")
    made = ed.compress(voted.path, data, recipe=short, out=tmp_path, progress=False)
    assert made.manifest["stages"][1]["student_parameters"] < 60_000
    assert made.manifest["stages"][1]["teachers"][0]["parameters"] == voted.record["parameters"]
    assert made.accuracy > 0.8


def test_stacking_learns_from_held_back_images_alone(members: list[Path], data: ed.Dataset, tmp_path: Path) -> None:
    made = ed.train("stacking", data, out=tmp_path / "s.keras", members=members, progress=False)
    held = split(data, "0..1", 0).validation
    assert made.record["stacking"]["held_back_images"] == len(held)
    model = keras.saving.load_model(made.path)
    weighing = [model.get_layer(f"weigh{number}").get_weights() for number in (1, 2, 3)]
    assert [[array.shape for array in one] for one in weighing] == [[(3, 3), (3,)], [(3, 3)], [(3, 3)]]
    answers = compute_outputs(model, data.test, made.record["input"]["scale"])
    assert (answers.argmax(axis=1) == data.test.labels).mean() == pytest.approx(made.accuracy)
    assert made.accuracy > 0.9
    assert walk.find_closing(model) == "softmax"
    again = ed.train("stacking", data, out=tmp_path / "t.keras", members=members, seed=9, progress=False)
    for one, other in zip(model.get_weights(), keras.saving.load_model(again.path).get_weights(), strict=True):
        assert (one == other).all()


def test_int8_rounds_the_outputs_of_each_member_by_their_own_range(data: ed.Dataset, tmp_path: Path) -> None:
    loud, quiet = net(1, logits=True), net(2, logits=True)
    paths = [member(tmp_path / f"{at}.keras", one, data) for at, one in enumerate((loud, quiet))]
    for model, path, times in ((loud, paths[0], 300), (quiet, paths[1], 0.003)):
        last = model.layers[-1]
        last.set_weights([times * array for array in last.get_weights()])
        member(path, model, data, train=False)
    made = ed.train("stacking", data, out=tmp_path / "s.keras", members=paths, progress=False)
    packed = ed.compress(made.path, data, recipe="ptq_int8", out=tmp_path, progress=False)
    assert packed.accuracy > made.accuracy - 0.02


def test_stacking_trusts_the_member_that_is_right() -> None:
    rng = np.random.default_rng(0)
    for classes in (2, 4):
        labels = np.arange(200) % classes
        good = np.eye(classes)[labels] * 3 + rng.normal(size=(200, classes))
        found = fit_stacking(np.concatenate([rng.normal(size=good.shape) * 9, good], axis=1), labels, classes)
        assert np.abs(found.kernel[:classes]).max() < np.abs(found.kernel[classes:]).max() / 5
        assert (found.answers.argmax(axis=1) == labels).mean() > 0.9
        assert found.answers.sum(axis=1) == pytest.approx(1, abs=1e-5)
    with pytest.raises(ed.DataError, match=r"a class has 1 held-back images.*take soft_voting"):
        fit_stacking(np.zeros((5, 4)), np.array([0, 0, 1, 1, 2]), 3)


def test_the_student_of_a_large_ensemble_of_digits_stays_within_40_kib() -> None:
    """What the recipe plans for, whatever teaches: weights, and per channel a bias, a scale and a zero point."""
    options = load_recipe("distil_ensemble_int8").stages[0][1].options  # type: ignore[attr-defined]
    for depth in (2, 4, 8, 50):
        found = plan("small", (28, 28, 1), 10, Teacher(depth, 10**8, 10**10), **options)
        channels = sum(one.channels for one in found) + 10
        assert count_parameters(found, (28, 28, 1), 10) + 16 * channels < 38 * 1024
    assert (
        count_parameters(plan("small", (32, 32, 3), 43, Teacher(8, 10**8, 10**10), **options), (32, 32, 3), 43) > 50_000
    )


def test_members_of_other_channel_orders_are_turned_where_that_is_exact(tmp_path: Path) -> None:
    colours = load_data(str(shapes_npz(tmp_path / "colour.npz", channels=3)))
    plain = member(tmp_path / "plain.keras", net(1, (12, 12, 3)), colours, train=False)
    caffe = member(
        tmp_path / "caffe.keras",
        net(2, (12, 12, 3), padded=False),
        colours,
        parse_scaling("caffe").as_json(),
        train=False,
    )
    found = ed.train("soft_voting", colours, out=tmp_path / "e.keras", members=[plain, caffe], progress=False)
    wanted = (ask(plain, colours, "0..1") + ask(caffe, colours, "caffe")) / 2
    assert compute_outputs(keras.saving.load_model(found.path), colours.test, "0..1") == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"shape": (10, 12, 1)}, "takes images of 10x12x1, .*a.keras 12x12x1"),
        ({"classes": 4}, "number of classes: 4, .*a.keras 3"),
        (
            {"data": {"name": "d", "fingerprint": "f", "classes": ["c", "b", "a"]}},
            "has the classes c, b, a, .* 0, 1, 2",
        ),
        ({"resizing": "lanczos"}, "reads images by .*lanczos"),
    ],
)
def test_members_that_differ_are_one_sentence(
    change: dict[str, Any], says: str, members: list[Path], data: ed.Dataset, tmp_path: Path
) -> None:
    build = {key: change[key] for key in ("shape", "classes") if key in change}
    record: dict[str, Any] = {"data": change["data"]} if "data" in change else {}
    if "resizing" in change:
        reading = {**data.reading.as_dict(), "resizing": change["resizing"]}
        record["input"] = {"shape": list(data.shape), "scale": "0..1", **reading}
    odd = member(tmp_path / "odd.keras", net(5, **build), data, train=False, record=record)
    with pytest.raises(ed.ModelError, match=says) as caught:
        ed.train("soft_voting", data, out=tmp_path / "e.keras", members=[members[0], odd], progress=False)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "e.keras").exists()


def test_wrong_calls_are_one_sentence_and_end_with_2(
    members: list[Path],
    shapes: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, two = map(str, members[:2])
    plain = tmp_path / "plain.keras"
    plain.write_bytes(members[0].read_bytes())
    (tmp_path / "x.h5").write_bytes(b"x")
    out = ["--out", str(tmp_path / "e.keras"), "--data", str(shapes)]
    for words, says in (
        (["soft_voting", *out], "--members: none was given"),
        (["soft_voting", "--members", one, *out], "alone; wanted 2 or more"),
        (["soft_voting", "--members", one, "--members", "no.keras", *out], "--members no.keras: no such file"),
        (
            ["soft_voting", "--members", one, "--members", str(tmp_path / "x.h5"), *out],
            "wanted a .keras file of Keras 3",
        ),
        (["soft_voting", "--members", one, "--members", str(plain), *out], "say with --scale"),
        (["soft_voting", "--members", one, "--members", two, "--epochs", "3", *out], "--epochs: an option of nets"),
        (["stacking", "--members", one, "--members", two, "--features", "hog", *out], "--features hog: an option of"),
        (["cnn", "--members", one, *out], "--members: an option of soft_voting and stacking"),
        (
            ["soft_voting", "--members", one, "--members", two, "--out", one, "--data", str(shapes)],
            "is one of the members",
        ),
        (["soft_voting", "--members", one, "--members", two, "--data", "digits", "--out", "e.keras"], "digits"),
    ):
        monkeypatch.setattr("sys.argv", ["edgedigits", "train", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr().err.strip().splitlines()
        assert ended.value.code == 2
        assert says in told[-1]
    assert not (tmp_path / "e.keras").exists()
