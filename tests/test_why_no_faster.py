"""Why a compressed model is no faster: each cause where it holds, none where it does not."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from edgedigits_runner import system_files
from edgedigits_runner.system_files import instruction_sets
from rich.console import Console

from edgedigits.api.render.bench import render, tell_why
from edgedigits.measure.arithmetic_reasons import NO_FASTER, ZEROS_TAKE_TIME, tell_no_dot_product
from edgedigits.measure.profile.products import MACS, make_product
from edgedigits.measure.qemu.boards import EMULATED_BOARDS, write_cpuinfo
from edgedigits.measure.why_no_faster import FileWork, Race, Side, explain, look_at
from edgedigits.pipeline.recipe import EXPORTS
from tests.golden_documents import GOLDEN, replayed_report

AVX2, VNNI = ["avx", "fma", "avx2"], ["avx", "avx2", "avx512f", "avx512_vnni"]
FLOAT = FileWork(1000, "float32", 0.0)


def race(compressed: FileWork | None, **more: Any) -> Race:
    """200 us of float32 on XNNPACK against 220 us of another, on a processor with AVX2; a call takes 2 us."""
    sets = more.pop("sets", AVX2)
    before, after = more.pop("us", (200.0, 220.0))
    return Race(
        Side("float", before, True, more.pop("baseline", FLOAT)),
        Side("mine", after, more.pop("delegated", True), compressed),
        {"runtime": "litert", "runtime_version": "2.3.0", "instruction_sets": sets},
        more.pop("fixed_us", 2.0),
    )


INT8 = FileWork(1000, "int8", 0.0)
NO_DOT = (
    "this processor has no int8 dot product (AVX2 only), so int8 gains little or nothing over float32; a Pi 5 has one"
)
UNKNOWN = "no cause of it is known; "


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (race(INT8), f"{NO_DOT}; 100 % of the multiply-adds are left"),
        (
            race(FileWork(1000, "int8", 0.8)),
            f"{NO_DOT}; 100 % of the multiply-adds are left; that 80 % of the weights are zero buys no time "
            "(no sparse int8 kernel)",
        ),
        (
            race(INT8, sets=["asimd"]),
            "this processor has no int8 dot product (asimddp), so int8 gains less than on a Pi 5, which has one; "
            "100 % of the multiply-adds are left",
        ),
        (
            race(FileWork(1000, "float16 weights", 0.0)),
            "without float16 arithmetic, allowed and in the processor, its weights are unpacked to float32 when the file is "
            "loaded; 100 % of the multiply-adds are left",
        ),
        (
            race(FileWork(1000, "float32", 0.0, float16=True), sets=["asimd"]),
            "this processor has no float16 arithmetic (a Pi 5 has it), so it computes in float32 as float does; "
            "100 % of the multiply-adds are left",
        ),
        (
            race(FileWork(950, "float32", 0.5)),
            "it computes in float32 as float does; 95 % of the multiply-adds are left; that 50 % of the weights are zero buys no "
            "time (sparse float kernels run only 1x1 convolutions of a sparsely encoded file)",
        ),
        (race(FileWork(1000, "int16x8", 0.0)), "only the slow reference kernels compute in int16x8"),
        (
            race(INT8, delegated=False, sets=VNNI),
            "litert 2.3.0 runs mine on its own kernels, float on XNNPACK",
        ),
        (
            race(FileWork(250, "int8", 0.0), us=(4.0, 3.6), fixed_us=2.8, sets=VNNI),
            "the fixed cost of a call is 2.8 of its 3.6 us, and no compression makes that less",
        ),
        (
            race(INT8, sets=VNNI),
            f"{UNKNOWN}it has 100 % of the multiply-adds, in int8; the fixed cost of a call is 2.0 of 220.0 us; "
            "`edgedigits profile` shows what each operator takes",
        ),
        (
            race(FileWork(1000, "dynamic", 0.0), sets=VNNI, fixed_us=None),
            f"{UNKNOWN}it has 100 % of the multiply-adds, in int8 weights and float activations; its activations are quantized "
            "anew in every inference; `edgedigits profile` shows what each operator takes",
        ),
    ],
)
def test_a_cause_is_said_where_it_holds(found: Race, said: str) -> None:
    assert explain(found) == said


@pytest.mark.parametrize(
    "found",
    [
        race(FileWork(200, "int8", 0.0)),  # a fifth of the work: a missing instruction is not what makes that slow
        race(INT8, sets=None),  # what the processor has is not known
        race(INT8, sets=[*AVX2, "avx_vnni"]),
        race(INT8, sets=["asimd", "asimddp"]),
        race(FileWork(500, "float32", 0.9)),
        race(FileWork(1000, "float16 weights", 0.0, float16=True), sets=["asimd", "asimdhp", "asimddp"]),
        race(INT8, baseline=None),
        race(None),
        race(INT8, sets=VNNI, fixed_us=100.0),  # without it the work would be slower still
        race(INT8, sets=VNNI, delegated=None),
    ],
)
def test_no_cause_is_said_where_none_is_known(found: Race) -> None:
    assert explain(found).startswith(UNKNOWN)


def test_files_tell_their_work(tmp_path: Path) -> None:
    found = look_at((GOLDEN / "int8.tflite").read_bytes(), "golden")
    assert found is not None
    assert (found.macs, found.arithmetic) == (4480, "int8")
    assert found.zeros is not None
    assert 0.7 < found.zeros < 0.9
    product = look_at(make_product("float32"), "product")
    assert product is not None
    assert (product.macs, product.arithmetic) == (MACS, "float32")
    assert look_at(b"no model", "text") is None


@pytest.mark.parametrize(("board", "sets"), [("pi4", ["asimd"]), ("pi5", ["asimd", "asimdhp", "asimddp"])])
def test_boards_tell_what_they_have(
    board: str, sets: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cpuinfo").write_text(write_cpuinfo(EMULATED_BOARDS[board]))
    read = system_files.text
    monkeypatch.setattr(system_files, "text", lambda path: read(str(tmp_path / Path(path).name)))
    assert instruction_sets() == sets
    assert bool(tell_no_dot_product(sets)) == (board == "pi4")


def test_processors_tell_what_they_have(monkeypatch: pytest.MonkeyPatch) -> None:
    flags = "processor\t: 0\nflags\t\t: fpu avx avx2 fma amx_int8 avx_vnni\n\nprocessor\t: 1\nflags\t: fpu"
    monkeypatch.setattr(system_files, "text", lambda _: flags)
    assert instruction_sets() == ["avx", "fma", "avx2", "avx_vnni", "amx_int8"]
    monkeypatch.setattr(system_files, "text", lambda _: None)
    assert instruction_sets() is None
    assert "(AVX-512 without VNNI)" in tell_no_dot_product(["avx", "avx2", "avx512f"])


def test_exports_and_benchmarks_say_the_same() -> None:
    """The table is by arithmetic, and each export has one."""
    for name, arithmetic in (
        ("float16", "float16 weights"),
        ("int8", "int8"),
        ("int16x8", "int16x8"),
        ("dynamic", "dynamic"),
    ):
        assert EXPORTS[name].why_zeros_take_time == ZEROS_TAKE_TIME[arithmetic]  # type: ignore[index]
        assert EXPORTS[name].why_no_faster == NO_FASTER[arithmetic]  # type: ignore[index]


def test_a_benchmark_ends_with_the_reason() -> None:
    """Both are the same file in that result."""
    report = replayed_report()
    (line,) = tell_why(report)
    assert line.startswith("Why n is no faster: it computes in int8 as m does; 100 % of the multiply-adds are left;")
    told = io.StringIO()
    Console(width=400, file=told).print(render(report))
    assert line in told.getvalue()
    assert report.comparison is not None
    assert list(tell_why(replace(report, comparison=replace(report.comparison, why_no_faster="")))) == []
