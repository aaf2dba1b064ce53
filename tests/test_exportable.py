"""Layers that an export can't take are named before anything is trained; reference kernels that lack an operator cost the
golden vectors, not the export."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgedigits.backend import keras, tf
from edgedigits.data.images import ArrayImages, Images, read_all
from edgedigits.data.scale import NAMED, scale_pixels
from edgedigits.data.sources.named import load_data
from edgedigits.data.splits import FitData
from edgedigits.errors import CheckError, ModelError
from edgedigits.models.importer.loading import LoadedModel, rebuild
from edgedigits.pipeline import exportable, loop
from edgedigits.pipeline.advise.dry_run import predict
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.pipeline.job import Job
from edgedigits.pipeline.recipe import Recipe, parse
from tests.nets import fit_data

L = keras.layers


def recipe(export: str, *stages: Any) -> Recipe:
    return parse({"stages": list(stages), "export": export}, "test", "test")


def flat(*layers: Any, rebuilt: bool = True) -> Any:
    image = x = keras.Input((12, 12, 1))
    for layer in [*layers, L.Flatten(), L.Dense(3, activation="softmax", name="answer")]:
        x = layer(x)
    model = keras.Model(image, x, name="net")
    return rebuild(model, [Squared]) if rebuilt else model


class Squared(keras.layers.Layer):  # type: ignore[misc]
    """A layer of one's own, made of an operator that has no int8 kernel."""

    def call(self, inputs: Any) -> Any:
        return tf.square(inputs)


def test_the_layer_is_named_before_the_first_stage(shapes: Path, tmp_path: Path) -> None:
    model, data, wanted = flat(L.PReLU(name="bent")), fit_data(shapes), recipe("int16x8", "finetune")
    why = r"layer 'bent' \(PReLU\) can't go into the int16x8 export: TFLite has no PRELU"
    said: list[str] = []
    with pytest.raises(ModelError, match=why):
        predict(wanted, model, data, said.append)
    job = Job(wanted, "net", LoadedModel(model, False, {}), "", load_data(str(shapes)), NAMED["0..1"])
    with pytest.raises(ModelError, match=why):
        loop.run(job, tmp_path / "out", said.append, lambda what, _: said.append(what))
    assert said == [], "nothing was trained"
    assert not list(tmp_path.rglob("*.tflite"))


@pytest.mark.parametrize(
    ("export", "why"), [("int8", "float operators: .*SQUARE|float operators"), ("int16x8", "SQUARE")]
)
def test_a_layer_of_ones_own_is_tried(export: str, why: str, shapes: Path) -> None:
    model = flat(L.Conv2D(2, 3, name="common"), Squared(name="own"))
    with pytest.raises(ModelError, match=rf"layer 'own' \(Squared\) can't go into the {export} export: .*{why}"):
        exportable.check_exportable(recipe(export, "finetune"), model, fit_data(shapes), lambda _: None)


def test_sizes_that_8_bits_do_not_tell_apart_are_found_on_the_data(shapes: Path) -> None:
    """Photos taken by day and by night: places of one are divided by a few, of the other by hundreds."""
    data = replace(_by_day_and_night(fit_data(shapes)), scale="0..255")
    model = _learned(L.LayerNormalization(name="levelled"), data)
    why = r"layer 'levelled' \(LayerNormalization\) can't go into the int8 export: 8 bits are too few"
    with pytest.raises(ModelError, match=why):
        exportable.check_exportable(recipe("int8", "finetune"), model, data, lambda _: None)
    exportable.check_exportable(recipe("int8", "finetune"), model, data, lambda _: None, untrained=True)
    exportable.check_exportable(recipe("int16x8", "finetune"), model, data, lambda _: None)
    exportable.check_exportable(recipe("float16", "finetune"), model, data, lambda _: None)


def test_sizes_that_are_much_the_same_go_through(shapes: Path) -> None:
    data = fit_data(shapes)
    model = _learned(L.LayerNormalization(name="levelled"), data)
    exportable.check_exportable(recipe("int8", "finetune"), model, data, lambda _: None)


def _by_day_and_night(data: FitData) -> FitData:
    """Every second image 32 times as dark."""

    def darkened(images: Images) -> Images:
        pixels = read_all(images).copy()
        pixels[::2] //= 32
        return ArrayImages(pixels, images.labels)

    parts: dict[str, Any] = {name: darkened(getattr(data, name)) for name in ("fit", "validation", "calibration")}
    return replace(data, **parts)


def _learned(layer: Any, data: FitData) -> Any:
    """A net with that layer behind a convolution, after some steps."""
    keras.utils.set_random_seed(0)
    model = flat(L.Conv2D(8, 3, padding="same"), layer, L.ReLU())
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    pixels = scale_pixels(read_all(data.fit), data.scale)
    model.fit(pixels, data.fit.labels, epochs=30, batch_size=16, verbose=0)
    return model


def test_a_recipe_that_trains_another_net_is_held_to_nothing(shapes: Path) -> None:
    model, data = flat(L.PReLU(name="bent")), fit_data(shapes)
    exportable.check_exportable(recipe("int16x8", {"distil": {"student": "nano"}}), model, data, lambda _: None)


def test_a_missing_reference_kernel_costs_the_golden_vectors(shapes: Path, tmp_path: Path) -> None:
    """TFLite's ELU, which the loader never leaves in a model, has none."""
    dataset = load_data(str(shapes))
    loaded = LoadedModel(flat(L.ELU(), rebuilt=False), False, {})
    made = loop.run(Job(recipe("float32"), "net", loaded, "", dataset, NAMED["0..1"]), tmp_path, lambda _: None)
    assert not (made.path / "golden.npz").exists()
    assert "golden.npz" not in made.manifest["files"]
    (warning,) = [line for line in made.manifest["warnings"] if "golden" in line]
    assert "reference kernels can't run the exported bytes: there is none for ELU" in warning
    json.dumps(made.manifest)


def test_an_export_that_fails_at_one_step_is_said(shapes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no 'no change': the step says why there are no bytes, and what the next makes counts."""
    calls = iter([CheckError("export: not yet")])
    make = Int8.__call__

    def fails_once(self: Int8, *args: Any) -> bytes:
        for error in calls:
            raise error
        return make(self, *args)

    monkeypatch.setattr(Int8, "__call__", fails_once)
    said: list[str] = []
    found = predict(
        recipe("int8", {"prune": {"sparsity": 0.5, "min_weights": 1}}),
        flat(L.Conv2D(8, 3)),
        fit_data(shapes),
        said.append,
    )
    assert found.steps[1].failed.endswith("export: not yet")
    assert any("export: not yet" in line for line in said)
    assert not found.steps[2].failed
    calls = iter([CheckError("export: not yet")])
    with pytest.raises(CheckError, match="not yet"):
        predict(recipe("int8"), flat(), fit_data(shapes), said.append)
