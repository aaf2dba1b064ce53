"""Cycles under the real QEMU and the real LLVM: repeatable, of operators that make up the whole, and comparable across types."""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as generated

import edgedigits as ed
from edgedigits.errors import TfliteError
from edgedigits.measure.cycles.cycles import Cycles, count_cycles
from edgedigits.measure.qemu.instructions import count
from edgedigits.tflite import schema
from edgedigits.tflite.fragments import nearly_nothing
from tests.warm import edgedigits


def make_crash() -> bytes:
    """A ReLU, and a split that lacks what it splits: LiteRT dies of that, on every machine."""
    model = schema.unpack(nearly_nothing())
    graph, code, joined = model.subgraphs[0], generated.OperatorCodeT(), generated.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = generated.BuiltinOperator.SPLIT
    code.version = 1
    model.operatorCodes.append(code)
    joined.opcodeIndex, joined.inputs, joined.outputs = 1, np.array([1, -1]), np.array([2])
    joined.builtinOptionsType = generated.BuiltinOptions.SplitOptions
    joined.builtinOptions = generated.SplitOptionsT()
    tensor = copy.copy(graph.tensors[1])
    tensor.name = b"joined"
    graph.tensors.append(tensor)
    graph.operators.append(joined)
    graph.outputs = np.array([2])
    return schema.pack(model)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The shipped CNN as float32 and as int8."""
    from benchmarks.instructions import make

    return list(make([("cnn", "float32"), ("cnn", "ptq_int8")], tmp_path_factory.mktemp("pair")).values())


@pytest.fixture(scope="module")
def counted(counter: None, llvm: str, pair: list[Path]) -> dict[str, list[Cycles]]:
    """Core -> float32, int8."""
    return {cpu: count_cycles(pair, cpu) for cpu in ("cortex-a53", "cortex-a72", "cortex-a76")}


def test_what_int8_pays_on_each_core(counted: dict[str, list[Cycles]]) -> None:
    """On a cortex-a72 it takes nearly as many instructions, but more of them in a cycle; a cortex-a53 does four multiply-adds a
    cycle in either, and has int8 to widen besides."""
    gain = {cpu: float32.cycles / int8.cycles for cpu, (float32, int8) in counted.items()}
    assert 1.5 < gain["cortex-a72"] < 3
    assert gain["cortex-a76"] > 3
    assert 0.8 < gain["cortex-a53"] < 1
    assert all(0.3 < one.per_cycle < 4 for both in counted.values() for one in both)


def test_operators_make_up_the_whole(counted: dict[str, list[Cycles]]) -> None:
    for one in (one for both in counted.values() for one in both):
        assert one.attributed == pytest.approx(1, abs=0.005)
        assert max(one.operators, key=lambda row: row.cycles or 0).index == 1, (
            "the second convolution has most multiply-adds"
        )
        assert one.unmodelled_share < 0.01
        assert one.warning == ""


def test_weights_that_fit_the_cache_come_from_there(counted: dict[str, list[Cycles]]) -> None:
    """1.3 MB of float32 weights fit a Pi 5's caches alone; 0.34 MB of int8 all."""
    found = {cpu: [one.memory_bytes for one in both] for cpu, both in counted.items()}
    assert found["cortex-a76"] == [0, 0]
    assert {found[cpu][1] for cpu in ("cortex-a53", "cortex-a72")} == {0}
    assert all(1.3e6 < (found[cpu][0] or 0) < 1.4e6 for cpu in ("cortex-a53", "cortex-a72"))


def test_as_many_instructions_as_the_other_command_counts(counted: dict[str, list[Cycles]], pair: list[Path]) -> None:
    assert counted["cortex-a72"][1].instructions == count(pair[1], "cortex-a72").instructions


def test_the_command_and_the_function_say_the_same_again(
    counted: dict[str, list[Cycles]], pair: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And without operators, among others and in another folder the whole stays what it was."""
    done = edgedigits("cycles", pair[1], "--cpu", "cortex-a76", "--json")
    assert done.returncode == 0, done.stderr
    found = ed.cycles(pair[1], cpu="cortex-a76", progress=False)
    assert json.loads(done.stdout) == json.loads(json.dumps(found.as_json()))
    assert found.found == counted["cortex-a76"][1]
    elsewhere = tmp_path / "a folder for temporary files whose name is longer than most"
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    *_, bare = count_cycles([pair[0], pair[0], pair[1]], "cortex-a76", operators=False)
    assert (bare.instructions, bare.cycles, bare.operators) == (found.found.instructions, found.found.cycles, ())


def test_an_operator_that_crashes_the_interpreter_is_named(counter: None, llvm: str, tmp_path: Path) -> None:
    path = tmp_path / "crashes.tflite"
    path.write_bytes(make_crash())
    with pytest.raises(TfliteError, match=r"the interpreter crashed \(status \d+\) in operator 1, SPLIT"):
        count_cycles([path], "cortex-a72")
