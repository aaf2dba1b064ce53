"""What is promised of exported bytes, held against the bytes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest

from edgedigits.backend import keras, tf
from edgedigits.data.images import read_all
from edgedigits.errors import CheckError, FloatOpError, InputError, MaskError, MissingWeightsError, ParityError
from edgedigits.measure.cost.cycle_model import predict_cycles
from edgedigits.measure.cost.estimate import estimate
from edgedigits.models.graph import walk
from edgedigits.pipeline import recipe
from edgedigits.pipeline.advise.advice import Question, advise
from edgedigits.pipeline.converters.numbers import Numbers
from edgedigits.pipeline.converters.table import CONVERTERS
from edgedigits.pipeline.export import checks
from edgedigits.pipeline.export.conversion import convert, draw_representative
from edgedigits.pipeline.export.export import list_rewrites
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.prune import Prune
from edgedigits.tasks import parity
from edgedigits.tasks.kinds.classification import Classification
from edgedigits.tasks.scoring import compute_outputs
from edgedigits.tflite.flatbuffer import count_weight_zeros, list_float_operators, read
from edgedigits.tflite.interpreter import TfliteModel
from edgedigits.tflite.multiply_adds import count_per_operator
from edgedigits.tflite.rewrite.apply import REWRITES
from tests.examples import example
from tests.nets import classifier, fit_data, trained

TASK = Classification()
EXPORTS: dict[str, Any] = {
    name: example(f"export {name!r}", "this table", kind) for name, kind in recipe.EXPORTS.items()
}
"""Every export that a recipe can name: a new row of the table can't go past the contract."""
MADE: dict[str, Any] = {
    f"{name} by {converter}": dataclasses.replace(export, converter=converter)
    for name, export in EXPORTS.items()
    for converter in get_args(get_type_hints(type(export))["converter"])
}
"""Each by every converter that it takes: these are held to the same."""


@pytest.fixture(scope="module")
def pruned(shapes: Path) -> Candidate:
    stage = Prune(sparsity=0.8, min_weights=100, min_steps=40, epochs=0.1, rate=2e-3, batch=32)
    return stage(trained(shapes), fit_data(shapes))[0]


@pytest.fixture(scope="module")
def flats(pruned: Candidate, shapes: Path) -> dict[str, bytes]:
    data = fit_data(shapes)
    return {name: export(pruned.model, data.calibration, data.scale) for name, export in MADE.items()}


@pytest.mark.parametrize("name", MADE)
def test_bytes_answer_as_the_model_and_keep_its_zeros(
    name: str, flats: dict[str, bytes], pruned: Candidate, shapes: Path
) -> None:
    data, contents = fit_data(shapes), read(flats[name], name)
    pixels = read_all(data.validation)
    facts = parity.check_parity(
        TASK,
        flats[name],
        MADE[name].limits,
        compute_outputs(pruned.model, data.validation, "0..1"),
        False,
        pixels,
        "0..1",
    )
    assert facts["changed_answers"] == 0
    assert facts["images"] == len(pixels) > 0
    checks.check_weights(contents, pruned.model)
    checks.check_zeros(contents, pruned)
    shares = {row.tensor.shape: row.share for row in count_weight_zeros(contents)}
    assert shares[16, 200] == pytest.approx(0.8, abs=0.001)
    if MADE[name].integer:
        checks.check_integer(contents)
    else:
        with pytest.raises(FloatOpError, match="float operators: #0"):
            checks.check_integer(contents)


@pytest.mark.parametrize("name", MADE)
def test_what_an_export_says_of_itself_is_what_its_bytes_show(name: str, flats: dict[str, bytes]) -> None:
    export, works = MADE[name], count_per_operator(read(flats[name], name))
    arithmetic = {work.arithmetic for work in works if work.macs}
    assert export.rounds == bool(arithmetic - {"float32", "float16 weights"})
    assert export.multiplies_int8 == bool(arithmetic & {"int8", "int8x4", "dynamic"})
    assert export.integer <= export.rounds
    settings = {field.name: field.default for field in dataclasses.fields(export)}
    assert [settings[option] for option in export.rewrites] == [False] * len(export.rewrites)
    assert {option for option in settings if option in REWRITES} == set(export.rewrites)
    assert not list_rewrites(export)
    assert list_rewrites(dataclasses.replace(export, slim=True)) == ("slim",)


@pytest.mark.parametrize("name", MADE)
def test_estimate_and_foretold_cycles_answer_of_every_export(
    name: str, flats: dict[str, bytes], tmp_path: Path
) -> None:
    """A number, or a sentence where nothing is published."""
    file = tmp_path / "model.tflite"
    file.write_bytes(flats[name])
    assert predict_cycles(flats[name], "cortex-a72") > 0
    if {"int16x8", "int8x4"} & {work.arithmetic for work in count_per_operator(read(flats[name], name))}:
        with pytest.raises(InputError, match="for which no throughput on a Raspberry Pi is published"):
            estimate(file, "pi4")
    else:
        found = estimate(file, "pi4")
        assert 0 < found.low_ms < found.high_ms


@pytest.mark.parametrize("name", EXPORTS)
def test_an_advice_answers_of_every_export(name: str, shapes: Path) -> None:
    net = keras.Sequential(
        [keras.layers.Input((12, 12, 1)), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
    )
    wanted = recipe.parse({"export": name}, "test", "plain")
    told = advise(Question("tiny", net, fit_data(shapes), wanted), lambda _: None)
    assert told.after.raw_bytes > 0
    assert [effect.kind for effect in told.effects] == (["all"] if name == "float32" else ["export", "all"])


def test_sizes_are_in_the_order_they_should_be(flats: dict[str, bytes]) -> None:
    for by in CONVERTERS:
        assert len(flats[f"int8 by {by}"]) < len(flats[f"float16 by {by}"]) < len(flats[f"float32 by {by}"])


@pytest.mark.parametrize("by", CONVERTERS)
def test_same_model_gives_the_same_bytes(by: Any, pruned: Candidate, flats: dict[str, bytes], shapes: Path) -> None:
    data = fit_data(shapes)
    assert Int8(converter=by)(pruned.model, data.calibration, data.scale) == flats[f"int8 by {by}"]


@pytest.mark.parametrize(("scale", "low", "high"), [("0..1", 0, 1), ("-1..1", -1, 1), ("0..255", 0, 255)])
def test_with_uint8_the_raw_pixel_is_the_input(scale: Any, low: float, high: float, shapes: Path) -> None:
    data = dataclasses.replace(fit_data(shapes), scale=scale)
    flat = Int8(input="uint8", output="uint8")(classifier(), data.calibration, scale)
    pixels = np.arange(144, dtype=np.uint8).reshape(1, 12, 12, 1)
    inputs = TfliteModel(flat).inputs(pixels, scale)
    assert inputs.dtype == np.uint8
    assert np.abs(inputs.astype(int) - pixels).max() <= (1 if low < 0 else 0)
    (source,) = read(flat, "test").inputs
    assert source.scales[0] == pytest.approx((high - low) / 255, rel=1e-5)


def test_calibration_images_are_real_but_for_two_corners(shapes: Path) -> None:
    data = fit_data(shapes)
    given = [array[0] for (array,) in draw_representative(data.calibration, "0..1", 5)]
    known = {image.tobytes() for image in read_all(data.calibration)}
    bytes_again = [np.round(image * 255).astype(np.uint8) for image in given]
    assert len(given) == 5
    assert sum(image.tobytes() in known for image in bytes_again) >= 4
    assert (bytes_again[0][0, 0], bytes_again[0][-1, -1]) == (0, 255)


def test_export_without_weights_is_caught(flats: dict[str, bytes], pruned: Candidate) -> None:
    small = keras.Sequential([keras.layers.Input((12, 12, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    with pytest.raises(MissingWeightsError, match="hold 432 weights"):
        checks.check_weights(read(convert(small), "small"), pruned.model)


def test_a_bias_that_the_converter_adds_to_the_next_one_is_not_missed(shapes: Path) -> None:
    keras.utils.set_random_seed(3)
    image = keras.Input((12, 12, 1))
    x = keras.layers.Dense(8, "relu", bias_initializer="normal")(keras.layers.Flatten()(image))
    narrow = keras.layers.Dropout(0.1)(keras.layers.Dense(6, bias_initializer="normal", name="narrow")(x))
    net = keras.Model(image, keras.layers.Dense(3, bias_initializer="normal")(narrow))
    data = fit_data(shapes)
    contents = read(Int8()(net, data.calibration, data.scale), "net")
    sizes = sorted(tensor.elements for tensor in contents.tensors if tensor.role == "bias" and tensor.size_bytes)
    assert sizes == [3, 8], "the converter leaves it, and the test tries nothing"


def test_bytes_of_another_model_are_caught(pruned: Candidate, shapes: Path) -> None:
    data = fit_data(shapes)
    wrong = walk.clone(pruned.model)
    wrong.set_weights([weight[::-1] if weight.ndim == 1 else -weight for weight in wrong.get_weights()])
    flat = Int8()(wrong, data.calibration, data.scale)
    answers = compute_outputs(pruned.model, data.validation, "0..1")
    with pytest.raises(ParityError, match="do not answer as the Keras model does"):
        parity.check_parity(TASK, flat, Int8.limits, answers, False, read_all(data.validation), "0..1")


def test_revived_weights_are_caught_in_the_model_and_in_the_bytes(pruned: Candidate) -> None:
    revived = dataclasses.replace(pruned, model=walk.clone(pruned.model))
    kernel = walk.collect_kernels(revived.model)["hidden/kernel"]
    kernel.assign(kernel + 0.01)
    with pytest.raises(MaskError, match=r"weights of hidden/kernel are not zero any more"):
        checks.check_masks(revived, "test")
    with pytest.raises(MaskError, match="the masks prune"):
        checks.check_zeros(read(convert(revived.model), "revived"), pruned)


def test_an_operator_that_int8_lacks_fails_loudly(shapes: Path) -> None:
    """Never a file that quietly computes in float."""
    data = fit_data(shapes)
    image = keras.Input((12, 12, 1))
    x = keras.layers.Conv2D(4, 3)(image)
    x = keras.layers.Lambda(lambda value: tf.math.erf(value))(x)
    net = keras.Model(image, keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(x)))

    def export() -> None:
        checks.check_integer(read(Int8()(net, data.calibration, data.scale), "erf"))

    with pytest.raises(CheckError):
        export()


def test_float_operators_of_an_int8_export_with_float_ends(shapes: Path) -> None:
    data = fit_data(shapes)
    flat = convert(classifier(), Numbers("int8", "int8"), draw_representative(data.calibration, "0..1", 10))
    assert any("QUANTIZE" in line for line in list_float_operators(read(flat, "ends")))
    with pytest.raises(FloatOpError):
        checks.check_integer(read(flat, "ends"))
