"""Several labels per image, the whole way: training, every general recipe, thresholds, artifact; and the binary classifier."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edgedigits_runner.tasks import from_json
from PIL import Image

from edgedigits.backend import keras
from edgedigits.data.samples import draw_sample
from edgedigits.data.sources.named import load_data
from edgedigits.data.splits import split
from edgedigits.errors import ClassLostError, DataError, InputError, ModelError
from edgedigits.ground.artifact_folder import Artifact
from edgedigits.measure import bench_job
from edgedigits.models.graph import walk
from edgedigits.models.importer.loading import load
from edgedigits.pipeline import loop, prepare, recipe
from edgedigits.pipeline.advise.question import Asked, ask_question
from edgedigits.pipeline.checks.judging import check_classes, compute_outputs_of_bytes
from edgedigits.pipeline.prepare import Wish
from edgedigits.pipeline.train import Settings, train
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.distil.students import make_student
from edgedigits.stages.distil.teachers import load_teachers
from edgedigits.tasks.kinds.multilabel import Multilabel
from edgedigits.tasks.scoring import compute_outputs
from tests.labelled import SHAPES, L, coloured, folder, learned, pairs

TASK = Multilabel()
BRIEF = {"epochs": 1.0, "min_steps": 40, "batch": 32}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pairs of digits and the table of which are there."""
    return folder(tmp_path_factory.mktemp("pairs"), *pairs(700), "0123")


@pytest.fixture(scope="module")
def digits_net(digits: Path) -> Path:
    return learned(*pairs(700), digits.with_suffix(".keras"))


@pytest.fixture(scope="module")
def shapes_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shapes in colour as arrays."""
    path = tmp_path_factory.mktemp("coloured") / "shapes.npz"
    (x, y), (x_test, y_test) = coloured(600), coloured(200, 1)
    np.savez(path, x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    return path


@pytest.fixture(scope="module")
def shapes_nets(shapes_file: Path) -> dict[str | None, Path]:
    """By what they end in."""
    return {end: learned(*coloured(600), shapes_file.with_name(f"{end}.keras"), end) for end in ("sigmoid", None)}


def compressed(model: Path, data: Path, out: Path, stages: list[Any], export: Any = "int8", **how: Any) -> Artifact:
    wanted = recipe.parse({"stages": stages, "export": export}, "test", "test")
    job = prepare.prepare_job(wanted, Wish(model=model, data=str(data), scale="0..1", **how), lambda _: None)
    return loop.run(job, out, lambda _: None)


STAGES: dict[str, list[Any]] = {
    "prune80": [
        {"prune": {**BRIEF, "min_steps": 90, "sparsity": 0.8, "rate": 3e-3}},
        {"qat": {**BRIEF, "distillation": 0.5}},
    ],
    "shrink50": [{"shrink": {**BRIEF, "min_steps": 80, "remove_parameters": 0.5, "multiple": 2, "distillation": 0.5}}],
    "distil": [{"distil": {**BRIEF, "min_steps": 80, "pool": 2, "teacher": ["recipe", "self"], "augment": False}}],
}


@pytest.fixture(scope="module")
def rounded(digits: Path, digits_net: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The net of pairs as int8; to be looked at, not changed."""
    return compressed(digits_net, digits, tmp_path_factory.mktemp("rounded"), [])


@pytest.mark.parametrize("name", ["ptq", *STAGES])
def test_every_kind_of_recipe_keeps_what_the_model_sees(
    name: str, digits: Path, digits_net: Path, rounded: Artifact, tmp_path: Path
) -> None:
    artifact = rounded if name == "ptq" else compressed(digits_net, digits, tmp_path, STAGES[name])
    manifest, test = artifact.manifest, artifact.manifest["test"]
    assert manifest["task"] == {"name": "multilabel", "labels": list("0123"), "thresholds": [0.5] * 4}
    assert test["float_scores"]["f1_macro"] > 0.9
    assert test["scores"]["f1_macro"] > test["float_scores"]["f1_macro"] - 0.08
    assert test["f1_macro_difference"]["low"] <= test["f1_macro_difference"]["value"] + 1e-9
    assert {row["class"] for row in test["classes"]} == {*"0123", *(f"not {one}" for one in "0123")}
    assert manifest["export"]["size_bytes"] < manifest["float"]["size_bytes"] / 2
    assert "validation_f1_macro" in manifest["stages"][-1]


def test_what_is_written_counts_to_the_same_scores(rounded: Artifact) -> None:
    from edgedigits.data.images import ArrayImages

    artifact = rounded
    with np.load(artifact.path / "eval.npz") as kept:
        images, labels = kept["images"], kept["labels"]
    assert (labels.dtype, labels.shape[1]) == (np.uint8, 4)
    half = from_json(artifact.manifest["task"])
    found = compute_outputs_of_bytes((artifact.path / "model.tflite").read_bytes(), ArrayImages(images, labels), "0..1")
    scores = half.scores(found, labels)
    assert scores.pop("accuracy") == artifact.manifest["test"]["accuracy"]
    assert scores == artifact.manifest["test"]["scores"]
    card = (artifact.path / "README.md").read_text()
    assert "| images with every label right |" in card
    assert "| F1, the mean over labels |" in card
    assert "An image has a label where its probability is above: 0 0.5, 1 0.5, 2 0.5, 3 0.5." in card


@pytest.mark.parametrize(
    ("export", "end"),
    [
        *((name, "sigmoid") for name in recipe.EXPORTS if name != "int8"),
        ({"int8": {"slim": True}}, "sigmoid"),
        ("int8", None),
    ],
)
def test_every_export_of_shapes_in_colour(
    export: Any, end: str | None, shapes_file: Path, shapes_nets: dict[str | None, Path], tmp_path: Path
) -> None:
    """int8 that is not slim, of a sigmoid, is what the recipes of the pairs end in."""
    artifact = compressed(shapes_nets[end], shapes_file, tmp_path, [], export, classes=SHAPES)
    assert artifact.manifest["task"].get("logits", False) == (end is None) == artifact.manifest["model"]["logits"]
    assert artifact.manifest["test"]["accuracy"] > 0.85
    assert abs(artifact.manifest["test"]["accuracy"] - artifact.manifest["test"]["float_accuracy"]) < 0.03


def test_thresholds_are_tuned_on_validation_images_and_recorded(
    shapes_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A net whose answers all lie low has none above one half, and is right again with thresholds of its own."""
    path = learned(*coloured(600), tmp_path / "low.keras")
    net = keras.models.load_model(path)
    weights, bias = net.get_layer("answer").get_weights()
    net.get_layer("answer").set_weights([weights * 0.5, bias * 0.5 - 5.0])
    net.save(path)
    half = compressed(path, shapes_file, tmp_path, [])
    asked, recount = [], loop._recount

    def noted(*given: Any) -> dict[str, Any]:
        asked.append(given)
        return recount(*given)

    monkeypatch.setattr(loop, "_recount", noted)
    tuned = compressed(path, shapes_file, tmp_path, [], thresholds="tuned")
    assert tuned.manifest["test"]["float_accuracy"] > half.manifest["test"]["float_accuracy"], "the float form's own"
    assert half.path != tuned.path
    assert half.manifest["task"]["thresholds"] == [0.5] * 3
    assert max(tuned.manifest["task"]["thresholds"]) < 0.5
    assert tuned.manifest["test"]["scores"]["f1_macro"] > half.manifest["test"]["scores"]["f1_macro"] + 0.03
    ((meaning, candidate, exported, data),) = asked
    assert meaning == from_json(tuned.manifest["task"]), "the check of parity counts by the tuned ones"
    sample = draw_sample(data.validation, loop.PARITY_IMAGES)
    outputs = compute_outputs(candidate.model, sample, data.scale)
    both = np.stack([outputs, compute_outputs_of_bytes(exported.flat, sample, data.scale)])
    apart = np.abs(both[0] - both[1]).argmax()
    between = both.mean(axis=0).flat[apart]
    expected = int(((both[0] > between) != (both[1] > between)).any(axis=1).sum())
    assert expected
    assert recount(meaning._replace(thresholds=(between,) * 3), candidate, exported, data) == {
        "changed_answers": expected
    }


def test_tuning_takes_the_best_f1_and_the_nearest_to_one_half() -> None:
    shares = np.array([[0.1, 0.9, 0.6, 0.5], [0.2, 0.8, 0.7, 0.5], [0.3, 0.7, 0.8, 0.1], [0.4, 0.6, 0.9, 0.1]])
    labels = np.array([[0, 1, 0, 1], [0, 1, 1, 1], [1, 0, 0, 0], [1, 0, 0, 0]])
    first, second, third, fourth = TASK.tune(shares, labels, False)
    assert first == pytest.approx(0.25)
    assert second == pytest.approx(0.75)
    assert third == pytest.approx(0.65), "one of three is the best that can be had"
    assert fourth < 0.5, "an image has a label above, not at, its threshold"
    assert TASK.tune(shares, np.zeros((4, 4)), False) == [0.5] * 4
    assert TASK.tune(np.log(shares / (1 - shares)), labels, True) == pytest.approx(
        [first, second, third, fourth], abs=1e-6
    )


def test_thresholds_are_for_labels_only(shapes: Path, tmp_path: Path) -> None:
    path = learned(np.zeros((8, 12, 12, 1)), np.eye(3)[np.arange(8) % 3], tmp_path / "a.keras", "softmax", 1)
    with pytest.raises(InputError, match="--thresholds tuned: data shapes has one class per image"):
        compressed(path, shapes, tmp_path, [], thresholds="tuned")


def test_a_net_of_the_zoo_learns_labels(digits: Path, tmp_path: Path) -> None:
    settings = Settings("nano", epochs=12, batch=32, rate=4e-3, augment="none", label_smoothing=0.02)
    trained = train(settings, load_data(str(digits)), tmp_path / "work")
    assert trained.model.layers[-1].activation.__name__ == "sigmoid"
    assert trained.record["data"]["task"] == "multilabel"
    assert trained.record["test_f1_macro"] > 0.7
    trained.model.save(tmp_path / "nano.keras")
    assert walk.find_closing(load(tmp_path / "nano.keras").model) == "sigmoid"


def test_an_advice_needs_no_data_and_looks_at_what_there_is(digits: Path, digits_net: Path) -> None:
    wanted = recipe.parse({"stages": [{"prune": {}}], "export": "int8"}, "test", "test")
    assert ask_question(wanted, Asked(model=digits_net)).data.fit.labels.shape[1] == 4
    asked = ask_question(wanted, Asked(model=digits_net, data=str(digits), scale="0..1"))
    assert (asked.data.task, asked.warnings) == ("multilabel", ())
    (told,) = ask_question(
        wanted, Asked(model=digits_net, data=str(digits), scale="0..1", classes=list("3210"))
    ).warnings
    assert "of the labels of" in told
    assert "answers at random, as frequent as its own" in told


def ending(path: Path, units: int, closing: str | None, shape: tuple[int, ...] = (12, 12, 3)) -> Path:
    keras.Sequential([keras.Input(shape), L.Flatten(), L.Dense(units, activation=closing, name="end")]).save(path)
    return path


@pytest.mark.parametrize(
    ("units", "closing", "says"),
    [
        (
            3,
            "softmax",
            r"layer 'end' \(Dense\) answers with a softmax, of which all answers share one sum; for data of several",
        ),
        (3, "relu", r"layer 'end' \(Dense\) ends in no sigmoid and in no logits"),
        (5, "sigmoid", r"data shapes: has 3 labels \(0, 1, 2\), the model answers 5; one output for each label"),
        (1, "sigmoid", r"has 3 labels \(0, 1, 2\), the model answers 1"),
    ],
)
def test_models_that_do_not_fit_labels(units: int, closing: str, says: str, shapes_file: Path, tmp_path: Path) -> None:
    path = ending(tmp_path / "net.keras", units, closing)
    with pytest.raises((ModelError, DataError), match=says) as caught:
        compressed(path, shapes_file, tmp_path / "out", [])
    assert caught.value.exit_code == 2
    assert not list(tmp_path.glob("out/*"))
    wanted = recipe.parse({"export": "int8"}, "test", "test")
    with pytest.raises((ModelError, DataError), match=says):
        ask_question(wanted, Asked(model=path, data=str(shapes_file)))


@pytest.mark.parametrize(
    ("units", "says"),
    [
        (10, r"layer 'end' \(Dense\) answers each class with a sigmoid of its own.*one class per image.*labels\.csv"),
        (1, "answers with 1 number, which tells two classes apart and no more"),
    ],
)
def test_models_of_labels_on_data_of_classes(units: int, says: str, shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=says):
        compressed(ending(tmp_path / "net.keras", units, "sigmoid", (12, 12, 1)), shapes, tmp_path, [])


@pytest.fixture(scope="module")
def cats_and_dogs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two class folders of real digits, ones and sevens, and a model of one sigmoid beside them."""
    from sklearn.datasets import load_digits

    root = tmp_path_factory.mktemp("binary")
    found = load_digits()
    images = (found.images * (255 / 16)).astype(np.uint8)
    for digit, name in ((1, "one"), (7, "seven")):
        (root / "data" / name).mkdir(parents=True)
        for number, image in enumerate(images[found.target == digit]):
            Image.fromarray(image).save(root / "data" / name / f"{number}.png")
    both = np.isin(found.target, (1, 7))
    for closing in ("sigmoid", None):
        path = root / f"{closing}.keras"
        learned(images[both][..., None], (found.target[both] == 7).astype(np.float32)[:, None], path, closing, 10)
    return root


@pytest.mark.parametrize("closing", ["sigmoid", None])
def test_one_output_on_two_classes_is_one_label(closing: str | None, cats_and_dogs: Path, tmp_path: Path) -> None:
    """Trained on where it ends in a sigmoid: training sees logits either way."""
    model = cats_and_dogs / f"{closing}.keras"
    artifact = compressed(model, cats_and_dogs / "data", tmp_path, [{"qat": BRIEF}] if closing else [])
    logits = {} if closing else {"logits": True}
    assert artifact.manifest["task"] == {"name": "multilabel", "labels": ["seven"], "thresholds": [0.5], **logits}
    assert artifact.manifest["data"]["classes"] == ["seven"]
    assert [row["class"] for row in artifact.manifest["test"]["classes"]] == ["seven", "not seven"]
    assert artifact.manifest["test"]["accuracy"] > 0.95
    with np.load(artifact.path / "eval.npz") as kept:
        assert kept["labels"].shape == (len(kept["images"]), 1)
    named = bench_job.BenchWish(tflite=artifact.path, data=str(cats_and_dogs / "data"))
    asked = bench_job.make_task(named, tmp_path)
    with np.load(asked.images) as again, np.load(artifact.path / "eval.npz") as kept:
        assert (again["labels"] == kept["labels"]).all()
    assert asked.classes == ("seven",)


def test_what_bytes_lose_of_labels_is_measured_on_both_sides() -> None:
    rng = np.random.default_rng(0)
    wanted = np.clip(rng.normal(0.02, 0.01, (400, 5)), 0, 1)
    wanted[rng.random(wanted.shape) < 0.03] = 0.97
    same = TASK.lost(wanted, wanted, wanted, 0.0)
    assert (same.answers, same.ranks, same.information) == (0, 0, 0)
    blind = TASK.lost(wanted, wanted, np.full_like(wanted, 0.02), 0.0)
    assert blind.answers == pytest.approx(1, abs=0.05), "all that it sees is gone, though 97 % of its answers stay"
    assert blind.ranks == pytest.approx(1, abs=1e-6)
    assert blind.information > 0.9
    turned = TASK.lost(wanted, wanted, 1 - wanted, 0.0)
    assert turned.answers == pytest.approx(2)
    noisy = np.clip(wanted + rng.normal(0, 0.01, wanted.shape), 0, 1)
    little = TASK.lost(wanted, wanted, noisy, 1 / 256)
    assert max(little.answers, little.ranks) < 0.03
    assert little.information < 0.1
    assert TASK.changed(wanted, 1 - wanted).all()


def test_a_label_that_is_lost_fails_the_run_and_so_does_its_absence() -> None:
    labels = np.zeros((200, 2), np.uint8)
    labels[:20, 0], labels[:180, 1] = 1, 1
    knew = labels.astype(bool)
    never = knew & [False, True]
    with pytest.raises(ClassLostError, match="class a, of whose 20 images 20 were found before, 0 now"):
        check_classes(TASK, labels, knew, never, ["a", "b"], False)
    always = knew | [False, True]
    with pytest.raises(ClassLostError, match="class not b, of whose 20 images 20 were found before, 0 now"):
        check_classes(TASK, labels, knew, always, ["a", "b"], False)
    assert len(check_classes(TASK, labels, knew, knew, ["a", "b"], False)) == 4


def test_a_model_that_knows_nothing_of_its_labels_is_near_chance() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random((300, 4)) < (0.5, 0.1, 0.03, 0.9)).astype(np.uint8)
    guesses = (rng.random((300, 4)) < (0.5, 0.1, 0.03, 0.9)) * 0.8 + 0.1
    found = TASK.look(guesses, labels, "abcd", False)
    assert found.near_chance
    assert "of the labels of 300 validation images right" in found.warnings[0]
    assert not TASK.look(
        np.where(rng.random(labels.shape) < 0.1, 1 - labels, labels) * 0.8 + 0.1, labels, "abcd", False
    ).warnings
    for shares, says in ((np.full((300, 4), 0.5), "even odds"), (np.full((300, 4), np.nan), "NaN")):
        assert says in str(TASK.look(shares, labels, "abcd", False).unfit_model)


def test_rare_labels_weigh_more_and_both_sides_of_one_alike() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random((2000, 3)) < (0.5, 0.3, 0.01)).astype(np.uint8)
    weights = TASK.weights("auto", labels)
    assert weights is not None
    assert weights.mean() == pytest.approx(1)
    assert weights[2] > 5 * weights[0]
    assert TASK.weights("none", labels) is None
    assert TASK.weights("auto", labels[:, :2]) is None
    losses = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert TASK.weighted(losses, None, None).numpy() == pytest.approx([1, 4])
    assert TASK.weighted(losses, None, np.array([2.0, 0, 1], np.float32)).numpy() == pytest.approx([2 / 3, 11 / 3])


def test_losses_and_teachers_of_labels() -> None:
    logits = np.array([[0.0, 2.0], [-1.0, 3.0]], np.float32)
    targets = np.array([[1, 0], [0, 1]], np.uint8)
    shares = 1 / (1 + np.exp(-logits))
    wanted = -np.where(targets == 1, np.log(shares), np.log(1 - shares))
    assert TASK.loss(targets, logits).numpy() == pytest.approx(wanted, rel=1e-5)
    assert TASK.score(logits, targets, True).loss == pytest.approx(wanted.mean(), rel=1e-5)
    other = logits[::-1]
    mean = TASK.mean_logits([logits, other], 2.0).numpy()
    soft = [1 / (1 + np.exp(-each / 2)) for each in (logits, other)]
    assert 1 / (1 + np.exp(-mean / 2)) == pytest.approx((soft[0] + soft[1]) / 2, abs=1e-5)
    scored = TASK.score(logits, targets, True)
    assert (scored.by, scored.primary) == ("f1_macro", scored.others["f1_macro"])
    assert json.dumps(scored.as_facts())


def test_students_and_teachers_are_asked_for_labels(digits: Path, digits_net: Path, tmp_path: Path) -> None:
    data = split(load_data(str(digits)), "0..1", 0)
    net = load(digits_net).model
    for candidate, end in ((net, "sigmoid"), (walk.clone(net, logits=True), None)):
        made = make_student("nano", {}, Candidate(candidate), data)
        assert (walk.find_closing(made), made.output_shape) == (end, (None, 4))
    other = ending(tmp_path / "classes.keras", 4, "softmax", (8, 16, 1))
    with pytest.raises(ModelError, match=r"distil.teacher: .* ends in a softmax, the recipe's model in a sigmoid"):
        load_teachers([str(other)], Candidate(net), data, None)


def test_the_cut_data_names_its_task(digits: Path) -> None:
    data = split(load_data(str(digits)), "0..1", 0)
    assert data.task == load_data(str(digits)).task == "multilabel"
