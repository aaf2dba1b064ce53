"""arm64 instructions per inference: exactly repeatable, and no recipe worse than what is kept."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from edgedigits_runner.runtimes import ON_DEVICES

import edgedigits as ed
from edgedigits.errors import InputError, TfliteError
from edgedigits.measure.qemu.instructions import count, count_each
from tests.pi import cannot
from tests.warm import edgedigits


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What the recipes make of the CNN, and nano as float and as int8. MobileNet takes the converter half a minute."""
    from benchmarks.instructions import jobs, make

    return make([job for job in jobs() if job[0] != "mobilenet_v2"], tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    from tests.tiny_tflite import make_all

    return make_all(tmp_path_factory.mktemp("tiny"))


def test_no_recipe_takes_more_instructions_than_kept(counter: None, models: dict[str, Path]) -> None:
    from benchmarks.instructions import RESULT, by_model, count_all, worse

    kept = json.loads(RESULT.read_text())["models"]
    assert worse(by_model(models, count_all(models)), kept) == []


def test_no_recipe_takes_more_cycles_than_kept(counter: None, llvm: str, models: dict[str, Path]) -> None:
    """Instructions alone miss what makes each of them slower, and fewer are not always faster."""
    from benchmarks.cycles import RESULT, keep, list_worse

    kept = json.loads(RESULT.read_text())["models"]
    if llvm != kept["llvm"]:
        cannot(f"cycles are kept as LLVM {kept['llvm']} has them, and here is {llvm}")
    version, now = keep(models)
    assert version == llvm
    assert list_worse(now, kept["kept"]) == []


def test_what_is_worse_is_named_with_core_and_percentage() -> None:
    from benchmarks.instructions import worse

    kept = {"cnn/ptq_int8": {"cortex-a72": 1000, "cortex-a76": 1000}}
    assert worse({"cnn/ptq_int8": {"cortex-a72": 1020, "cortex-a76": 1}}, kept) == []
    found = worse({"cnn/ptq_int8": {"cortex-a72": 1000, "cortex-a76": 1021}, "cnn/new": {"cortex-a72": 1}}, kept)
    assert found[0] == "cnn/ptq_int8 on cortex-a76: 1,021 instructions, 2.1 % more than 1,000"
    assert found[1].startswith("cnn/new on cortex-a72: nothing is kept")


def test_the_count_is_the_same_from_anywhere_and_in_any_company(
    counter: None, models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = models["nano/ptq_int8"]
    first = count(path, "cortex-a76")
    copy = tmp_path / ("a long name " * 10 + ".tflite")
    copy.write_bytes(path.read_bytes())
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("SOMETHING", "x" * 1000)
    both = count_each([models["nano/float32"], copy], "cortex-a76")
    assert both[1] == first
    assert set(first.runs) == {first.instructions}


def test_the_command_and_the_function_say_the_same(counter: None, tiny: dict[str, Path]) -> None:
    path = tiny["int8"]
    done = edgedigits("instructions", path, "--cpu", "cortex-a76", "--json")
    assert done.returncode == 0, done.stderr
    found = ed.instructions(path, cpu="cortex-a76", progress=False).as_json()
    assert json.loads(done.stdout) == json.loads(json.dumps(found))
    assert found["instructions"] > 0


def test_values_of_weights_do_not_matter(counter: None, tmp_path: Path) -> None:
    from benchmarks.instructions import _baseline, compressed

    model, data = _baseline("nano")
    trained = tmp_path / "trained.tflite"
    trained.write_bytes(compressed(model, data, "ptq_int8"))
    rng = np.random.default_rng(0)
    model.set_weights([np.abs(rng.normal(0.1, 0.2, weight.shape)) for weight in model.get_weights()])
    drawn = tmp_path / "drawn.tflite"
    drawn.write_bytes(compressed(model, data, "ptq_int8"))
    one, other = count_each([trained, drawn], "cortex-a72")
    assert one.model_sha256 != other.model_sha256
    assert one.instructions == other.instructions


def test_int8_takes_far_fewer_instructions_on_a_pi_5_and_few_fewer_on_a_pi_4(
    counter: None, models: dict[str, Path]
) -> None:
    """Which is no speed: `test_counted_cycles` has that."""
    pair = [models["cnn/float32"], models["cnn/ptq_int8"]]
    ratio = {}
    for cpu in ("cortex-a72", "cortex-a76"):
        float32, int8 = count_each(pair, cpu)
        ratio[cpu] = float32.instructions / int8.instructions
    assert 1.0 < ratio["cortex-a72"] < 1.2
    assert ratio["cortex-a76"] > 3


def test_the_plain_kernels_take_more(counter: None, tiny: dict[str, Path]) -> None:
    fast, plain = count(tiny["int8"]), count(tiny["int8"], reference=True)
    assert (fast.kernels, plain.kernels) == ("fast", "reference")
    assert plain.instructions > fast.instructions


@pytest.mark.parametrize("runtime", ON_DEVICES)
def test_inputs_of_any_type_and_shape_are_made_up(counter: None, tiny: dict[str, Path], runtime: str) -> None:
    found = count_each([tiny[kind] for kind in ("float32", "int8", "uint8", "rgb", "open")], "cortex-a53", runtime)
    assert all(one.instructions > 1000 for one in found)
    assert {one.runtime for one in found} == {runtime}
    assert json.loads(json.dumps(found[0].as_dict()))["cpu"] == "cortex-a53"


def test_an_operator_that_the_runtime_lacks_is_named_with_its_version(counter: None, models: dict[str, Path]) -> None:
    with pytest.raises(
        TfliteError, match=r"tflite-runtime can't run it on arm64: it lacks the operator FULLY_CONNECTED version"
    ):
        count(models["cnn/dynamic_int8"], "cortex-a72", "tflite-runtime")


def test_wrong_calls_are_refused_before_anything_is_built(
    tmp_path: Path, fresh_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDGEDIGITS_EMULATED", raising=False)
    other = tmp_path / "other.tflite"
    other.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(InputError, match="--cpu cortex-m4: unknown; choose from"):
        count(other, "cortex-m4")
    with pytest.raises(TfliteError, match=r"not a \.tflite file but a zip archive"):
        count(other)
    with pytest.raises(TfliteError, match=r"none\.tflite: can't be read \(No such file or directory\)"):
        count(tmp_path / "none.tflite")
    assert not fresh_cache.exists()


def test_without_qemu_it_says_what_to_install(
    tiny: dict[str, Path], fresh_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InputError, match="qemu-user"):
        count(tiny["int8"])
