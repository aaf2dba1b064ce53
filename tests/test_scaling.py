"""How pixels become input: mean, deviation, BGR; the same bits on host and device, folded where exact, checked on all classes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edgedigits_runner.command_line import main as by_hand
from edgedigits_runner.forms import InputForm
from edgedigits_runner.job_command import run as run_job
from edgedigits_runner.predict import Predictor
from edgedigits_runner.preprocess import prepare
from edgedigits_runner.release import read_release
from edgedigits_runner.scaling import NAMED, Scaling, scaling_of

from edgedigits.backend import keras, tf
from edgedigits.cli import main
from edgedigits.data.feed import make_plain_batches
from edgedigits.data.images import ArrayImages
from edgedigits.data.samples import draw_stratified
from edgedigits.data.scale import list_scalings, parse_scaling, scale_pixels
from edgedigits.errors import InputError, ModelError
from edgedigits.measure import bench_job
from edgedigits.measure.bench import Contestant, describe_model
from edgedigits.measure.bench_result import find_right
from edgedigits.models.graph import walk
from edgedigits.models.graph.answers import PROBES
from edgedigits.models.importer import loading
from edgedigits.pipeline import loop
from edgedigits.pipeline import prepare as preparing
from edgedigits.pipeline.checks.fold_scaling import fold
from edgedigits.pipeline.checks.scale_check import check_scale
from edgedigits.pipeline.export.checks import check_masks
from edgedigits.pipeline.export.conversion import draw_representative
from edgedigits.pipeline.model_card import write_artifact_card
from edgedigits.pipeline.recipe import parse
from edgedigits.stages.candidate import Candidate
from edgedigits.tasks.kinds.classification import Classification
from edgedigits.tasks.scoring import compute_outputs
from edgedigits.tflite.interpreter import TfliteModel, quantize

L = keras.layers
OWN = Scaling("0..1", (0.3, 0.45, 0.6), (0.11, 0.2, 0.29), True)
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), np.uint8)


@pytest.mark.parametrize("scale", [*list_scalings(3), OWN, Scaling("-1..1", (0.25,), (0.3,))], ids=str)
def test_host_graph_and_runner_agree_to_the_bit(scale: Scaling) -> None:
    on_host = scale_pixels(PIXELS, scale)
    assert on_host.dtype == np.float32
    images = ArrayImages(PIXELS, np.zeros(len(PIXELS), np.int32))
    (in_graph,) = [pixels.numpy() for pixels, _ in make_plain_batches(images, scale)]
    np.testing.assert_array_equal(in_graph, on_host)
    low, high = float(on_host.min()), float(on_host.max())
    for dtype, least in (("float32", 0), ("uint8", 0), ("int8", -128)):
        step = 0.0 if dtype == "float32" else float(np.float32((high - low) / 255))
        zero = round(least - low / step) if step else 0
        form = InputForm(0, 8, 8, 3, False, (1, 8, 8, 3), dtype, step, zero)
        detail = {"dtype": np.dtype(dtype).type, "quantization": (step, zero)}
        np.testing.assert_array_equal(prepare(PIXELS, form, scale)[:, 0], quantize(on_host, detail))


def test_the_named_ones_are_those_of_keras() -> None:
    process = keras.applications.imagenet_utils.preprocess_input
    np.testing.assert_array_equal(scale_pixels(PIXELS, "caffe"), process(PIXELS.astype(np.float32), mode="caffe"))
    np.testing.assert_allclose(
        scale_pixels(PIXELS, "torch"), process(PIXELS.astype(np.float32), mode="torch"), atol=1e-6
    )


def test_mean_and_deviation_belong_to_the_channels_as_the_model_takes_them() -> None:
    pixel = np.array([[[255, 0, 51]]], np.uint8)  # red, green, blue
    expected = [(0.2 - 0.3) / 0.11, (0 - 0.45) / 0.2, (1 - 0.6) / 0.29]
    assert scale_pixels(pixel, OWN)[0, 0].tolist() == pytest.approx(expected, rel=1e-6)


def test_a_scale_is_written_as_a_name_or_in_a_way_that_older_runners_refuse() -> None:
    for one in (*list_scalings(3), OWN):
        assert scaling_of(json.loads(json.dumps(one.as_json()))) == one
        assert isinstance(one.as_json(), str) == (one in [NAMED[name] for name in ("0..1", "-1..1", "0..255")])
    assert scaling_of({"range": "0..1", "mean": [0, 0, 0], "std": [1]}) == NAMED["0..1"]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("0..2", "found '0..2'; choose from 0..1, -1..1, 0..255, caffe, torch"),
        (None, "give one of"),
        ({"range": "caffe"}, "range: found 'caffe'"),
        ({"range": "0..1", "men": [1]}, "an object of range, mean, std, bgr"),
        ({"range": "0..1", "mean": [1, 2]}, "mean: found [1, 2]; give one number"),
        ({"range": "0..1", "mean": [True]}, "mean: found [True]"),
        ({"range": "0..1", "mean": [10**400]}, "mean: found [1000"),
        ({"range": "0..1", "mean": float("nan")}, "mean: found nan"),
        ({"range": "0..1", "std": [0.5, float("nan"), 1]}, "std: found [0.5, nan, 1]"),
        ({"range": "0..1", "std": [1, 0, 1]}, "std: found 0; give numbers above 0"),
        ({"range": "0..1", "std": [-0.2]}, "std: found -0.2; give numbers above 0"),
        ({"range": "0..1", "std": [1e-50]}, "leave nothing of the pixels"),
        ({"range": "0..1", "mean": [1e20]}, "leave nothing of the pixels"),
        ({"range": "0..1", "bgr": 1}, "bgr: found 1; give true or false"),
    ],
)
def test_what_is_no_scale_is_refused(value: Any, says: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_scaling(value, "here")
    assert str(caught.value).startswith("here: ")
    assert says in str(caught.value)


@pytest.mark.parametrize("scale", ["caffe", "torch", {"range": "0..1", "bgr": True}])
def test_a_scale_of_three_channels_is_refused_for_grey(scale: Any) -> None:
    with pytest.raises(InputError, match="is for 3 channels, and the images as the model takes them have 1"):
        scale_pixels(PIXELS[..., :1], scale)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--mean", "0.5"), "edgedigits: --mean: needs --scale"),
        (("--scale", "0..1", "--std", "0"), "edgedigits: --scale 0..1: std: found 0; give numbers above 0"),
        (("--scale", "0..1", "--std", "0.2,-1,0.2"), "edgedigits: --scale 0..1: std: found -1"),
        (("--scale", "0..1", "--std", "nan"), "found 'nan'; wanted one number for all channels or three"),
        (("--scale", "0..1", "--mean", "a,b,c"), "found 'a,b,c'; wanted one number"),
        (("--scale", "0..1", "--mean", "1,2"), "found '1,2'; wanted one number"),
        (("--scale", "0..1", "--mean", "1e99"), "mean: found"),
        (("--scale", "imagenet"), "is not one of"),
        (("--scale", "torch", "--data", "digits", "--zoo", "nano"), "is for 3 channels"),
    ],
)
@pytest.mark.parametrize("command", ["compress", "advise"])
def test_bad_options_end_in_a_sentence(
    command: str, words: tuple[str, ...], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["edgedigits", command, "--recipe", "ptq_int8", *words])
    with pytest.raises(SystemExit) as caught:
        main.main()
    told = capsys.readouterr()
    assert (caught.value.code, told.out) == (2, "")
    assert says in told.err.splitlines()[-1]


def test_the_options_are_one_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    def job(recipe: Any, wish: preparing.Wish, *_: Any) -> float:
        given.append(wish.scale)
        return 1 / 0

    monkeypatch.setattr(preparing, "prepare_job", job)
    words = ["compress", "--recipe", "ptq_int8", "--model", "m.keras", "--scale"]
    more = ["0..1", "--mean", "0.3,.45,0.6", "--std", "0.11,0.2,0.29", "--bgr"]
    for rest in (more, ["caffe", "--mean", "1,2,3"], ["-1..1"]):
        with pytest.raises(ZeroDivisionError):
            main.cli.main([*words, *rest], standalone_mode=False)
    assert given == [OWN, Scaling("0..255", (1.0, 2.0, 3.0), (), True), NAMED["-1..1"]]


def net(*layers: Any, shape: tuple[int, ...] = (8, 8, 3)) -> Any:
    keras.utils.set_random_seed(1)
    made = keras.Sequential([keras.Input(shape), *layers, L.Flatten(), L.Dense(3)])
    flat = keras.Model(made.inputs[0], made.outputs[0])
    flat.set_weights([w + np.random.default_rng(2).normal(0, 0.1, w.shape) for w in flat.get_weights()])
    return flat


STRAIGHT = OWN._replace(bgr=False, mean=OWN.mean[::-1], std=OWN.std[::-1])
PLAIN = NAMED["0..1"]


@pytest.mark.parametrize(
    ("layers", "scale", "left"),
    [
        ([L.Conv2D(4, 3)], OWN, PLAIN),
        ([L.Conv2D(4, 3, use_bias=False), L.BatchNormalization()], OWN, PLAIN),
        ([L.Conv2D(4, 3, strides=2, padding="same", activation="relu")], OWN, STRAIGHT),
        ([L.Conv2D(4, 1, padding="same")], OWN, PLAIN),
        ([L.Conv2D(4, 3, padding="same")], OWN._replace(mean=()), PLAIN),
        ([L.Conv2D(4, 3, padding="same")], NAMED["torch"], NAMED["torch"]),
        (
            [L.ZeroPadding2D(1), L.Conv2D(4, 3)],
            NAMED["caffe"],
            NAMED["0..255"]._replace(mean=(123.68, 116.779, 103.939)),
        ),
        ([L.Dropout(0.1), L.Conv2D(4, 3)], NAMED["torch"], PLAIN),
        ([L.Conv2D(3, 3, groups=3)], NAMED["torch"], NAMED["torch"]),
        ([L.DepthwiseConv2D(3, depth_multiplier=2)], NAMED["torch"], PLAIN),
        ([L.DepthwiseConv2D(3)], OWN, OWN),
        ([L.SeparableConv2D(4, 3, depth_multiplier=2)], OWN, PLAIN),
        ([L.SeparableConv2D(4, 3, depth_multiplier=2, padding="same")], OWN, STRAIGHT),
        ([], OWN, PLAIN),
        ([L.Dense(4)], OWN, PLAIN),
        ([L.BatchNormalization()], OWN, OWN),
        ([L.Conv2D(4, 3)], NAMED["0..255"], NAMED["0..255"]),
    ],
)
def test_folding_is_exact_or_left_alone(layers: list[Any], scale: Scaling, left: Scaling) -> None:
    model = net(*[type(layer).from_config(layer.get_config()) for layer in layers])
    images = ArrayImages(PIXELS, np.zeros(len(PIXELS), np.int32))
    (found,), now, facts = fold([Candidate(model)], scale, images)
    assert now == left
    assert bool(facts) == (now != scale)
    before, after = compute_outputs(model, images, scale), compute_outputs(found.model, images, now)
    np.testing.assert_allclose(after, before, atol=2e-5 * np.abs(before).max())
    assert [tuple(v.shape) for v in walk.collect_kernels(found.model).values()] == [
        tuple(v.shape) for v in walk.collect_kernels(model).values()
    ]


def test_a_model_that_reads_its_pixels_twice_is_not_folded() -> None:
    image = keras.Input((8, 8, 3))
    both = L.Add()([L.Conv2D(4, 3)(image), L.Conv2D(4, 3)(image)])
    model = keras.Model(image, L.Dense(3)(L.Flatten()(both)))
    images = ArrayImages(PIXELS, np.zeros(len(PIXELS), np.int32))
    assert fold([Candidate(model), Candidate(net(L.Conv2D(4, 3)))], OWN, images)[1:] == (OWN, {}), "both or none"


def test_masks_and_clusters_move_with_their_kernels() -> None:
    model, images = net(L.SeparableConv2D(4, 3)), ArrayImages(PIXELS, np.zeros(len(PIXELS), np.int32))
    masks, clusters, rng = {}, {}, np.random.default_rng(3)
    for path, kernel in walk.collect_kernels(model).items():
        groups = rng.integers(-1, 4, tuple(kernel.shape))
        kernel.assign(np.where(groups < 0, 0, np.array([0.1, -0.2, 0.3, 0.4])[groups]))
        masks[path], clusters[path] = groups >= 0, groups.astype(np.int32)
    pruned = Candidate(model, masks)
    (found,), left, _ = fold([pruned], OWN, images)
    assert left == PLAIN
    check_masks(found, "fold")
    assert any((found.masks[path] != mask).any() for path, mask in masks.items())
    clustered = replace(pruned, clusters=clusters)
    (found,), left, _ = fold([clustered], OWN, images)
    assert left == STRAIGHT, "different factors would make more values than clusters"
    check_masks(found, "fold")
    assert fold([clustered], Scaling("0..255", (90.0, 80.0, 70.0), (64.0,)), images)[1] == PLAIN


@pytest.mark.parametrize("count", [1, 3, 4, 7, 50, 200])
def test_a_sample_holds_every_class_in_proportion(count: int) -> None:
    labels = np.repeat([0, 1, 2, 3], [150, 30, 15, 1]).astype(np.int32)
    picked = draw_stratified(labels, count, seed=5)
    assert picked.tolist() == sorted(set(picked.tolist()))
    assert len(picked) == min(count, len(labels))
    assert len(set(labels[picked])) == min(count, 4)
    assert (picked == draw_stratified(labels, count, seed=5)).all()
    if count == 50:
        assert np.bincount(labels[picked]).tolist() == [37, 8, 4, 1]


def test_a_sample_of_more_classes_than_it_has_places_is_a_draw_of_them() -> None:
    labels = np.repeat(np.arange(300), 3).astype(np.int32)
    drawn = labels[draw_stratified(labels, 100)]
    assert len(set(drawn)) == 100
    assert drawn.max() > 250
    assert set(drawn) != set(labels[draw_stratified(labels, 100, seed=1)])


def test_calibration_images_are_of_every_class() -> None:
    pixels = np.repeat(np.arange(5, dtype=np.uint8) * 50, 20)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8)
    images = ArrayImages(pixels, np.repeat(np.arange(5), 20).astype(np.int32))
    given = [round(float(one[0][0, 1, 1, 0])) for one in draw_representative(images, "0..255", 5)]
    assert given == [0, 50, 100, 150, 200]


def task(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Six classes, sorted as folders are: which of three channels is brighter, and in which half."""
    rng = np.random.default_rng(seed)
    labels = np.sort(np.arange(count) % 6).astype(np.int32)
    pixels = rng.integers(60, 120, (count, 10, 10, 3))
    for image, label in zip(pixels, labels, strict=True):
        half = slice(0, 5) if label < 3 else slice(5, 10)
        image[half, :, label % 3] += 60
    return pixels.astype(np.uint8), labels


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(a net trained on pixels scaled by `OWN`, its data): trained until it is right on nearly all."""
    folder = tmp_path_factory.mktemp("own")
    (x, y), (x_test, y_test) = task(360, 0), task(60, 1)
    np.savez(folder / "data.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((10, 10, 3)), L.Conv2D(8, 3, strides=2, activation="relu"), L.Flatten(), L.Dense(6, "softmax")]
    )
    model.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(scale_pixels(x, OWN), y, epochs=6, verbose=0)
    model.save(folder / "own.keras")
    return folder / "own.keras", folder / "data.npz"


def test_a_scale_that_fits_is_found_on_data_sorted_by_class_and_none_else(own: tuple[Path, Path]) -> None:
    model = keras.models.load_model(own[0])
    train = ArrayImages(*task(360, 0))
    assert check_scale(TASK, HALF, model, train, OWN) == []
    for given in ("0..1", "0..255"):
        (warning,) = check_scale(TASK, HALF, model, train, NAMED[given])
        assert f"with --scale {given} the model answers " in warning
        assert "none of the scales fits: the best" in warning
        assert "pass --mean and --std, and --bgr" in warning
    assert check_scale(TASK, HALF, model, ArrayImages(train.pixels[:60], train.labels[:60]), NAMED["0..1"]) == [], (
        "one class tells nothing"
    )


TASK = Classification()
HALF = TASK.half((), False)


class Constant:
    """Answers one class, or under one scale the right ones, whose pixels tell the class."""

    def __init__(self, classes: int, knows: Scaling | None) -> None:
        self.classes, self.knows = classes, knows
        self.inputs = [tf.TensorSpec([None] * 4)]

    def __call__(self, batch: Any, training: bool) -> Any:
        del training
        place = batch[:, 0, 0, 0]
        if self.knows is None:
            return tf.one_hot(tf.zeros_like(place, tf.int32), self.classes)
        back = (place - self.knows.line(3)[1][0]) / self.knows.line(3)[0][0]
        whole = tf.cast(tf.round(back), tf.int32)
        right = tf.reduce_all(tf.abs(back - tf.round(back)) < 1e-2)
        return tf.one_hot(tf.where(right, whole, 0), self.classes)


@pytest.mark.parametrize(("classes", "channels"), [(2, 1), (10, 3), (200, 1)])
def test_what_is_recommended_is_good_on_all_classes(classes: int, channels: int) -> None:
    labels = np.repeat(np.arange(classes), 40).astype(np.int32)
    pixels = np.broadcast_to(labels[:, None, None, None], (len(labels), 2, 2, channels)).astype(np.uint8)
    images = ArrayImages(pixels, labels)
    (told,) = check_scale(TASK, HALF, Constant(classes, None), images, NAMED["0..1"])
    assert "none of the scales fits" in told
    answered = float(told.split("the model answers ")[1].split(" %")[0])
    assert answered == pytest.approx(100 / classes, abs=0.2), "as much as it answers on all of them"
    assert check_scale(TASK, HALF, Constant(classes, NAMED["-1..1"]), images, NAMED["-1..1"]) == []
    (told,) = check_scale(TASK, HALF, Constant(classes, NAMED["-1..1"]), images, NAMED["0..1"])
    assert "with --scale -1..1 100.0 %: was it trained on -1..1?" in told
    most = np.concatenate([np.zeros(5000, np.int32), labels])
    frequent = ArrayImages(
        np.broadcast_to(most[:, None, None, None], (len(most), 2, 2, channels)).astype(np.uint8), most
    )
    (told,) = check_scale(TASK, HALF, Constant(classes, None), frequent, NAMED["0..1"])
    assert "none of the scales fits" in told, "one class, however frequent, is not all of them"


def made(own: tuple[Path, Path], out: Path, scale: Any, export: str = "int8") -> Any:
    wish = preparing.Wish(model=own[0], data=str(own[1]), scale=scale)
    return loop.run(
        preparing.prepare_job(parse({"export": export}, "test", "plain"), wish, lambda _: None), out, lambda _: None
    )


def answers_of(folder: Path) -> list[int]:
    """What the runner answers for the artifact's own images."""
    predictor = Predictor(read_release(str(folder)), "litert", 1)
    with np.load(folder / "eval.npz") as kept:
        return [predictor.answer(image)["top"][0]["class"] for image in kept["images"]]


def test_an_artifact_takes_plain_pixels_where_the_scale_is_in_its_weights(
    own: tuple[Path, Path], tmp_path: Path
) -> None:
    artifact = made(own, tmp_path, OWN)
    entry = artifact.manifest["input"]
    assert (entry["scale"], entry["folded"]["scale"]) == ("0..1", OWN.as_json())
    assert artifact.manifest["warnings"] == []
    assert artifact.manifest["test"]["float_accuracy"] > 0.9
    assert (
        "scaled to 0..1 (0..1; mean 0.3, 0.45, 0.6; std 0.11, 0.2, 0.29; BGR is in the weights"
        in write_artifact_card(artifact.manifest)
    )
    labels = np.load(own[1])["y_test"]
    right = (np.array(answers_of(artifact.path)) == labels).mean()
    assert right == artifact.manifest["test"]["accuracy"]
    with np.load(artifact.path / "golden.npz") as golden:
        assert set(labels[golden["test_indices"]]) == set(range(6))
    wish = bench_job.BenchWish(tflite=artifact.path)
    for given, obeyed in ((None, "0..1"), (OWN, "0..1"), ("torch", "torch")):
        task = bench_job.make_task(replace(wish, scale=given), tmp_path)
        assert [parse_scaling(one.scale) for one in task.contestants] == [NAMED[obeyed]] * 2


def test_an_artifact_keeps_a_scale_that_does_not_fold_and_the_runner_obeys_it(
    own: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "fold", lambda candidates, scale, _: (candidates, scale, {}))
    artifact = made(own, tmp_path, OWN)
    assert artifact.manifest["input"]["scale"] == OWN.as_json()
    assert "folded" not in artifact.manifest["input"]
    assert read_release(str(artifact.path)).scale == OWN
    with np.load(own[1]) as data:
        found = TfliteModel((artifact.path / "model.tflite").read_bytes()).outputs(data["x_test"], OWN)
        assert found.argmax(axis=1).tolist() == answers_of(artifact.path)
        assert (found.argmax(axis=1) == data["y_test"]).mean() == artifact.manifest["test"]["accuracy"] > 0.9
    job = {"schema": 1, "kind": "evaluate", "runtime": "litert", "threads": 1, "eval": str(artifact.path / "eval.npz")}
    model = describe_model(Contestant("m", artifact.path / "model.tflite", artifact.manifest["input"]["scale"]))
    (tmp_path / "job.json").write_text(json.dumps({**job, "models": [model]}))
    assert run_job(tmp_path / "job.json", tmp_path / "result.json", lambda _: None) == 0
    by_host = json.loads((tmp_path / "result.json").read_text())
    assert by_hand(["evaluate", str(artifact.path), "--out", str(tmp_path / "by_hand.json")]) == 0
    for result in (by_host, json.loads((tmp_path / "by_hand.json").read_text())):
        assert find_right(result, 0).mean() == artifact.manifest["test"]["accuracy"]


def test_probes_are_scaled_as_the_model_takes_its_pixels(tmp_path: Path) -> None:
    """Raw pixels overflow in it, those it was trained on do not."""
    image = keras.Input((4, 4, 3))
    x = L.Activation("exponential")(L.Dense(2, kernel_initializer="ones")(L.Flatten()(image)))
    keras.Model(image, L.Dense(2)(x)).save(tmp_path / "steep.keras")
    with pytest.raises(ModelError, match="NaN or infinity"):
        loading.load(tmp_path / "steep.keras")
    loaded = loading.load(tmp_path / "steep.keras", scale=NAMED["-1..1"])
    assert loaded.facts["compared_images"] == 2 * PROBES


def test_a_teacher_may_have_a_mean_of_its_own() -> None:
    given = {"range": "0..1", "mean": [0.1], "std": [0.5]}
    recipe = parse({"stages": [{"distil": {"teacher_scale": given}}], "export": "int8"}, "x.yaml", "x")
    assert recipe.as_dict()["stages"][0]["distil"]["teacher_scale"] == given


def test_a_scale_is_read_without_numpy() -> None:
    """As `doctor` does on a device, before it knows whether there is any."""
    code = "import sys; sys.modules['numpy'] = None; from edgedigits_runner.scaling import scaling_of as s; "
    code += f"s({OWN.as_json()!r}).check_channels(3); from edgedigits_runner import release, jobs"
    subprocess.run([sys.executable, "-c", code], check=True)
