"""The int4 export: what its bytes hold, that all kernels answer alike, and that training for it rounds as it does."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from edgedigits.backend import keras
from edgedigits.data.images import read_all
from edgedigits.errors import RecipeError
from edgedigits.measure.why_no_faster import look_at
from edgedigits.pipeline import recipe
from edgedigits.pipeline.export import conversion
from edgedigits.pipeline.export.int4 import Int4
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.fake_quantize import round_kernel
from edgedigits.stages.prune import Prune
from edgedigits.stages.qat import Qat
from edgedigits.tflite import schema
from edgedigits.tflite.flatbuffer import break_down, count_weight_zeros, list_float_operators, read
from edgedigits.tflite.fragments import cut
from edgedigits.tflite.interpreter import TfliteModel
from edgedigits.tflite.layers.steps import Net
from edgedigits.tflite.layers.stored_values import read_constant
from edgedigits.tflite.rewrite.slim import slim
from tests.nets import fit_data, trained

EXPORT = Int4(calibration_images=40)


@pytest.fixture(scope="module")
def tuned(shapes: Path) -> Candidate:
    """Pruned, then trained for int4."""
    shrunk = Prune(sparsity=0.5, min_weights=100, min_steps=20, epochs=0.1, rate=2e-3, batch=32)
    pruned = shrunk(trained(shapes), fit_data(shapes))[0]
    return Qat(weight_bits=4, min_steps=30, epochs=0.1, rate=1e-3, batch=32)(pruned, fit_data(shapes))[0]


@pytest.fixture(scope="module")
def flat(tuned: Candidate, shapes: Path) -> bytes:
    data = fit_data(shapes)
    return EXPORT(tuned.model, data.calibration, data.scale)


def test_convolutions_and_dense_layers_take_half_a_byte_a_weight(flat: bytes, tuned: Candidate, shapes: Path) -> None:
    contents, data = read(flat, "int4"), fit_data(shapes)
    found = {tensor.shape: tensor for tensor in contents.tensors if tensor.role == "weight"}
    assert {shape: (tensor.dtype, tensor.axis) for shape, tensor in found.items()} == {
        (8, 3, 3, 1): ("INT4", 0),
        (8, 3, 3, 8): ("INT4", 0),
        (1, 3, 3, 8): ("INT8", 3),
        (16, 200): ("INT4", 0),
        (3, 16): ("INT4", 0),
    }
    assert [found[shape].size_bytes for shape in ((8, 3, 3, 1), (16, 200), (1, 3, 3, 8))] == [36, 1600, 72]
    assert list_float_operators(contents) == []
    parts = {part.part: part.raw for part in break_down(flat)}
    assert sum(parts.values()) == len(flat)
    assert parts["weights"] == sum(tensor.size_bytes for tensor in found.values())
    assert len(flat) < len(Int8(calibration_images=40, converter="litert")(tuned.model, data.calibration, data.scale))


def test_every_kernel_answers_alike_and_as_the_trained_model(flat: bytes, tuned: Candidate, shapes: Path) -> None:
    pixels = read_all(fit_data(shapes).validation)
    fast, plain = (TfliteModel(flat, reference=reference).outputs(pixels, "0..1") for reference in (False, True))
    assert np.abs(fast - plain).max() <= 0.02
    wanted = tuned.model.predict(pixels.astype(np.float32) / 255, verbose=0)
    assert (fast.argmax(axis=1) == wanted.argmax(axis=1)).mean() >= 0.9


def test_training_rounds_as_the_export_does(tuned: Candidate, flat: bytes) -> None:
    """Each weight in the bytes is that of training, so both have the same scales; zeros stay zeros."""
    net = Net(flat, "int4")
    stored = [constant for step in net.steps if (constant := read_constant(net.model, step.weight)) is not None]
    for name, axes in {"first": (3, 0, 1, 2), "second": (3, 0, 1, 2), "depth": (3, 0, 1, 2), "hidden": (1, 0)}.items():
        layer = tuned.model.get_layer(name)
        wanted = np.asarray(round_kernel(layer.kernel, layer, "kernel", weight_bits=4)).transpose(axes)
        same = [one for one in stored if one.real.shape == wanted.shape and np.allclose(one.real, wanted, atol=1e-5)]
        assert len(same) == 1, name
        assert np.abs(same[0].stored).max() == (127 if name == "depth" else 7)
    pruned = sum(int((~mask).sum()) for mask in tuned.masks.values())
    assert sum(row.zeros or 0 for row in count_weight_zeros(read(flat, "int4"))) >= pruned > 1000


def test_its_arithmetic_has_a_name_and_a_reason(flat: bytes) -> None:
    work = look_at(flat, "int4")
    assert work is not None
    assert (work.arithmetic, work.words) == ("int8x4", "int4 weights and int8 activations")
    assert "unpacked at every call" in EXPORT.why_no_faster


def test_only_one_converter_has_it(monkeypatch: pytest.MonkeyPatch, shapes: Path) -> None:
    with pytest.raises(RecipeError, match=r"int4\.converter: found 'tf'; input should be 'litert'"):
        recipe.parse({"export": {"int4": {"converter": "tf"}}}, "test", "x")
    with pytest.raises(RecipeError, match=r"found 'tf'; input should be 'litert'"):
        recipe.parse({"export": "int4"}, "test", "x").with_converter("tf")
    monkeypatch.setattr(conversion, "find_spec", lambda name: None)
    data = fit_data(shapes)
    for export in (EXPORT, Int8(float_layers=["first"])):
        with pytest.raises(RecipeError, match=r"pip install 'edgedigits\[litert\]'$"):
            export(trained(shapes).model, data.calibration, data.scale)


def test_zero_bits_are_refused() -> None:
    with pytest.raises(RecipeError, match="weight_bits"):
        dataclasses.replace(Qat(), weight_bits=2)  # type: ignore[arg-type]


def test_values_of_large_files_lie_inside_their_tables(shapes: Path) -> None:
    """The quantizer puts those of 256 KiB and more behind, where old runtimes, and what makes files smaller, do not look."""
    image = keras.Input((12, 12, 1))
    x = keras.layers.Dense(4000, activation="relu", name="wide")(keras.layers.Flatten()(image))
    net = keras.Model(image, keras.layers.Dense(3, activation="softmax")(x))
    data = fit_data(shapes)
    flat = EXPORT(net, data.calibration, data.scale)
    assert len(flat) > 2**18
    assert all(buffer.offset <= 1 for buffer in schema.unpack(flat).buffers)
    assert len(slim(flat)) < len(flat)
    pixels = read_all(data.validation)[:8]
    outputs = TfliteModel(flat).outputs(pixels, "0..1")
    assert np.abs(outputs - net.predict(pixels.astype(np.float32) / 255, verbose=0)).max() < 0.1
    parts = [part for part in cut(flat) if part.kind == "FULLY_CONNECTED"]
    assert [len(read(part.flat, "part").inputs) for part in parts] == [1, 1]
