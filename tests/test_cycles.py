"""Cycles per inference: what LLVM and the counting plugin write is read right, and what can't be done is said; without either."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import edgedigits as ed
from edgedigits.api.render import cycles as shown
from edgedigits.cli.main import cli
from edgedigits.errors import InputError, TfliteError
from edgedigits.measure.cost.memory import BOARDS, list_memory_bytes
from edgedigits.measure.cycles import blocks, running
from edgedigits.measure.cycles import cycles as module
from edgedigits.measure.cycles.blocks import Block, Ran, count_instructions
from edgedigits.measure.cycles.cycles import Cycles, count_cycles
from edgedigits.measure.cycles.disassembly import disassemble
from edgedigits.measure.cycles.llvm import find_tools
from edgedigits.measure.cycles.pricing import Prices
from edgedigits.measure.cycles.running import Counted
from edgedigits.measure.cycles.scheduling import leave_base, read_cycles, reckon_cycles
from edgedigits.measure.qemu.boards import find_board_with
from edgedigits.measure.qemu.counting import Answer, Kit, Part
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.fragments import cut, nearly_nothing
from edgedigits.tflite.multiply_adds import count_per_operator
from tests.fake_llvm import WORDS, write_llvm, write_program

ADD, ODD, CALL = WORDS.values()
PRINTED = """
[0] Code Region - 7

Iterations:        100
Instructions:      500
Total Cycles:      509
Total uOps:        600

Dispatch Width:    3

[1] Code Region - 2

Iterations:        100
Total Cycles:      12345
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An int8 net: QUANTIZE is none of its operators, as it takes int8."""
    from tests.tiny_tflite import convert, keras_model

    return convert(keras_model((8, 8, 1)), tmp_path_factory.mktemp("tiny") / "int8.tflite", "int8")


@pytest.fixture
def llvm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """PATH with nothing but the small LLVM."""
    (tmp_path / "bin").mkdir()
    write_llvm(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


def ran(**executions: int) -> Ran:
    """Blocks of one instruction each, that often."""
    return Ran(
        {Block(4 * at, WORDS[name]): times for at, (name, times) in enumerate(executions.items())}, "2.3.0", None
    )


def test_cycles_of_each_region_are_read() -> None:
    assert read_cycles(PRINTED) == {7: 5.09, 2: 123.45}
    assert read_cycles("") == {}


def test_what_the_plugin_writes_is_read() -> None:
    """The last count; a block that two translations are of counts once, and an index that a child gave anew is the child's."""
    known: dict[str, Block] = {}
    first = Answer(
        "b 0 10 01000000\nc 0 5\nm\nb 1 20 0200000003000000\nb 2 10 01000000\nc 0 1\nc 1 3\nc 2 4\nm\n", "2", None
    )
    one = blocks._read(first, known)
    assert one.blocks == {Block(16, b"\1\0\0\0"): 5, Block(32, b"\2\0\0\0\3\0\0\0"): 3}
    assert count_instructions(one.blocks) == 11
    two = blocks._read(Answer("b 2 30 04000000\nc 0 1\nc 2 7\nm\n", "2", None), known)
    assert two.blocks == {Block(16, b"\1\0\0\0"): 1, Block(48, b"\4\0\0\0"): 7}
    assert blocks._read(Answer("", "", "no"), known) == Ran({}, "", "no")


def test_a_call_is_a_branch_and_an_unknown_word_nothing(llvm: Path) -> None:
    tools = find_tools("cortex-a72")
    assert disassemble([CALL, ADD, b"\xff" * 4], tools) == {CALL: "b\t#4", ADD: "add\tw0, w0", b"\xff" * 4: None}


def test_blocks_without_a_model_leave_the_others_theirs(llvm: Path) -> None:
    """Each ends llvm-mca, wherever it stands."""
    wanted = [("add\tw0, w0",), ("odd\tw0",), ("b\t#4", "odd\tw0"), ("b\t#4", "add\tw0, w0")]
    found = reckon_cycles(wanted, "cortex-a72", find_tools("cortex-a72"))
    assert [found[block] for block in wanted] == [1, None, None, 3]


def test_what_llvm_has_no_model_of_is_named_with_its_share(llvm: Path) -> None:
    count = ran(add=60, call=30, odd=10).blocks | {Block(400, ADD + b"\xff" * 4): 5}
    cost = Prices([count], "cortex-a72", find_tools("cortex-a72")).reckon(count)
    assert cost.instructions == 110
    assert cost.cycles == pytest.approx((60 * 1 + 30 * 2) * 110 / 90)
    assert {one.assembly: one.share for one in cost.unmodelled} == pytest.approx(
        {"odd w0": 10 / 110, "add w0, w0; an instruction that this LLVM does not know": 10 / 110}
    )
    assert cost.unmodelled_share == pytest.approx(20 / 110)


WRITTEN_BACK = {
    "ldr\tq0, [x1], #16": "ldr\tq0, [x1]",
    "ldr\tx0, [x1, #-8]!": "ldr\tx0, [x1, #-8]",
    "ldrsw\tx0, [sp], #4": "ldrsw\tx0, [sp]",
    "ldp\tq0, q1, [x1], #-32": "ldp\tq0, q1, [x1]",
    "ldp\tx29, x30, [sp], #112": "ldp\tx29, x30, [sp]",
    "stp\tx29, x30, [sp, #-112]!": "stp\tx29, x30, [sp, #-112]",
    "st1\t{ v0.4s, v1.4s }, [x30], #32": "st1\t{ v0.4s, v1.4s }, [x30]",
    "ld1\t{ v0.16b }, [x1], x2": "ld1\t{ v0.16b }, [x1]",
    "ld1\t{ v0.s }[3], [x1], #4": "ld1\t{ v0.s }[3], [x1]",
    "ld4r\t{ v0.2s, v1.2s, v2.2s, v3.2s }, [sp], x9": "ld4r\t{ v0.2s, v1.2s, v2.2s, v3.2s }, [sp]",
}
AS_IT_IS = (
    *(
        "ldr\tq0, [x1]",
        "ldr\tx0, [x1, #8]",
        "ldr\tx0, [x1, x2, lsl #3]",
        "ldr\tw0, [x1, w2, uxtw]",
        "ldp\tx0, x1, [sp, #16]",
    ),
    *("add\tx1, x1, #16", "fmla\tv0.4s, v1.4s, v2.s[1]", "ldadd\tx0, x1, [x2]", "mov\tv0.s[1], w2", "b\t#4", "ret"),
)


def test_a_base_register_is_not_written_back() -> None:
    """Neither by a number nor by a register, before nor after; addresses stay."""
    assert {line: leave_base(line) for line in WRITTEN_BACK} == WRITTEN_BACK
    assert [leave_base(line) for line in AS_IT_IS] == list(AS_IT_IS)


@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a72", "cortex-a76"])
def test_a_chain_of_written_back_loads_costs_what_loads_do(core: str) -> None:
    """With this machine's LLVM: its models have the next load wait for the base as long as for what is loaded."""
    if shutil.which("llvm-mca") is None and not any(shutil.which(f"llvm-mca-{number}") for number in range(17, 30)):
        pytest.skip("no llvm-mca on PATH")
    tools = find_tools(core)
    found = reckon_cycles([(line,) for pair in WRITTEN_BACK.items() for line in pair], core, tools)
    assert {line: found[line,] for line in WRITTEN_BACK} == {line: found[bare,] for line, bare in WRITTEN_BACK.items()}
    assert found["ldr\tq0, [x1], #16",] == pytest.approx({"cortex-a76": 0.5}.get(core, 1), abs=0.1)


def counted(flat: bytes, alone: Mapping[str, Ran]) -> Counted:
    """A model in which 1,000 instructions run, 10 of them in every file; of its operators those of `alone`, by kind."""
    parts = cut(flat)
    operators = {part.signature: alone[part.kind] for part in parts if part.kind in alone}
    return Counted(flat, parts, ran(add=900, call=100), ran(add=10), operators)


def reckoned(path: Path, alone: Mapping[str, Ran]) -> Cycles:
    one, tools = counted(path.read_bytes(), alone), find_tools("cortex-a72")
    origin = module.Origin("cortex-a72", "litert", "7.2.22")
    return module._reckon(str(path), one, Prices(one.counts, "cortex-a72", tools), origin)


def test_an_operator_has_what_its_file_takes_less_what_every_file_does(llvm: Path, tiny: Path) -> None:
    alone = {
        "CONV_2D": ran(add=410, call=100),
        "RESHAPE": ran(add=10),
        "FULLY_CONNECTED": ran(add=390),
        "SOFTMAX": ran(add=110),
    }
    found = reckoned(tiny, alone)
    rows = {one.kind: (one.instructions, one.cycles) for one in found.operators}
    assert rows == {"CONV_2D": (500, 600), "RESHAPE": (0, 0), "FULLY_CONNECTED": (380, 380), "SOFTMAX": (100, 100)}
    assert (found.instructions, found.cycles, found.base_cycles) == (1000, 1100, 10)
    assert found.attributed == pytest.approx(1090 / 1100)
    assert found.per_cycle == pytest.approx(1000 / 1100)
    assert {one.device: one.ms for one in found.boards} == pytest.approx({"pi4": 1100 / 1.8e6})
    assert found.warning == ""
    assert [one.memory_bytes for one in found.operators] == [0] * 4
    assert found.llvm_version == "19.1.7"


def test_what_cannot_be_run_alone_is_said_and_not_attributed(llvm: Path, tiny: Path) -> None:
    found = reckoned(tiny, {"RESHAPE": ran(add=10), "CONV_2D": Ran({}, "", "no kernel\nmore"), "SOFTMAX": ran(add=20)})
    rows = {one.kind: (one.cycles, one.reason) for one in found.operators}
    assert rows["CONV_2D"] == (None, "no kernel")
    assert rows["FULLY_CONNECTED"] == (None, "it can't be run alone")
    assert found.attributed == pytest.approx((10 + 0 + 10) / 1100)
    assert "not alone" in str(ed_result(found))
    assert "Operators, each run alone, make up 2 % of the whole." in str(ed_result(found))


def test_too_much_without_a_model_is_a_warning(llvm: Path, tiny: Path) -> None:
    one = counted(tiny.read_bytes(), {})
    origin, tools = module.Origin("cortex-a72", "litert", "7.2.22"), find_tools("cortex-a72")
    for odd, warned in ((10, False), (11, True)):
        whole = Counted(one.flat, one.fragments, ran(add=1000 - odd, odd=odd), one.base, {})
        found = module._reckon("m", whole, Prices(whole.counts, "cortex-a72", tools), origin)
        assert found.cycles == 1000
        assert bool(found.warning) == warned
        assert ("Warning: LLVM 19.1.7 has no model of 1.1 % of the instructions" in str(ed_result(found))) == warned


def ed_result(found: Cycles) -> Any:
    from edgedigits.api.files import Cycles as Result

    return Result(Path("m.tflite"), found)


def test_what_is_printed_and_its_frames(llvm: Path, tiny: Path) -> None:
    result = ed_result(
        reckoned(tiny, {kind: ran(add=200) for kind in ("CONV_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX")})
    )
    text = " ".join(str(result).split())
    assert "1,100 cycles per inference on cortex-a72, 0.000611 ms on a Raspberry Pi 4 at 1.8 GHz" in text
    assert "#0 CONV_2D 190 190 17.3 % 1.00" in text
    assert shown.LEFT_OUT in text
    document = json.loads(json.dumps(result.as_json()))
    assert document["instructions_per_cycle"] == pytest.approx(1 / 1.1)
    assert list(result.to_frame("boards")["device"]) == ["pi4"]
    assert list(result.to_frame()["cycles"]) == [190] * 4


def test_memory_is_for_what_the_cache_cannot_keep(tiny: Path) -> None:
    works = count_per_operator(read(tiny.read_bytes(), "tiny"))
    weights, widest = sum(work.weight_bytes for work in works), max(work.activation_bytes for work in works)
    assert list_memory_bytes(works, weights + widest) == [0] * len(works)
    streamed = list_memory_bytes(works, weights + widest - 1)
    assert streamed == [work.weight_bytes for work in works]
    all_of_it = list_memory_bytes(works, 1)
    assert all_of_it == [work.weight_bytes + work.activation_bytes for work in works]


def test_every_board_has_a_clock_and_a_cache() -> None:
    found = {board.device: (cpu, board.clock_ghz, board.cache_bytes) for cpu, own in BOARDS.items() for board in own}
    assert found == {
        "zero2": ("cortex-a53", 1.0, 512 << 10),
        "pi3": ("cortex-a53", 1.2, 512 << 10),
        "pi4": ("cortex-a72", 1.8, 1 << 20),
        "pi5": ("cortex-a76", 2.4, 2560 << 10),
    }


def refuse(path: Path, cpu: str = "cortex-a76") -> str:
    """What function and command say, which end with exit code 2."""
    with pytest.raises(InputError) as caught:
        ed.cycles(path, cpu=cpu, progress=False)
    done = CliRunner().invoke(cli, ["cycles", str(path), "--cpu", cpu], standalone_mode=False)
    assert isinstance(done.exception, InputError)
    assert str(done.exception) == str(caught.value)
    assert done.exception.exit_code == 2
    return str(caught.value)


def test_without_llvm_it_says_what_to_install(tiny: Path, llvm: Path) -> None:
    (llvm / "llvm-mc").unlink()
    assert refuse(tiny) == (
        "cycles are reckoned with LLVM's llvm-mc and llvm-mca, of which no working pair is on PATH; "
        "apt-get install --no-install-recommends llvm-19"
    )
    write_llvm(llvm)
    (llvm / "llvm-mca").write_bytes(b"\x7fELF nothing")
    assert "no working pair is on PATH" in refuse(tiny)
    write_program(llvm / "llvm-mca", "print('LLVM version unknown')")
    assert "no working pair is on PATH" in refuse(tiny)


def test_an_llvm_without_a_model_of_the_core_is_refused(tiny: Path, llvm: Path) -> None:
    write_llvm(llvm, version="16.0.6")
    assert refuse(tiny) == (
        "llvm-mca 16.0.6 is too old for cortex-a76, of which LLVM has a model from version 17 on; "
        "apt-get install --no-install-recommends llvm-19"
    )
    write_llvm(llvm, version="21.0.0", width=8)
    write_program(
        llvm / "llvm-mca", (llvm / "llvm-mca").read_text().replace("\nimport sys", "\nimport sys\nsys.stdin.read()")
    )
    assert refuse(tiny).startswith(
        "llvm-mca 21.0.0 can't reckon for cortex-a76: it has no model of neoverse-n1; apt-get"
    )


def test_the_newest_with_a_model_is_taken(llvm: Path) -> None:
    write_llvm(llvm, version="9.0.1", suffix="-9")
    write_llvm(llvm, version="18.1.2", width=8, suffix="-18")
    assert [find_tools(core).version for core in ("cortex-a72", "cortex-a76")] == ["19.1.7", "18.1.2"]


def test_an_llvm_that_fails_is_said(llvm: Path) -> None:
    tools = find_tools("cortex-a72")
    write_program(llvm / "llvm-mca", "import sys; sys.exit('out of luck')")
    with pytest.raises(InputError, match=r"llvm-mca 19.1.7 fails on the blocks that were counted: out of luck"):
        reckon_cycles([("nop",)], "cortex-a72", tools)
    write_program(llvm / "llvm-mc", "import sys; sys.exit('no such target')")
    with pytest.raises(InputError, match=r"llvm-mc 19.1.7 can't disassemble arm64 code: no such target"):
        disassemble([ADD], tools)
    (llvm / "llvm-mc").unlink()
    with pytest.raises(InputError, match=r"llvm-mc can't be run .*apt-get install"):
        disassemble([ADD], tools)


def test_without_a_qemu_that_takes_plugins_it_says_what_to_install(tiny: Path, llvm: Path) -> None:
    write_llvm(llvm, width=8)
    assert "install qemu-user" in refuse(tiny)
    write_program(llvm / "qemu-aarch64", "print('qemu-aarch64 version 10.0.2 (Debian)')")
    assert "qemu-aarch64 10.0.2 was built without plugins" in refuse(tiny)


def test_wrong_files_and_cores_are_refused_first(tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InputError, match="--cpu cortex-m4: unknown; choose from cortex-a53, cortex-a72, cortex-a76"):
        count_cycles([tiny], "cortex-m4")
    with pytest.raises(TfliteError, match="can't be read"):
        count_cycles([tmp_path / "none.tflite"])


def test_an_operator_that_crashes_the_interpreter_is_named(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flat, crash = tiny.read_bytes(), "the interpreter crashed (status 11)"
    starts: list[list[tuple[Ran, ...]]] = [
        [(Ran({}, "", crash),)],
        [(ran(add=1),), (ran(add=1),), (Ran({}, "", crash),), (ran(add=1),)],
        [(Ran({}, "", "unresolved custom op: Odd"),)],
    ]
    monkeypatch.setattr(running, "run_blocks", lambda *_: starts.pop(0))
    kit, board = Kit(tiny, tiny, tiny), find_board_with("cortex-a72")
    kinds = [part.kind for part in cut(flat)]
    with pytest.raises(TfliteError, match=rf"can't run it on arm64: {crash[:23]}.* in operator 2, {kinds[2]}; convert"):
        running.run_models([tiny], [flat], board, kit, "litert", True)
    with pytest.raises(TfliteError, match="it lacks the operator Odd"):
        running.run_models([tiny], [flat], board, kit, "litert", True)


def test_what_does_nearly_nothing_is_run_beside_operators_of_each_signature(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []

    def run_blocks(jobs: Any, *_: Any) -> Any:
        given.extend(jobs)
        return [tuple(ran(add=at + 1) for at in range(1 + len(job.parts))) for job in jobs]

    monkeypatch.setattr(running, "run_blocks", run_blocks)
    flat = tiny.read_bytes()
    (one,) = running.run_models([tiny], [flat], find_board_with("cortex-a72"), Kit(tiny, tiny, tiny), "litert", True)
    assert given[0].parts[0] == Part(nearly_nothing())
    assert not any(part.cold for part in given[0].parts)
    assert [count_instructions(blocks) for blocks in one.counts] == [1, 2, 3, 4, 5, 6]
    assert [count_instructions(one.operators[part.signature].blocks) for part in one.fragments] == [3, 4, 5, 6]
    (bare,) = running.run_models([tiny], [flat], find_board_with("cortex-a72"), Kit(tiny, tiny, tiny), "litert", False)
    assert (given[1].parts, bare.fragments, bare.operators) == ([Part(nearly_nothing())], (), {})
    monkeypatch.setattr(running, "LARGE", 1)
    for runtime, cold in (("litert", True), ("tflite-runtime", False)):
        running.run_models([tiny], [flat], find_board_with("cortex-a72"), Kit(tiny, tiny, tiny), runtime, True)
        found = {
            kind: part.cold
            for kind, part in zip(("", *(part.kind for part in cut(flat))), given[-1].parts, strict=True)
        }
        assert found == {"": False, "CONV_2D": cold, "RESHAPE": False, "FULLY_CONNECTED": cold, "SOFTMAX": False}
