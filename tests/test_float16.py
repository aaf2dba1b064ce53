"""float16 arithmetic: asked for, written into the bytes, kept by all that rewrites them, told of, refused where it can't be."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from click.testing import CliRunner
from edgedigits_runner.golden import Measure, compared, judged, measure_of, replay
from edgedigits_runner.interpreters import load_runtime
from edgedigits_runner.release import read_release
from edgedigits_runner.runtimes import ON_DEVICES

import edgedigits as ed
from benchmarks.emulated_pi.answers import answer_each
from edgedigits.api.render import bench as bench_words
from edgedigits.api.render import inspection
from edgedigits.backend import keras
from edgedigits.cli.main import cli
from edgedigits.data.images import read_all
from edgedigits.data.sources.named import load_data
from edgedigits.errors import RecipeError
from edgedigits.ground.artifact_folder import read as read_artifact
from edgedigits.measure.bench import _allows_float16
from edgedigits.measure.cost.cycle_model import predict_cycles
from edgedigits.measure.cost.estimate import estimate
from edgedigits.measure.qemu.instructions import count_each
from edgedigits.pipeline import exportable, recipe
from edgedigits.pipeline.export.conversion import convert
from edgedigits.pipeline.export.float16 import Float16
from edgedigits.pipeline.export.float32 import Float32
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.fragments import cut
from edgedigits.tflite.interpreter import TfliteModel
from edgedigits.tflite.packed_file import FORMS, unpack_file
from edgedigits.tflite.rewrite.block_sparse import encode
from edgedigits.tflite.rewrite.float16_arithmetic import allow_float16, computes_in_float16
from edgedigits.tflite.rewrite.slim import slim
from tests.golden_documents import replayed_report
from tests.nets import fit_data, trained

HALVES: dict[str, Any] = {
    "Float32 by litert": Float32(arithmetic="float16", converter="litert"),
    "Float16 by tf": Float16(arithmetic="float16", converter="tf"),
}
L = keras.layers


@pytest.fixture(scope="module")
def flats(shapes: Path) -> dict[str, bytes]:
    model, data = trained(shapes).model, fit_data(shapes)
    plain = {f"plain {name}": dataclasses.replace(each, arithmetic="float32") for name, each in HALVES.items()}
    return {name: each(model, data.calibration, data.scale) for name, each in (HALVES | plain).items()}


def entries(flat: bytes) -> dict[bytes, bytes]:
    """Name -> value of the metadata, as the generated classes read it."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(flat, 0))
    return {one.name: bytes(model.buffers[one.buffer].data) for one in model.metadata or []}


@pytest.mark.parametrize("name", HALVES)
def test_the_bytes_say_so_and_are_the_same_model_here(name: str, flats: dict[str, bytes], shapes: Path) -> None:
    half, plain = flats[name], flats[f"plain {name}"]
    assert entries(half)[b"reduced_precision_support"] == b"fp16accfp16"
    assert entries(plain).get(b"reduced_precision_support") in (None, b"fp16accfp32")  # as TensorFlow writes it
    assert (read(half, name).float16_arithmetic, read(plain, name).float16_arithmetic) == (True, False)
    told = ("operators", "min_runtime", "description")
    assert [getattr(read(half, name), one) for one in told] == [getattr(read(plain, name), one) for one in told]
    if not computes_in_float16():
        pixels = read_all(fit_data(shapes).validation)
        one, other = (TfliteModel(flat).outputs(pixels, "0..1") for flat in (half, plain))
        assert np.array_equal(one, other)


@pytest.mark.parametrize("name", HALVES)
def test_what_rewrites_the_bytes_keeps_it(name: str, flats: dict[str, bytes], tmp_path: Path) -> None:
    half, plain = flats[name], flats[f"plain {name}"]
    small = slim(half)
    assert entries(small) == {b"reduced_precision_support": b"fp16accfp16"}
    assert entries(slim(plain)) == {}
    assert len(slim(plain)) < len(small) < len(slim(plain)) + 150
    assert slim(small) == small
    assert read(encode(half, "densify"), "sparse").float16_arithmetic
    parts = cut(half)
    assert {read(part.flat, part.kind).float16_arithmetic for part in parts if part.flat} == {True}
    assert not {part.signature for part in parts} & {part.signature for part in cut(plain)}
    (tmp_path / "half.tflite").write_bytes(half)
    for form in FORMS:
        for smaller in (False, True):
            packed = ed.pack(tmp_path / "half.tflite", slim=smaller, form=form, out=tmp_path / f"out{smaller}.tflite")
            found = unpack_file(packed.path)
            assert read(found, form).float16_arithmetic
            assert found == (small if smaller else half)


@pytest.mark.parametrize("value", [b"fp16accfp32", b"bf16accfp32", b"fp16", b""])
def test_other_leave_is_none(value: bytes, flats: dict[str, bytes]) -> None:
    """XNNPACK takes none of these for it."""
    flat = flats["Float32 by litert"]
    at = flat.index(b"fp16accfp16")
    other = flat[: at - 4] + len(value).to_bytes(4, "little") + value + flat[at + len(value) :]
    assert not read(other, "other").float16_arithmetic


@pytest.mark.parametrize("name", ["int8", "int16x8", "dynamic"])
def test_integers_have_no_choice_of_arithmetic(name: str) -> None:
    with pytest.raises(RecipeError, match=rf"x\.yaml: export\.{name}: unknown setting 'arithmetic'; choose from"):
        recipe.parse({"export": {name: {"arithmetic": "float16"}}}, "x.yaml", "x")
    with pytest.raises(
        RecipeError,
        match=f"--arithmetic float16: the {name} export has no arithmetic to choose; float32, float16 have",
    ):
        recipe.parse({"export": name}, "x.yaml", "x").with_arithmetic("float16")


def test_what_is_no_arithmetic_is_refused() -> None:
    says = "x.yaml: export.float16.arithmetic: found 'bfloat16'; input should be 'float32' or 'float16'"
    with pytest.raises(RecipeError, match=says):
        recipe.parse({"export": {"float16": {"arithmetic": "bfloat16"}}}, "x.yaml", "x")
    with pytest.raises(RecipeError, match=r"Float32\.arithmetic: found 16"):
        Float32(arithmetic=16)  # type: ignore[arg-type]
    given = ["compress", "--model", "none.keras", "--data", "none.npz"]
    wrong = CliRunner().invoke(cli, [*given, "--recipe", "float32", "--arithmetic", "half"])
    assert (wrong.exit_code, "'half' is not one of 'float32', 'float16'" in wrong.output) == (2, True)
    unfit = CliRunner().invoke(cli, [*given, "--recipe", "ptq_int8", "--arithmetic", "float16"])
    assert isinstance(unfit.exception, RecipeError)  # exit code 2
    assert "--arithmetic float16: the int8 export has no arithmetic to choose" in str(unfit.exception)


def loud(factor: float) -> Any:
    """A net whose first layer answers up to `factor` times a pixel's value, and is still a classifier."""
    image = keras.Input((12, 12, 1))
    weight = keras.initializers.Constant(factor / 9)
    x = L.Conv2D(2, 3, activation="relu", name="loud", kernel_initializer=weight)(image)
    x = L.Rescaling(1 / factor)(x)
    return keras.Model(image, L.Dense(3, activation="softmax", name="answer")(L.Flatten()(x)), name="loud")


def test_values_that_float16_can_not_hold_are_refused_before_training(shapes: Path) -> None:
    data = fit_data(shapes)
    wanted = recipe.Recipe(stages=[ed.Finetune()], export=Float16(arithmetic="float16"))
    with pytest.raises(
        RecipeError, match=r"arithmetic float16: values of the net reach 80,442 \(layer 'loud'\), and float16, .*65,504"
    ):
        exportable.check_exportable(wanted, loud(1e5), data, lambda _: None)
    exportable.check_exportable(wanted, loud(1e3), data, lambda _: None)
    exportable.check_exportable(wanted.with_arithmetic("float32"), loud(1e5), data, lambda _: None)


def test_the_record_the_card_and_the_device_know(fresh_cache: Path, shapes: Path, tmp_path: Path) -> None:
    trained(shapes).model.save(tmp_path / "tiny.keras")
    given = ["--model", str(tmp_path / "tiny.keras"), "--data", str(shapes), "--scale", "0..1", "--out", str(tmp_path)]
    found = CliRunner().invoke(cli, ["compress", "--recipe", "float16", "--arithmetic", "float16", *given, "--json"])
    assert found.exit_code == 0, found.output
    made = read_artifact(Path(json.loads(found.stdout)["path"]))
    assert made.manifest["recipe"]["export"] == {"float16": {"slim": False, "converter": "tf", "arithmetic": "float16"}}
    assert (made.manifest["export"]["float16_arithmetic"], made.manifest["float"]["float16_arithmetic"]) == (
        True,
        False,
    )
    where = "float16" if computes_in_float16() else "float32"
    assert made.manifest["export"]["parity"]["arithmetic"] == where
    card = (made.path / "README.md").read_text()
    assert "Processors with float16 arithmetic, as a Raspberry Pi 5's, compute this model in it" in card
    assert ("what float16 answers is not among them" in card) == (where == "float32")
    release = read_release(str(made.path))
    assert release.float16_arithmetic
    assert replay(release, load_runtime("litert"))["golden"]["most_steps"] == 6250
    shown = ed.inspect(made.path)
    assert shown.as_json()["float16_arithmetic"] is True
    assert "in float16 where the processor can" in inspection._arithmetic(
        read((made.path / "model.tflite").read_bytes(), "")
    )


def test_bench_tells_it(flats: dict[str, bytes], tmp_path: Path) -> None:
    for name in ("Float16 by tf", "plain Float16 by tf"):
        (tmp_path / "model.tflite").write_bytes(flats[name])
        packed = ed.pack(tmp_path / "model.tflite", form="gz", out=tmp_path / "packed.tflite").path
        assert _allows_float16(packed) == (name in HALVES)
    report = replayed_report()
    assert not any("float16" in line for line in bench_words.list_remarks(report))
    half = dataclasses.replace(report, compressed=dataclasses.replace(report.compressed, float16_arithmetic=True))
    assert "n allows float16 arithmetic: processors with it" in "\n".join(bench_words.list_remarks(half))
    assert bench_words.to_json(half)["compressed"]["float16_arithmetic"] is True


def test_advice_and_estimate_count_with_it(flats: dict[str, bytes], tmp_path: Path) -> None:
    half, plain = flats["Float16 by tf"], flats["plain Float16 by tf"]
    assert predict_cycles(half, "cortex-a72") == predict_cycles(plain, "cortex-a72")
    assert predict_cycles(half, "cortex-a76") < 0.9 * predict_cycles(plain, "cortex-a76")
    for flat, told in ((half, True), (plain, False)):
        (tmp_path / "model.tflite").write_bytes(flat)
        assert any("allows float16" in note for note in estimate(tmp_path / "model.tflite", "pi5").notes) == told


def test_the_doctor_grants_float16_what_it_grants_rounding_and_the_reference_no_more() -> None:
    answers = np.array([[0.0, 1.0]], np.float32)
    half = measure_of(answers, rounds=False, float16_arithmetic=True)
    assert half.step * half.most_steps == pytest.approx(1 / 16)
    near, far, same = answers + 0.05, answers + 0.07, compared(answers, answers, half)
    assert judged(same, compared(answers, near, half))["verdict"] == "bit-identical"
    assert judged(same, compared(answers, far, half))["verdict"] == "wrong"
    assert judged(compared(answers, answers + 1e-3, half), same)["verdict"] == "wrong"
    assert measure_of(answers, rounds=True, float16_arithmetic=True) == Measure(1 / 256, 16)


@pytest.fixture(scope="module")
def wide() -> dict[str, bytes]:
    """A net of a million multiply-adds, most weights of its dense layer zero: plain, with leave, slim, and block-sparse."""
    image = keras.Input((12, 12, 1))
    x = L.Conv2D(32, 3, padding="same", activation="relu")(image)
    x = L.Conv2D(32, 3, strides=2, padding="same", activation="relu")(x)
    net = keras.Model(image, L.Dense(8, name="answer")(L.Flatten()(x)))
    kernel = net.get_layer("answer").kernel
    kernel.assign(np.where(np.arange(kernel.shape[0])[:, None] < 64, kernel, 0))
    plain = convert(net)
    half = allow_float16(plain)
    return {"plain": plain, "half": half, "slim": slim(half), "sparse": encode(half, "densify")}


@pytest.mark.parametrize("runtime", ON_DEVICES)
def test_a_pi_5_takes_half_of_the_instructions_and_a_pi_4_notices_nothing(
    runtime: Any, counter: None, wide: dict[str, bytes], tmp_path: Path
) -> None:
    paths = {name: tmp_path / f"{name}.tflite" for name in wide}
    for name, path in paths.items():
        path.write_bytes(wide[name])
    counted = {
        cpu: dict(zip(wide, (one.instructions for one in count_each([*paths.values()], cpu, runtime)), strict=True))
        for cpu in ("cortex-a72", "cortex-a76")
    }
    assert len(wide["sparse"]) < len(wide["half"])
    assert counted["cortex-a72"]["half"] == counted["cortex-a72"]["plain"]
    found = counted["cortex-a76"]
    assert max(found[name] for name in ("half", "slim", "sparse")) < 0.6 * found["plain"]


@pytest.mark.parametrize("runtime", ON_DEVICES)
def test_a_pi_5_answers_alike_in_float16_and_a_pi_4_to_the_bit(
    runtime: Any, counter: None, flats: dict[str, bytes], shapes: Path
) -> None:
    half, plain = flats["Float16 by tf"], flats["plain Float16 by tf"]
    inputs = read_all(load_data(str(shapes)).test).astype(np.float32) / np.float32(255)
    wanted, found, small = answer_each([plain, half, slim(half)], inputs, "cortex-a76", runtime)
    assert np.array_equal(found, small)
    assert not np.array_equal(wanted, found), "nothing was computed in float16"
    assert np.abs(wanted - found).max() < 0.02
    sure = wanted.max(axis=1) >= 0.9
    assert sure.sum() > 10
    assert np.array_equal(wanted.argmax(axis=1)[sure], found.argmax(axis=1)[sure])
    assert compared(wanted, found, measure_of(wanted, rounds=False, float16_arithmetic=True))["unsound"] == 0
    one, other = answer_each([plain, half], inputs[:8], "cortex-a72", runtime)
    assert np.array_equal(one, other)


def test_what_is_refused_would_have_answered_nothing_on_a_pi_5(counter: None, shapes: Path) -> None:
    flat = allow_float16(convert(loud(1e5)))
    inputs = read_all(fit_data(shapes).validation)[:4].astype(np.float32) / np.float32(255)
    (here,) = answer_each([flat], inputs, "cortex-a72")
    (there,) = answer_each([flat], inputs, "cortex-a76")
    assert np.isfinite(here).all()
    assert not np.isfinite(there).all() or np.abs(here - there).max() > 0.1
