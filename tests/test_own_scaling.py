"""Preprocessing inside a model: seen and told, and 0..255 taken where no scale is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import edgedigits as ed
from edgedigits.backend import keras
from edgedigits.errors import InputError
from edgedigits.models.graph.own_scaling import find_own_scaling
from edgedigits.models.importer import loading
from edgedigits.pipeline import prepare
from edgedigits.pipeline.prepare import Wish
from edgedigits.pipeline.recipe import parse

L = keras.layers


def net(*first: Any) -> Any:
    return keras.Sequential([keras.Input((12, 12, 1)), *first, L.Flatten(), L.Dense(3, name="answer")], name="net")


@pytest.mark.parametrize(
    ("first", "names"),
    [
        ([L.Rescaling(1 / 255, name="scaled")], ("scaled",)),
        ([L.Resizing(8, 8), L.Rescaling(1 / 127.5, offset=-1, name="scaled")], ("scaled",)),
        (
            [L.Rescaling(1 / 255, name="scaled"), L.Normalization(mean=[0.4], variance=[0.06], name="normal")],
            ("scaled", "normal"),
        ),
        ([L.Normalization(mean=[120.0], variance=[3600.0], name="normal")], ("normal",)),
        ([L.Normalization(mean=[0.4], variance=[0.06])], ()),
        ([L.Rescaling(2.0, offset=-1.0)], ()),
        ([L.Conv2D(3, 3), L.Rescaling(1 / 255)], ()),
    ],
)
def test_layers_that_scale_pixels_of_0_to_255(first: list[Any], names: tuple[str, ...]) -> None:
    assert find_own_scaling(loading.rebuild(net(*first))) == names


def test_operations_do_too() -> None:
    image = keras.Input((12, 12, 1))
    x = L.Flatten()(image / 127.5 - 1.0)
    assert find_own_scaling(loading.rebuild(keras.Model(image, L.Dense(3)(x)))) == ("divide", "subtract")


def prepared(model: Any, shapes: Path, folder: Path, scale: str | None) -> tuple[Any, list[str]]:
    path, said = folder / "net.keras", list[str]()
    model.save(path)
    recipe = parse({"stages": [], "export": "int8"}, "test", "plain")
    return prepare.prepare_job(recipe, Wish(model=path, data=str(shapes), scale=scale), said.append), said


def test_0_to_255_is_taken_where_no_scale_is_given(shapes: Path, tmp_path: Path) -> None:
    own = net(L.Rescaling(1 / 255, name="scaled"))
    note = "note: its first layer, scaled, scales pixels, so that it takes them as 0..255"
    job, said = prepared(own, shapes, tmp_path, None)
    assert (str(job.scale), said) == ("0..255", [note])
    job, said = prepared(own, shapes, tmp_path, "0..1")
    assert str(job.scale) == "0..1"
    assert said[0].startswith("warning: net.keras: its first layer, scaled, scales pixels")
    assert said[1] == note
    with pytest.raises(InputError, match="--scale is missing"):
        prepared(net(), shapes, tmp_path, None)


def test_advise_tells_of_it(shapes: Path) -> None:
    said: list[str] = []
    ed.advise(
        net(L.Rescaling(1 / 255, name="scaled")), recipe="ptq_int8", progress=lambda what, share: said.append(what)
    )
    assert any("scaled, scales pixels" in line for line in said)
