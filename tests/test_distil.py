"""Distillation: who teaches, who learns, what is computed once, and what is refused."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedigits.backend import keras, tf
from edgedigits.cli.main import main
from edgedigits.data.augmentation.augment import Augment
from edgedigits.data.scale import parse_scaling
from edgedigits.errors import InputError, ModelError, RecipeError
from edgedigits.models.graph import walk
from edgedigits.models.zoo import ZOO
from edgedigits.pipeline import loop, prepare
from edgedigits.pipeline.export.checks import check_masks
from edgedigits.pipeline.prepare import Wish
from edgedigits.pipeline.recipe import parse
from edgedigits.stages import training_loop
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.cluster import Cluster
from edgedigits.stages.distil import soft_labels
from edgedigits.stages.distil.distil import Distil
from edgedigits.stages.distil.students import make_student
from edgedigits.stages.distil.teachers import Teacher, form_panel, load_teachers
from edgedigits.stages.distil.weight_average import Average
from edgedigits.stages.finetune import Finetune
from edgedigits.stages.prune import Prune
from edgedigits.tasks.kinds.classification import Classification
from edgedigits.tasks.scoring import compute_outputs, score
from edgedigits.tflite.flatbuffer import list_float_operators, read
from tests.nets import classifier, fit_data

L = keras.layers
TASK = Classification()
BRIEF: dict[str, Any] = {"epochs": 0.1, "min_steps": 12, "rate": 2e-3, "batch": 32}
QUICK: dict[str, Any] = {**BRIEF, "augment": False}


@pytest.fixture(scope="module")
def start(shapes: Path) -> Candidate:
    """A trained candidate that is the recipe's own model; dense, since convolutions cost seconds to compile."""
    keras.utils.set_random_seed(2)
    image = keras.Input((12, 12, 1))
    hidden = L.Dense(16, activation="relu", name="hidden")(L.Flatten()(image))
    net = keras.Model(image, L.Dense(3, activation="softmax", name="answer")(hidden))
    made, _ = Finetune(epochs=1, min_steps=60, rate=5e-3, batch=32)(Candidate(net), fit_data(shapes))
    return replace(made, original=made.model)


@pytest.fixture(scope="module")
def small(start: Candidate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with an untrained dense net that answers logits."""
    keras.utils.set_random_seed(1)
    image = keras.Input((12, 12, 1))
    path = tmp_path_factory.mktemp("small") / "small.keras"
    keras.Model(image, L.Dense(3, name="answer")(L.Flatten()(image))).save(path)
    return path


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files of models that don't fit: other classes, other images, probabilities that no softmax ends."""
    folder = tmp_path_factory.mktemp("odd")

    def saved(name: str, shape: tuple[int, int, int], classes: int, *after: Any) -> str:
        image = keras.Input(shape)
        x = L.Dense(classes, activation="softmax")(L.Flatten()(image))
        for layer in after:
            x = layer(x)
        keras.Model(image, x).save(folder / f"{name}.keras")
        return str(folder / f"{name}.keras")

    return {
        "classes": saved("classes", (12, 12, 1), 4),
        "shape": saved("shape", (14, 12, 1), 3),
        "shares": saved("shares", (12, 12, 1), 3, L.Rescaling(1.0)),
    }


def accuracy(candidate: Candidate, path: Path, logits: bool = False) -> float:
    data = fit_data(path)
    return score(compute_outputs(candidate.model, data.validation, data.scale), data.validation.labels, logits).accuracy


def same(one: Any, other: Any) -> bool:
    pairs = zip(one.model.get_weights(), other.model.get_weights(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))


def test_a_fresh_net_of_the_zoo_learns_and_depends_on_the_seed_alone(start: Candidate, shapes: Path) -> None:
    one, again, other = (Candidate(make_student("nano", {}, start, fit_data(shapes, seed))) for seed in (0, 0, 1))
    assert same(one, again)
    assert not same(one, other)
    assert [layer.name for layer in one.model.layers] == [layer.name for layer in again.model.layers]
    assert [*walk.collect_kernels(again.model)][:2] == ["conv2d/kernel", "conv2d_1/kernel"]
    after, facts = Distil(student="nano", **{**QUICK, "min_steps": 40, "rate": 1e-2})(start, fit_data(shapes))
    assert walk.ends_in_softmax(after.model)
    assert accuracy(after, shapes) > 0.9
    assert (facts["student"], facts["student_parameters"]) == ("nano", after.model.count_params())
    assert facts["teachers"] == [{"name": "recipe", "parameters": start.model.count_params()}]
    assert facts["teacher_validation_accuracy"] == accuracy(start, shapes)
    assert (facts["teacher_passes"], facts["steps"]) == (1, 40)


def test_a_student_from_a_file_begins_with_its_weights_and_answers_as_the_candidate_does(
    start: Candidate, small: Path, shapes: Path
) -> None:
    data = fit_data(shapes)
    given = make_student(str(small), {}, start, data)
    assert walk.ends_in_softmax(given)
    kernel = keras.models.load_model(small).get_layer("answer").kernel.numpy()
    assert np.array_equal(given.get_layer("answer").kernel.numpy(), kernel)
    after, _ = Distil(student=str(small), **{**QUICK, "min_steps": 60, "rate": 1e-2})(start, data)
    assert accuracy(after, shapes) > 0.9
    logits = Candidate(walk.clone(start.model, logits=True), original=start.model)
    for name in (str(small), "nano"):
        assert not walk.ends_in_softmax(make_student(name, {}, logits, data))
    plain, _ = Distil(student=str(small), **{**QUICK, "min_steps": 60, "rate": 1e-2})(logits, data)
    assert accuracy(plain, shapes, logits=True) > 0.9


def test_options_reach_the_net_as_python_writes_them(start: Candidate, shapes: Path, monkeypatch: Any) -> None:

    seen = []

    def builder(shape: Any, classes: int, filters: Any = ()) -> Any:
        seen.append((shape, classes, filters))
        return students_zoo["nano"](shape, classes)

    students_zoo = dict(ZOO)
    monkeypatch.setitem(ZOO, "probe", builder)
    make_student("probe", {"filters": [[8, 2], [16, 1]]}, start, fit_data(shapes))
    assert seen == [((12, 12, 1), 3, ((8, 2), (16, 1)))]


def test_the_panel_is_the_mean_of_softened_probabilities(start: Candidate, odd: dict[str, str], shapes: Path) -> None:
    data = fit_data(shapes)
    logits = walk.clone(start.model, logits=True)
    pixels = data.validation.read(np.arange(16)).astype(np.float32)
    of_start = logits(pixels / 255).numpy()
    (shares,) = load_teachers([odd["shares"]], start, data, None)
    of_shares = np.log(np.maximum(shares.model(pixels / 255).numpy(), 1e-7))
    for found, wanted in (
        ([Teacher("a", start.model, parse_scaling("0..1"))], softmax(of_start / 4)),
        ([Teacher("a", logits, parse_scaling("0..1"))], softmax(of_start / 4)),
        ([shares], softmax(of_shares / 4)),
        (
            [Teacher("a", start.model, parse_scaling("0..1")), shares],
            (softmax(of_start / 4) + softmax(of_shares / 4)) / 2,
        ),
    ):
        answers = form_panel(TASK, found, 4.0)(tf.constant(pixels)).numpy()
        assert softmax(answers / 4) == pytest.approx(wanted, abs=4e-3)  # bfloat16, where it is native


def test_who_is_asked_has_no_normalization_left_and_answers_the_same() -> None:
    """Where the CPU has no AVX-512, TensorFlow's kernel for it takes as long as all convolutions of a small net."""
    keras.utils.set_random_seed(3)
    image = keras.Input((8, 8, 1))
    x = L.BatchNormalization()(L.Conv2D(4, 3, use_bias=False)(image))
    net = keras.Model(image, L.Dense(3, activation="softmax")(L.Flatten()(L.ReLU()(x))))
    for weight in net.layers[2].weights:
        weight.assign(np.linspace(0.5, 1.5, 4))
    pixels = np.random.default_rng(0).random((5, 8, 8, 1)).astype(np.float32)
    asked = training_loop.make_asking_copy(net)
    assert "BatchNormalization" not in {type(layer).__name__ for layer in asked.layers}
    np.testing.assert_allclose(softmax(asked(pixels).numpy()), net(pixels).numpy(), rtol=0, atol=1e-6)


def test_what_earlier_stages_made_can_teach_the_next_student(start: Candidate, small: Path, shapes: Path) -> None:
    data = fit_data(shapes)
    other, _ = Distil(student=str(small), **{**QUICK, "min_steps": 60, "rate": 1e-2})(start, data)
    recipe, own = load_teachers(["recipe", "self"], other, data, None)
    assert (recipe.model, own.model) == (start.model, other.model)
    before = [weight.copy() for weight in other.model.get_weights()]
    taught, facts = Distil(teacher="self", share=1.0, **{**QUICK, "min_steps": 60, "rate": 1e-2})(other, data)
    assert facts["teachers"] == [{"name": "self", "parameters": other.model.count_params()}]
    assert facts["teacher_validation_accuracy"] == accuracy(other, shapes)
    assert all(np.array_equal(a, b) for a, b in zip(before, other.model.get_weights(), strict=True)), "a teacher stays"
    assert accuracy(taught, shapes) > 0.9


def test_what_any_stage_before_made_can_teach(start: Candidate, small: Path, shapes: Path) -> None:
    data = fit_data(shapes)
    candidate, stage = start, Distil(student=str(small), **{**QUICK, "min_steps": 60, "rate": 1e-2})
    for seed in (1, 2):
        made, _ = stage(candidate, replace(data, seed=seed))
        candidate = made.after(candidate)
    assert (len(candidate.made), candidate.made[-1]) == (2, candidate.model)
    found = load_teachers(["stage 1", "recipe", "stage 2"], candidate, data, None)
    assert [one.model for one in found] == [candidate.made[0], start.model, candidate.made[1]]
    assert not same(Candidate(found[0].model), Candidate(found[2].model))
    _, facts = Distil(teacher=["recipe", "stage 1"], student=str(small), **QUICK)(candidate, data)
    assert [one["name"] for one in facts["teachers"]] == ["recipe", "stage 1"]
    with pytest.raises(RecipeError, match="stage 3 does not come before this stage; what does: stage 1 to stage 2"):
        load_teachers(["stage 3"], candidate, data, None)


def test_without_a_share_the_labels_teach_alone(start: Candidate, small: Path, shapes: Path) -> None:
    data = fit_data(shapes)
    settings = {**QUICK, "min_steps": 60, "rate": 1e-2, "share": 0.0}
    other, _ = Distil(student=str(small), **QUICK)(start, data)
    one, facts = Distil(student=str(small), **settings)(start, data)
    again, _ = Distil(student=str(small), teacher="self", **settings)(other, data)
    assert facts["teacher_passes"] == 0
    assert same(one, again), "whoever would have taught"
    assert accuracy(one, shapes) > 0.9


def test_a_teacher_takes_its_pixels_its_own_way(start: Candidate, shapes: Path, tmp_path: Path) -> None:
    image = keras.Input((12, 12, 1))
    keras.Model(image, walk.clone(start.model)(L.Rescaling(1 / 255)(image))).save(tmp_path / "pixels.keras")
    data = fit_data(shapes)
    name = str(tmp_path / "pixels.keras")
    told, untold = (form_panel(TASK, load_teachers([name], start, data, scale), 4.0) for scale in ("0..255", None))
    assert soft_labels.measure_validation_accuracy(told, data) == accuracy(start, shapes)
    assert soft_labels.measure_validation_accuracy(untold, data) < 0.9
    record = {
        "schema": 1,
        "model_sha256": hashlib.sha256(Path(name).read_bytes()).hexdigest(),
        "data": {"name": "shapes", "fingerprint": "0", "classes": []},
        "input": {"shape": [12, 12, 1], "scale": "0..255"},
        "settings": {"name": "own", "seed": 0},
    }
    (tmp_path / "pixels.json").write_text(json.dumps(record))
    assert load_teachers([name], start, data, None)[0].scale == parse_scaling("0..255"), "as its training record says"


def test_the_loss_is_the_one_of_the_paper(start: Candidate) -> None:
    rng = np.random.default_rng(0)
    logits, wanted = rng.normal(size=(5, 3)).astype(np.float32), rng.normal(size=(5, 3)).astype(np.float32)
    labels = np.array([0, 1, 2, 0, 1], np.int32)
    found = soft_labels.make_loss(TASK, lambda *_, **__: tf.constant(logits), lambda pixels: pixels, "0..1", 0.7, 4.0)
    soft = -(softmax(wanted / 4) * np.log(softmax(logits / 4))).sum(axis=1).mean()
    hard = -np.log(softmax(logits)[np.arange(5), labels]).mean()
    value = found(np.zeros((5, 2, 2, 1), np.uint8), labels, wanted).numpy()
    assert value == pytest.approx(0.3 * hard + 0.7 * 16 * soft, rel=1e-5)


def mean_pixels(pixels: Any) -> Any:
    """Stands for a teacher: its answers tell which images it was asked about."""
    return tf.reduce_mean(pixels, axis=[1, 2]) * tf.constant([[1.0, 0.0, -1.0]])


def test_epochs_take_the_augmentations_in_turn_and_answers_go_with_their_images(shapes: Path) -> None:
    data = fit_data(shapes)
    asked: list[int] = []

    def count(images: Any) -> Any:
        asked.append(int(images))
        return images

    def ask(pixels: Any) -> Any:
        tf.numpy_function(count, [tf.shape(pixels)[0]], tf.int32)
        return mean_pixels(pixels)

    made = soft_labels.make_lessons(data, Augment(), 2, 5, ask, lambda *_: None)
    assert sum(asked) == 2 * len(data.fit) + 1, "each augmented image once, and one to see the classes"
    per_epoch = len(data.fit) // 16
    epochs = []
    for epoch in made.epochs(16, 3 * per_epoch):
        rows = list(epoch)
        assert len(rows) == len(epoch) == per_epoch
        for pixels, _labels, answers in rows:
            wanted = mean_pixels(tf.cast(pixels, tf.float32)).numpy()
            assert answers.numpy() == pytest.approx(wanted, abs=0.1)
        epochs.append({image.tobytes() for pixels, *_ in rows for image in pixels.numpy()})
    most = 0.8 * per_epoch * 16  # an epoch leaves the last images out, other ones each time
    assert len(epochs[0] & epochs[2]) > most
    assert not epochs[0] & epochs[1]
    plain = {image.tobytes() for image in data.fit.read(np.arange(len(data.fit)))}
    assert not epochs[0] & plain


def test_what_is_used_once_is_asked_for_during_training(start: Candidate, shapes: Path) -> None:
    data = fit_data(shapes)
    made = soft_labels.make_lessons(data, Augment(), 5, 5, mean_pixels, lambda *_: None)
    assert (made.count, made.answers, made.images) == (5, None, None)
    assert [len(rows) for epoch in made.epochs(16, 1) for rows in epoch] == [2]
    once = soft_labels.make_lessons(data, None, 5, 5, mean_pixels, lambda *_: None)
    assert once.answers is not None
    assert (once.count, once.answers.shape, once.images) == (1, (1, len(data.fit), 3), None)


def test_memory_decides_what_is_kept_and_not_what_comes_out(
    start: Candidate, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = fit_data(shapes)
    stage = Distil(**{**QUICK, "augment": {"shift": 0.02, "zoom": 0}}, pool=2)
    kept, facts = stage(start, data)
    assert (facts["teacher_passes"], facts["augmentations"]) == (2, 2)
    monkeypatch.setattr(soft_labels, "IMAGES_MOST_BYTES", 0)
    assert same(stage(start, data)[0], kept)
    monkeypatch.setattr(soft_labels, "ANSWERS_MOST_BYTES", 0)
    fresh, facts = stage(start, data)
    assert facts["teacher_passes"] == 3
    for one, other in zip(fresh.model.get_weights(), kept.model.get_weights(), strict=True):
        assert one == pytest.approx(other, abs=0.02)


def test_an_augmentation_can_be_repeated_image_by_image() -> None:
    images = np.random.default_rng(0).random((6, 12, 12, 1)).astype(np.float32)
    augment, seed = Augment(), tf.constant([3, 4])
    draws = augment.draws(6, seed)
    whole = augment(images, seed).numpy()
    rows = np.array([4, 0, 3])
    assert np.array_equal(augment.moved(images[rows], tf.gather(draws, rows)).numpy(), whole[rows])


def test_the_average_follows_all_weights_and_is_taken_when_asked() -> None:
    net = classifier()
    first = [weight.copy() for weight in net.get_weights()]
    average = Average(net, 0.5)
    wanted = first
    for step in range(3):
        net.set_weights([weight + 1 for weight in net.get_weights()])
        average.update()
        decay = min(0.5, (1 + step) / (10 + step))
        wanted = [decay * w + (1 - decay) * now for w, now in zip(wanted, net.get_weights(), strict=True)]
    assert not np.array_equal(net.get_weights()[0], wanted[0])
    average.take()
    for found, mean in zip(net.get_weights(), wanted, strict=True):
        assert found == pytest.approx(mean, abs=1e-5)
    before = [weight.copy() for weight in net.get_weights()]
    off = Average(net, 0.0)
    off.update()
    off.take()
    assert all(np.array_equal(a, b) for a, b in zip(before, net.get_weights(), strict=True))


def test_masks_and_clusters_are_held_and_forbid_another_student(start: Candidate, shapes: Path) -> None:
    data = fit_data(shapes)
    pruned, _ = Prune(sparsity=0.8, min_weights=100, every_steps=5, **BRIEF)(start, data)
    clustered, _ = Cluster(clusters=8, min_weights=100, **BRIEF)(pruned, data)
    after, facts = Distil(average=0.9, **QUICK)(clustered, data)
    assert facts["student"] == "self"
    check_masks(after, "test")
    assert after.masks.keys() == pruned.masks.keys()
    dense = walk.collect_kernels(after.model)["hidden/kernel"].numpy()
    assert len(np.unique(dense[dense != 0])) <= 8
    assert not same(after, clustered)
    for marked in (pruned, replace(start, clusters=clustered.clusters)):
        with pytest.raises(RecipeError, match=r"distil\.student: nano is another net.*distil first"):
            Distil(student="nano", **QUICK)(marked, data)


def test_a_fresh_net_warms_up_and_a_trained_one_does_not() -> None:
    fresh, own = Distil(student="nano", rate=1e-2)._rate(200), Distil(rate=1e-2)._rate(200)
    assert [float(fresh(step)) for step in (0, 5, 10)] == pytest.approx([0.0, 5e-3, 1e-2], abs=1e-6)
    assert float(own(0)) == pytest.approx(1e-2)
    for rate in (fresh, own):
        assert float(rate(200)) == pytest.approx(5e-4)


REFUSED: list[tuple[dict[str, Any], str, type[InputError]]] = [
    ({"teacher": "cnnn"}, "distil.teacher: 'cnnn' is no file and no net; nearest: cnn", RecipeError),
    ({"teacher": "stage 1"}, "distil.teacher: stage 1 does not come before this stage; what does: none", RecipeError),
    ({"teacher": "stage 0"}, "distil.teacher: 'stage 0' is no file and no net; nearest: stage 1", RecipeError),
    ({"teacher": "stages"}, "distil.teacher: 'stages' is no file and no net; nearest: stage 1", RecipeError),
    ({"student": "nanno"}, "distil.student: 'nanno' is no file and no net; nearest: nano", RecipeError),
    ({"teacher": "lenet5"}, "no trained lenet5 is shipped; make one with `edgedigits train", RecipeError),
    ({"teacher": "cnn"}, "distil.teacher: cnn takes images of shape 28x28x1, the recipe's model 12x12x1", ModelError),
    ({"teacher": "{classes}"}, "has classes: 4, the recipe's model 3", ModelError),
    ({"teacher": ["recipe", "{shape}"]}, "takes images of shape 14x12x1, the recipe's model 12x12x1", ModelError),
    ({"student": "{classes}"}, "distil.student: {classes} has classes: 4", ModelError),
    ({"student": "{shape}"}, "distil.student: {shape} takes images of shape 14x12x1", ModelError),
    ({"student": "{shares}"}, "probabilities that no closing softmax makes", ModelError),
    ({"student": "nano", "options": {"alpa": 1}}, "distil.options: nano takes no 'alpa'", RecipeError),
    ({"student": "mobilenet_v2", "options": {"alpa": 1}}, "takes no 'alpa'; nearest: alpha", RecipeError),
    ({"student": "mobilenet_v2"}, "it needs at least 32x32", InputError),
    ({"options": {"alpha": 1}}, "distil.options: they are for nets of the zoo, and the student is self", RecipeError),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "says", "kind"), REFUSED)
def test_what_does_not_fit_is_refused(
    settings: dict[str, Any], says: str, kind: type[InputError], start: Candidate, odd: dict[str, str], shapes: Path
) -> None:
    def filled(value: Any) -> Any:
        return value.format(**odd) if isinstance(value, str) else value

    given = {
        key: [filled(one) for one in value] if isinstance(value, list) else filled(value)
        for key, value in settings.items()
    }
    with pytest.raises(kind) as caught:
        Distil(**{**QUICK, **given})(start, fit_data(shapes))
    assert filled(says) in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_teacher_that_answers_nan_is_refused(start: Candidate, shapes: Path) -> None:
    broken = walk.clone(start.model)
    broken.set_weights([weight * np.nan for weight in broken.get_weights()])
    data = fit_data(shapes)
    with pytest.raises(ModelError, match="answers images of this data with NaN"):
        Distil(**QUICK)(replace(start, original=broken), data)
    with pytest.raises(ModelError, match="answers images of this data with NaN"):
        soft_labels.make_lessons(
            data, None, 1, 2, form_panel(TASK, [Teacher("a", broken, parse_scaling("0..1"))], 4.0), lambda *_: None
        )
    with pytest.raises(RecipeError, match=r"distil\.rate: with 0\.002 the loss ends as nan"):
        Distil(**QUICK)(Candidate(broken, original=start.model), data)
    with pytest.raises(RecipeError, match="no model that the recipe began with"):
        Distil(**QUICK)(Candidate(start.model), data)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"augment": {"rotation": 3}},
            "distil.augment: found {'rotation': 3}; wanted false, or limits from 0 for some of",
        ),
        ({"augment": {"zoom": -1}}, "distil.augment: found {'zoom': -1}; wanted false"),
        ({"augment": True}, "distil.augment: found True; wanted false"),
        ({"teacher": []}, "found []"),
        ({"pool": 0}, "distil.pool: found 0; input should be greater than or equal to 1"),
        ({"average": 1.0}, "distil.average: found 1.0; input should be less than 1"),
        ({"teacher_scale": "0..2"}, "distil.teacher_scale: found '0..2'; input should be '0..1'"),
        ({"techer": "cnn"}, "unknown setting 'techer'; nearest: teacher"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse({"stages": [{"distil": settings}], "export": "int8"}, "x.yaml", "x")
    assert says in str(caught.value)


class Enough(BaseException):
    """Ends a run after its stage."""


def test_a_stage_that_another_teacher_taught_is_not_taken_from_the_cache(
    start: Candidate, small: Path, shapes: Path, tmp_path: Path, fresh_cache: Path
) -> None:
    start.model.save(tmp_path / "own.keras")
    (tmp_path / "teacher.keras").write_bytes((tmp_path / "own.keras").read_bytes())
    distil = {"teacher": str(tmp_path / "teacher.keras"), "student": str(small), **QUICK}
    recipe = parse({"stages": [{"distil": distil}], "export": "float32"}, "test", "quick")
    job = prepare.prepare_job(
        recipe, Wish(model=tmp_path / "own.keras", data=str(shapes), scale="0..1"), lambda _: None
    )
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        raise Enough

    for bytes_of in ("own.keras", "own.keras", small):
        (tmp_path / "teacher.keras").write_bytes((tmp_path / bytes_of).read_bytes())
        with pytest.raises(Enough):
            loop.run(job, tmp_path / "out", say)
    assert ["kept from an earlier run" in line for line in lines] == [False, True, False]


def test_another_net_is_quantized_towards_the_same_teacher_and_shipped(
    start: Candidate, small: Path, shapes: Path, tmp_path: Path
) -> None:
    start.model.save(tmp_path / "own.keras")
    stages = [{"distil": {"student": str(small), **QUICK}}, {"qat": {**BRIEF, "distillation": 0.9}}]
    recipe = parse({"stages": stages, "export": "int8"}, "test", "quick")
    job = prepare.prepare_job(
        recipe, Wish(model=tmp_path / "own.keras", data=str(shapes), scale="0..1"), lambda _: None
    )
    made = loop.run(job, tmp_path / "out", lambda _: None)
    assert made.manifest["recipe"]["stages"][0]["distil"]["teacher"] == "recipe"
    assert made.manifest["stages"][1]["teachers"][0]["parameters"] == start.model.count_params()
    assert list_float_operators(read((made.path / "model.tflite").read_bytes(), "made")) == []
    assert made.manifest["stages"][1]["student_parameters"] == 3 * 145
    assert made.manifest["export"]["size_bytes"] < made.manifest["float"]["size_bytes"] / 2


def test_a_wrong_teacher_is_told_before_anything_is_trained(
    small: Path, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "wrong.yaml"
    recipe.write_text("export: int8\nstages:\n  - finetune: {min_steps: 100000}\n  - distil: {teacher: cnnn}\n")
    words = ["compress", "--model", str(small), "--data", str(shapes), "--scale", "0..1", "--recipe", str(recipe)]
    monkeypatch.setattr(sys, "argv", ["edgedigits", *words, "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert "'cnnn' is no file and no net; nearest: cnn" in capsys.readouterr().err


def test_ones_own_layers_reach_teachers_and_students(
    start: Candidate, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    source = (
        "import keras\n\nclass Doubled(keras.layers.Layer):\n    def build(self, shape):\n"
        "        self.w = self.add_weight(shape=(1,), name='w')\n\n"
        "    def call(self, x):\n        return 2 * x + self.w\n"
    )
    (tmp_path / "ed_doubled.py").write_text(source)
    import ed_doubled  # type: ignore[import-not-found]

    image = keras.Input((12, 12, 1))
    net = keras.Model(image, L.Dense(3, activation="softmax")(L.Flatten()(ed_doubled.Doubled(name="mine")(image))))
    net.save(tmp_path / "own.keras")
    data, path = fit_data(shapes), str(tmp_path / "own.keras")
    known = replace(start, custom=("ed_doubled:Doubled",))
    assert known.after(known).custom == known.custom
    assert replace(start).after(known).custom == known.custom
    (teacher,) = load_teachers([path], known, data, None)
    images = np.random.default_rng(0).random((3, 12, 12, 1), dtype=np.float32)
    assert np.abs(np.asarray(teacher.model(images)) - np.asarray(net(images))).max() < 1e-6
    assert make_student(path, {}, known, data).get_layer("mine").__class__ is ed_doubled.Doubled
    for read_by in (lambda: load_teachers([path], start, data, None), lambda: make_student(path, {}, start, data)):
        with pytest.raises(ModelError, match="Doubled"):
            read_by()


def test_a_net_that_is_not_shipped_is_advised_by_a_command_that_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from edgedigits.cli.main import cli
    from edgedigits.stages.distil.teachers import find_teacher_file

    monkeypatch.setattr("edgedigits.stages.distil.teachers.find_shipped_record", lambda _: None)
    with pytest.raises(
        RecipeError, match=r"make one with `edgedigits (train nano --out nano\.keras)` and give its path"
    ) as told:
        find_teacher_file("nano")
    words = str(told.value).split("`")[1].split()[1:]
    assert CliRunner().invoke(cli, [*words, "--help"]).exit_code == 0
