"""Mixed precision: layers named, or chosen by the harm that int8 does to them, compute in more, and the record says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edgedigits_runner.tasks import CLASSIFICATION

from edgedigits.backend import keras
from edgedigits.data.scale import NAMED
from edgedigits.data.sources.named import load_data
from edgedigits.errors import FloatOpError, RecipeError
from edgedigits.models.importer.loading import LoadedModel
from edgedigits.pipeline import loop
from edgedigits.pipeline.export import checks
from edgedigits.pipeline.export.export import find_converter
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.pipeline.job import Job
from edgedigits.pipeline.mixing.choice.settle import settle_layers
from edgedigits.pipeline.mixing.wording import list_mixed_warnings, tell_mixed
from edgedigits.pipeline.recipe import parse
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.finetune import Finetune
from edgedigits.tflite.contents import Contents
from edgedigits.tflite.flatbuffer import list_float_operators, read
from edgedigits.tflite.layers.naming import name_layers
from tests.nets import classifier, fit_data
from tests.shared import once

L = keras.layers


def build() -> Any:
    keras.utils.set_random_seed(1)
    image = keras.Input((12, 12, 1))
    x = L.Conv2D(8, 3, padding="same", activation="relu", name="first")(image)
    x = L.MaxPooling2D(name="pool")(x)
    x = L.Conv2D(12, 3, padding="same", activation="relu", name="second")(x)
    x = L.Conv2D(12, 3, strides=2, activation="relu", name="third")(x)
    return keras.Model(image, L.Dense(3, activation="softmax", name="answer")(L.Flatten(name="flat")(x)), name="net")


@pytest.fixture(scope="module")
def sound(shapes: Path) -> Any:
    net = build()

    def train(file: Path) -> None:
        found = Finetune(epochs=1, min_steps=80, rate=5e-3, batch=32)(Candidate(net), fit_data(shapes))[0]
        np.savez(file, *found.model.get_weights())

    with np.load(once(shapes.parent / "mixed.npz", train)) as weights:
        net.set_weights(list(weights.values()))
    return net


@pytest.fixture(scope="module")
def broken(sound: Any) -> Any:
    """The same answers in float; of `first` one channel is far larger than the others, which int8 leaves no steps."""
    net = keras.models.clone_model(sound)
    net.set_weights(sound.get_weights())
    first, second = net.get_layer("first"), net.get_layer("second")
    kernel, bias = first.get_weights()
    kernel[..., 0], bias[0] = kernel[..., 0] * 3000, bias[0] * 3000 + 3000
    first.set_weights([kernel, bias])
    kernel, bias = second.get_weights()
    kernel[:, :, 0] /= 3e6
    second.set_weights([kernel, bias])
    return net


def operators_of(contents: Contents, layer: str) -> set[tuple[str, ...]]:
    names = name_layers(contents)
    return {
        (one.name, one.input_dtypes[0], one.output_dtypes[0])
        for one in contents.operators
        if layer in names[one.index] and one.name not in ("QUANTIZE", "DEQUANTIZE")
    }


def test_named_layers_compute_in_what_was_asked_and_no_others_do(sound: Any, shapes: Path) -> None:
    data, export = (
        fit_data(shapes),
        Int8(float_layers=["fir*"], int16_layers=["third", "answer"], calibration_images=20),
    )
    assert find_converter(export) == "litert"
    contents = read(export(sound, data.calibration, data.scale), "mixed")
    assert operators_of(contents, "first") == {("CONV_2D", "FLOAT32", "FLOAT32")}
    assert operators_of(contents, "second") == {("CONV_2D", "INT8", "INT8")}
    assert operators_of(contents, "third") == {("CONV_2D", "INT16", "INT16")}
    assert {kind[1:] for kind in operators_of(contents, "answer")} == {("INT16", "INT16")}
    assert [contents.inputs[0].dtype, contents.outputs[0].dtype] == ["INT8", "INT8"]
    checks.check_integer(contents, export.float_layers)
    with pytest.raises(FloatOpError, match="float operators"):
        checks.check_integer(contents, ["second"])
    assert list_float_operators(contents)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"float_layers": ["secnd"]}, "float_layers: no layer is named 'secnd'; this model has second"),
        ({"int16_layers": ["x*"]}, r"int16_layers: no layer is named 'x\*'; this model has"),
        ({"float_layers": ["second"], "int16_layers": ["s*"]}, "layer 'second' is in float_layers, too"),
    ],
)
def test_layers_that_are_not_there_are_answered_in_a_sentence(
    settings: Any, why: str, sound: Any, shapes: Path
) -> None:
    data = fit_data(shapes)
    with pytest.raises(RecipeError, match=why):
        Int8(**settings)(sound, data.calibration, data.scale)


@pytest.fixture(scope="module")
def made(broken: Any, shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, list[str]]:
    said: list[str] = []
    export = {"int8": {"mixed": "auto", "keep_within": 0.5, "calibration_images": 60}}
    wanted = parse({"export": export}, "test", "mixed")
    job = Job(wanted, "net", LoadedModel(broken, False, {}), "", load_data(str(shapes)), NAMED["0..1"])
    return loop.run(job, tmp_path_factory.mktemp("mixed"), said.append, lambda what, share: None), said


def test_a_layer_that_int8_breaks_is_found_and_kept_in_float(made: tuple[Any, list[str]]) -> None:
    artifact, _ = made
    found = artifact.manifest["export"]["mixed"]
    lost, left = (100 * (found["float_accuracy"] - found[name]) for name in ("before_accuracy", "accuracy"))
    assert lost > 10
    assert left <= 0.5
    assert found["kept"]
    assert "first" in found["float_layers"]
    assert not {"third", "answer"} & set(found["float_layers"])
    assert found["tries"] <= 4
    assert sum(step["points"] for step in found["steps"]) == pytest.approx(lost - left)
    flat = (artifact.path / "model.tflite").read_bytes()
    assert found["bytes"] == len(flat) > found["int8_bytes"]
    assert min(found["times_as_long"], found["p50_us"], found["int8_p50_us"]) > 0
    contents = read(flat, "mixed")
    assert operators_of(contents, "first") == {("CONV_2D", "FLOAT32", "FLOAT32")}
    assert operators_of(contents, "third") == {("CONV_2D", "INT8", "INT8")}
    assert artifact.manifest["export"]["converter"] == "litert"


def test_the_closing_lines_say_which_layers_and_what_they_cost(made: tuple[Any, list[str]]) -> None:
    artifact, said = made
    card = (artifact.path / "README.md").read_text()
    (line,) = [one for one in card.splitlines() if one.startswith("Mixed precision")]
    found = artifact.manifest["export"]["mixed"]
    assert line.startswith("Mixed precision: first + pool + second in float32; ")
    assert line.endswith(f"({found['p50_us']:,.1f} against {found['int8_p50_us']:,.1f} us here, in turns).")
    assert not [one for one in said if "still missing" in one]


def test_a_bound_that_is_held_already_leaves_every_layer_in_int8(sound: Any, shapes: Path) -> None:
    data = fit_data(shapes)
    asked = Int8(mixed="auto", keep_within=5.0, calibration_images=20)
    settled, told = settle_layers(asked, sound, data, CLASSIFICATION, lambda _: None)
    assert (settled, told["mixed"]["tries"]) == (replace(asked, mixed="named", converter="litert"), 1)
    assert tell_mixed(told["mixed"]) == "Mixed precision: int8 is within 5 points by itself, so no layer is left out"
    assert settle_layers(Int8(), sound, data, CLASSIFICATION, lambda _: None) == (Int8(), {})


def test_int16_is_chosen_where_no_floats_are_wanted_and_a_miss_is_a_warning(broken: Any, shapes: Path) -> None:
    data, asked = fit_data(shapes), Int8(mixed="auto_int16", keep_within=0.5, calibration_images=60)
    settled, told = settle_layers(asked, broken, data, CLASSIFICATION, lambda _: None)
    assert isinstance(settled, Int8)
    assert set(settled.int16_layers) == set(told["mixed"]["int16_layers"]) >= {"first", "second"}
    checks.check_integer(read(settled(broken, data.calibration, data.scale), "int16"))
    assert list(list_mixed_warnings(told)) == []
    (line,) = list_mixed_warnings({"mixed": {**told["mixed"], "kept": False, "accuracy": 0.5}})
    assert "50.00 points of validation accuracy are still missing, 0.5 were allowed" in line


def test_a_layer_that_is_folded_away_has_no_operator(shapes: Path) -> None:
    data = fit_data(shapes)
    with pytest.raises(
        RecipeError, match=r"float_layers: 'drop' has no operator of its own in the file, .* choose from first"
    ):
        Int8(float_layers=["drop"])(classifier(), data.calibration, data.scale)
