"""Estimates: their arithmetic, whether they agree with what is known, and that nobody can take them for measurements."""

from __future__ import annotations

import io
import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from rich.console import Console

from edgedigits.api.render.estimate import render, to_json
from edgedigits.backend import keras, tf
from edgedigits.errors import InputError, TfliteError
from edgedigits.measure.cost.boards import CORES, NETWORKS, RATED_BOARDS, SOURCES, V1, V2, RowArithmetic
from edgedigits.measure.cost.cycle_model import predict_cycles, predict_ms
from edgedigits.measure.cost.estimate import Estimate, estimate
from edgedigits.measure.cost.throughput import ROW_KINDS, bound_gain, bound_rates
from edgedigits.tflite.rewrite.float16_arithmetic import allow_float16
from tests.make_golden import GOLDEN
from tests.test_multiply_adds import baseline, converted, wide_convolution

INT8 = GOLDEN / "int8.tflite"
# arm64 instructions per inference, counted under QEMU with LiteRT 2.3.
INSTRUCTIONS = {
    ("cnn", "float32"): {"pi4": 3_845_705, "pi5": 3_692_052},
    ("cnn", "int8"): {"pi4": 3_520_889, "pi5": 1_120_395},
    ("nano", "float32"): {"pi4": 487_186, "pi5": 476_124},
    ("nano", "int8"): {"pi4": 464_027, "pi5": 159_218},
}
SLOWEST_IPC, FASTEST_IPC = 0.5, 3.0


@pytest.fixture(scope="module")
def baselines(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    folder, files = tmp_path_factory.mktemp("baselines"), {}
    for name, kind in INSTRUCTIONS:
        files[name, kind] = folder / f"{name}-{kind}.tflite"
        files[name, kind].write_bytes(int8(baseline(name)) if kind == "int8" else converted(baseline(name)))
    return files


def int8(model: keras.Model) -> bytes:
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([tf.random.uniform((1, *model.input_shape[1:]))] for _ in range(3))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bytes(converter.convert())


def shown(found: Estimate) -> str:
    text = io.StringIO()
    Console(width=300, file=text).print(render(found))
    return text.getvalue()


@pytest.mark.parametrize(("name", "kind"), INSTRUCTIONS)
@pytest.mark.parametrize("device", ["pi4", "pi5"])
def test_estimates_overlap_what_counted_instructions_allow(
    baselines: dict[tuple[str, str], Path], name: str, kind: str, device: str
) -> None:
    """Instructions over clock and instructions per cycle bound the time without any knowledge of multiply-adds."""
    found, clock = estimate(baselines[name, kind], device), RATED_BOARDS[device].clock_ghz
    count = INSTRUCTIONS[name, kind][device]
    assert found.low_ms < 1000 * count / (SLOWEST_IPC * clock[0] * 1e9)
    assert found.high_ms > 1000 * count / (FASTEST_IPC * clock[1] * 1e9)


def test_int8_gains_more_on_a_pi5_than_on_a_pi4(baselines: dict[tuple[str, str], Path]) -> None:
    """Its cores multiply four int8 values at once, those of the others do not: so the instructions say as well."""
    low = {
        device: [estimate(baselines["cnn", kind], device).low_ms for kind in ("float32", "int8")]
        for device in ("pi4", "pi5")
    }
    assert low["pi4"][0] / low["pi4"][1] < low["pi5"][0] / low["pi5"][1]


def test_boards_stand_in_the_order_of_their_cores(baselines: dict[tuple[str, str], Path]) -> None:
    found = [estimate(baselines["cnn", "int8"], device) for device in ("pi5", "pi4", "pi3", "zero2")]
    assert [each.low_ms for each in found] == sorted(each.low_ms for each in found)
    assert [each.high_ms for each in found] == sorted(each.high_ms for each in found)


def test_the_range_is_the_sum_of_its_operators() -> None:
    found = estimate(INT8, "pi4")
    assert 0 < found.low_ms < found.high_ms
    assert sum(each.low_ms for each in found.operators) == pytest.approx(found.low_ms)
    assert sum(each.high_ms for each in found.operators) == pytest.approx(found.high_ms)
    assert all(each.low_ms <= each.high_ms for each in found.operators)
    assert found.macs == 16 * 8 * 25 + 128 * 10


def test_one_convolution_is_its_multiply_adds_over_the_rates() -> None:
    found = estimate(INT8, "pi4")
    conv = next(each for each in found.operators if each.work.kind == "CONV_2D")
    rate = bound_rates(RATED_BOARDS["pi4"], "int8").conv
    assert conv.low_ms == pytest.approx(1000 * 3200 / rate.high)
    fixed_ms = 1000 * 20_000 / (0.5 * 1.5e9)
    assert conv.high_ms == pytest.approx(1000 * 3200 / rate.low + fixed_ms)


def test_weights_too_large_for_the_cache_are_read_from_memory(tmp_path: Path) -> None:
    """4 MiB of them: no faster than twice the published memcpy rate, however fast the arithmetic."""
    model = keras.Sequential([keras.layers.Input((1024,)), keras.layers.Dense(1024)])
    file = tmp_path / "dense.tflite"
    file.write_bytes(converted(model))
    for device, board in RATED_BOARDS.items():
        dense = next(each for each in estimate(file, device).operators if each.work.macs)
        assert dense.work.weight_bytes >= 4 << 20
        assert dense.low_ms >= 1000 * dense.work.weight_bytes / (2 * board.memcpy[1])
        assert dense.high_ms >= 1000 * dense.work.weight_bytes / board.memcpy[0]


def test_threads_lower_only_the_fast_end() -> None:
    one, two, four = (estimate(INT8, "pi4", threads) for threads in (1, 2, 4))
    assert four.low_ms < two.low_ms < one.low_ms
    assert one.low_ms / four.low_ms <= bound_gain(RATED_BOARDS["pi4"], "int8").high
    assert one.high_ms == four.high_ms
    assert any("4 threads" in note for note in four.notes)


@pytest.mark.parametrize("device", RATED_BOARDS)
def test_rates_hold_what_is_published(device: str) -> None:
    """Each published network, recomputed at the rates, brackets its published time on one thread."""
    board = RATED_BOARDS[device]
    for row in board.rows:
        network, found = NETWORKS[row.network], bound_rates(board, row.arithmetic)
        if row.threads > 1 or row.lanes > 1 or not network.conv:
            continue
        work = {"conv": network.conv, "depthwise": network.depthwise, "dense": network.dense}
        fastest, slowest = (
            sum(work[kind] / getattr(found.of(kind), end) for kind in ROW_KINDS) for end in ("high", "low")
        )
        assert fastest <= 1.01 * row.ms / 1000 <= 1.01 * slowest, row  # ResNet-50 is taken as all convolution


def test_two_networks_give_both_rates() -> None:
    """XNNPACK on a Pi 4, four threads, FP32: 77 and 46 ms are 8.2e9 convolution and 1.7e9 depthwise a second."""
    one, two = NETWORKS[V1], NETWORKS[V2]
    conv, depthwise = 8.24e9, 1.71e9
    assert one.conv / conv + one.depthwise / depthwise == pytest.approx(0.077, rel=0.01)
    assert two.conv / conv + two.depthwise / depthwise == pytest.approx(0.046, rel=0.01)
    found = bound_rates(RATED_BOARDS["pi4"], "float32")
    assert found.depthwise.high == pytest.approx(depthwise / bound_gain(RATED_BOARDS["pi4"], "float32").low, rel=0.02)


@pytest.mark.parametrize("device", RATED_BOARDS)
@pytest.mark.parametrize("arithmetic", ["float32", "int8"])
def test_every_board_has_two_independent_sources_and_sane_rates(device: str, arithmetic: RowArithmetic) -> None:
    board = RATED_BOARDS[device]
    assert len({row.source for row in board.rows if row.arithmetic == arithmetic}) >= 2
    found = bound_rates(board, arithmetic)
    for kind in ROW_KINDS:
        assert 0 < found.of(kind).low < found.of(kind).high
    assert 1 < bound_gain(board, arithmetic).low <= bound_gain(board, arithmetic).high <= CORES


def test_every_number_names_a_known_source() -> None:
    for board in RATED_BOARDS.values():
        for row in board.rows:
            assert row.source in SOURCES
            assert row.row
            assert NETWORKS[row.network].source
    assert all(source.title and source.where and source.note for source in SOURCES.values())


@pytest.mark.parametrize("device", RATED_BOARDS)
def test_it_is_called_an_estimate_wherever_a_number_stands(device: str) -> None:
    lines = shown(estimate(INT8, device, threads=4)).splitlines()
    assert lines[0].startswith("Estimate, not measured:")
    assert "not measured" in lines[1]
    titles = [line for line in lines if line.startswith("Estimate ")]
    heads = [line for line in lines if line.lstrip().startswith(("operator ", "operators "))]
    assert len(titles) == len(heads) == 2
    assert all(line.count("estimate, ") == 2 for line in heads)
    notes = lines[lines.index("Notes on the estimate") + 1 : lines.index("Sources of the estimate")]
    assert all("estimate" in note for note in notes if note.strip())


def test_sources_are_listed() -> None:
    text = shown(estimate(INT8, "pi5"))
    for source in estimate(INT8, "pi5").sources:
        assert source.title in text
        assert source.where in text
    assert "XNNPACK, README" in shown(estimate(INT8, "zero2"))


def test_json_says_estimate_and_is_plain() -> None:
    found = json.loads(json.dumps(to_json(estimate(INT8, "zero2"))))
    assert found["estimate"] is True
    assert "not measured" in found["basis"]
    assert found["estimate_low_ms"] < found["estimate_high_ms"]
    assert "low_ms" not in found
    assert all("estimate_low_ms" in each for each in found["operators"])
    assert all({"title", "where", "note"} <= set(source) for source in found["sources"])
    assert any("1.4 to 1.0 GHz" in note for note in found["notes"])


def test_a_net_of_many_operators_is_summed_by_kind() -> None:
    found = estimate(INT8, "pi4")
    assert "50 x CONV_2D" in shown(replace(found, operators=found.operators * 50))


def test_dynamic_range_says_that_nothing_is_published(tmp_path: Path) -> None:
    file = tmp_path / "dynamic.tflite"
    file.write_bytes(wide_convolution("dynamic"))
    found = estimate(file, "pi4")
    assert any("dynamic range" in note for note in found.notes)
    (used,) = found.rates
    assert used.low_gmacs == pytest.approx(bound_rates(RATED_BOARDS["pi4"], "float32").conv.low / 1e9)
    assert used.high_gmacs == pytest.approx(bound_rates(RATED_BOARDS["pi4"], "int8").conv.high / 1e9)


def test_int16x8_is_refused_for_lack_of_a_source(tmp_path: Path) -> None:
    file = tmp_path / "wide.tflite"
    file.write_bytes(wide_convolution("int16x8"))
    with pytest.raises(InputError, match=r"int16x8, for which no throughput .* is published"):
        estimate(file, "pi4")


def test_wrong_calls_are_answered_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'pi9'; choose from pi4, pi5, pi3, zero2"):
        estimate(INT8, "pi9")
    with pytest.raises(InputError, match="5 is not from 1 to 4"):
        estimate(INT8, "pi4", threads=5)
    with pytest.raises(InputError, match="can't be read"):
        estimate(tmp_path / "absent.tflite", "pi4")
    with pytest.raises(InputError, match="can't be read"):
        estimate(tmp_path, "pi4")
    (tmp_path / "text.tflite").write_text("this is no model at all")
    with pytest.raises(TfliteError, match=r"not a \.tflite file"):
        estimate(tmp_path / "text.tflite", "pi4")


CYCLES = json.loads((Path(__file__).parents[1] / "benchmarks" / "results" / "cycles.json").read_text())["models"][
    "kept"
]


@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a72", "cortex-a76"])
@pytest.mark.parametrize(("name", "kind"), [("cnn", "float32"), ("cnn", "int8"), ("nano", "float32"), ("nano", "int8")])
def test_foretold_cycles_are_near_those_that_were_reckoned(
    baselines: dict[tuple[str, str], Path], name: str, kind: str, core: str
) -> None:
    """Of nets whose operators the rates were not fitted to; a net of one board has the milliseconds of its clock."""
    reckoned = CYCLES[f"{name}/{kind if kind == 'float32' else 'ptq_int8'}"][core]
    assert predict_cycles(baselines[name, kind].read_bytes(), core) == pytest.approx(reckoned, rel=0.3)


@pytest.mark.parametrize(("device", "core"), [("pi4", "cortex-a72"), ("pi5", "cortex-a76")])
def test_float16_arithmetic_takes_fewer_cycles_where_the_core_has_it(
    baselines: dict[tuple[str, str], Path], tmp_path: Path, device: Literal["pi4", "pi5"], core: str
) -> None:
    flat = baselines["cnn", "float32"].read_bytes()
    path = tmp_path / "allowed.tflite"
    path.write_bytes(allow_float16(flat))
    foretold, plain = predict_cycles(path.read_bytes(), core), predict_cycles(flat, core)
    assert foretold == pytest.approx(CYCLES["cnn/float16_arithmetic"][core], rel=0.3)
    assert foretold < plain / 1.7 if core == "cortex-a76" else foretold == plain
    assert estimate(path, device).foretold.cycles == round(foretold)
    assert predict_ms(path.read_bytes(), device) <= predict_ms(flat, device)


def test_an_estimate_tells_foretold_cycles(baselines: dict[tuple[str, str], Path]) -> None:
    found = estimate(baselines["cnn", "int8"], "pi4")
    assert found.foretold.cpu == "cortex-a72"
    assert found.foretold.ms == pytest.approx(found.foretold.cycles / 1.8e6, rel=1e-3)
    assert found.low_ms < found.foretold.ms + found.foretold.memory_ms < found.high_ms
    assert predict_ms(baselines["cnn", "int8"].read_bytes(), "pi4") == pytest.approx(
        found.foretold.ms + found.foretold.memory_ms
    )
    assert to_json(found)["estimate_foretold"]["cycles"] == found.foretold.cycles
