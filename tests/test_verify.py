"""`verify`: layers matched, measured and judged; bytes against bytes; what can't be compared, said in a sentence."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as generated

import edgedigits as ed
from benchmarks.evidence.broken import FAULTS, Broken, convert_whole
from benchmarks.evidence.bytes_broken import narrow_range
from benchmarks.evidence.nets import Trained, plain
from edgedigits.api.evidence.verify import Verification
from edgedigits.backend import keras
from edgedigits.measure.verify.answers import Answers
from edgedigits.measure.verify.layers import verify_layers
from edgedigits.measure.verify.report import LayersReport
from edgedigits.measure.verify.subject import Subject
from edgedigits.pipeline.export.conversion import convert
from edgedigits.tflite import schema
from edgedigits.tflite.layers.matching import match_steps
from edgedigits.tflite.layers.rewiring import compute_in_float
from edgedigits.tflite.layers.steps import Net
from edgedigits.tflite.layers.sums import MOST_DB, Range, Sums
from edgedigits.tflite.rewrite.slim import slim
from tests import tiny_release
from tests.warm import edgedigits

IMAGES = np.random.default_rng(5).random((24, 12, 12, 1), np.float32)


@cache
def net() -> Trained:
    """Untrained: rounding asks for no sense."""
    keras.utils.set_random_seed(4)
    keras.layers.Conv2D(1, 1)  # whatever was built before: the net's names are its own
    model, rng = plain((12, 12, 1), 3), np.random.default_rng(4)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([values + rng.uniform(0, 0.2, values.shape) for values in layer.get_weights()])
    return Trained("plain", model, IMAGES[:16])


@cache
def whole() -> Broken:
    return convert_whole(net())


def looked_at(broken: Broken, images: np.ndarray = IMAGES, **more: Any) -> LayersReport:
    subject = Subject("c.tflite", broken.compressed, "f.tflite", broken.plain, images, "noise", {}, None)
    return verify_layers(Subject(**{**vars(subject), **more}), lambda _: None)


def pairs(compressed: bytes, float_form: bytes) -> list[tuple[str, str]]:
    """(name of the layer, kind) of all that match."""
    return [(one.name, one.kind) for one in match_steps(Net(compressed, "c"), Net(float_form, "f"))]


def test_every_layer_is_matched_with_names_and_without() -> None:
    found = pairs(whole().compressed, whole().plain)
    assert len(found) == 1 + len(Net(whole().compressed, "c").steps)
    assert [name for name, kind in found if kind == "CONV_2D"] == ["conv2d", "conv2d_1", "conv2d_2", "conv2d_3"]
    bare = pairs(slim(whole().compressed), whole().plain)
    assert bare == [one for one in found if one[1] != "RESHAPE"], "the slim file does without moving no value"


def unfused(flat: bytes) -> bytes:
    """Each ReLU stands behind its convolution as an operator of its own, under other names."""
    model = schema.unpack(flat)
    graph = model.subgraphs[0]
    code = generated.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = generated.BuiltinOperator.RELU
    code.version = 1
    model.operatorCodes.append(code)
    operators = []
    for one in graph.operators:
        operators.append(one)
        options: Any = one.builtinOptions
        if getattr(options, "fusedActivationFunction", 0) == 1:
            options.fusedActivationFunction = 0
            behind: Any = generated.OperatorT()
            behind.opcodeIndex = len(model.operatorCodes) - 1
            graph.tensors.append(copy.copy(graph.tensors[int(one.outputs[0])]))
            behind.outputs, one.outputs = one.outputs, np.array([len(graph.tensors) - 1], np.int32)
            behind.inputs = one.outputs
            operators.append(behind)
    graph.operators = operators
    for number, tensor in enumerate(graph.tensors):
        tensor.name = f"t{number}".encode()
    return schema.pack(model)


def test_what_is_fused_in_one_file_only_is_the_same_step() -> None:
    apart = unfused(whole().plain)
    assert len(Net(apart, "f").contents.operators) > len(Net(whole().plain, "f").contents.operators)
    report = looked_at(Broken(apart, whole().compressed, ""))
    assert not report.unmatched
    assert len(report.layers) == len(looked_at(whole()).layers)
    assert min(layer.own_snr_db for layer in report.layers) > 30, "behind the ReLU, not before it"


def test_a_layers_own_error_is_told_from_what_it_inherits() -> None:
    operator = next(one.index for one in match_steps(*[Net(whole().compressed, "c")] * 2) if one.name == "conv2d_1")
    report = looked_at(Broken(whole().plain, narrow_range(whole().compressed, operator, 8.0), ""))
    layers = {layer.name: layer for layer in report.layers}
    assert layers["conv2d_1"].own_snr_db < 10
    for behind in ("conv2d_2", "conv2d_3", "dense"):
        assert layers[behind].found["snr_db"] < 15, "it inherits"
        assert layers[behind].own_snr_db > 30, "and adds little"
    assert layers["conv2d"].found["snr_db"] > 30
    assert report.layers[0].name == "conv2d_1"


def test_nothing_is_wrong_with_a_whole_net() -> None:
    report = looked_at(whole())
    assert not report.suspects
    found = report.as_json()
    assert found["one_model"]
    assert found["kernels"] == "reference"
    moved = [layer for layer in report.layers if layer.match.kind == "RESHAPE"]
    assert [layer.own_snr_db for layer in moved] == [MOST_DB]
    assert {row["step"] is None for row in found["layers"]} == {False}
    assert all(0 <= row["cut_share"] < 0.1 for row in found["layers"])
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_first_with_its_cause(fault: str) -> None:
    broken = FAULTS[fault](net())
    assert broken is not None
    report = looked_at(broken)
    first = report.suspects[0]
    assert (first.layer.name, first.finding.cause) == (broken.layer, fault)
    assert report.layers[0].name == broken.layer
    assert any(digit in first.sentence for digit in "123456789")
    recipes = {one["name"] for one in ed.recipes().as_json()}
    named = [word.strip(";,:.") for word in first.finding.mend.split()]
    assert [
        word for word in named if word.endswith(("int8", "16x8", "float16")) and word.strip("{") not in recipes
    ] in (
        [],
        ["{int8"],
    )


@pytest.mark.parametrize(("layer", "times"), [("dense", -1), ("conv2d_2", 0), ("conv2d_1", 0.5)])
def test_weights_that_are_others_are_told_before_what_they_spoil(layer: str, times: float) -> None:
    other = Net(whole().compressed, "c")
    match = next(one for one in match_steps(other, Net(whole().plain, "f")) if one.name == layer)
    buffer = other.model.buffers[other.model.subgraphs[0].tensors[match.weights[0]].buffer]
    assert buffer.data is not None
    values = np.frombuffer(buffer.data.tobytes(), np.int8) * times
    buffer.data = np.frombuffer(values.clip(-127, 127).astype(np.int8).tobytes(), np.uint8)
    report = looked_at(Broken(whole().plain, schema.pack(other.model), ""))
    first = report.suspects[0]
    assert (first.layer.name, first.finding.cause) == (layer, "other_weights")
    assert report.layers[0].name == layer
    assert "No layer is broken" not in str(Verification(report))


def test_a_range_that_nothing_fills_is_told() -> None:
    operator = next(one.index for one in match_steps(*[Net(whole().compressed, "c")] * 2) if one.name == "conv2d_1")
    report = looked_at(Broken(whole().plain, narrow_range(whole().compressed, operator, 1 / 24), ""))
    assert [(one.layer.name, one.finding.cause) for one in report.suspects] == [("conv2d_1", "wide_range")]
    assert "of its range is used" in report.suspects[0].sentence


def test_a_mask_that_only_the_record_knows_is_missed_too() -> None:
    promised = {"conv2d_1": 0.8, "conv2d_2": 0.001}
    report = looked_at(whole(), promised=promised)
    assert [(one.layer.name, one.finding.cause) for one in report.suspects] == [("conv2d_1", "revived_mask")]
    assert "the record says" in report.suspects[0].sentence


def test_what_the_record_says_of_a_layer_is_of_no_other() -> None:
    """Its name is the beginning of theirs."""
    report = looked_at(whole(), promised={"conv2d": 0.8})
    assert [one.layer.name for one in report.suspects] == ["conv2d"]


def test_a_bias_that_widened_the_scale_is_a_bias_too_large() -> None:
    """As TensorFlow's converter leaves it, which cuts nothing off."""
    model = net().copy()
    layer = model.get_layer("conv2d_1")
    kernel, bias = layer.get_weights()
    kernel[..., 3] *= 1e-7 / np.abs(kernel[..., 3]).max()
    bias[3] = 2.0
    layer.set_weights([kernel, bias])
    report = looked_at(convert_whole(Trained("plain", model, net().calibration)))
    assert [(one.layer.name, one.finding.cause) for one in report.suspects] == [("conv2d_1", "bias_overflow")]
    assert "widened" in report.suspects[0].sentence


def test_another_net_is_said_to_be_one() -> None:
    other = Net(whole().compressed, "c")
    for step in other.steps:
        if step.weight >= 0:
            buffer = other.model.buffers[other.model.subgraphs[0].tensors[step.weight].buffer]
            assert buffer.data is not None
            buffer.data = np.roll(buffer.data, 5)
    report = looked_at(Broken(whole().plain, schema.pack(other.model), ""))
    assert report.others
    assert not report.suspects
    assert any("two models" in note for note in report.notes)


def test_layers_without_an_equal_are_told_in_words() -> None:
    """Other channels throughout, as after channels were removed."""
    image = keras.Input((12, 12, 1))
    x = keras.layers.Conv2D(5, 5, activation="relu")(image)
    small = keras.Model(image, keras.layers.Dense(3)(keras.layers.Flatten()(x)))
    report = looked_at(Broken(whole().plain, convert_whole(Trained("s", small, IMAGES[:4])).compressed, ""))
    assert report.layers == ()
    assert any("nothing to compare layer by layer" in note for note in report.notes)
    assert report.answers["kl_nats"] > 0


def test_a_pooling_that_two_nets_have_alike_makes_them_no_one_model() -> None:
    def pooled(channels: int) -> Broken:
        image = keras.Input((12, 12, 1))
        x = keras.layers.Conv2D(channels, 3)(keras.layers.MaxPooling2D()(image))
        return convert_whole(
            Trained("p", keras.Model(image, keras.layers.Dense(3)(keras.layers.Flatten()(x))), IMAGES[:4])
        )

    report = looked_at(Broken(pooled(4).plain, pooled(6).compressed, ""))
    assert report.layers == ()
    assert any("nothing to compare layer by layer" in note for note in report.notes)


def test_a_file_alone_is_held_against_itself_in_float() -> None:
    report = looked_at(whole(), plain=None, plain_name="")
    assert not report.suspects
    assert any("no float form is at hand" in note for note in report.notes)
    again = Net(compute_in_float(whole().compressed, "c"), "c in float")
    assert {again.tensor(end).dtype for step in again.steps for end in step.tensors} == {"FLOAT32"}
    assert pairs(again.flat, whole().plain) == pairs(whole().compressed, whole().plain)


def test_answers_are_compared_as_what_they_mean() -> None:
    one = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)
    classes, labels = Answers("softmax", 1e-3), Answers("sigmoid", 1e-3)
    assert classes.divergence(one, one) == 0
    assert classes.compare(one, one[::-1])["changed_images"] == 2
    assert labels.decide(one).tolist() == [[True, False], [False, True]]
    wanted = 0.9 * np.log(0.9 / 0.5) + 0.1 * np.log(0.1 / 0.5)
    assert classes.divergence(one[:1], np.array([[0.5, 0.5]])) == pytest.approx(wanted, rel=1e-5)
    assert Answers("logits").divergence(np.log(one[:1]), np.zeros((1, 2))) == pytest.approx(wanted, rel=1e-5)
    assert labels.divergence(one[:1], np.array([[0.5, 0.5]])) == pytest.approx(2 * wanted, rel=1e-5)
    assert Answers("logits").decide(np.array([[-1.0], [2.0]])).tolist() == [[False], [True]]
    assert classes.divergence(one, np.full_like(one, np.nan)) == pytest.approx(np.log(1e3))


def test_what_is_no_number_is_told_in_numbers() -> None:
    sums = Sums(Range(-1.0, 1.0, 0.5))
    exact = np.array([[0.5, 2.0, 0.0]], np.float32)
    sums.add(np.array([[0.5, np.inf, np.nan]], np.float32), exact, exact)
    found = sums.as_json()
    assert (found["cut_share"], found["dead_channels"]) == (pytest.approx(1 / 3), 0)
    assert found["channel_snr_db"][0] == MOST_DB
    assert found["channel_snr_db"][1] < -100
    assert np.isfinite([found[name] for name in ("snr_db", "own_snr_db", "cosine", "largest_error")]).all()


@pytest.fixture
def files(tmp_path: Path, shapes: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """f.tflite and c.tflite of one net, and the shapes, in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.tflite").write_bytes(whole().plain)
    (tmp_path / "c.tflite").write_bytes(whole().compressed)
    (tmp_path / "shapes.npz").symlink_to(shapes)
    return tmp_path


def verified(one: str, other: str | None = None, **more: Any) -> Any:
    return ed.verify(one, other, "shapes.npz", pixel_range="0..1", images=6, progress=False, **more)


def test_the_float_file_is_what_the_other_is_held_against(files: Path) -> None:
    found = [verified(*order).as_json() for order in (("f.tflite", "c.tflite"), ("c.tflite", "f.tflite"))]
    assert [(one["file"], one["against"]) for one in found] == [("c.tflite", "f.tflite")] * 2
    assert found[0]["layers"] == found[1]["layers"]
    assert "is the float one" in found[1]["notes"][0]


def test_what_is_found_shows_itself(files: Path) -> None:
    found = verified("f.tflite", "c.tflite", model_explorer="nodes.json")
    assert "#1 conv2d_1" in str(found)
    assert "No layer is broken" in str(found)
    assert list(found.to_frame()["layer"]) == [row["layer"] for row in found.as_json()["layers"]]
    assert len(found.to_frame("suspects")) == 0
    assert "c.tflite" in repr(found)
    assert max(map(len, str(found).splitlines())) <= 100
    (graph,) = json.loads((files / "nodes.json").read_text()).values()
    assert set(graph) == {"results", "gradient"}
    assert set(graph["results"]) <= {str(one.index) for one in Net(whole().compressed, "c").steps}
    assert all(20 < each["value"] < MOST_DB for each in graph["results"].values())
    assert [stop["stop"] for stop in graph["gradient"]] == [0, 0.5, 1]


def test_the_same_model_in_fewer_bytes_is_bit_identical(files: Path) -> None:
    (files / "slim.tflite").write_bytes(slim(whole().compressed))
    found = verified("c.tflite", "slim.tflite")
    document = found.as_json()
    assert (document["kind"], document["identical"], document["layers"]) == ("bytes", True, [])
    assert document["compared_layers"] > 5
    assert "Bit-identical" in str(found)


def test_a_changed_bias_is_found_where_it_is(files: Path) -> None:
    model = schema.unpack(whole().compressed)
    operator = next(one.index for one in match_steps(*[Net(whole().compressed, "c")] * 2) if one.name == "conv2d_2")
    tensor = model.subgraphs[0].tensors[int(model.subgraphs[0].operators[operator].inputs[2])]
    data = model.buffers[tensor.buffer].data
    assert data is not None
    buffer = generated.BufferT()
    buffer.data = np.frombuffer((np.frombuffer(data.tobytes(), "<i4") + 5000).astype("<i4").tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.buffer = len(model.buffers) - 1
    (files / "other.tflite").write_bytes(schema.pack(model))
    found = verified("c.tflite", "other.tflite")
    document = found.as_json()
    assert not document["identical"]
    assert document["first_difference"] == f"#{operator} CONV_2D conv2d_2"
    assert document["layers"][0]["largest_steps"] >= 1
    assert "Not identical" in str(found) or document["answers"]["identical"]


def test_kernels_are_held_against_the_reference(files: Path) -> None:
    document = verified("c.tflite", against="reference").as_json()
    assert document["file"] == "c.tflite on litert"
    assert document["against"] == "c.tflite on reference"
    assert document["answers"]["changed_images"] == 0
    assert document["compared_layers"] == len(Net(whole().compressed, "c").steps)
    assert all(row["largest_steps"] < 4 and row["differing_share"] < 0.5 for row in document["layers"]), document[
        "layers"
    ]


def test_an_artifact_whose_weights_were_trained_is_held_against_itself(shapes: Path, tmp_path: Path) -> None:
    made = tiny_release.made(shapes)
    found = ed.verify(made, data=str(shapes), images=8, progress=False)
    assert found.as_json()["against"].endswith("float.tflite")
    with pytest.raises(ed.InputError, match=r"data= is missing: .* was made of shapes"):
        ed.verify(made, progress=False)
    prune = ed.Prune(sparsity=0.5, epochs=0.1, min_steps=2, min_weights=8)
    recipe = ed.Recipe(name="pruned", stages=[prune], export=ed.Int8(calibration_images=8))
    pruned = ed.compress(
        made.parent / "tiny.keras", str(shapes), recipe=recipe, pixel_range="0..1", out=tmp_path, progress=False
    )
    document = ed.verify(pruned, data=str(shapes), images=8, progress=False).as_json()
    assert document["against"].endswith("model.tflite in float")
    assert document["float_answers"]["against"].endswith("float.tflite")
    assert "prune" in document["notes"][0]
    assert not [one for one in document["suspects"] if one["cause"] == "revived_mask"]


def still() -> bytes:
    """A convolution that moves by nothing."""
    model = schema.unpack(whole().compressed)
    options: Any = model.subgraphs[0].operators[0].builtinOptions
    options.strideW = options.strideH = 0
    return schema.pack(model)


def endless() -> bytes:
    """A graph that calls itself, of which LiteRT dies."""
    model: Any = schema.unpack(whole().plain)
    graph, image = model.subgraphs[0], int(model.subgraphs[0].inputs[0])
    code, call, choice, buffer = (
        getattr(generated, name)() for name in ("OperatorCodeT", "OperatorT", "TensorT", "BufferT")
    )
    code.builtinCode = code.deprecatedBuiltinCode = generated.BuiltinOperator.IF
    code.version, buffer.data = 1, np.ones(1, np.uint8)
    model.buffers.append(buffer)
    model.operatorCodes = [code]
    choice.shape, choice.type, choice.buffer = np.array([], np.int32), generated.TensorType.BOOL, len(model.buffers) - 1
    choice.name = b"choice"
    graph.tensors.append(choice)
    call.inputs, call.outputs = np.array([len(graph.tensors) - 1, image], np.int32), graph.outputs
    call.builtinOptionsType, call.builtinOptions = generated.BuiltinOptions.IfOptions, generated.IfOptionsT()
    call.builtinOptions.thenSubgraphIndex = call.builtinOptions.elseSubgraphIndex = 0
    graph.operators = [call]
    return schema.pack(model)


WRONG = {
    "a crash": (
        ["endless.tflite", "--data", "shapes.npz", "--scale", "0..1"],
        "endless.tflite: LiteRT, at work on the file,",
    ),
    "no such file": (["no.tflite"], "no.tflite: no such file"),
    "no model": (["shapes.npz", "--data", "shapes.npz", "--scale", "0..1"], "shapes.npz: not a .tflite file"),
    "no data": (["f.tflite", "c.tflite"], "--data is missing"),
    "no scale": (["f.tflite", "c.tflite", "--data", "shapes.npz"], "--scale is missing"),
    "other inputs": (["f.tflite", "wide.tflite", "--data", "shapes.npz", "--scale", "0..1"], "takes images of 16x16x1"),
    "other classes": (["f.tflite", "five.tflite", "--data", "shapes.npz", "--scale", "0..1"], "answers with 5"),
    "other images": (["wide.tflite", "--data", "shapes.npz", "--scale", "0..1"], "--resize 16x16"),
    "cut short": (["f.tflite", "cut.tflite", "--data", "shapes.npz", "--scale", "0..1"], "cut.tflite: truncated"),
    "altered": (["artifact"], "model.tflite: missing or altered"),
    "a runtime alone": (["c.tflite", "--runtime", "litert"], "--against"),
    "twice the same": (["c.tflite", "--against", "litert"], "the same on both sides"),
    "two files twice": (["f.tflite", "c.tflite", "--against", "reference"], "leave out c.tflite"),
    "nodes of bytes": (["c.tflite", "--against", "reference", "--model-explorer", "n.json"], "--model-explorer"),
    "not to be run": (
        ["f.tflite", "still.tflite", "--data", "shapes.npz", "--scale", "0..1"],
        "still.tflite: LiteRT can't",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_can_t_be_done_is_one_sentence(name: str, files: Path, shapes: Path) -> None:
    words, said = WRONG[name]
    for made, shape, classes in (("wide", (16, 16, 1), 3), ("five", (12, 12, 1), 5)):
        if f"{made}.tflite" in words:
            (files / f"{made}.tflite").write_bytes(convert(head(shape, classes)))
    (files / "cut.tflite").write_bytes(whole().compressed[:-600])
    (files / "endless.tflite").write_bytes(endless())
    (files / "still.tflite").write_bytes(still())
    if name == "altered":
        tiny_release.copied(shapes, files).rename("artifact")
        with (files / "artifact" / "model.tflite").open("r+b") as file:
            file.seek(400)
            file.write(b"xy")
    done = edgedigits("verify", *words, cwd=files)
    assert (done.returncode, done.stdout) == (2, "")
    told = [line for line in done.stderr.splitlines() if line.startswith("edgedigits: ")]
    assert len(told) == 1
    assert said in told[0]
    assert "Traceback" not in done.stderr
    assert not (files / "n.json").exists()


def head(shape: tuple[int, int, int], classes: int) -> Any:
    image = keras.Input(shape)
    return keras.Model(image, keras.layers.Dense(classes)(keras.layers.Flatten()(image)))
