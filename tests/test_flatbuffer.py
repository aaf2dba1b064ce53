"""What the bytes hold, tested on bytes: converted models with planted zeros, hand-built odd ones, and damaged ones."""

from __future__ import annotations

import functools
import io
import json
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from edgedigits.api.render.inspection import render, to_json
from edgedigits.errors import TfliteError
from edgedigits.tflite.byte_breakdown import PARTS
from edgedigits.tflite.checked_walk import TABLES, UNIONS, Walk
from edgedigits.tflite.flatbuffer import Contents, break_down, count_weight_zeros, list_float_operators, read
from edgedigits.tflite.zeros import WeightLayout, count_stored_bytes, count_zeros
from tests.make_golden import GOLDEN, without_packed

KINDS = ("float32", "float16", "dynamic", "int8", "int8 with float ends", "int16x8", "sparse")
CONV_ZEROS, DENSE_ZEROS = 160, 1024  # 80 % of 200 and of 1280


def planted_model() -> Any:
    """8x8 images to 10 classes; exactly 80 % of each kernel is zero and the rest is too large to round to it."""
    from edgedigits.backend import keras

    inputs = keras.Input((8, 8, 1), batch_size=1)  # left open, the converter writes how Flatten asks for it
    conv = keras.layers.Conv2D(8, 5, activation="relu")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(keras.layers.Flatten()(conv)))
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if layer.weights:
            kernel = rng.uniform(0.5, 1, layer.kernel.shape) * rng.choice([-1, 1], layer.kernel.shape)
            kernel.flat[rng.permutation(kernel.size)[: kernel.size * 4 // 5]] = 0
            layer.set_weights([kernel, rng.uniform(0.1, 1, layer.bias.shape)])
    return model


def convert(model: Any, kind: str) -> bytes:
    """The converter's own ways, nothing of edgedigits between."""
    from edgedigits.backend import tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    sets = tf.lite.OpsSet
    images = [[np.random.default_rng(seed).random((1, 8, 8, 1), np.float32)] for seed in range(4)]
    if kind != "float32":
        converter.optimizations = [
            tf.lite.Optimize.EXPERIMENTAL_SPARSITY if kind == "sparse" else tf.lite.Optimize.DEFAULT
        ]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind.startswith("int"):
        converter.representative_dataset = lambda: iter(images)
        int16 = sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [int16 if kind == "int16x8" else sets.TFLITE_BUILTINS_INT8]
    if kind in ("int8", "int16x8"):
        converter.inference_input_type = converter.inference_output_type = tf.int8 if kind == "int8" else tf.int16
    with warnings.catch_warnings():  # the converter warns of statistics it then takes from the representative dataset
        warnings.filterwarnings("ignore", "Statistics for quantized inputs", UserWarning)
        return bytes(converter.convert())


@pytest.fixture(scope="module")
def converted() -> dict[str, bytes]:
    model = planted_model()
    return {kind: convert(model, kind) for kind in KINDS}


@pytest.fixture(scope="module")
def contents(converted: dict[str, bytes]) -> dict[str, Contents]:
    return {kind: read(flat, f"{kind}.tflite") for kind, flat in converted.items()}


def golden(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


# ---- counted in the bytes ----


@pytest.mark.parametrize("kind", KINDS)
def test_planted_zeros_are_found(contents: dict[str, Contents], kind: str) -> None:
    found = {weights.elements: weights for weights in count_weight_zeros(contents[kind])}
    assert {elements: weights.zeros for elements, weights in found.items()} == {200: CONV_ZEROS, 1280: DENSE_ZEROS}
    assert [weights.share for weights in found.values()] == [0.8, 0.8]


@pytest.mark.parametrize(
    ("kind", "conv", "dense", "bias"),
    [
        ("float32", "FLOAT32", "FLOAT32", "FLOAT32"),
        ("float16", "FLOAT16", "FLOAT16", "FLOAT16"),
        ("dynamic", "FLOAT32", "INT8", "FLOAT32"),  # the converter leaves kernels under 1024 elements alone
        ("int8", "INT8", "INT8", "INT32"),
        ("int16x8", "INT8", "INT8", "INT64"),
    ],
)
def test_dtypes_and_roles(contents: dict[str, Contents], kind: str, conv: str, dense: str, bias: str) -> None:
    tensors = contents[kind].tensors
    assert {t.elements: t.dtype for t in tensors if t.role == "weight"} == {200: conv, 1280: dense}
    assert {t.dtype for t in tensors if t.role == "bias"} == {bias}
    assert [t.role for t in contents[kind].inputs + contents[kind].outputs] == ["input", "output"]


def test_full_int8_in_detail(contents: dict[str, Contents]) -> None:
    found = contents["int8"]
    names = [(operator.index, operator.name, operator.version) for operator in found.operators]
    assert [name for _, name, _ in names] == ["CONV_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX"]
    assert all(version >= 1 for _, _, version in names)
    kernel = next(t for t in found.tensors if t.elements == 200)
    assert (kernel.shape, kernel.axis, kernel.size_bytes, kernel.sparse) == ((8, 5, 5, 1), 0, 200, False)
    assert kernel.scales.shape == kernel.zero_points.shape == (8,)
    assert (kernel.scales.dtype, kernel.zero_points.dtype) == (np.dtype(np.float32), np.dtype(np.int64))
    image = found.inputs[0]
    assert (image.dtype, image.shape, image.axis, image.size_bytes) == ("INT8", (1, 8, 8, 1), None, 0)
    assert image.zeros is None
    assert image.no_zeros == "computed at run time"
    assert (found.schema_version, found.min_runtime, len(found.signatures)) == (3, "1.14.0", 1)


def test_per_tensor_scales_agree_with_the_interpreter(
    contents: dict[str, Contents], converted: dict[str, bytes]
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=converted["int8"])
    told = {detail["index"]: detail for detail in interpreter.get_tensor_details()}
    for tensor in contents["int8"].tensors:
        parameters = told[tensor.index]["quantization_parameters"]
        np.testing.assert_array_equal(tensor.scales, parameters["scales"])
        np.testing.assert_array_equal(tensor.zero_points, parameters["zero_points"])


def test_sparse_encoding(contents: dict[str, Contents]) -> None:
    kernels = [t for t in contents["sparse"].tensors if t.sparse]
    assert [(t.role, t.zeros, t.size_bytes) for t in kernels] == [
        ("weight", CONV_ZEROS, 160),
        ("weight", DENSE_ZEROS, 1024),
    ]


# ---- floats where integers were promised ----


def test_integer_files_have_no_float_operators(contents: dict[str, Contents]) -> None:
    assert list_float_operators(contents["int8"]) == []
    assert list_float_operators(contents["int16x8"]) == []


def test_float_ends_are_found(contents: dict[str, Contents]) -> None:
    first, last = list_float_operators(contents["int8 with float ends"])
    assert first.startswith("#0 QUANTIZE (version 1): float32 input 'serving_default")
    assert last.startswith("#5 DEQUANTIZE (version 2): float32 output 'StatefulPartitionedCall")


@pytest.mark.parametrize("kind", ["float32", "float16", "dynamic", "sparse"])
def test_float_files_are_float_throughout(contents: dict[str, Contents], kind: str) -> None:
    assert len(list_float_operators(contents[kind])) == len(contents[kind].operators)


# ---- the byte breakdown ----


@pytest.mark.parametrize("kind", KINDS)
def test_every_byte_is_in_the_ledger_once(
    contents: dict[str, Contents], converted: dict[str, bytes], kind: str
) -> None:
    rows = {row.part: row for row in contents[kind].breakdown}
    assert tuple(rows) == PARTS
    assert sum(row.raw for row in rows.values()) == len(converted[kind]) == contents[kind].total.raw
    assert rows["other"].raw == 0
    buffers = {t.buffer: t.size_bytes for t in contents[kind].tensors if t.role == "weight"}
    index = rows["weights"].raw - sum(buffers.values())
    assert index > 0 if kind == "sparse" else index == 0
    assert all(row.gzip > 0 and row.zstd > 0 for row in rows.values() if row.raw)


def test_packed_sizes_unpack(contents: dict[str, Contents], converted: dict[str, bytes]) -> None:
    import gzip

    import zstandard

    total = contents["int8"].total
    assert total.gzip == len(gzip.compress(converted["int8"], 9, mtime=0))
    assert total.zstd == len(zstandard.compress(converted["int8"], 19))
    assert break_down(converted["int8"]) == contents["int8"].breakdown


def test_appended_zip_is_metadata_and_appended_noise_is_other(converted: dict[str, bytes]) -> None:
    flat = converted["int8"]
    before = {row.part: row.raw for row in break_down(flat)}
    zipped = {row.part: row.raw for row in break_down(flat + b"PK\x03\x04labels")}
    noisy = {row.part: row.raw for row in break_down(flat + b"noise")}
    assert zipped["metadata"] == before["metadata"] + 10
    assert noisy["other"] == 5


# ---- hand-built files: what the converter of today does not write ----


def build(model: schema.ModelT) -> bytes:
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def tensor(name: str, shape: Sequence[int], dtype: int, buffer: int = 0, **quantization: object) -> schema.TensorT:
    made = schema.TensorT()
    made.name, made.shape, made.type, made.buffer = name, list(shape), dtype, buffer
    if quantization:
        made.quantization = schema.QuantizationParametersT()
        vars(made.quantization).update(quantization)
    return made


def buffer(data: bytes = b"") -> schema.BufferT:
    made = schema.BufferT()
    made.data = np.frombuffer(data, np.uint8) if data else None
    return made


def operator(code: int, inputs: Sequence[int], outputs: Sequence[int]) -> schema.OperatorT:
    made = schema.OperatorT()
    made.opcodeIndex, made.inputs, made.outputs = code, list(inputs), list(outputs)
    return made


def graph(
    tensors: list[schema.TensorT], operators: list[schema.OperatorT], inputs: Sequence[int], outputs: Sequence[int]
) -> schema.SubGraphT:
    made = schema.SubGraphT()
    made.tensors, made.operators, made.inputs, made.outputs = tensors, operators, list(inputs), list(outputs)
    return made


def code(number: int, version: int = 1, custom: str | None = None) -> schema.OperatorCodeT:
    made = schema.OperatorCodeT()
    made.builtinCode, made.deprecatedBuiltinCode, made.version, made.customCode = (
        number,
        min(number, 127),
        version,
        custom,
    )
    return made


def odd_model() -> schema.ModelT:
    """Two graphs that share a kernel; int4; a custom operator; a conv whose kernel has per-channel zero points."""
    types = schema.TensorType
    model = schema.ModelT()
    model.version = 3
    model.buffers = [buffer(), buffer(bytes([0x10, 0x02, 0x00])), buffer(bytes([3, 9, 5, 9])), buffer(b"unused")]
    model.operatorCodes = [code(3, 2), code(32, custom="Sobel"), code(9), code(208)]
    main = [
        tensor("image", (1, 2, 2, 1), types.INT8),
        tensor("int4 kernel", (5, 1), types.INT4, 1, scale=[0.5], zeroPoint=[0]),
        tensor("shifted", (2, 2), types.UINT8, 2, scale=[0.5, 1.0], zeroPoint=[3, 9], quantizedDimension=0),
        tensor("out", (1, 5), types.INT8),
    ]
    other = [tensor("x", (1, 2), types.INT8), tensor("again", (2, 2), types.UINT8, 2), tensor("y", (1,), types.INT8)]
    model.subgraphs = [
        graph(main, [operator(0, (0, 2, -1), (3,)), operator(1, (3, 1), (3,)), operator(2, (3, 1), (3,))], (0,), (3,)),
        graph(other, [operator(3, (0, 1), (2,))], (0,), (2,)),
    ]
    return model


def test_odd_model() -> None:
    flat = build(odd_model())
    found = read(flat, "odd")
    assert [(op.subgraph, op.name, op.version) for op in found.operators] == [
        (0, "CONV_2D", 2),
        (0, "Sobel", 1),
        (0, "FULLY_CONNECTED", 1),
        (1, schema_name(208), 1),
    ]
    assert found.operators[0].input_dtypes == ("INT8", "UINT8", "NONE")
    packed, shifted, shared = found.tensor(1), found.tensor(2), found.tensor(1, subgraph=1)
    assert (packed.role, packed.zeros, packed.elements, packed.size_bytes) == ("weight", 3, 5, 3)
    assert (shifted.role, shifted.axis, shifted.zeros) == ("weight", 0, 2)  # [[3, 9], [5, 9]] around 3 and 9
    assert (shared.role, shared.zeros) == ("constant", 0)
    assert [weights.tensor.name for weights in count_weight_zeros(found)] == ["int4 kernel", "shifted"]
    rows = {row.part: row.raw for row in found.breakdown}
    assert (rows["weights"], rows["other"], sum(rows.values())) == (7, len(b"unused"), len(flat))


def schema_name(number: int) -> str:
    return next(str(name) for name, value in vars(schema.BuiltinOperator).items() if value == number)


def test_values_behind_the_tables() -> None:
    model = odd_model()
    model.buffers[2] = buffer()
    model.buffers[2].offset, model.buffers[2].size = 2, 4
    at = len(build(model))
    model.buffers[2].offset = at
    flat = build(model) + bytes([3, 9, 5, 9])
    assert read(flat, "behind").tensor(2).zeros == 2
    assert sum(row.raw for row in break_down(flat)) == len(flat)
    with pytest.raises(TfliteError, match="a buffer behind the tables"):
        read(flat[:-1], "behind")


def change(path: str, value: object) -> schema.ModelT:
    """The odd model with one attribute changed."""
    model = odd_model()
    *way, last = path.split(".")
    place = functools.reduce(lambda at, step: at[int(step)] if step.isdigit() else getattr(at, step), way, model)
    setattr(place, last, value)
    return model


@pytest.mark.parametrize(
    ("path", "value", "answer"),
    [
        ("version", 4, "schema version 4"),
        ("subgraphs", [], "no graph"),
        ("subgraphs.0.inputs", [9], "a graph input has number 9, there are 4"),
        ("subgraphs.0.operators.0.opcodeIndex", 7, "an operator's kind has number 7"),
        ("subgraphs.0.operators.0.inputs", [-2], "a tensor of CONV_2D has number -2"),
        ("subgraphs.0.tensors.1.buffer", 44, "the buffer of tensor #1 'int4 kernel' has number 44"),
        ("subgraphs.0.tensors.1.shape", [9, 9], r"needs 41 bytes and has 3"),
        ("subgraphs.0.tensors.0.shape", [9] * 65, r"has shape \(9, 9"),
        ("subgraphs.0.tensors.1.shape", [-5], r"has shape \(-5,\)"),
        ("subgraphs.0.tensors.1.quantization.scale", [float("nan")], "a scale that is not a number"),
    ],
)
def test_contradictions_are_named(path: str, value: object, answer: str) -> None:
    with pytest.raises(TfliteError, match=answer):
        read(build(change(path, value)), "odd")


def test_overlapping_buffers_are_refused_early() -> None:
    """A hundred buffers of 2000 bytes in a file of 9000: following such a file must not take quadratic time."""
    model = odd_model()
    model.buffers = [buffer(np.full(1000, 2000, "<u4").tobytes())] + [buffer(b"data") for _ in range(100)]
    flat = bytearray(build(model))
    tables = schema.Model.GetRootAs(flat)
    inside = flat.index((2000).to_bytes(4, "little") * 9)
    for number in range(1, 101):
        table = tables.Buffers(number)._tab
        pointer = table.Pos + table.Offset(4)
        flat[pointer : pointer + 4] = (inside + 4 * number - pointer).to_bytes(4, "little")
    with pytest.raises(TfliteError, match="its tables overlap"):
        read(bytes(flat), "overlapping")


# ---- zero counting by itself ----


@pytest.mark.parametrize(
    ("layout", "stored", "zeros"),
    [
        (WeightLayout("FLOAT32", (3,)), np.array([0, -0.0, 1], np.float32).tobytes(), 2),
        (WeightLayout("FLOAT16", (2,)), np.array([0, 1], np.float16).tobytes(), 1),
        (WeightLayout("BFLOAT16", (3,)), np.array([0, 0x8000, 0x3F80], np.uint16).tobytes(), 2),
        (WeightLayout("FLOAT8_E4M3FN", (2,)), b"\x80\x01", 1),
        (WeightLayout("INT4", (3,), (-1,)), b"\xf0\x0f", 2),
        (WeightLayout("UINT4", (2,), (15,)), b"\xf0", 1),
        (WeightLayout("INT2", (5,)), b"\x0c\x00", 4),
        (WeightLayout("INT8", (2, 2), (0, 7), 1), b"\x00\x07\x07\x00", 2),
        (WeightLayout("INT8", (-1, 2, -1), (0, 7), 1), b"\x00\x07", 2),
        (WeightLayout("INT8", (2, 2), (0, 0), 9), b"\x00\x07\x07\x00", 2),
        (WeightLayout("INT8", (10,), sparse=True), b"\x00\x07\x07", 8),
        (WeightLayout("COMPLEX64", (1,)), bytes(8), 1),
    ],
)
def test_count_zeros(layout: WeightLayout, stored: bytes, zeros: int) -> None:
    assert count_zeros(stored, layout).zeros == zeros
    assert count_stored_bytes(layout) == (None if layout.sparse else len(stored))


@pytest.mark.parametrize(
    ("layout", "reason"),
    [
        (WeightLayout("STRING", (1,)), "type STRING"),
        (WeightLayout("INT8", (2, 2), (0, 1, 2), 0), "3 zero points do not fit axis 0"),
        (WeightLayout("INT8", (9,), (4,), sparse=True), "sparse with a zero point"),
        (WeightLayout("FLOAT64", (0,), sparse=True), "0 sparse values for 0 elements"),
        (WeightLayout("INT8", (2,), sparse=True), "4 sparse values for 2 elements"),
    ],
)
def test_what_cannot_be_counted_says_why(layout: WeightLayout, reason: str) -> None:
    count = count_zeros(bytes(4), layout)
    assert count.zeros is None
    assert reason in count.reason


# ---- damaged files ----


@pytest.mark.parametrize(
    ("flat", "answer"),
    [
        (b"", "the file is empty"),
        (b"PK\x03\x04 and so on", "a zip archive, perhaps a .keras model"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"),
        (b"This is no model.", "not a .tflite file: bytes 4 to 8 are b' is '"),
        (b"\x1c\0\0", "the header at byte 0 needs 8 bytes, the file ends at 3"),
    ],
)
def test_other_files_are_refused(flat: bytes, answer: str) -> None:
    with pytest.raises(TfliteError, match=f"^x: .*{answer}"):
        read(flat, "x")


@pytest.mark.parametrize("name", ["int8.tflite", "float16.tflite"])
def test_truncated_at_any_length(name: str) -> None:
    flat = golden(name)
    for length in range(len(flat)):
        with pytest.raises(TfliteError):
            read(flat[:length], name)


bounded = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@bounded
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=6), st.booleans())
def test_altered_bytes_parse_or_raise_tflite_error(changes: list[tuple[int, int]], early: bool) -> None:
    flat = bytearray(golden("int8.tflite"))
    for at, by in changes:
        flat[at % (1600 if early else len(flat))] ^= by
    try:
        found = read(bytes(flat), "altered")
    except TfliteError:
        return
    list_float_operators(found)
    count_weight_zeros(found)
    json.dumps(to_json(found), allow_nan=False)
    assert sum(row.raw for row in found.breakdown) == len(flat)
    Console(file=io.StringIO(), width=100).print(render(found))


@bounded
@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(TfliteError):
        read(noise, "noise")
    with pytest.raises(TfliteError):
        read(b"\x08\0\0\0TFL3" + noise, "noise")


# ---- the schema's field numbers, golden files, people ----

NUMBER_OF = {"Int8": "i8", "Uint8": "u8", "Bool": "u8", "Int32": "i32", "Uint32": "u32", "Uint64": "u64"}
ITEM_BYTES = {"bytes": 1, "u16s": 2, "i32s": 4, "f32s": 4, "i64s": 8}


@pytest.mark.parametrize("table", [table for table in TABLES if table != "Opaque"])
def test_field_numbers_are_the_schemas(table: str) -> None:
    """The generated `TensorAddShape(builder, ...)` and its like tell the builder number, type and default."""
    told = SimpleNamespace()

    class Listener:
        def __getattr__(self, method: str) -> Callable[..., None]:
            return lambda *arguments: vars(told).update(method=method, arguments=arguments)

    for slot, field in enumerate(TABLES[table].split()):
        name, kind = field.split(":")
        camel = "".join(word.capitalize() for word in name.split("_"))
        if name == "deprecated_tag":
            continue  # never written again, so nothing is generated for it
        getattr(schema, f"{table}Add{camel}")(Listener(), 0)
        assert told.arguments[0] == slot, (table, name)
        number = NUMBER_OF.get(told.method.removeprefix("Prepend").removesuffix("Slot"))
        assert number == kind.partition("=")[0] if number else told.method == "PrependUOffsetTRelativeSlot"
        assert not number or told.arguments[2] == int(kind.partition("=")[2] or 0)
        if kind in ITEM_BYTES or kind.startswith("["):
            getattr(schema, f"{table}Start{camel}Vector")(Listener(), 0)
            assert told.arguments[0] == ITEM_BYTES.get(kind, 4), (table, name)


def test_union_numbers_are_the_schemas() -> None:
    for union, members in UNIONS.items():
        for number, table in members.items():
            assert getattr(getattr(schema, union), table) == number


@pytest.mark.parametrize("kind", KINDS)
def test_the_walk_reads_what_the_generated_classes_read(converted: dict[str, bytes], kind: str) -> None:
    same_as_generated(
        Walk(converted[kind], kind).model, schema.ModelT.InitFromPackedBuf(converted[kind]), converted[kind]
    )


def same_as_generated(record: dict[str, Any], other: object, flat: bytes) -> None:
    for name, mine in record.items():
        first, *rest = name.split("_")
        if name == "deprecated_tag":
            continue
        theirs = getattr(other, first + "".join(word.capitalize() for word in rest))
        if isinstance(mine, dict):
            same_as_generated(mine, theirs, flat)
        elif isinstance(mine, list):
            for one, another in zip(mine, theirs or [], strict=True):
                same_as_generated(one, another, flat)
        elif isinstance(mine, np.ndarray):
            np.testing.assert_array_equal(mine, [] if theirs is None else theirs)
        elif hasattr(mine, "start"):
            assert flat[mine.start : mine.stop] == bytes([] if theirs is None else theirs)
        else:
            assert (mine or None) == ((theirs.decode() if isinstance(theirs, bytes) else theirs) or None), name


@pytest.mark.parametrize("kind", ["int8", "float16"])
def test_golden(kind: str) -> None:
    found = without_packed(to_json(read(golden(f"{kind}.tflite"), f"{kind}.tflite")))
    assert found == json.loads((GOLDEN / f"{kind}.json").read_text())


def shown(contents: Contents) -> str:
    text = io.StringIO()
    Console(file=text, width=100).print(render(contents))
    return text.getvalue()


def test_rendered_for_people() -> None:
    text = shown(read(golden("int8.tflite"), "int8.tflite"))
    assert max(map(len, text.splitlines())) <= 100
    for words in ("integers only", "CONV_2D", "FULLY_CONNECTED", "1,184 zero (80.00 %)", "Where every byte goes"):
        assert words in text


def test_rendered_when_long_and_when_hostile() -> None:
    model = odd_model()
    model.subgraphs[0].operators *= 30
    model.subgraphs[0].tensors[3].name = "[red]\x1b[2Jname"
    model.subgraphs[0].tensors += [tensor(f"t{number}", (1,), 9) for number in range(70)]
    text = shown(read(build(model), "long"))
    assert "Operators by kind" in text
    assert "activations are not listed" in text
    assert "\x1b" not in text
    assert "[red]\\x1b" in text


def test_importing_it_leaves_tensorflow_out() -> None:
    check = "import sys, edgedigits.api.render.inspection; sys.exit('tensorflow' in sys.modules or 'tf_keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
