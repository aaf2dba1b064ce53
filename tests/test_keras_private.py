"""What stands on parts of Keras that are not public: that this Keras is one of those it was tried with, and still has them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgedigits.backend import keras
from edgedigits.errors import ModelError
from edgedigits.models.layers import keras_private
from edgedigits.models.saved import config_check, saved_files

L = keras.layers
PACKAGE = Path(__file__).parent.parent / "edgedigits"


def branched() -> tuple[Any, Any]:
    """A model with a shared layer, an operation and arguments in a list and by name, and the shared layer."""
    image = keras.Input((4, 4, 2), name="image")
    shared = L.Conv2D(2, 1, name="shared")
    left, right = shared(image), shared(shared(image))
    return keras.Model(image, L.Add(name="sum")([left, keras.ops.maximum(x1=right, x2=0.5)])), shared


def test_the_installed_keras_is_one_that_was_tried() -> None:
    assert ".".join(keras.__version__.split(".")[:2]) in keras_private.VERSIONS, (
        f"Keras {keras.__version__} is new here: run the tests with it and name it in keras_private.VERSIONS"
    )


def test_the_package_asks_for_those_versions() -> None:
    tomllib = pytest.importorskip("tomllib")  # in the standard library from Python 3.11 on
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
    (wanted,) = [one for one in project["dependencies"] if one.startswith("keras")]
    first, last = (tuple(map(int, one.split("."))) for one in (keras_private.VERSIONS[0], keras_private.VERSIONS[-1]))
    assert wanted == f"keras>={first[0]}.{first[1]},<{last[0]}.{last[1] + 1}"


def test_uses_come_in_the_order_of_computation_with_what_they_read_and_make() -> None:
    model, shared = branched()
    uses = list(keras_private.list_uses(model))
    assert [use.layer for use in uses].count(shared) == 3
    made = {id(model.inputs[0])}
    for use in uses:
        assert {id(tensor) for tensor in use.read} <= made, "a use before what it reads"
        made |= {id(tensor) for tensor in use.made}
    assert id(model.outputs[0]) in made


def test_arguments_are_filled_in_as_they_were_given() -> None:
    model, _ = branched()
    add: Any = next(use for use in keras_private.list_uses(model) if use.layer.name == "sum")
    args, named = add.fill_in({id(tensor): str(place) for place, tensor in enumerate(add.read)})
    assert (args, named) == ((["0", "1"],), {})
    largest: Any = next(use for use in keras_private.list_uses(model) if type(use.layer).__name__ == "Maximum")
    args, named = largest.fill_in({id(largest.read[0]): "x"})
    assert [*args, *named.values()] == ["x", 0.5]


@pytest.mark.parametrize("kind", ["functional", "sequential"])
def test_a_graph_is_run_through_with_other_layers(kind: str) -> None:
    model: Any = keras.Sequential([keras.Input((3,)), L.Dense(2), L.ReLU()])
    model = model if kind == "sequential" else keras.Model(model.inputs[0], model.outputs[0])
    values = np.array([[-1.0, 2.0, 3.0]], np.float32)
    met: list[str] = []

    def compute(layer: Any) -> Any:
        met.append(type(layer).__name__)
        return (lambda x: x) if met[-1] == "ReLU" else layer

    found = keras_private.run_through(keras_private.find_function(model), values, compute)
    (dense,) = [layer for layer in model.layers if isinstance(layer, L.Dense)]
    np.testing.assert_array_equal(np.asarray(found), np.asarray(dense(values)))
    assert met[-2:] == ["Dense", "ReLU"]


def test_a_model_of_code_has_no_graph() -> None:
    class Coded(keras.Model):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x

    assert keras_private.find_function(Coded()) is None


@pytest.mark.parametrize(
    ("saved_by", "read"), [("3.12.0", True), ("3.15.9", True), ("3.16.0", False), ("3.99.1", False)]
)
def test_an_older_keras_reads_what_a_newer_one_saved_that_was_tried(
    saved_by: str, read: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_files, "keras_library", SimpleNamespace(__version__="3.12.4"))
    monkeypatch.setattr(saved_files, "VERSIONS", ("3.12", "3.15"))
    if read:
        assert saved_files._generation(saved_by) == "3"
    else:
        with pytest.raises(
            ModelError, match=rf"saved by Keras {re.escape(saved_by)}, .* newer than Keras 3\.12\.4 here"
        ):
            saved_files._generation(saved_by)


def test_what_a_newer_keras_says_beside_is_left_out() -> None:
    """So set, a layer computes as one of the oldest Keras does, which refuses settings that it does not know."""
    kernel = {"class_name": "GlorotUniform", "config": {"seed": None, "input_axes": None, "output_axes": None}}
    layers: list[dict[str, Any]] = [
        {"class_name": "Dense", "config": {"units": 2, "kernel_initializer": kernel, "quantization_config": None}},
        {
            "class_name": "BatchNormalization",
            "config": {"renorm": False, "renorm_clipping": None, "renorm_momentum": 0.99},
        },
        {"class_name": "BatchNormalization", "config": {"renorm": True}},
    ]
    checked = config_check.check_config({"class_name": "Sequential", "config": {"layers": layers}}, "3")
    dense, *others = (layer["config"] for layer in checked["config"]["layers"])
    assert dense.pop("kernel_initializer")["config"] == {"seed": None}
    assert [dense, *others] == [{"units": 2}, {}, {"renorm": True}]


def test_nothing_else_uses_private_parts() -> None:
    """Neither attributes of graphs nor modules below keras.src."""
    private = re.compile(
        r"\._(nodes_by_depth|inbound_nodes|keras_history|run_through_graph|functional)\b|keras\.src\.|keras3\.src"
    )
    found = {
        path.relative_to(PACKAGE).as_posix(): match.group()
        for path in PACKAGE.rglob("*.py")
        if (match := private.search(re.sub(r'"[^"\n]*"', '""', path.read_text())))
    }
    assert set(found) == {"models/layers/keras_private.py"}, found


@pytest.mark.parametrize(
    ("chosen", "first", "said"),
    [("jax", "", ""), ("jax", "import keras; keras.backend.backend = lambda: 'jax'; ", "Keras computes with jax")],
)
def test_keras_computes_with_tensorflow(chosen: str, first: str, said: str) -> None:
    """Whatever the user's own code has it compute with, unless that has imported it already."""
    script = f"{first}from edgedigits.backend import keras; print(keras.backend.backend())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": "tensorflow" if first else chosen},
    )
    assert said in done.stderr.splitlines()[-1] if said else done.stdout == "tensorflow\n"
