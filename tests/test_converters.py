"""The converters side by side: the same promises, and what is said where one can't."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from click.testing import CliRunner
from edgedigits_runner.golden import replay
from edgedigits_runner.interpreters import load_runtime
from edgedigits_runner.release import read_release

from edgedigits.backend import keras, tf
from edgedigits.cli.main import cli
from edgedigits.data.images import ArrayImages, read_all
from edgedigits.errors import CheckError, MissingWeightsError, ModelError, RecipeError
from edgedigits.ground.artifact_folder import read as read_artifact
from edgedigits.ground.processes.children import ask
from edgedigits.pipeline import exportable, recipe
from edgedigits.pipeline.checks.judging import compute_outputs_of_bytes
from edgedigits.pipeline.converters import table
from edgedigits.pipeline.converters.table import CONVERTERS
from edgedigits.pipeline.export import checks, conversion
from edgedigits.pipeline.export.conversion import convert, draw_representative
from edgedigits.pipeline.export.dynamic import Dynamic
from edgedigits.pipeline.export.float32 import Float32
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.qat import Qat
from edgedigits.tasks.scoring import compute_outputs
from edgedigits.tflite.flatbuffer import Contents, read
from edgedigits.tflite.interpreter import TfliteModel
from edgedigits.tflite.rewrite.apply import rewrite
from tests.nets import classifier, fit_data, trained

L = keras.layers


@pytest.fixture(scope="module")
def rounded(shapes: Path) -> Candidate:
    """Trained with the rounding of int8."""
    return Qat(epochs=0.1, min_steps=10, batch=32)(trained(shapes), fit_data(shapes))[0]


@pytest.fixture(scope="module")
def flats(rounded: Candidate, shapes: Path) -> dict[str, bytes]:
    """int8 files with raw pixels at both ends, of every calibration image."""
    data = fit_data(shapes)
    export = Int8(input="uint8", output="uint8", calibration_images=len(data.calibration))
    return {name: replace(export, converter=name)(rounded.model, data.calibration, data.scale) for name in CONVERTERS}


def test_a_row_each_and_a_name_each() -> None:
    assert get_args(table.ConverterName) == tuple(CONVERTERS)
    for name in CONVERTERS:
        assert recipe.parse({"export": {"int8": {"converter": name}}}, "test", "x").export == Int8(converter=name)
    with pytest.raises(RecipeError, match=r"int8\.converter: found 'toco'; input should be 'tf' or 'litert'"):
        recipe.parse({"export": {"int8": {"converter": "toco"}}}, "test", "x")


LAYERS = ("relu", "second", "add", "depth", "flat", "hidden")


def list_widths(contents: Contents) -> list[float]:
    """How far the values of each operator's output may reach, from the least to the greatest."""
    outputs = [contents.tensor(operator.outputs[0]) for operator in contents.operators if operator.name != "QUANTIZE"]
    return [255 * float(tensor.scales[0]) for tensor in outputs]


def reach(rounded: Candidate, shapes: Path) -> list[float]:
    """How far they do on the calibration images, which is what `qat` rounds by; fused layers give one output."""
    model = rounded.model
    pixels = np.concatenate([image for (image,) in draw_representative(fit_data(shapes).calibration, "0..1", 10**6)])
    outputs = keras.Model(model.inputs[0], [model.get_layer(name).output for name in LAYERS]).predict(pixels, verbose=0)
    return [float(max(values.max(), 0) - min(values.min(), 0)) for values in outputs]


def test_the_ranges_that_qat_trained_with_are_those_of_litert(
    flats: dict[str, bytes], rounded: Candidate, shapes: Path
) -> None:
    """TensorFlow's are never too narrow, but too wide where a residual addition is computed in place, as `second` here."""
    wanted = reach(rounded, shapes)
    assert list_widths(read(flats["litert"], "litert"))[:6] == pytest.approx(wanted, rel=0.02)
    for name, width, least in zip(LAYERS, list_widths(read(flats["tf"], "tf")), wanted, strict=False):
        assert width == pytest.approx(least, rel=0.02) or (name == "second" and width > least), name


def test_weights_have_a_scale_per_filter_and_dense_ones_a_scale_per_tensor(flats: dict[str, bytes]) -> None:
    for name in CONVERTERS:
        weights = {tensor.shape: tensor for tensor in read(flats[name], name).tensors if tensor.role == "weight"}
        assert {shape: tensor.axis for shape, tensor in weights.items()} == {
            (8, 3, 3, 1): 0,
            (8, 3, 3, 8): 0,
            (1, 3, 3, 8): 3,
            (16, 200): None,
            (3, 16): None,
        }


@pytest.mark.parametrize("converter", CONVERTERS)
def test_a_channel_whose_weights_are_next_to_nothing_keeps_its_bias(
    converter: table.ConverterName, shapes: Path
) -> None:
    """One of zeros and one that batch normalization left of nearly none; both answer with their bias alone."""
    image = keras.Input((12, 12, 1))
    conv, depth = keras.layers.Conv2D(4, 3, name="conv"), keras.layers.DepthwiseConv2D(3, name="depth")
    net = keras.Model(image, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(depth(conv(image)))))
    for layer, axis in ((conv, -1), (depth, -2)):
        kernel, bias = layer.get_weights()
        factors = np.array([1, 0, 1e-9, 1e-5], np.float32)
        layer.set_weights([kernel * (factors if axis == -1 else factors[:, None]), bias + np.float32(3)])
    data = fit_data(shapes)
    wanted = compute_outputs(net, data.validation, data.scale)
    flat = Int8(converter=converter)(net, data.calibration, data.scale)
    found = compute_outputs_of_bytes(flat, data.validation, data.scale)
    assert np.abs(found - wanted).max() < 0.02 * np.abs(wanted).max()
    (weight,) = (one for one in read(flat, converter).tensors if one.shape == (4, 3, 3, 1))
    assert (weight.zeros or 0) >= 9, "zeros stay zeros"


def test_dynamic_dense_weights_of_litert_have_one_scale(shapes: Path) -> None:
    """Its files name no operator's version, so an old runtime would take many for one and answer wrong."""
    flat = Dynamic(converter="litert")(trained(shapes).model, fit_data(shapes).calibration, "0..1")
    found = {tensor.shape: (tensor.dtype, len(tensor.scales)) for tensor in read(flat, "dynamic").tensors}
    assert found[16, 200] == ("INT8", 1)
    assert found[8, 3, 3, 8] == ("FLOAT32", 0), "too small to be worth it"


@pytest.mark.parametrize("name", CONVERTERS)
def test_raw_pixels_in_and_the_same_answers_of_every_kernel(
    name: str, flats: dict[str, bytes], rounded: Candidate, shapes: Path
) -> None:
    """LiteRT's fast kernels, its reference kernels, and TensorFlow's own interpreter; slimmed or not."""
    data = fit_data(shapes)
    pixels = read_all(data.validation)
    wanted = compute_outputs(rounded.model, data.validation, "0..1")
    checks.check_integer(read(flats[name], name))
    slim, facts = rewrite(("slim",), flats[name], pixels, "0..1")
    assert len(slim) < 0.8 * len(flats[name])
    assert facts["size_bytes_before_slim"] == len(flats[name])
    for flat in (flats[name], slim):
        for reference in (False, True):
            answers = TfliteModel(flat, reference=reference).outputs(pixels, "0..1")
            assert np.abs(answers - wanted).max() < 0.02
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it will be gone
        net = tf.lite.Interpreter(model_content=slim)
    net.allocate_tensors()
    source, sink = net.get_input_details()[0], net.get_output_details()[0]
    assert (source["shape"].tolist(), source["dtype"], sink["dtype"]) == ([1, 12, 12, 1], np.uint8, np.uint8)
    net.set_tensor(source["index"], pixels[:1])
    net.invoke()
    assert np.abs(net.get_tensor(sink["index"])[0] * sink["quantization"][0] - wanted[0]).max() < 0.02


def test_float_files_differ_in_nothing_that_computes(shapes: Path) -> None:
    model, data = trained(shapes).model, fit_data(shapes)
    made = [read(Float32(converter=name)(model, data.calibration, data.scale), name) for name in CONVERTERS]
    operators = [[(operator.name, operator.version) for operator in contents.operators] for contents in made]
    assert operators[0] == operators[1]


def emptied(flat: bytes, role: str) -> bytes:
    """The same file without the numbers of the largest constant in that role, as when a converter loses sight of a variable."""
    contents = read(flat, "whole")
    lost = max((tensor for tensor in contents.tensors if tensor.role == role), key=lambda tensor: tensor.elements)
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(flat, 0))
    model.buffers[lost.buffer].data = None
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize(("role", "words"), [("weight", "weights"), ("bias", "weights and biases")])
def test_bytes_that_lost_weights_are_no_export(role: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for an export: the check stands where bytes are made."""
    monkeypatch.setattr(conversion, "ask", lambda errand, **given: emptied(ask(errand, **given), role))
    with pytest.raises(
        MissingWeightsError, match=rf"the bytes hold \d+ {words}, the model has \d+; nothing was written"
    ):
        convert(flat_model(L.Conv2D(4, 3, bias_initializer="uniform")))


def test_what_is_zero_or_stands_twice_may_be_left_out() -> None:
    """A converter writes equal constants once, and no bias of zeros."""
    image = keras.Input((12, 12, 1))
    kernel = keras.initializers.Constant(0.5)
    x = L.Conv2D(1, 3, kernel_initializer=kernel, padding="same")(image)
    y = L.Conv2D(1, 3, kernel_initializer=kernel, padding="same", activation="relu")(x)
    z = L.Conv2D(1, 3, kernel_initializer="zeros", padding="same")(x)
    net = keras.Model(image, L.Dense(3)(L.Flatten()(L.Add()([y, z]))))
    checks.check_weights(read(convert(net), "net"), net)


def flat_model(*layers: Any) -> Any:
    image = x = keras.Input((12, 12, 1))
    for layer in [*layers, L.Flatten(), L.Dense(3, activation="softmax", name="answer")]:
        x = layer(x)
    return keras.Model(image, x, name="net")


class Absolute(keras.layers.Layer):  # type: ignore[misc]
    """An operator for which ai-edge-quantizer has no rule; TensorFlow's converter does it in int8."""

    def call(self, inputs: Any) -> Any:
        return tf.abs(inputs)


def test_what_litert_leaves_in_float_is_refused_before_training(shapes: Path) -> None:
    model, data = flat_model(L.Conv2D(2, 3, name="common"), Absolute(name="own")), fit_data(shapes)
    wanted = recipe.parse({"stages": ["finetune"], "export": {"int8": {"converter": "litert"}}}, "test", "test")
    why = r"layer 'own' \(Absolute\) can't go .*: ai-edge-quantizer has no int8 form of ABS; --converter tf may have one; "
    with pytest.raises(ModelError, match=why):
        exportable.check_exportable(wanted, model, data, lambda _: None)
    exportable.check_exportable(wanted.with_converter("tf"), model, data, lambda _: None)


def test_ranges_that_are_not_finite_are_told_by_litert_too() -> None:
    net = flat_model(L.Dense(4, "selu", name="large", kernel_initializer=keras.initializers.Constant(1.0)))
    pixels = np.full((4, 12, 12, 1), 200, np.uint8)
    with pytest.raises(CheckError, match="layer 'large' computes numbers that are not finite"):
        Int8(converter="litert")(net, ArrayImages(pixels, np.zeros(4, np.int32)), "0..255")


def test_without_the_quantizer_litert_makes_float32_and_says_what_to_install(
    shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = fit_data(shapes)
    monkeypatch.setattr(conversion, "find_spec", lambda name: None)
    with pytest.raises(
        RecipeError, match=r"litert needs .* ai-edge-quantizer .* pip install 'edgedigits\[litert\]', or take"
    ):
        Int8(converter="litert")(classifier(), data.calibration, "0..1")
    assert Float32(converter="litert")(classifier(), data.calibration, "0..1")[4:8] == b"TFL3"


def test_the_command_line_chooses_and_the_manifest_tells(fresh_cache: Path, shapes: Path, tmp_path: Path) -> None:
    trained(shapes).model.save(tmp_path / "tiny.keras")
    given = ["compress", "--recipe", "ptq_int8", "--model", str(tmp_path / "tiny.keras"), "--data", str(shapes)]
    found = CliRunner().invoke(
        cli, [*given, "--scale", "0..1", "--out", str(tmp_path), "--converter", "litert", "--json"]
    )
    assert found.exit_code == 0, found.output
    made = read_artifact(Path(json.loads(found.stdout)["path"]))
    assert made.manifest["recipe"]["export"]["int8"]["converter"] == "litert"
    assert (made.manifest["export"]["converter"], made.manifest["float"]["converter"]) == ("litert", "litert")
    assert made.manifest["versions"]["ai-edge-quantizer"]
    assert replay(read_release(str(made.path)), load_runtime("litert"))["verdict"] != "wrong"
    wrong = CliRunner().invoke(cli, [*given, "--converter", "toco"])
    assert wrong.exit_code == 2
    assert "'toco' is not one of 'tf', 'litert'" in wrong.output
