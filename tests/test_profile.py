"""`profile`: what the runner times, what is made of its times, what XNNPACK leaves and why; here and by hand."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as generated
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.profile import profile as run_job
from edgedigits_runner.profile_by_hand import summary
from edgedigits_runner.spread import median_and_interval
from edgedigits_runner.trial import try_files

import edgedigits as ed
from edgedigits.devices.runner_archive import build_runner
from edgedigits.errors import InputError, TfliteError
from edgedigits.measure.local_runner import RunnerProcess
from edgedigits.measure.profile.delegation import Asked, explain
from edgedigits.measure.profile.products import MACS, make_product
from edgedigits.measure.profile.profile import (
    ProfileSettings,
    ProfileTask,
    make_job,
    make_task,
    measure,
    profile_here,
    write_parts,
)
from edgedigits.measure.profile.report import ProfileReport, make_report
from edgedigits.measure.profile.variants import list_variants
from edgedigits.measure.result_check import check_result
from edgedigits.tflite import schema
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.fragments import cut
from edgedigits.tflite.multiply_adds import count_per_operator
from tests.sshd import free_port
from tests.test_foreign_files import recursive
from tests.test_result import change
from tests.test_runner_commands import WALL

INT8 = Path(__file__).parent / "golden" / "int8.tflite"
QUICK = ProfileSettings(windows=3, window_s=0.02)


class Recorder:
    """A runner that keeps what it was asked and what it found."""

    def __init__(self, runner: RunnerProcess) -> None:
        self.runner = runner
        self.done: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}

    def run(self, kind: str, job: dict[str, Any]) -> dict[str, Any]:
        result = self.runner.run(kind, job)
        self.done[kind] = (job, result)
        return result

    def put(self, files: Mapping[str, bytes]) -> None:
        self.runner.put(files)


Measured = tuple[ProfileTask, ProfileReport, Recorder]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    task = make_task(INT8)
    recorder = Recorder(RunnerProcess(Path(sys.executable), tmp_path_factory.mktemp("profile"), lambda _: None))
    return task, measure(recorder, task, QUICK), recorder


def test_every_operator_is_timed_once_and_counted(measured: Measured) -> None:
    task, report, recorder = measured
    works = count_per_operator(read(INT8.read_bytes(), "golden"))
    assert tuple(one.work for one in report.operators) == works
    assert all(one.us is not None and one.us.low is not None and not one.untimed for one in report.operators)
    assert min(report.fixed.value, report.whole.value, report.total.value, report.of_whole.value) > 0
    assert [peak.arithmetic for peak in report.peaks] == ["float32", "int8"]
    assert all(peak.gmacs > 0 for peak in report.peaks)
    _, result = recorder.done["profile"]
    assert len(result["timed"]) == len(task.files) == 4 + len(works)
    assert all(window["rounds"] >= 10 for window in result["windows"])


def test_what_xnnpack_leaves_is_told_with_what_it_would_take(measured: Measured) -> None:
    """LiteRT's XNNPACK has no SOFTMAX in int8; that it has one in float32 is tried, not known."""
    runs = {one.work.kind: one.delegation for one in measured[1].operators}
    assert [kind for kind, one in runs.items() if not one.runs] == ["SOFTMAX"]
    assert re.fullmatch(r"XNNPACK of litert [\d.]+ does not take SOFTMAX version 2 in int8", runs["SOFTMAX"].why_not)
    assert runs["SOFTMAX"].would_change == "the same operator in float32"


def altered(flat: bytes, change: Callable[[Any], None]) -> bytes:
    model = schema.unpack(flat)
    change(model)
    return schema.pack(model)


def in_int16(model: Any) -> None:
    for at in (0, 3):
        model.subgraphs[0].tensors[at].type = generated.TensorType.INT16


def with_computed_weights(model: Any) -> None:
    """The weights are an input."""
    model.subgraphs[0].tensors[1].buffer = 0
    model.subgraphs[0].inputs = [0, 1]


def behind_a_computed_size(model: Any) -> None:
    """CAST makes whole numbers of a stored size, RESHAPE reads them."""
    graph = model.subgraphs[0]
    stored = generated.BufferT()
    stored.data = np.frombuffer(np.array(graph.tensors[0].shape, np.float32).tobytes(), np.uint8)
    model.buffers.append(stored)
    for name, shape, kind in (
        ("real", [2], "FLOAT32"),
        ("size", [2], "INT32"),
        ("flat", graph.tensors[0].shape, "FLOAT32"),
    ):
        tensor = generated.TensorT()
        tensor.name, tensor.shape = name.encode(), np.array(shape, np.int32)
        tensor.type = getattr(generated.TensorType, kind)
        graph.tensors.append(tensor)
    graph.tensors[4].buffer = len(model.buffers) - 1
    before = []
    for kind, inputs, output in (("CAST", [4], 5), ("RESHAPE", [0, 5], 6)):
        code, operator = generated.OperatorCodeT(), generated.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(generated.BuiltinOperator, kind)
        code.version = 1
        model.operatorCodes.append(code)
        operator.opcodeIndex, operator.inputs, operator.outputs = len(model.operatorCodes) - 1, inputs, [output]
        before.append(operator)
    graph.operators[0].inputs = [6, 1, 2]
    graph.operators = [*before, graph.operators[0]]


STORED = (r" in float32, for a parameter of it is computed, not stored$", "storing that parameter as a constant")


@pytest.mark.parametrize(
    ("arithmetic", "change", "index", "why", "cure"),
    [
        (
            "int8",
            in_int16,
            0,
            r"does not take FULLY_CONNECTED version 4 in int16$",
            "the same operator in int8 or float32",
        ),
        ("float32", with_computed_weights, 0, *STORED),
        ("float32", behind_a_computed_size, 1, *STORED),
        ("float32", behind_a_computed_size, 0, r"does not take CAST version 1 in float32 nor in int8$", ""),
    ],
)
def test_causes_are_found_by_trying(
    arithmetic: Any, change: Callable[[Any], None], index: int, why: str, cure: str, tmp_path: Path
) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(altered(make_product(arithmetic), change))
    report = profile_here(make_task(path), ProfileSettings(windows=1, window_s=0.01), lambda _: None)
    found = report.operators[index].delegation
    assert found.runs is False
    assert re.search(why, found.why_not), found
    assert found.would_change == cure


def test_runtimes_without_xnnpack_are_the_cause_themselves() -> None:
    contents, parts = read(INT8.read_bytes(), "golden"), cut(INT8.read_bytes())

    def told(taken: list[int] | None, float32: bool, int8: bool, alone: bool = False) -> tuple[bool | None, str]:
        asked = Asked("old 1.0", taken, {"float32": float32, "int8": int8}, {})
        found = explain(asked, contents, parts[0], alone)
        return found.runs, found.why_not

    assert told(None, True, True) == (None, "")
    assert told([0], False, False) == (True, "")
    assert told([], False, False) == (False, "old 1.0 runs nothing with XNNPACK on this machine")
    assert told([], True, False) == (False, "old 1.0 gives XNNPACK no int8 operators")
    assert told([], True, True, True) == (False, "alone XNNPACK takes this CONV_2D, inside the net it does not")
    assert told([], True, True)[1].endswith("CONV_2D version 3 in int8; what would change that could not be tried")


def replayed(measured: Measured, medians_us: list[list[float]], voids: list[str | None]) -> ProfileReport:
    """The report, had each window found these medians: whole, nothing, products, then the operators."""
    task, _, recorder = measured
    result = copy.deepcopy(recorder.done["profile"][1])
    for window, us, void in zip(result["windows"], medians_us, voids, strict=True):
        window |= {"median_ns": [1000 * one for one in us], "void": void}
    return make_report(task.subject, task.places, result, {}, 0.5)


def test_times_shares_and_rates_are_worked_out_right(measured: Measured) -> None:
    one = [10.0, 1.0, MACS / 20_000, MACS / 40_000, 5.0, 1.0, 3.0, 2.0]
    void = [one, [2 * us for us in one], one]
    report = replayed(measured, void, [None, "throttled", None])
    conv, reshape, dense, softmax = report.operators
    assert (report.whole.value, report.fixed.value, report.total.value, report.of_whole.value) == (10, 1, 8, 0.8)
    assert (report.valid_windows, report.void_reasons) == (2, ("throttled",))
    assert [each.us and each.us.value for each in report.operators] == [4, 0, 2, 1]
    assert [each.share for each in report.operators] == [0.4, 0, 0.2, 0.1]
    assert conv.gmacs == pytest.approx(3200 / 4 / 1000)
    assert (reshape.gmacs, softmax.gmacs) == (None, None)
    assert [(peak.arithmetic, round(peak.gmacs, 6)) for peak in report.peaks] == [("float32", 20), ("int8", 40)]
    assert dense.of_peak == pytest.approx(1280 / 2 / 1000 / 40)
    assert report.whole.low is None, "two windows are too few for an interval"
    assert replayed(measured, void, ["hot"] * 3).valid_windows == 0


def test_the_peak_is_that_of_an_operator_where_one_is_faster(measured: Measured) -> None:
    slow = [10.0, 0.01, 1e6, 1e6, 0.11, 0.01, 1.0, 1.0]
    float32, int8 = replayed(measured, [slow] * 3, [None] * 3).peaks
    assert int8.basis == "the fastest operator, #0 CONV_2D"
    assert int8.gmacs == pytest.approx(32)
    assert float32.basis.startswith("a dense matrix product")


def test_an_interval_is_that_of_the_windows() -> None:
    value, low, high = median_and_interval(np.array([1.0, 2, 3, 4, 100]))
    assert (value, low) == (3, 1)
    assert high is not None
    assert 4 <= high <= 100
    assert median_and_interval(np.array([5.0, 7.0])) == (6, None, None)


def test_variants_are_whole_files_of_the_kind_they_say() -> None:
    variants = dict(list_variants(make_product("int8")))
    assert set(variants) == {"float32"}
    changed = read(variants["float32"], "variant").operators[0]
    assert {*changed.input_dtypes, *changed.output_dtypes} == {"FLOAT32"}
    assert set(dict(list_variants(make_product("float32")))) == {"int8"}


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("timed", [0, 1], "timed: found"),
        ("files.0.reason", "broken", "timed: found"),
        ("files.0.taken", ["x"], "files[0].taken[0]: found 'x'"),
        ("windows.0.median_ns", [1.0], "windows[0].median_ns: found 1, 8 were timed"),
        ("windows", [], "windows: found []"),
        ("environment.instruction_sets", "avx2", "environment.instruction_sets: found 'avx2'"),
    ],
)
def test_an_altered_result_is_refused(measured: Measured, place: str, value: Any, said: str) -> None:
    job, result = measured[2].done["profile"]
    assert check_result(result, "profile", job=job) == result
    with pytest.raises(InputError, match=re.escape(said)):
        check_result(change(result, place, value), "profile", job=job)
    with pytest.raises(InputError, match=r"is of 8 files, the job asked for 1; measure again"):
        check_result(result, "profile", job={"files": ["one"]})


def test_what_can_not_be_profiled_is_one_sentence(tmp_path: Path) -> None:
    text = tmp_path / "notes.tflite"
    text.write_text("these are no operators at all, but a text")
    with pytest.raises(TfliteError, match=r"notes\.tflite: "):
        make_task(text)
    with pytest.raises(TfliteError, match=r"no such file; give a \.tflite file, or the folder of an artifact"):
        make_task(tmp_path / "nowhere")
    deadly = tmp_path / "deadly.tflite"
    deadly.write_bytes(altered(INT8.read_bytes(), recursive))
    with pytest.raises(TfliteError, match=r"^deadly\.tflite: the interpreter was ended by SIGSEGV of it; try another"):
        profile_here(make_task(deadly), QUICK, lambda _: None)


def test_a_file_that_kills_the_interpreter_is_told_and_the_rest_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "fakes" / "ai_edge_litert"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("__version__ = '9.9'")
    (package / "interpreter.py").write_text(FRAIL)
    monkeypatch.syspath_prepend(tmp_path / "fakes")
    found = try_files("litert", [tmp_path / name for name in ("a", "deadly", "b", "wrong", "deadly", "c")])
    assert [(one.died, one.reason) for one in found] == [
        (False, ""),
        (True, "the interpreter was ended by SIGILL"),
        (False, ""),
        (False, "wrong: litert 9.9 can't run it: no"),
        (True, "the interpreter was ended by SIGILL"),
        (False, ""),
    ]


FRAIL = """
import os, signal
class Interpreter:
    def __init__(self, model_path, num_threads):
        if model_path.endswith("deadly"):
            os.kill(os.getpid(), signal.SIGILL)
        if model_path.endswith("wrong"):
            raise ValueError("no")
    def allocate_tensors(self): pass
    def get_input_details(self): return []
    def invoke(self): pass
"""


def by_hand(folder: Path, *arguments: Any) -> subprocess.CompletedProcess[str]:
    """The runner's own program, with all that is not NumPy and an interpreter out of reach."""
    runner = folder / "runner.pyz"
    runner.write_bytes(build_runner())
    command = [sys.executable, "-c", WALL, runner, "profile", *arguments]
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=120, cwd=folder)


def test_the_runner_profiles_by_hand_what_the_host_prepared(tmp_path: Path) -> None:
    write_parts(make_task(INT8), QUICK, tmp_path / "parts")
    done = by_hand(tmp_path, "parts", "--windows", 3, "--window", 0.02, "--out", "r.json")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.match(r"#0 CONV_2D: [\d.]+ us \([\d.]+ to [\d.]+\), [\d.]+ % of the whole", lines[0])
    assert lines[3].endswith("not by XNNPACK, which would take: the same operator in float32")
    assert lines[4].startswith("the whole: ")
    kept = json.loads((tmp_path / "r.json").read_text())
    assert kept["tries"] == {"3": ["the same operator in float32"]}
    assert (kept["kind"], len(kept["windows"])) == ("profile", 3)


def test_a_folder_without_parts_is_one_sentence(tmp_path: Path) -> None:
    done = by_hand(tmp_path, tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "holds no profile.json; fill it on the host with edgedigits profile F.tflite --parts FOLDER" in done.stderr
    (tmp_path / "profile.json").write_text('{"operators": [{"index": 0}]}')
    done = by_hand(tmp_path, tmp_path)
    assert done.returncode == 2
    assert done.stderr.strip().endswith("operators[0].kind is missing; fill the folder again")


def test_a_summary_says_what_is_void(measured: Measured) -> None:
    task, _, recorder = measured
    result = copy.deepcopy(recorder.done["profile"][1])
    result["windows"][0]["void"] = "throttled"
    told = [
        {"index": work.index, "kind": work.kind, "macs": work.macs, "multiplied_as": "int8", "file": place}
        for work, place in zip(task.subject.works, task.places, strict=True)
    ]
    lines = summary({**make_job(task, QUICK), "operators": told}, result, {})
    assert lines[-1] == "1 of 3 windows void: throttled"
    assert lines[3].endswith("not by XNNPACK")


def test_a_job_must_name_every_file(tmp_path: Path) -> None:
    job = {"schema": 1, "kind": "profile", "runtime": "litert", "files": ["a", "b"], "names": ["a"], "alone": [1]}
    (tmp_path / "job.json").write_text(json.dumps(job))
    with pytest.raises(RunnerError, match=r"names: found \['a'\]; give one for each of the 2 files"):
        run_job(tmp_path / "job.json", print)


def test_no_host_is_one_sentence() -> None:
    with pytest.raises(ed.DeviceError, match="nothing listens on port"):
        ed.profile(INT8, host="pi@127.0.0.1", port=free_port(), progress=False)
    with pytest.raises(ed.InputError, match=r"port=: is about a device; say which one with host="):
        ed.profile(INT8, port=22, progress=False)


def test_what_people_see(measured: Measured) -> None:
    found = ed.Profile(measured[1], "pi@pi4")
    text = " ".join(str(found).split())
    assert f"{INT8} on pi@pi4: " in text
    assert "#3 (" in text
    assert "What XNNPACK would take: the same operator in float32." in text
    assert "Peak in float32, which this net does not use: " in text
    frame = found.to_frame()
    assert list(frame["kind"]) == ["CONV_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX"]
    assert {"us", "us_low", "us_high", "share", "gmacs_per_s", "of_peak", "why_not"} <= set(frame.columns)
