"""The doctor: a sound release, ones that are not, and machines that are not."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edgedigits_runner.delegation import xnnpack
from edgedigits_runner.doctor import doctor_job, examine
from edgedigits_runner.doctor_text import as_text
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.fresh import run_fresh
from edgedigits_runner.golden import Measure, Softmax, compared, judged, measure_of, softmax_of
from edgedigits_runner.interpreters import load_runtime
from edgedigits_runner.kept import sealed
from edgedigits_runner.machine import throttling

from tests.test_runner_commands import BEHIND_WALL
from tests.tiny_release import copied, made, rewrite, run


@pytest.fixture
def release(shapes: Path, tmp_path: Path) -> Path:
    return copied(shapes, tmp_path)


def examined(release: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = run(release, "doctor", "--json", *arguments)
    assert done.returncode == code, done.stderr
    (line,) = done.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    assert (found["schema"], found["kind"]) == (1, "doctor")
    assert found["ok"] == (code == 0) == (found["reasons"] == [])
    return found


def vectors(release: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(release / "golden.npz") as file:
        return file["inputs"], file["outputs"]


def moved(outputs: np.ndarray, by: int) -> np.ndarray:
    """The first answer's greatest score lowered by so many steps."""
    outputs = outputs.copy()
    outputs[0, outputs[0].argmax()] -= by
    return outputs


def test_a_sound_release_is_bit_identical(release: Path) -> None:
    found = examined(release)
    assert found["verdict"] == "bit-identical"
    assert found["golden"]["vectors"] == 16
    assert found["golden"]["reference"] == {"steps": 0, "unsound": 0, "changed": 0, "changed_sure": 0}
    assert found["golden"]["default"]["steps"] <= 16
    facts = found["environment"]
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert facts["runtime"] == "litert"
    assert facts["numpy"] == np.__version__
    assert facts["bits"] == 64
    assert 0 < facts["memory_available_kib"] <= facts["memory_kib"]
    assert facts["disk_free_kib"] > 0


def test_people_get_short_lines(release: Path) -> None:
    done = run(release, "doctor", python=BEHIND_WALL)
    assert done.returncode == 0, done.stderr
    rows = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert rows["verdict"] == "bit-identical"
    assert rows["runtime"].startswith("litert ")
    assert list(rows)[:7] == ["machine", "system", "python", "runtime", "memory", "disk", "throttling"]


def test_one_step_off_is_said_and_fit(release: Path) -> None:
    rewrite(release, "golden.npz", outputs=moved(vectors(release)[1], 1))
    assert examined(release)["verdict"] == "within one step"


def test_two_steps_off_the_reference_kernels_is_wrong_and_not_benched(release: Path) -> None:
    rewrite(release, "golden.npz", outputs=moved(vectors(release)[1], 2))
    found = examined(release, code=2)
    assert found["verdict"] == "wrong"
    assert "reference kernels answer up to 2 steps off" in found["reasons"][0]
    done = run(release, "bench", "--windows", "1")
    assert done.returncode == 2
    assert "not benched, for the doctor finds it unfit: golden vectors" in done.stderr
    assert done.stdout == ""


def test_changed_answers_are_counted(release: Path) -> None:
    outputs = vectors(release)[1]
    rewrite(release, "golden.npz", outputs=np.roll(outputs, 1, axis=1))
    found = examined(release, code=2)
    assert found["golden"]["default"]["changed_sure"] > 0
    assert any("classes that were sure" in reason for reason in found["reasons"])


def test_altered_and_missing_files_are_named(release: Path) -> None:
    (release / "eval.npz").unlink()
    (release / "README.md").write_text("another")
    found = examined(release, code=2)
    assert found["verdict"] == "bit-identical", "which they don't touch"
    assert [Path(reason.split(":")[0]).name for reason in found["reasons"]] == ["README.md", "eval.npz"]
    assert "No such file" in found["reasons"][1]


def test_a_truncated_model_is_a_reason_not_a_traceback(release: Path) -> None:
    flat = (release / "model.tflite").read_bytes()
    (release / "model.tflite").write_bytes(flat[: len(flat) // 2])
    found = examined(release, code=2)
    assert found["verdict"] is None
    assert all("model.tflite" in reason for reason in found["reasons"])


def test_a_release_without_vectors_says_so(release: Path) -> None:
    manifest = json.loads((release / "manifest.json").read_text())
    del manifest["files"]["golden.npz"]
    (release / "manifest.json").write_text(json.dumps(sealed(manifest)))
    found = examined(release)
    assert (found["verdict"], found["golden"]) == ("no golden vectors", None)
    assert "verdict     no golden vectors" in run(release, "doctor").stdout


@pytest.mark.parametrize(
    "arrays",
    [
        {"inputs": np.zeros((2, 5, 5, 1), np.int8), "outputs": np.zeros((2, 3), np.int8)},
        {"inputs": np.zeros((2, 12, 12, 1), np.int8), "outputs": np.zeros((3, 3), np.int8)},
        {"inputs": np.zeros((2, 12, 12, 1), np.float32), "outputs": np.zeros((2, 3), np.int8)},
    ],
)
def test_vectors_of_another_model_are_a_reason(release: Path, arrays: dict[str, np.ndarray]) -> None:
    rewrite(release, "golden.npz", **arrays)
    assert "of another model" in examined(release, code=2)["reasons"][0]


def test_no_release_is_a_reason_and_the_machine_is_still_told(release: Path) -> None:
    found = examined(release, "/nowhere", code=2)
    assert found["environment"]["machine"]
    assert "manifest.json: not found" in found["reasons"][0]


def test_a_missing_runtime_is_a_reason(release: Path) -> None:
    found = examined(release, "--runtime", "tflite-runtime", code=2)
    assert found["verdict"] is None
    assert "no usable interpreter (tflite-runtime: " in found["reasons"][0]
    done = run(release, "doctor", "--runtime", "tflite-runtime")
    assert "none that could be used" in done.stdout
    assert "not fit for use" in done.stdout


def test_an_interpreter_that_crashes_is_a_reason(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As LiteRT does on processors that it was not built for; here a module in its place does."""
    package = tmp_path / "fakes" / "ai_edge_litert"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("__version__ = '9.9'")
    crash = "import os, signal\nclass Interpreter:\n    def __init__(self, **_):\n        os.kill(os.getpid(), signal.SIGILL)\n"
    (package / "interpreter.py").write_text(crash)
    monkeypatch.syspath_prepend(tmp_path / "fakes")
    found = examine(str(release), "litert")
    assert (found["ok"], found["verdict"]) == (False, None)
    assert found["reasons"] == ["litert 9.9: the interpreter was ended by SIGILL; try another --runtime"]


def test_one_that_never_answers_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "fakes" / "edgedigits_runner"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "slow.py").write_text(
        "import time\ndef main(_):\n    print('{\"a\": 1}', flush=True)\n    time.sleep(60)\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "fakes")
    ended = run_fresh("slow", [], 1.0)
    assert ended.how == "gave no answer within 1 s"
    assert ended.lines == [{"a": 1}]


def test_the_hosts_job_gets_the_same(release: Path, tmp_path: Path) -> None:
    job = {"schema": 1, "kind": "doctor", "runtime": "litert", "folder": release.name}
    (tmp_path / "job.json").write_text(json.dumps(job))
    done = run(release, "job", tmp_path / "job.json", tmp_path / "result.json")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["verdict"] == "bit-identical"
    assert set(result) == set(examined(release))


@pytest.mark.parametrize("changed", [{"schema": 2}, {"runtime": "onnx"}, {"folder": None}])
def test_wrong_jobs_are_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    job = {"schema": 1, "kind": "doctor", "runtime": "auto", "folder": "."} | changed
    (tmp_path / "job.json").write_text(json.dumps(job))
    with pytest.raises(RunnerError, match="give schema 1, folder, and runtime"):
        doctor_job(tmp_path / "job.json", lambda _: None)


def test_xnnpack_is_read_from_the_graph(shapes: Path) -> None:
    """LiteRT 2.3 gives XNNPACK the whole float model, and of an int8 one all but the softmax."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    def of(name: str, **settings: Any) -> dict[str, Any]:
        interpreter = Interpreter(model_path=str(made(shapes) / name), **settings)
        interpreter.allocate_tensors()
        return xnnpack(interpreter)

    assert of("float.tflite") == {"applied": True, "outside": []}
    assert of("model.tflite") == {"applied": True, "outside": ["SOFTMAX"]}
    plain = of("model.tflite", experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    assert plain["applied"] is False
    assert {"CONV_2D", "SOFTMAX"} <= set(plain["outside"])
    assert xnnpack(object()) == {"applied": None, "outside": []}


def test_names_that_are_no_text_leave_it_untold(shapes: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    flat = (made(shapes) / "model.tflite").read_bytes()
    sounds = Interpreter(model_content=flat)
    sounds.allocate_tensors()
    name = next(
        one["name"] for one in sounds.get_tensor_details() if one["index"] == sounds._get_ops_details()[1]["inputs"][0]
    )
    spoiled = Interpreter(model_content=flat.replace(name.encode(), b"\xff" * len(name)))
    spoiled.allocate_tensors()
    assert xnnpack(spoiled) == {"applied": None, "outside": []}


def test_the_softmax_at_a_models_end_is_found_with_its_scales(shapes: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    def of(name: str) -> Softmax | None:
        interpreter = Interpreter(
            model_path=str(made(shapes) / name), experimental_op_resolver_type=OpResolverType.BUILTIN_REF
        )
        interpreter.allocate_tensors()
        return softmax_of(interpreter)

    found = of("model.tflite")
    assert found is not None
    assert (found.scale, found.zero) == (1 / 256, -128)
    assert found.logit_step > 1e-3
    assert of("float.tflite") is None


def test_steps_are_those_of_the_stored_numbers() -> None:
    assert measure_of(np.zeros((2, 3), np.int8), rounds=True) == Measure(1, 16)
    assert measure_of(np.zeros((2, 3), np.int16), rounds=True) == Measure(1, 64)
    floats = np.array([[0.0, 1.0]], np.float32)
    unrounded = measure_of(floats, rounds=False)
    assert unrounded.step == pytest.approx(1e-5)
    assert unrounded == Measure(unrounded.step, 100)
    assert measure_of(floats, rounds=True) == Measure(1 / 256, 16)
    assert measure_of(np.zeros((2, 2), np.float32), rounds=False).step > 0


def test_a_changed_class_counts_as_wrong_only_where_it_was_sure() -> None:
    wanted = np.array([[10, 12, -128], [100, -100, -128]], np.int8)
    swapped = wanted[:, [1, 0, 2]]
    measure = Measure(1, 16)
    unsure = compared(wanted[:1], swapped[:1], measure)
    assert unsure == {"steps": 2, "unsound": 0, "changed": 1, "changed_sure": 0}
    both = compared(wanted, swapped, measure)
    assert both == {"steps": 200, "unsound": 2, "changed": 2, "changed_sure": 1}
    same = compared(wanted, wanted, measure)
    assert judged(same, unsure)["verdict"] == "bit-identical"
    assert judged(same, both)["verdict"] == "wrong"
    assert judged(unsure, same)["verdict"] == "wrong"


def test_a_class_is_sure_only_where_no_sound_distance_changes_it() -> None:
    """Both answers may be 16 steps off, so a margin of 30 can turn round, and one of 33 cannot."""
    near, far = np.array([[30, 0]], np.int8), np.array([[33, 0]], np.int8)
    turned = compared(near, np.array([[14, 16]], np.int8), Measure(1, 16))
    assert turned == {"steps": 16, "unsound": 0, "changed": 1, "changed_sure": 0}
    assert compared(far, np.array([[16, 17]], np.int8), Measure(1, 16))["changed_sure"] == 1


def test_behind_a_softmax_as_much_is_sound_as_rounded_logits_explain() -> None:
    """Logits in steps of 0.1: eight steps each are odds of e^1.6. Little for a sure answer, a third of all for an unsure one."""
    measure = Measure(1, 16, Softmax(0.1, 1 / 256, -128))
    even, sure = np.array([[0.0, 0.0]]), np.array([[127.0, -128.0]])
    assert measure.allowed(even) == pytest.approx(256 * (1 / (1 + np.exp(-1.6)) - 0.5))
    assert (measure.allowed(sure) == 16).all()
    assert (Measure(1, 16, Softmax(2.0, 1 / 256, -128)).allowed(sure) <= 256).all()
    shifted = np.array([[80, -80]], np.int8)
    assert compared(even.astype(np.int8), shifted, measure)["unsound"] == 0
    assert compared(even.astype(np.int8), shifted, Measure(1, 16))["unsound"] == 2
    assert compared(sure.astype(np.int8), shifted, measure)["unsound"] == 2


def test_numbers_that_are_none_are_wrong() -> None:
    wanted = np.array([[0.0, 1.0]], np.float32)
    found = compared(wanted, np.array([[np.nan, 1.0]], np.float32), Measure(1e-5, 100))
    assert judged(found, found)["verdict"] == "wrong"
    json.dumps(found, allow_nan=False)


def test_throttling_in_words() -> None:
    assert throttling(0x50005) == ["under-voltage", "throttled"]
    assert throttling(0x50005 >> 16) == ["under-voltage", "throttled"]
    assert throttling(0) == []
    assert throttling(0x8) == ["soft temperature limit"]


def test_a_throttled_board_is_told_to_people(release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in vcgencmd's place, which only Pis have."""
    fake = tmp_path / "bin" / "vcgencmd"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho throttled=0x50000\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=":")
    found = examine(str(release), "litert")
    assert found["environment"]["throttled"] == 0x50000
    assert "throttling  now none; since the start under-voltage, throttled" in as_text(found)


def test_tensorflow_has_reference_kernels_too() -> None:
    """A job of the host may ask for it; it is imported in this process already."""
    runtime = load_runtime("tensorflow")
    assert sys.modules[runtime.interpreter.__module__].OpResolverType.BUILTIN_REF
