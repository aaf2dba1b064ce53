"""Files of Keras 2, written by tf_keras in a process of its own, brought over where no tf_keras can be imported."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tensorflow.core.protobuf import saved_model_pb2 as graphs

from edgedigits.errors import ModelError
from edgedigits.models.importer import loading
from edgedigits.models.keras2.bring_over import bring_over
from edgedigits.models.keras2.witness import find_witness
from edgedigits.models.saved import saved_files
from tests.keras2_nets import AS_SAVEDMODEL, NAMES
from tests.shared import once, shared_folder

ROOT = Path(__file__).parents[1]
FILES = [f"{name}{ending}" for name in NAMES for ending in (".h5", ".keras")] + list(AS_SAVEDMODEL)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the files, and images and answers of each net."""

    def write(folder: Path) -> None:
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-m", "tests.keras2_nets", folder], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    return once(shared_folder(tmp_path_factory) / "keras2", write)


def brought_over(path: Path, copies: Path, *classes: type) -> Any:
    return bring_over(saved_files.read(path, copies), classes)


def off(answers: Any, wanted: Any) -> float:
    """The largest difference as a share of the largest answer."""
    return float(np.abs(np.asarray(answers) - wanted).max() / np.abs(wanted).max())


@pytest.mark.parametrize("file", FILES)
def test_a_file_answers_as_in_keras_2(file: str, files: Path, tmp_path: Path) -> None:
    with np.load(files / f"{file.split('.')[0]}.npz") as there:
        images, wanted = there["images"], there["answers"]
    assert np.ptp(wanted, axis=0).max() > 0.003 * np.abs(wanted).max()  # the images matter
    assert off(brought_over(files / file, tmp_path)(images, training=False), wanted) <= 1e-5


LOADING = """
import json, sys
from pathlib import Path
import numpy as np
from edgedigits.models.importer import loading

told = {}
for file in sys.argv[2:]:
    with np.load(Path(sys.argv[1]) / f"{file.split('.')[0]}.npz") as there:
        images, wanted = there["images"], there["answers"]
    loaded = loading.load(Path(sys.argv[1]) / file, images=images)
    off = float(np.abs(np.asarray(loaded.model(images, training=False)) - wanted).max() / np.abs(wanted).max())
    told[file] = {"off": off, **loaded.facts}
told["modules"] = [name for name in sys.modules if name.startswith("tf_keras") and sys.modules[name]]
print(json.dumps(told))
"""


def test_tf_keras_is_not_needed(files: Path, tmp_path: Path) -> None:
    """Neither in the process that loads nor in its children, which begin with `sitecustomize`, too."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['tf_keras'] = None\n")
    done = subprocess.run(
        [sys.executable, "-c", LOADING, files, "tangled.h5", "normalized.keras", "tangled"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told.pop("modules") == []
    for file, facts in told.items():
        assert facts["off"] <= 1e-5, file
        assert facts["witness"] == ("none" if "." in file else "signature"), file
        assert facts["largest_difference"] <= 1e-5, file


def test_tf_keras_is_the_witness_where_it_is_installed(files: Path, tmp_path: Path) -> None:
    with np.load(files / "tangled.npz") as there:
        images, wanted = there["images"], there["answers"]
    for file in ("tangled.h5", "tangled.keras", "tangled"):
        name, witness = find_witness(saved_files.read(files / file, tmp_path))
        assert name == ("tf_keras" if "." in file else "signature")
        assert witness is not None
        assert off(witness(images), wanted) <= 1e-6


def test_a_model_that_answers_otherwise_than_its_witness_is_refused(files: Path, tmp_path: Path) -> None:
    """The slope of a leaky ReLU is changed in what the file says of its layers, not in its graph."""
    path = shutil.copytree(files / "tangled", tmp_path / "tangled")
    described = path / "keras_metadata.pb"
    described.write_bytes(described.read_bytes().replace(b'"activation": "relu"', b'"activation": "tanh"'))
    with pytest.raises(ModelError, match="the model answers otherwise"):
        loading.load(path)


def altered(path: Path, change: Callable[[Any], None]) -> saved_files.SavedModel:
    """The SavedModel with another graph."""
    graph = graphs.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    change(graph.meta_graphs[0].graph_def)
    (path / "saved_model.pb").write_bytes(graph.SerializeToString())
    return saved_files.read(path, path)


def test_only_known_operators_are_run(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph that has another, in a function that its signature calls, is no witness; one that is not called does not count."""
    monkeypatch.setitem(sys.modules, "tf_keras", None)

    def writes(node: Any) -> None:
        node.op = "WriteFile"

    def change_all(graph: Any) -> None:
        for function in graph.library.function:
            for node in function.node_def:
                if node.op == "Relu":
                    writes(node)

    def halve(graph: Any) -> None:
        graph.node.add(name="half", op="Const").attr["dtype"].type = 19
        next(node for node in graph.node if node.op == "StatefulPartitionedCall").input.append("^half")

    def add_uncalled(graph: Any) -> None:
        writes(graph.library.function.add().node_def.add(name="a"))

    for number, (change, wanted) in enumerate(((change_all, "none"), (halve, "none"), (add_uncalled, "signature"))):
        path = shutil.copytree(files / "tangled", tmp_path / str(number))
        name, witness = find_witness(altered(path, change))
        assert (name, witness is None) == (wanted, wanted == "none")


def layer(kind: str, name: str, *calls: object, **settings: object) -> dict[str, Any]:
    return {"class_name": kind, "name": name, "config": {"name": name, **settings}, "inbound_nodes": list(calls)}


def of_layers(*layers: object, end: str) -> saved_files.SavedModel:
    inner = {"name": "m", "layers": list(layers), "input_layers": [["image", 0, 0]], "output_layers": [[end, 0, 0]]}
    return saved_files.SavedModel("keras2 .h5", "2", {"class_name": "Functional", "config": inner}, Path("none"))


@pytest.mark.parametrize(
    ("of_conv", "what"),
    [
        (["sum", 0, 0, {}], "layer 'conv' takes answer 0 of layer 'sum'"),
        (["conv", 0, 0, {}], "layer 'conv' takes answer 0 of layer 'conv'"),
        (["twice", 2, 0, {}], "layer 'conv' takes answer 2 of layer 'twice'"),
        (["twice", 1.5, 0, {}], r"layer 'conv' takes answer 1\.5 of layer 'twice'"),
        (["gone", 0, 0, {}], "layer 'conv' takes answer 0 of layer 'gone'"),
        (["image", 0, 7, {}], "layer 'conv' takes answer 0 of layer 'image'"),
        (["twice", 0, 0, {"mask": ["sum", 0, 0]}], "layer 'conv' takes answer 0 of layer 'sum'"),
        (["image", 0, 0, {"training": True}], r"layer 'conv' \(Conv2D\) is called with training=True"),
        ([], r"layer 'conv' \(Conv2D\) can't be built in Keras 3"),
    ],
)
def test_layers_that_cannot_be_connected_are_named(of_conv: list[Any], what: str) -> None:
    saved = of_layers(
        layer("Conv2D", "conv", [of_conv], filters=1, kernel_size=1),
        layer("ReLU", "twice", [["image", 0, 0, {}]], [["twice", 0, 0, {}]]),
        layer("InputLayer", "image", batch_input_shape=[None, 4, 4, 1]),
        layer("Add", "sum", [["conv", 0, 0, {}], ["twice", 0, 0, {}]]),
        end="sum",
    )
    with pytest.raises(ModelError, match=what):
        bring_over(saved)


def test_a_setting_that_keras_3_lacks_is_refused_where_it_matters() -> None:
    image = layer("InputLayer", "image", batch_input_shape=[None, 4, 4, 1])
    drop = layer("SpatialDropout2D", "drop", [["image", 0, 0, {}]], rate=0.1, noise_shape=[1, 2])
    with pytest.raises(ModelError, match=r"layer 'drop' .* has noise_shape=\[1, 2\], which Keras 3 lacks"):
        bring_over(of_layers(image, drop, end="drop"))


def test_weights_of_another_shape_name_the_layer(files: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(files / "tangled.h5", tmp_path))
    with h5py.File(path, "a") as file:
        group = file["model_weights/answer/answer"]
        del group["bias:0"]
        group["bias:0"] = np.zeros(4)
    with pytest.raises(
        ModelError, match=r"layer 'answer' \(Dense\) has weights of shapes \[\[8, 5\], \[5\]\].*\[4\]\]"
    ):
        loading.load(path)
    with h5py.File(path, "a") as file:
        file["model_weights/answer"].attrs["weight_names"] = []
    with pytest.raises(ModelError, match=r"its 6 layers with weights \(a/conv, .*answer\) find those of 5 in the file"):
        loading.load(path)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("keras_version", "3.99.1", r"saved by Keras 3\.99\.1, which is newer than Keras 3\.\d+\.\d+ here"),
        ("keras_version", "4.0.0", r"saved by Keras 4\.0\.0, which is newer than Keras 3"),
        ("keras_version", "1.2.2", r"saved by Keras '1\.2\.2'; Keras 2 and Keras 3 can be read"),
        ("backend", "theano", "asks for Keras' backend 'theano'"),
        ("backend", "jax", "asks for Keras' backend 'jax'"),
    ],
)
def test_files_of_other_libraries(name: str, value: str, why: str, files: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(files / "lines.h5", tmp_path))
    with h5py.File(path, "a") as file:
        file.attrs[name] = value
    with pytest.raises(ModelError, match=why):
        saved_files.read(path, tmp_path)


def test_a_layer_of_another_backend() -> None:
    saved = of_layers(layer("TorchModuleWrapper", "torch"), end="torch")
    with pytest.raises(ModelError, match=r"layer 'torch' \(TorchModuleWrapper\) asks for another backend"):
        bring_over(saved)


def renamed(group: Any) -> None:
    """As Keras 2.12 to 2.15 called what is in a model; numbers may have gaps."""
    for name in list(group):
        if isinstance(group[name], h5py.Group):
            renamed(group[name])
    for kind in ("conv2d", "batch_normalization"):
        for number in (2, 1):
            if f"layers/{kind}_{number}" in group:
                group.move(f"layers/{kind}_{number}", f"layers/{kind}_{number + 9}")
    if "layers" in group:
        group.move("layers", "_layer_checkpoint_dependencies")


def test_the_layout_of_earlier_keras_files(files: Path, tmp_path: Path) -> None:
    saved = saved_files.read(files / "tangled.keras", tmp_path)
    with h5py.File(saved.weights, "a") as file:
        renamed(file)
    with np.load(files / "tangled.npz") as there:
        assert off(bring_over(saved)(there["images"], training=False), there["answers"]) <= 1e-5


def earlier(value: Any) -> Any:
    """A config as Keras 2.2 wrote it: a Sequential is a list, without an input layer; fewer settings."""
    if isinstance(value, list):
        return [earlier(one) for one in value]
    if not isinstance(value, dict):
        return value
    value = {key: earlier(one) for key, one in value.items() if key not in ("groups", "dtype", "trainable")}
    if value.get("class_name") == "Functional":
        value["class_name"] = "Model"
    if value.get("class_name") == "Sequential":
        image, first, *others = value["config"]["layers"]
        if first["class_name"] not in ("Model", "Sequential"):
            first["config"] |= {"batch_input_shape": image["config"]["batch_input_shape"]}
        value["config"] = [first, *others]
    return value


@pytest.mark.parametrize("name", ["tangled", "nested"])
def test_the_config_of_earlier_keras(name: str, files: Path, tmp_path: Path) -> None:
    saved = saved_files.read(files / f"{name}.h5", tmp_path)
    with np.load(files / f"{name}.npz") as there:
        images, wanted = there["images"], there["answers"]
    assert off(bring_over(replace(saved, config=earlier(saved.config)))(images, training=False), wanted) <= 1e-5


def test_weights_of_renamed_layers_in_an_order_that_cannot_be_told(files: Path, tmp_path: Path) -> None:
    """Of a nested model that is partly frozen; its names would tell."""
    saved = saved_files.read(files / "tangled.h5", tmp_path)
    with h5py.File(saved.weights, "a") as file:
        group = file["model_weights/block"]
        names = [str(name) for name in group.attrs["weight_names"]]
        group.attrs["weight_names"] = [name.replace("/", "_x/", 1) for name in names]
        for name in list(group):
            group.move(name, f"{name}_x")
    answers = bring_over(saved)  # the order of Keras 2, by what the config says was trained
    with np.load(files / "tangled.npz") as there:
        assert off(answers(there["images"], training=False), there["answers"]) <= 1e-5
    with h5py.File(saved.weights, "a") as file:
        file["model_weights/block"].attrs["weight_names"] = [name.replace("/", "_x/", 1) for name in reversed(names)]
    with pytest.raises(ModelError, match=r"the weights within 'block' \(Functional\) stand in an order"):
        bring_over(saved)


# --- what old TensorFlows wrote themselves (make_old_files.py) ---

OLD = Path(__file__).parent / "golden" / "keras2"
OLD_FILES = [
    path.relative_to(OLD).as_posix()
    for version in sorted(OLD.iterdir())
    for path in sorted(version.iterdir())
    if path.suffix != ".npz"
]


@pytest.mark.parametrize("file", OLD_FILES)
def test_a_file_of_an_old_tensorflow_answers_as_there(file: str, tmp_path: Path) -> None:
    path = OLD / file
    with np.load(path.with_suffix(".npz")) as there:
        images, wanted = there["images"], there["answers"]
    saved = saved_files.read(path, tmp_path)
    assert off(bring_over(saved)(images, training=False), wanted) <= 1e-5
    name, witness = find_witness(saved)
    if path.is_dir():
        assert name == "signature"
    else:  # tf_keras itself can't read the .keras files of Keras 2.12 and 2.13
        assert name == ("none" if file.startswith(("2.12.", "2.13.")) else "tf_keras")
    if witness is not None:
        assert off(witness(images), wanted) <= 1e-5


def test_without_a_witness_an_old_file_is_loaded_and_the_facts_say_so() -> None:
    assert loading.load(OLD / "2.12.1" / "normalized.keras").facts["witness"] == "none"
