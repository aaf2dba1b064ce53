"""The whole run on tiny data: artifact, checks, cache, determinism, every kind of model."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest

from edgedigits.backend import keras as keras3
from edgedigits.data.sources.named import load_data
from edgedigits.data.splits import split
from edgedigits.errors import ArtifactError, DataError, InputError, MaskError, ModelError
from edgedigits.ground import artifact_folder
from edgedigits.ground.facts import Facts, Progress, silent
from edgedigits.models.graph import walk
from edgedigits.models.zoo import ZOO
from edgedigits.pipeline import baselines, loop, prepare
from edgedigits.pipeline.baselines import save
from edgedigits.pipeline.prepare import Wish
from edgedigits.pipeline.recipe import Recipe, parse
from edgedigits.pipeline.stage_cache import StageCache
from edgedigits.pipeline.train import Settings, train
from edgedigits.stages.candidate import Candidate
from edgedigits.tflite.flatbuffer import count_weight_zeros, list_float_operators, read
from tests.conftest import shapes_npz

QUICK = {"epochs": 0.1, "min_steps": 40, "rate": 2e-3, "batch": 32}


def quick_recipe(*, sparsity: float = 0.8, min_weights: int = 500) -> Recipe:
    """prune80_int8 in a few steps."""
    prune = {"sparsity": sparsity, "min_weights": min_weights, "every_steps": 10, **QUICK}
    return parse({"stages": [{"prune": prune}, {"qat": QUICK}], "export": "int8"}, "test", "quick")


def only_pruned() -> Recipe:
    """Without training of the rounding, where that is not the point."""
    prune = {"sparsity": 0.8, "min_weights": 500, "every_steps": 10, **QUICK, "min_steps": 80}
    return parse({"stages": [{"prune": prune}], "export": "int8"}, "test", "pruned")


@pytest.fixture(scope="session")
def lenet(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LeNet-5 trained on the shapes, as `edgedigits train` leaves it."""
    folder = tmp_path_factory.mktemp("lenet")
    trained = train(Settings("lenet5", epochs=3, batch=32, rate=1e-2), load_data(str(shapes)), folder / "work")
    save(trained.model, trained.record, folder / "lenet5.keras")
    return folder / "lenet5.keras"


@pytest.fixture(scope="module")
def first(lenet: Path, shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[str]]:
    """(artifact, cache, lines said) of the quick recipe's first run on the LeNet-5; to be looked at, not changed."""
    folder, lines = tmp_path_factory.mktemp("first"), list[str]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEDIGITS_CACHE", str(folder / "cache"))
        made = compress(quick_recipe(), folder / "out", lines.append, model=lenet, data=str(shapes))
    return made.path, folder / "cache", lines


def compress(recipe: Recipe, out: Path, say: Any = lambda _: None, **wish: Any) -> artifact_folder.Artifact:
    return loop.run(prepare.prepare_job(recipe, Wish(**wish), say), out, say)


def check_int8(made: artifact_folder.Artifact, sparsity: float = 0.8) -> None:
    """All integer, and every pruned kernel has its zeros in the bytes."""
    contents = read((made.path / "model.tflite").read_bytes(), "made")
    assert list_float_operators(contents) == []
    (prune,) = [stage for stage in made.manifest["stages"] if stage["stage"] == "prune"]
    assert prune["sparsity"], "nothing was pruned"
    shares = sorted((row.share or 0 for row in count_weight_zeros(contents)), reverse=True)[: len(prune["sparsity"])]
    assert min(shares) >= sparsity - 0.002
    assert made.manifest["test"]["accuracy"] >= 0.8


def test_artifact_is_whole_and_says_what_it_is(first: tuple[Path, Path, list[str]], tmp_path: Path) -> None:
    path, _, lines = first
    made = artifact_folder.read(Path(shutil.copytree(path, tmp_path / path.name)))
    check_int8(made)
    names = {item.name for item in made.path.iterdir()}
    assert names == {
        "model.tflite",
        "float.tflite",
        "manifest.json",
        "eval.npz",
        "golden.npz",
        "README.md",
    }
    manifest = json.loads((made.path / "manifest.json").read_text())
    assert manifest == json.loads(json.dumps(made.manifest))
    for name, wanted in manifest["files"].items():
        assert hashlib.sha256((made.path / name).read_bytes()).hexdigest() == wanted
    assert manifest["input"]["scale"] == "0..1", "taken from the training record"
    assert [stage["stage"] for stage in manifest["stages"]] == ["load", "prune", "qat"]
    assert manifest["recipe"]["stages"][0]["prune"]["sparsity"] == 0.8
    assert artifact_folder.read(made.path).manifest == manifest
    by_class = manifest["test"]["classes"]
    assert [(row["class"], row["images"]) for row in by_class] == [("0", 30), ("1", 30), ("2", 30)]
    assert sum(row["compressed_recall"] for row in by_class) / 3 == pytest.approx(manifest["test"]["accuracy"])
    assert sum(row["float_recall"] for row in by_class) / 3 == pytest.approx(manifest["test"]["float_accuracy"])
    assert sum(row["images"] for row in manifest["export"]["validation_classes"]) == 18
    assert "(exact McNemar test)" in (made.path / "README.md").read_text()
    with np.load(made.path / "eval.npz") as file:
        assert file["images"].shape == (90, 12, 12, 1)
    assert f"{100 * manifest['test']['accuracy']:.2f} %" in (made.path / "README.md").read_text()
    assert [line.split(":")[0] for line in lines] == ["augmentation", "prune", "qat"]
    (made.path / "eval.npz").write_bytes(b"")
    with pytest.raises(ArtifactError, match=r"eval\.npz: missing or altered"):
        artifact_folder.read(made.path)


def test_golden_vectors_are_what_the_reference_kernels_answer(first: tuple[Path, Path, list[str]]) -> None:
    from edgedigits.tflite.interpreter import TfliteModel

    with np.load(first[0] / "golden.npz") as golden:
        again = TfliteModel((first[0] / "model.tflite").read_bytes(), reference=True).raw(golden["inputs"])
        assert (again == golden["outputs"]).all()
        assert golden["inputs"].dtype == np.int8


def test_same_seed_same_bytes_and_finished_stages_are_kept(
    lenet: Path,
    shapes: Path,
    tmp_path: Path,
    first: tuple[Path, Path, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = artifact_folder.read(first[0])
    monkeypatch.setenv("EDGEDIGITS_CACHE", str(shutil.copytree(first[1], tmp_path / "cache")))
    two = compress(quick_recipe(), tmp_path / "two", model=lenet, data=str(shapes))
    new = compress(quick_recipe(), tmp_path / "new", model=lenet, data=str(shapes), fresh=True)
    other = compress(quick_recipe(), tmp_path / "other", model=lenet, data=str(shapes), seed=1)
    flats = [(made.path / "model.tflite").read_bytes() for made in (one, two, new, other)]
    assert flats[0] == flats[1] == flats[2]
    assert flats[3] != flats[0]
    cached = [[stage["cached"] for stage in made.manifest["stages"][1:]] for made in (one, two, new, other)]
    assert cached == [[False, False], [True, True], [False, False], [False, False]]
    took = [[stage["made_in_seconds"] for stage in made.manifest["stages"][1:]] for made in (one, two)]
    assert took[0] == took[1], "a kept stage says what it took to make"
    assert min(took[0]) > 0
    assert one.path.name == two.path.name != other.path.name


class Interrupted(BaseException):
    """Stands for a user's Ctrl-C."""


def test_an_interrupted_run_goes_on_after_the_last_finished_stage(
    lenet: Path, shapes: Path, tmp_path: Path, fresh_cache: Path
) -> None:
    def interrupt(line: str) -> None:
        if line.startswith("prune"):
            raise Interrupted

    with pytest.raises(Interrupted):
        compress(quick_recipe(), tmp_path, interrupt, model=lenet, data=str(shapes))
    assert not list(tmp_path.glob("lenet5*"))
    made = compress(quick_recipe(), tmp_path, model=lenet, data=str(shapes))
    assert [stage["cached"] for stage in made.manifest["stages"]] == [False, True, False]
    (kept,) = [path for path in (fresh_cache / "stages").iterdir() if (path / "masks.npz").stat().st_size > 3000][:1]
    (kept / "weights.npz").write_bytes(b"torn")
    again = compress(quick_recipe(), tmp_path, model=lenet, data=str(shapes))
    assert (again.path / "model.tflite").read_bytes() == (made.path / "model.tflite").read_bytes()


def test_a_stage_that_breaks_masks_fails_loudly(lenet: Path, shapes: Path, tmp_path: Path) -> None:
    class Reviving:
        makes_zeros: ClassVar[bool] = False
        why_no_gain: ClassVar[str] = ""
        in_words = ""

        def __call__(self, candidate: Candidate, data: Any, progress: Progress = silent) -> tuple[Candidate, Facts]:
            model = walk.clone(candidate.model)
            model.set_weights([weight + 0.01 for weight in model.get_weights()])
            return Candidate(model, candidate.masks), {}

    class Forgetting(Reviving):
        def __call__(self, candidate: Candidate, data: Any, progress: Progress = silent) -> tuple[Candidate, Facts]:
            return Candidate(candidate.model), {}

    job = prepare.prepare_job(quick_recipe(), Wish(model=lenet, data=str(shapes)), lambda _: None)
    data = split(job.dataset, job.scale, job.seed)
    kernels = walk.collect_kernels(job.loaded.model)
    masks = {path: kernel.numpy() != 0 for path, kernel in kernels.items()}
    name = next(iter(masks))
    masks[name] = np.zeros_like(masks[name])
    kernels[name].assign(kernels[name] * 0)
    before, kept = Candidate(job.loaded.model, masks), StageCache(fresh=True)
    for broken, says in ((Reviving(), "are not zero any more"), (Forgetting(), "dropped or loosened")):
        with pytest.raises(MaskError, match=says):
            loop._stage("broken", broken, before, data, "key", kept, silent, lambda _: {})


def test_wrong_scale_is_warned_of_and_a_right_one_is_not(shapes: Path, tmp_path: Path) -> None:
    recipe = parse({"export": "int8"}, "test", "plain")
    data = load_data(str(shapes))
    layers = keras3.layers  # these see dark pixels, and none but under -1..1: others may answer well under any scale
    dark = keras3.Sequential(
        [keras3.Input((12, 12, 1)), layers.Rescaling(-1.0), layers.ReLU(), layers.Flatten(), layers.Dense(3)]
    )
    net = fitted_keras3(dark, data.train.read(np.arange(180)), data.train.labels)
    net.save(tmp_path / "centred.keras")
    wrong = compress(recipe, tmp_path / "wrong", model=tmp_path / "centred.keras", data=str(shapes), scale="0..255")
    right = compress(recipe, tmp_path / "right", model=tmp_path / "centred.keras", data=str(shapes), scale="-1..1")
    assert right.manifest["warnings"] == []
    assert "with --scale -1..1" in wrong.manifest["warnings"][0]


def test_labels_outside_the_models_answers_are_refused(lenet: Path, tmp_path: Path) -> None:
    more = shapes_npz(tmp_path / "more.npz", classes=4)
    with pytest.raises(DataError, match="has 4 classes"):
        compress(quick_recipe(), tmp_path, model=lenet, data=str(more))


def test_images_of_another_shape_are_refused_and_resized_on_request(lenet: Path, tmp_path: Path) -> None:
    larger = shapes_npz(tmp_path / "larger.npz", size=24)
    with pytest.raises(DataError, match="pass --resize 12x12"):
        compress(quick_recipe(), tmp_path, model=lenet, data=str(larger))
    made = compress(only_pruned(), tmp_path, model=lenet, data=str(larger), resize=(12, 12))
    assert made.manifest["input"]["resize"] == [12, 12]
    check_int8(made)


def test_zoo_nets_all_go_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On so many images that the steps that a net needs are few epochs: an epoch costs more than a step."""
    monkeypatch.setattr(baselines, "STEPS", 120)
    many = shapes_npz(tmp_path / "shapes.npz", per_class=400)
    for name in ("mlp", "nano"):
        said: list[str] = []
        made = compress(only_pruned(), tmp_path, said.append, zoo=name, data=str(many))
        assert said[0].startswith(f"no shipped {name} for shapes: training one")
        check_int8(made)


def test_data_that_no_shipped_net_was_trained_on_keeps_its_size(shapes: Path) -> None:
    with pytest.raises(InputError, match="images are 12x12, it needs at least 32x32; pass --resize 32x32"):
        prepare.prepare_job(quick_recipe(), Wish(zoo="mobilenet_v2", data=str(shapes)), print)


def four_blocks(**how: Any) -> Any:
    """Of Keras' MobileNetV2: blocks with and without expansion, stride and residual add, and what comes before."""
    whole = WHOLE_MOBILENET(**how)
    end = keras3.layers.GlobalAveragePooling2D()(whole.get_layer("block_3_project_BN").output)
    return keras3.Model(whole.input, end, name=whole.name)


WHOLE_MOBILENET = keras3.applications.MobileNetV2


@pytest.mark.parametrize(
    ("body", "pruned"), [(four_blocks, 7), pytest.param(WHOLE_MOBILENET, 27, marks=pytest.mark.device, id="whole")]
)
def test_mobilenet_goes_through(body: Any, pruned: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights but for a short fine-tuning: what counts here is that every layer of it is taken."""
    monkeypatch.setattr(keras3.applications, "MobileNetV2", body)
    data = shapes_npz(tmp_path / "large.npz", size=32, per_class=20)
    net = ZOO["mobilenet_v2"]((32, 32, 1), 3)
    with_statistics_of(load_data(str(data)).train.read(np.arange(60)) / 255, net)
    net.save(tmp_path / "mobilenet.keras")
    steps = {**QUICK, "min_steps": 3, "batch": 8}
    least = {} if body is WHOLE_MOBILENET else {"min_weights": 300}
    recipe = parse(
        {"stages": [{"prune": {"sparsity": 0.8, **least, **steps}}, {"qat": steps}], "export": "int8"}, "test", "quick"
    )
    made = compress(recipe, tmp_path, model=tmp_path / "mobilenet.keras", data=str(data), scale="0..1")
    contents = read((made.path / "model.tflite").read_bytes(), "made")
    assert list_float_operators(contents) == []
    assert made.manifest["stages"][2]["left_to_converter"] == {}
    assert len(made.manifest["stages"][1]["sparsity"]) == pruned


def with_statistics_of(images: np.ndarray, net: Any) -> None:
    """Normalization as if trained on the images: without, fifty layers leave nothing of them, and no answer to compare."""
    layers = [layer for layer in net._flatten_layers() if isinstance(layer, keras3.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    net(images.astype(np.float32), training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def residual(shape: tuple[int, int, int], classes: int) -> Any:
    """A Keras 3 functional model with residual adds, a nested block and a shared layer; logits."""
    layers = keras3.layers
    image = layers.Input(shape)
    x = layers.Conv2D(16, 3, padding="same")(image)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    inner = layers.Input((shape[0], shape[1], 16))
    y = layers.Conv2D(16, 3, padding="same", activation="relu")(inner)
    block = keras3.Model(inner, layers.BatchNormalization()(layers.Conv2D(16, 3, padding="same")(y)), name="block")
    x = layers.Add()([x, block(x)])
    shared = layers.Conv2D(16, 3, padding="same", activation="relu", name="shared")
    x = layers.Add()([x, shared(shared(x))])
    x = layers.MaxPooling2D(3)(x)
    return keras3.Model(image, layers.Dense(classes)(layers.Flatten()(x)), name="residual")


def fitted_keras3(net: Any, pixels: np.ndarray, labels: np.ndarray) -> Any:
    net.compile("adam", keras3.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
    net.optimizer.learning_rate = 5e-3
    net.fit(pixels.astype(np.float32) / 127.5 - 1, labels, batch_size=32, epochs=12, verbose=0)
    return net


def test_keras3_functional_model_with_residual_adds_goes_through(shapes: Path, tmp_path: Path) -> None:
    data = load_data(str(shapes))
    net = fitted_keras3(residual((12, 12, 1), 3), data.train.read(np.arange(180)), data.train.labels)
    net.save(tmp_path / "residual.keras")
    made = compress(quick_recipe(), tmp_path, model=tmp_path / "residual.keras", data=str(shapes), scale="-1..1")
    check_int8(made)
    assert made.manifest["model"]["logits"] is True


def test_colour_image_folder_goes_through(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for label, name in enumerate(("blue", "green", "red")):
        (tmp_path / "colours" / name).mkdir(parents=True)
        for index in range(40):
            image = rng.integers(0, 120, (12, 12, 3))
            image[..., label] += 100
            cv2.imwrite(str(tmp_path / "colours" / name / f"{index}.png"), image.astype(np.uint8))
    data = load_data(str(tmp_path / "colours"))
    net = fitted_keras3(residual((12, 12, 3), 3), data.train.read(np.arange(len(data.train))), data.train.labels)
    net.save(tmp_path / "colours.keras")
    folder = str(tmp_path / "colours")
    made = compress(only_pruned(), tmp_path, model=tmp_path / "colours.keras", data=folder, scale="-1..1")
    check_int8(made)
    assert made.manifest["input"]["shape"] == [12, 12, 3]


def test_a_model_whose_probabilities_come_from_no_softmax_needs_a_recipe_without_stages(
    shapes: Path, tmp_path: Path
) -> None:
    layers = keras3.layers
    image = layers.Input((12, 12, 1))
    shares = layers.Dense(3, activation="softmax")(layers.Flatten()(image))
    keras3.Model(image, layers.Rescaling(1.0)(shares)).save(tmp_path / "odd.keras")
    with pytest.raises(ModelError, match="no closing softmax"):
        compress(quick_recipe(), tmp_path, model=tmp_path / "odd.keras", data=str(shapes), scale="0..1")
