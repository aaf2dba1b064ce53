"""Students of a family: built from the teacher's images, classes and depth, for small grey images and for large photos alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedigits.backend import keras
from edgedigits.data.scale import parse_scaling
from edgedigits.data.sources.named import load_data
from edgedigits.data.splits import FitData, split
from edgedigits.errors import InputError, RecipeError
from edgedigits.measure.cost.cycle_model import predict_cycles
from edgedigits.models.graph import walk
from edgedigits.models.graph.narrowed_size import find_sizes
from edgedigits.models.importer.loading import load
from edgedigits.models.zoo import ZOO
from edgedigits.models.zoo.family import build_student
from edgedigits.models.zoo.family_plan import (
    BLOCKS,
    TILE,
    Teacher,
    count_multiply_adds,
    count_parameters,
    list_sizes,
    plan,
)
from edgedigits.pipeline import loop, prepare
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.pipeline.prepare import Wish
from edgedigits.pipeline.recipe import Recipe, load_recipe
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.distil.distil import Distil
from edgedigits.stages.distil.students import make_student, measure_teacher
from edgedigits.stages.qat import Qat
from edgedigits.stages.shrink.shrink import Shrink
from edgedigits.tasks.scoring import compute_outputs, score
from edgedigits.tflite.flatbuffer import list_float_operators, read
from tests.conftest import shapes_npz
from tests.nets import fit_data

L = keras.layers
BRIEF: dict[str, Any] = {"epochs": 0.01, "min_steps": 2, "batch": 8}
SHAPES = [(28, 28, 1), (32, 32, 3), (96, 96, 3), (224, 224, 3), (12, 12, 1), (8, 8, 3), (48, 160, 3), (100, 75, 1)]


def resnet8(shape: tuple[int, int, int], classes: int) -> Any:
    """Three residual blocks of 16, 32 and 64 channels, as the ResNet8 of MLPerf Tiny has them: 78,666 parameters."""
    image = keras.Input(shape)
    x = L.ReLU()(L.BatchNormalization()(L.Conv2D(16, 3, padding="same")(image)))
    for channels, stride in ((16, 1), (32, 2), (64, 2)):
        y = L.ReLU()(L.BatchNormalization()(L.Conv2D(channels, 3, strides=stride, padding="same")(x)))
        y = L.BatchNormalization()(L.Conv2D(channels, 3, padding="same")(y))
        x = x if stride == 1 else L.Conv2D(channels, 1, strides=stride, padding="same")(x)
        x = L.ReLU()(L.Add()([x, y]))
    return keras.Model(image, L.Dense(classes, activation="softmax")(L.GlobalAveragePooling2D()(x)))


def rescaling(shape: tuple[int, int, int], classes: int) -> Any:
    """A MobileNetV1-like net that scales its own pixels."""
    image = keras.Input(shape)
    x = L.ReLU()(L.Conv2D(32, 3, strides=2, padding="same")(L.Rescaling(1 / 127.5, offset=-1)(image)))
    for channels in (64, 128, 256, 256):
        x = L.ReLU()(L.BatchNormalization()(L.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False)(x)))
        x = L.ReLU()(L.BatchNormalization()(L.Conv2D(channels, 1, use_bias=False)(x)))
    return keras.Model(image, L.Dense(classes, activation="softmax")(L.GlobalAveragePooling2D()(x)))


TEACHERS: list[tuple[tuple[int, int, int], Callable[..., Any], int]] = [
    ((28, 28, 1), ZOO["cnn"], 4),
    ((32, 32, 3), resnet8, 7),
    ((96, 96, 3), ZOO["mobilenet_v2"], 18),
    ((224, 224, 3), rescaling, 5),
]


def noise(shape: tuple[int, int, int], scale: str, path: Path) -> FitData:
    """A few images of each of ten classes."""
    rng = np.random.default_rng(0)
    parts: dict[str, Any] = {}
    for part, each in (("train", 6), ("test", 1)):
        parts[f"y_{part}"] = np.repeat(np.arange(10), each).astype(np.uint8)
        parts[f"x_{part}"] = rng.integers(0, 256, (10 * each, *shape), dtype=np.uint8)
    np.savez(path, **parts)
    return split(load_data(str(path)), scale, 0)


@pytest.fixture(scope="module", params=TEACHERS, ids=lambda row: "x".join(map(str, row[0])))
def taught(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Candidate, FitData, int]:
    """A teacher as it is loaded from a file, data that it takes, and how deep it is."""
    shape, builder, depth = request.param
    scale = "0..255" if builder is rescaling else "0..1"
    folder = tmp_path_factory.mktemp("taught")
    keras.utils.set_random_seed(0)
    builder(shape, 10).save(folder / "teacher.keras")
    model = load(folder / "teacher.keras", scale=parse_scaling(scale)).model
    return Candidate(model, original=model), noise(shape, scale, folder / "data.npz"), depth


def test_a_student_takes_what_the_teacher_takes_and_costs_far_less(taught: tuple[Candidate, FitData, int]) -> None:
    candidate, data, depth = taught
    teacher = measure_teacher(candidate.model)
    assert teacher == Teacher(depth, candidate.model.count_params(), find_sizes(candidate.model)["multiply_adds"])

    def foretell(model: Any) -> float:
        return predict_cycles(Int8(calibration_images=4)(model, data.calibration, data.scale), "cortex-a72")

    most = foretell(candidate.model)
    for size, share in (("tiny", 1 / 6), ("small", 1 / 3)):
        student = make_student(size, {}, candidate, data)
        assert student.input_shape[1:] == candidate.model.input_shape[1:]
        assert student.output_shape == candidate.model.output_shape
        assert walk.ends_in_softmax(student)
        assert student.count_params() <= share * teacher.parameters
        assert find_sizes(student)["multiply_adds"] <= share * teacher.multiply_adds
    assert foretell(student) <= most / 2, "of the larger one"
    after, facts = Distil(student="tiny", augment=False, pool=1, **BRIEF)(candidate, data)
    assert facts["student_parameters"] == after.model.count_params()
    assert not np.array_equal(after.model.get_weights()[0], make_student("tiny", {}, candidate, data).get_weights()[0])


def test_the_tiny_student_of_the_digits_is_nano(shapes: Path) -> None:
    net = ZOO["cnn"]((28, 28, 1), 10)
    candidate, data = Candidate(net, original=net), fit_data(shapes)
    one, other = (make_student(name, {}, candidate, data) for name in ("tiny", "nano"))
    assert [layer.name for layer in one.layers] == [layer.name for layer in other.layers]
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))
    both: list[list[Any]] = [[layer for layer in net.layers if "conv" in layer.name] for net in (one, other)]
    ours, its = ([layer.strides for layer in layers] for layers in both)
    assert ours == its == [(2, 2), (1, 1), (2, 2), (1, 1)]


def test_a_student_ends_as_the_teacher_does_and_learns_from_the_same_pixels(shapes: Path) -> None:
    """The teacher scales raw pixels itself; the student's first normalization does it."""
    image = keras.Input((12, 12, 1))
    x = L.Dense(400, activation="relu")(L.Flatten()(L.Rescaling(1 / 255)(image)))
    data = replace(fit_data(shapes), scale="0..255")
    for closing in ("sigmoid", None, "softmax"):
        net = keras.Model(image, L.Dense(3, activation=closing)(x))
        task = "multilabel" if closing == "sigmoid" else "classification"
        student = make_student("tiny", {}, Candidate(net, original=net), replace(data, task=task))
        assert walk.find_closing(student) == closing
    taught, _ = Distil(student="tiny", share=0.0, augment=False, epochs=1, min_steps=200, rate=1e-2, batch=32)(
        Candidate(net, original=net), data
    )
    outputs = compute_outputs(taught.model, data.validation, data.scale)
    assert score(outputs, data.validation.labels, False).accuracy > 0.9


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
def test_images_are_halved_to_a_few_places_and_channels_doubled_in_multiples_of_eight(shape: Any) -> None:
    for size in list_sizes():
        for blocks in BLOCKS:
            found = plan(size, shape, 10, Teacher(6), blocks=blocks)
            halved = math.prod(one.stride for one in found)
            places = math.prod(-(-side // halved) for side in shape[:2])
            assert places <= 64
            assert places > 8 or min(shape) <= 12 or shape[0] != shape[1]
            assert all(one.channels % TILE == 0 and one.channels >= TILE for one in found)
            assert [one.channels for one in found] == sorted(one.channels for one in found)
            assert {one.kind for one in found[1:]} <= (
                {blocks, "plain"} if blocks != "auto" else {"plain", "depthwise"}
            )
            assert found[0].kind == "plain"


@pytest.mark.parametrize("blocks", BLOCKS)
def test_what_is_planned_is_what_is_built(blocks: str) -> None:
    for shape in ((28, 28, 1), (30, 21, 3)):
        for size in list_sizes():
            found, net = (
                plan(size, shape, 7, Teacher(9), blocks=blocks),
                build_student(size, shape, 7, Teacher(9), blocks=blocks),
            )
            assert net.count_params() == count_parameters(found, shape, 7)
            assert find_sizes(net)["multiply_adds"] == count_multiply_adds(found, shape, 7)
            adds = sum(isinstance(layer, L.Add) for layer in net.layers)
            assert adds == sum(one.kind == "residual" for one in found)
            assert bool(adds) == (blocks == "residual")


def test_sizes_depth_classes_and_options_make_a_net_larger() -> None:
    shape, cnn = (32, 32, 3), Teacher(6)

    def parameters(size: str = "tiny", classes: int = 10, teacher: Teacher = cnn, **options: Any) -> int:
        return count_parameters(plan(size, shape, classes, teacher, **options), shape, 10)

    assert parameters("tiny") < parameters("small") < parameters("medium")
    assert parameters(classes=100) > 2 * parameters(classes=10) == 2 * parameters(classes=2)
    assert len(plan("medium", shape, 10, Teacher(3))) < len(plan("medium", shape, 10, Teacher(6)))
    assert len(plan("medium", shape, 10, Teacher(50))) == len(plan("medium", shape, 10, Teacher(500))), "within bounds"
    assert parameters(depth=2.0) > parameters() > parameters(depth=0.5)
    assert parameters(width=2.0) > 2 * parameters() > 2 * parameters(width=0.5)


def test_auto_takes_depthwise_blocks_where_they_cost_less_on_every_board() -> None:
    wide = plan("small", (64, 64, 3), 10, Teacher())
    kinds = [one.kind for one in wide]
    assert kinds == sorted(kinds, reverse=True)
    assert set(kinds) == {"plain", "depthwise"}
    assert min(one.channels for one in wide if one.kind == "depthwise") >= 96
    assert max(one.channels for one in wide if one.kind == "plain") < 48
    poor = Teacher(18, 400_000, 11_000_000)
    assert {one.kind for one in plan("small", (96, 96, 3), 10, poor)[1:]} == {"depthwise"}, "its share is too small"


@pytest.mark.parametrize("blocks", ["residual", "depthwise"])
def test_a_student_can_be_shrunk_and_trained_with_its_rounding(blocks: str, shapes: Path) -> None:
    net, data = build_student("small", (12, 12, 1), 3, blocks=blocks), fit_data(shapes)
    now = Candidate(make_student("small", {"blocks": blocks, "width": 2}, Candidate(net), data), original=net)
    brief: dict[str, Any] = {"epochs": 0.01, "min_steps": 2, "batch": 16}
    cut, facts = Shrink(remove_parameters=0.5, images=32, **brief)(now, data)
    assert cut.model.count_params() <= 0.5 * now.model.count_params()
    rounded, facts = Qat(**brief)(cut, data)
    assert facts["left_to_converter"] == {}
    assert not any(isinstance(layer, L.BatchNormalization) for layer in rounded.model.layers), "folded"


@pytest.mark.parametrize(
    ("settings", "says", "kind"),
    [
        (
            {"student": "tinny"},
            "distil.student: 'tinny' is no file and no net; nearest: tiny; choose from",
            RecipeError,
        ),
        (
            {"options": {"with": 1}},
            "distil.options: tiny takes no 'with'; nearest: width; choose from blocks",
            RecipeError,
        ),
        ({"options": {"filters": [8]}}, "distil.options: tiny takes no 'filters'; choose from", RecipeError),
        ({"options": {"width": 0.1}}, "tiny: width 0.1 leaves no channel of 8; wanted at least 1", InputError),
        ({"options": {"width": -1}}, "tiny: width: found -1; wanted a number above 0, at most 16", InputError),
        ({"options": {"depth": "2"}}, "tiny: depth: found '2'; wanted a number above 0", InputError),
        ({"options": {"depth": float("nan")}}, "tiny: depth: found nan; wanted a number above 0", InputError),
        ({"options": {"blocks": "dense"}}, "tiny: blocks: found 'dense'; choose from plain, residual", InputError),
        ({"options": {"blocks": ["plain"]}}, "tiny: blocks: found ('plain',); choose from", InputError),
    ],
)
def test_what_no_student_can_be_is_refused_in_a_sentence(
    settings: dict[str, Any], says: str, kind: type[InputError], shapes: Path
) -> None:
    net = keras.Sequential([keras.Input((12, 12, 1)), L.Flatten(), L.Dense(3, activation="softmax")])
    with pytest.raises(kind) as caught:
        Distil(**{"student": "tiny", **settings})(Candidate(net, original=net), fit_data(shapes))
    assert says in str(caught.value)
    assert caught.value.exit_code == 2


def test_images_that_are_too_small_are_refused() -> None:
    with pytest.raises(InputError, match=r"tiny: images are 6x40, it needs at least 8x8; pass --resize 8x8 or more"):
        plan("tiny", (6, 40, 3), 10, Teacher())


def test_a_general_recipe_makes_colour_nets_smaller_whatever_they_do_with_their_pixels(tmp_path: Path) -> None:
    data = shapes_npz(tmp_path / "photos.npz", size=32, channels=3, per_class=40)
    keras.utils.set_random_seed(0)
    rescaling((32, 32, 3), 3).save(tmp_path / "own.keras")
    whole = load_recipe("distil_nano_int8")
    brief = replace(whole.stages[0][1], min_steps=120, epochs=0.01, pool=1, batch=16, rate=1e-2, share=0.0)  # type: ignore[type-var]
    recipe = Recipe("brief", "", [brief], export=whole.export)
    wish = Wish(model=tmp_path / "own.keras", data=str(data), scale="0..255")
    made = loop.run(prepare.prepare_job(recipe, wish, lambda _: None), tmp_path / "out", lambda _: None)
    stage = made.manifest["stages"][1]
    assert stage["student"] == "tiny"
    assert 6 * stage["student_parameters"] <= stage["teachers"][0]["parameters"]
    flat = (made.path / "model.tflite").read_bytes()
    assert list_float_operators(read(flat, "made")) == []
    assert len(flat) < made.manifest["float"]["size_bytes"] / 10
