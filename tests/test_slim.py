"""Slim bytes: smaller, the same model to every interpreter, and readable by the toolkit."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from edgedigits_runner.golden import replay
from edgedigits_runner.interpreters import load_runtime
from edgedigits_runner.release import read_release

from edgedigits.errors import CheckError, TfliteError
from edgedigits.pipeline import loop, prepare, recipe
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.pipeline.prepare import Wish
from edgedigits.pipeline.recipe import parse
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.rewrite.before_and_after import inspect
from edgedigits.tflite.rewrite.equivalence import check_same, draw_examples
from edgedigits.tflite.rewrite.slim import _told, slim
from edgedigits.tflite.rewrite.writer import Builder
from tests.examples import example
from tests.nets import classifier, fit_data

EXPORTS: dict[str, Any] = {
    **{name: example(f"export {name!r}", "this table", kind) for name, kind in recipe.EXPORTS.items()},
    "uint8": Int8(input="uint8", output="uint8"),
}
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def flats(shapes: Path) -> dict[str, bytes]:
    data, net = fit_data(shapes), classifier()
    calibration = data.calibration.subset(np.arange(8))
    return {name: export(net, calibration, data.scale) for name, export in EXPORTS.items()}


def unpacked(flat: bytes) -> Any:
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(flat, 0))


def packed(model: Any) -> bytes:
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize("name", EXPORTS)
def test_slim_bytes_are_smaller_and_the_same_model(name: str, flats: dict[str, bytes]) -> None:
    small = slim(flats[name], name)
    assert len(small) < len(flats[name]) - 1500
    facts = check_same(flats[name], small, draw_examples(flats[name]), name)
    assert facts["examples"] == 32
    assert slim(small, name) == small


def test_nothing_is_left_but_what_interpreters_read(flats: dict[str, bytes]) -> None:
    before, after = read(flats["int8"], "before"), read(slim(flats["int8"]), "after")
    assert (after.metadata, after.signatures, after.description) == ((), (), "")
    assert {tensor.name for tensor in after.tensors} == {f"#{tensor.index}" for tensor in after.tensors}
    kinds = [(one.name, one.version) for one in before.operators if one.name != "RESHAPE"]
    assert [(one.name, one.version) for one in after.operators] == kinds
    assert sum(row.raw for row in after.breakdown) == after.size_bytes

    def told(contents: Any, *roles: str) -> list[Any]:
        chosen = [tensor for tensor in contents.tensors if tensor.role in roles]
        return sorted(
            (one.shape, one.dtype, one.axis or 0, one.scales.tolist(), one.zero_points.tolist(), one.zeros or 0)
            for one in chosen
        )

    assert told(after, "weight", "bias") == told(before, "weight", "bias")
    assert told(after, "input", "output") == told(before, "input", "output")


@pytest.mark.parametrize("name", ["int8", "float16"])
def test_both_builders_write_the_same_document(name: str) -> None:
    model = unpacked((GOLDEN / f"{name}.tflite").read_bytes())
    builder = Builder()
    own = builder.finished(model.Pack(builder), b"TFL3")
    assert len(own) < len(packed(model))
    assert _told(unpacked(own)) == _told(unpacked(packed(model)))


def test_another_model_is_not_the_same(flats: dict[str, bytes]) -> None:
    model = unpacked(flats["int8"])
    for buffer in model.buffers:
        if buffer.data is not None and len(buffer.data) == 16 * 200:
            buffer.data = np.roll(buffer.data, 1)
    with pytest.raises(CheckError, match=r"altered: LiteRT answers differently on example 0 of 8"):
        check_same(flats["int8"], packed(model), draw_examples(flats["int8"], 8), "altered")
    with pytest.raises(CheckError, match="cut: LiteRT does not load it"):
        check_same(flats["int8"], flats["int8"][:200], draw_examples(flats["int8"], 8), "cut")


def test_values_outside_the_tables_are_refused(flats: dict[str, bytes]) -> None:
    model = unpacked(flats["int8"])
    model.externalBuffers = [schema.ExternalBufferT()]
    with pytest.raises(TfliteError, match=r"far\.tflite: keeps values outside its tables"):
        slim(packed(model), "far.tflite")
    with pytest.raises(TfliteError, match="empty"):
        slim(b"", "none.tflite")


def test_options_default_to_the_bytes_as_they_are() -> None:
    assert [dataclasses.asdict(export)["slim"] for export in EXPORTS.values()] == [False] * len(EXPORTS)


def test_a_slim_artifact_keeps_every_promise_and_says_what_was_saved(shapes: Path, tmp_path: Path) -> None:
    classifier().save(tmp_path / "tiny.keras")
    recipe = parse({"stages": [], "export": {"int8": {"calibration_images": 10, "slim": True}}}, "test", "tiny_slim")
    job = prepare.prepare_job(
        recipe, Wish(model=tmp_path / "tiny.keras", data=str(shapes), scale="0..1"), lambda _: None
    )
    made = loop.run(job, tmp_path, lambda _: None)
    facts, flat = made.manifest["export"], (made.path / "model.tflite").read_bytes()
    assert facts["size_bytes"] == len(flat) == sum(facts["slim"]["after"].values())
    assert facts["size_bytes_before_slim"] == sum(facts["slim"]["before"].values()) > len(flat) + 1500
    assert facts["slim"]["interpreters"] == ["LiteRT", "LiteRT's reference kernels", "TensorFlow"]
    assert "size_bytes_before_slim" not in made.manifest["float"]
    contents, change = inspect(made.path, slim=False)
    assert change is not None
    assert (change.before, change.after) == (facts["slim"]["before"], contents.parts)
    assert replay(read_release(str(made.path)), load_runtime("litert"))["verdict"] == "bit-identical"


def test_a_quantize_that_changes_nothing_goes_and_wide_constants_are_aligned(flats: dict[str, bytes]) -> None:
    model = unpacked(flats["int8"])
    graph, kind = model.subgraphs[0], schema.OperatorCodeT()
    kind.deprecatedBuiltinCode = kind.builtinCode = schema.BuiltinOperator.QUANTIZE
    model.operatorCodes.append(kind)
    source = int(graph.inputs[0])
    graph.tensors.append(copy.deepcopy(graph.tensors[source]))
    needless = schema.OperatorT()
    needless.opcodeIndex, needless.inputs = len(model.operatorCodes) - 1, np.array([source], np.int32)
    needless.outputs = np.array([len(graph.tensors) - 1], np.int32)
    for operator in graph.operators:
        operator.inputs = np.where(operator.inputs == source, len(graph.tensors) - 1, operator.inputs).astype(np.int32)
    graph.operators.insert(0, needless)
    longer = packed(model)
    assert "QUANTIZE" in {operator.name for operator in read(longer, "longer").operators}
    assert slim(longer) == slim(flats["int8"])
    check_same(longer, slim(longer), draw_examples(longer, 8), "without QUANTIZE")

    wide = np.arange(3, dtype=np.int64).tobytes()
    builder = Builder(frozenset([wide]))
    for at in range(4):
        table = schema.BufferT()
        table.data = np.full(at, at, np.uint8) if at else np.frombuffer(wide, np.uint8)
        model.buffers.append(table)
    assert builder.finished(model.Pack(builder), b"TFL3").find(wide) % 8 == 0
