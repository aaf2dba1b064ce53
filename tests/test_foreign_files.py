"""Files that kill, hang or swell native code: each ends in one sentence, and this process lives on."""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from edgedigits_runner.kept import sealed

from edgedigits.backend import keras
from edgedigits.backend import keras as keras3
from edgedigits.data.images import ArrayImages
from edgedigits.errors import CheckError, EdgeDigitsError, ModelError, TfliteError
from edgedigits.ground.processes import children
from edgedigits.ground.processes.child import read_status_kib
from edgedigits.models.importer import loading
from edgedigits.models.saved import saved_files
from edgedigits.pipeline import loop, prepare
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.pipeline.prepare import Wish
from edgedigits.pipeline.recipe import parse
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.fragments import cut
from edgedigits.tflite.interpreter import TfliteModel
from edgedigits.tflite.multiply_adds import count_per_operator
from edgedigits.tflite.rewrite.pack import pack
from edgedigits.tflite.rewrite.slim import slim
from edgedigits.tflite.rewrite.writer import Builder
from tests.nets import classifier
from tests.tiny_release import copied, run


def hdf5() -> bytearray:
    flat = io.BytesIO()
    with h5py.File(flat, "w") as file:
        group = file.create_group("model_weights")
        for number in range(3):
            group.create_dataset(f"d{number}", data=np.ones(4))
    return bytearray(flat.getvalue())


def looping() -> bytes:
    """The index of the root's names is its own neighbour: HDF5's library walks from it to it for ever."""
    flat = hdf5()
    node = flat.index(b"TREE")
    flat[node + 6 : node + 8] = struct.pack("<H", 1)
    flat[node + 16 : node + 24] = struct.pack("<Q", node)
    return bytes(flat)


def deep() -> bytes:
    """The same index is its own child, until the stack is full."""
    flat = hdf5()
    node = flat.index(b"TREE")
    flat[node + 5] = 1
    flat[node + 32 : node + 40] = struct.pack("<Q", node)
    return bytes(flat)


def archive(path: Path, weights: bytes | None = None, config: tuple[str, str] = ("", "")) -> Path:
    """A small Keras 3 model with other weights, or with a text of its config exchanged."""
    net = keras3.Sequential([keras3.Input((8, 8, 1)), keras3.layers.Flatten(), keras3.layers.Dense(3)])
    net.save(path)
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    if weights is not None:
        members["model.weights.h5"] = weights
    members["config.json"] = members["config.json"].replace(config[0].encode(), config[1].encode())
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


@pytest.mark.parametrize(("weights", "said"), [(looping, "gave no answer within 1 s"), (deep, "was ended by SIGSEGV")])
@pytest.mark.parametrize("kind", [".h5", ".keras"])
def test_hdf5_that_kills_its_library(
    kind: str, weights: Any, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_files, "LEAST_S", 1.0)
    path = tmp_path / f"model{kind}"
    if kind == ".h5":
        path.write_bytes(weights())
    else:
        archive(path, weights())
    with pytest.raises(ModelError) as caught:
        loading.load(path)
    assert str(caught.value) == f"{path}: reading the model {said}; is the file complete, and saved by Keras?"


def test_hdf5_that_declares_what_it_does_not_hold(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    for settings in ({}, {"chunks": (1000,), "compression": "gzip"}):
        with h5py.File(path, "w") as file:
            file.create_group("model_weights").create_dataset("kernel", (10**11,), "f4", **settings)
        with pytest.raises(ModelError, match=r"'/model_weights/kernel' are declared as float32 \[100000000000\]"):
            loading.load(path)
    with h5py.File(path, "w") as file:
        group = file.create_group("model_weights")
        group["again"] = group
    with pytest.raises(ModelError, match="lie in another place"):
        loading.load(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ModelError, match="no regular file"):
        loading.load(path)


def test_a_config_of_more_than_the_file_holds_is_refused_within_the_limit(tmp_path: Path) -> None:
    path = archive(tmp_path / "model.keras", config=('"units": 3', '"units": 20000000'))
    with pytest.raises(ModelError, match=r"reading the model needs more than the 1,024 MiB of memory"):
        loading.load(path)
    assert read_status_kib("VmHWM:", children.process_id("tensorflow")) < 2 * 2**20


def test_the_layer_whose_values_are_not_finite_is_named() -> None:
    """TensorFlow's quantizer dies of an infinite range, as the exponential in SELU has of raw pixels."""
    image = keras.Input((12, 12, 1))
    x = keras.layers.Dense(4, "selu", name="large", kernel_initializer=keras.initializers.Constant(1.0))(image)
    net = keras.Model(image, keras.layers.Dense(3)(keras.layers.Flatten()(x)))
    pixels = np.full((4, 12, 12, 1), 200, np.uint8)
    with pytest.raises(CheckError, match="layer 'large' computes numbers that are not finite"):
        Int8()(net, ArrayImages(pixels, np.zeros(4, np.int32)), "0..255")


def test_a_converter_that_dies_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgedigits.pipeline.export.conversion.MOST_BYTES", 0)
    monkeypatch.setattr("edgedigits.pipeline.export.conversion.MOST_TIMES", 0)
    calibration = ArrayImages(np.zeros((2, 12, 12, 1), np.uint8), np.zeros(2, np.int32))
    with pytest.raises(CheckError, match=r"^export: TensorFlow's converter, at work on .*; a layer or a weight of it"):
        Int8()(classifier(), calibration, "0..1")
    monkeypatch.undo()
    assert Int8()(classifier(), calibration, "0..1")[4:8] == b"TFL3"


def test_a_model_of_zeros_is_refused_and_its_bytes_kill_a_child_only(shapes: Path, tmp_path: Path) -> None:
    """LiteRT's reference kernels abort on the scales of such weights."""
    net = keras.Sequential(
        [
            keras.layers.Input((12, 12, 1)),
            keras.layers.Conv2D(2, 3, activation="relu", kernel_initializer="zeros"),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax", kernel_initializer="zeros"),
        ]
    )
    net.save(tmp_path / "zeros.keras")
    recipe = parse({"stages": [], "export": "int8"}, "test", "plain")
    wish = Wish(model=tmp_path / "zeros.keras", data=str(shapes), scale="0..1")
    with pytest.raises(ModelError, match="prefers no class"):
        loop.run(prepare.prepare_job(recipe, wish, lambda _: None), tmp_path / "out", lambda _: None)
    assert not list((tmp_path / "out").iterdir())
    noise = np.random.default_rng(0).integers(0, 256, (20, 12, 12, 1), dtype=np.uint8)
    flat = Int8()(net, ArrayImages(noise, np.zeros(20, np.int32)), "0..1")
    with pytest.raises(CheckError, match=r"LiteRT with its reference kernels, loading .* was ended by SIGABRT"):
        TfliteModel(flat, reference=True)


def altered(flat: bytes, change: Any) -> bytes:
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(flat, 0))
    change(model)
    builder = Builder()
    return bytes(builder.finished(model.Pack(builder), b"TFL3"))


def recursive(model: Any) -> None:
    """All that the graph does is an IF that runs the graph: LiteRT follows until the stack is full."""
    graph = model.subgraphs[0]
    code, condition, operator = schema.OperatorCodeT(), schema.TensorT(), schema.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.IF
    code.version = 1
    model.operatorCodes = [code]
    model.buffers.append(schema.BufferT())
    model.buffers[-1].data = np.ones(1, np.uint8)
    condition.type, condition.shape = schema.TensorType.BOOL, np.array([1], np.int32)
    condition.buffer, condition.name = len(model.buffers) - 1, b"condition"
    graph.tensors.append(condition)
    operator.inputs = np.array([len(graph.tensors) - 1, graph.inputs[0]], np.int32)
    operator.outputs = graph.outputs
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.IfOptions, schema.IfOptionsT()
    operator.builtinOptions.thenSubgraphIndex = operator.builtinOptions.elseSubgraphIndex = 0
    graph.operators = [operator]


@pytest.fixture(scope="module")
def deadly(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release whose model takes its interpreter down, though it is whole by its hashes."""
    release = copied(shapes, tmp_path_factory.mktemp("deadly"))
    flat = altered((release / "model.tflite").read_bytes(), recursive)
    (release / "model.tflite").write_bytes(flat)
    return release


def test_interpreters_that_die_of_a_file_are_told_of(deadly: Path, tmp_path: Path) -> None:
    model = deadly / "model.tflite"
    with pytest.raises(TfliteError, match=r"model\.tflite: an interpreter, at work on the bytes, was ended by SIGSEGV"):
        pack(model, slim=True, form="plain", out=tmp_path / "out.tflite")
    assert not (tmp_path / "out.tflite").exists()
    with pytest.raises(CheckError, match=r"LiteRT, loading the exported bytes, was ended by SIGSEGV"):
        TfliteModel(model.read_bytes())


def test_the_runner_tells_of_its_interpreter_that_died(deadly: Path, rehash: Any) -> None:
    rehash(deadly)
    for command in (["evaluate"], ["predict", "--in", str(deadly), "x.npy"]):
        done = run(deadly, *command, *([deadly] if command == ["evaluate"] else []))
        assert done.returncode == 1, done.stderr
        last = done.stderr.splitlines()[-1]
        assert last.startswith(f"edgedigits-runner: {command[0]} was ended by SIGSEGV")
        assert "the interpreter can't run this model here" in last


@pytest.fixture
def rehash() -> Any:
    def put(release: Path) -> None:
        manifest = json.loads((release / "manifest.json").read_text())
        manifest["files"]["model.tflite"] = hashlib.sha256((release / "model.tflite").read_bytes()).hexdigest()
        (release / "manifest.json").write_text(json.dumps(sealed(manifest)))

    return put


def test_altered_tables_end_in_one_sentence_wherever_they_are_followed(deadly: Path) -> None:
    """Each byte of the tables in turn is another: what reads them raises nothing but errors of ours."""
    whole = (deadly / "float.tflite").read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        flat = bytearray(whole)
        for place in rng.integers(0, min(len(whole), 4000), 2):
            flat[place] = rng.integers(0, 256)
        for reader in (cut, slim, lambda one: count_per_operator(read(one, "x"))):
            try:
                reader(bytes(flat))
            except EdgeDigitsError:
                refused += 1
    assert refused
