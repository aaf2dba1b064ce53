"""The host's side of the benchmark: subprocesses, environments, the report."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from edgedigits_runner import SCHEMA
from rich.console import Console

from edgedigits.api.render.bench import render, to_json, word_ratio
from edgedigits.data.images import ArrayImages
from edgedigits.errors import DataError, EdgeDigitsError, InputError, TfliteError
from edgedigits.measure.bench import BenchSettings, Contestant, Runner, bench, describe_model, measure, measure_together
from edgedigits.measure.bench_result import Report
from edgedigits.measure.local_runner import RunnerProcess
from edgedigits.measure.runtimes import environments
from edgedigits.tasks.class_recalls import count_by_class
from edgedigits.tasks.differences import tell_mcnemar
from edgedigits.tasks.statistics import Paired
from tests import tiny_tflite

Tiny = dict[str, Path]
QUICK = BenchSettings(windows=2, window_s=0.02, probes=1)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return tiny_tflite.make_all(tmp_path_factory.mktemp("tiny"))


class Recorder:
    """A runner that keeps the jobs it did and their results."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.done: list[tuple[str, dict[str, Any], dict[str, Any]]] = []

    def run(self, kind: str, job: dict[str, Any]) -> dict[str, Any]:
        result = self.runner.run(kind, job)
        self.done.append((kind, job, result))
        return result

    def put(self, files: Mapping[str, bytes]) -> None:
        self.runner.put(files)

    def of(self, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
        return next((job, result) for done, job, result in self.done if done == kind)


class Replayed:
    """A runner that answers with results it was given, one per kind."""

    def __init__(self, results: dict[str, dict[str, Any]]) -> None:
        self.results = results

    def run(self, kind: str, job: dict[str, Any]) -> dict[str, Any]:
        return {"files": [{"ns": 900.0, "reason": ""}]} if kind == "timings" else self.results[kind]

    def put(self, files: Mapping[str, bytes]) -> None:
        """Needs none."""


@pytest.fixture(scope="session")
def contestants(tiny: Tiny) -> list[Contestant]:
    return [Contestant("float32", tiny["float32"]), Contestant("int8", tiny["int8"])]


Measured = tuple[Report, Recorder]


@pytest.fixture(scope="session")
def measured(tiny: Tiny, contestants: list[Contestant], tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """(the report, the runner that did its jobs)"""
    settings = BenchSettings(threads=(1, 2), windows=3, window_s=0.02, probes=1, cold=True)
    recorder = Recorder(RunnerProcess(Path(sys.executable), tmp_path_factory.mktemp("runner"), lambda _: None))
    models = [describe_model(one) for one in contestants]
    return measure(recorder, models, str(tiny["eval"]), contestants, settings), recorder


@pytest.fixture(scope="session")
def report(measured: Measured) -> Report:
    return measured[0]


def test_report_holds_together(report: Report) -> None:
    assert report.baseline is not None
    assert report.comparison is not None
    assert report.baseline.right == tiny_tflite.COUNT - 20
    paired = report.comparison.paired
    assert report.images == paired.images == tiny_tflite.COUNT
    assert paired.both + paired.only_baseline == report.baseline.right
    assert paired.both + paired.only_compressed == report.compressed.right
    assert paired.difference_points == pytest.approx(
        100 * (report.compressed.accuracy.value - report.baseline.accuracy.value)
    )
    for at, speedup in enumerate(report.comparison.speedups):
        slow, fast = report.baseline.latencies[at], report.compressed.latencies[at]
        assert speedup.threads == slow.threads == fast.threads == at + 1
        rounds = zip(slow.window_p50_us, fast.window_p50_us, strict=True)
        assert slow.valid_windows in range(1, 3) or speedup.ratio.value == pytest.approx(
            np.median([a / b for a, b in rounds])
        )
        assert speedup.ratio.low <= speedup.ratio.value <= speedup.ratio.high


def test_latency_is_ordered_and_memory_is_one_models(report: Report) -> None:
    for model in report.models:
        assert model.gzip_bytes > 0
        assert model.raw_bytes == os.path.getsize(model.path)  # noqa: PTH202
        assert model.accuracy.low < model.accuracy.value < model.accuracy.high
        for found in model.latencies:
            assert 0 < found.p50_us <= found.p90_us <= found.p99_us
            assert found.p50_us <= found.call_p50_us
            assert found.first_us > 0
            assert found.load_ms > 0
            assert 5 < found.peak_memory_mib < 150
            assert found.added_memory_mib is not None
            assert found.steady_memory_mib is not None
            assert 0 <= found.added_memory_mib < 50
            assert found.steady_memory_mib <= found.peak_memory_mib
            assert 0 < found.per_second < 1e6 / found.p50_us * 1.5
            assert len(found.window_p50_us) == 3
            assert found.laps >= 30


def test_report_keeps_the_answers_to_pair_image_by_image(report: Report, tiny: Tiny) -> None:
    np.testing.assert_array_equal(report.labels, np.load(tiny["eval"])["labels"])
    assert set(report.answers) == {"float32", "int8"}
    for model in report.models:
        assert (report.answers[model.name] == report.labels).sum() == model.right


def test_cold_numbers_come_from_probes_of_their_own(measured: Measured) -> None:
    report, recorder = measured
    probes = [job["cold"] for kind, job, _ in recorder.done if kind == "probe"]
    assert sorted(probes) == [False] * 4 + [True] * 4
    for model in report.models:
        for latency in model.latencies:
            assert latency.cold is not None
            assert latency.cold.load_ms > 0
            assert latency.cold.first_us > 0
            assert latency.cold.resident_share in (0, 1, None)
    text = shown(report)
    assert "cold load" in text
    assert "cold first" in text


def voided(result: dict[str, Any], *places: tuple[int, int, int]) -> dict[str, Any]:
    """A copy in which those windows (threads, model, window) are void."""
    found = copy.deepcopy(result)
    for threads, model, at in places:
        found["latency"][threads]["models"][model]["windows"][at]["void"] = "load from others 34 %"
    return found


def replayed(measured: Measured, contestants: list[Contestant], result: dict[str, Any]) -> Report:
    _, recorder = measured
    probe = next(found for kind, job, found in recorder.done if kind == "probe" and not job["cold"])
    settings = BenchSettings(threads=(1, 2), windows=3, window_s=0.02, probes=1)
    return measure(Replayed({"bench": result, "probe": probe}), [{}, {}], "eval.npz", contestants, settings)


def test_void_windows_are_left_out_with_their_round(measured: Measured, contestants: list[Contestant]) -> None:
    result = measured[1].of("bench")[1]
    usable = voided(result, *((threads, model, at) for threads in (0, 1) for model in (0, 1) for at in range(3)))
    for threads, model, at in ((0, 0, 0), (0, 1, 0), (0, 0, 2), (1, 0, 0), (1, 1, 0), (1, 0, 1), (1, 1, 1)):
        usable["latency"][threads]["models"][model]["windows"][at]["void"] = None
    found = replayed(measured, contestants, usable)
    assert found.baseline is not None
    assert found.comparison is not None
    one, two = found.compressed.latencies
    assert (one.valid_windows, two.valid_windows) == (1, 2)
    assert one.p50_us == one.window_p50_us[0]
    assert two.p50_us == pytest.approx(np.mean(two.window_p50_us[:2]))
    assert one.void_reasons == ("load from others 34 %",) * 2
    assert found.baseline.latencies[0].void_reasons == ("load from others 34 %",)
    for at, speedup in enumerate(found.comparison.speedups):
        slow, fast = (np.array(model.latencies[at].window_p50_us[: at + 1]) for model in found.models)
        assert speedup.ratio.value == pytest.approx(np.median(slow / fast))
        assert speedup.saved_us.value == pytest.approx(np.median(slow - fast))
    text = " ".join(shown(found).split())
    assert "With one thread, 2 of 3 rounds are void and left out (load from others 34 %)." in text
    assert "With 2 threads, 1 of 3 rounds are void" in text


def test_several_take_turns_in_one_run_each_against_the_first(
    measured: Measured, tiny: Tiny, contestants: list[Contestant]
) -> None:
    """The third is the second anew; what was void for it was void for all."""
    _, recorder = measured
    result = copy.deepcopy(recorder.of("bench")[1])
    for one in [result, *result["latency"]]:
        one["models"].append(copy.deepcopy(one["models"][1]))
    for entry in result["latency"]:
        for model in entry["models"]:
            for window in model["windows"]:
                window["void"] = None
        entry["models"][2]["windows"][1]["void"] = "load from others 34 %"
    three = [*contestants, replace(contestants[1], name="again")]
    models = [describe_model(one) for one in three]
    runner = Recorder(Replayed({"bench": result, "probe": recorder.of("probe")[1]}))
    first, second = measure_together(runner, models, "", three, BenchSettings(windows=3, threads=(1, 2)))
    assert [kind for kind, _, _ in runner.done].count("bench") == 1
    assert [len(job["models"]) for kind, job, _ in runner.done if kind == "bench"] == [3]
    assert (first.compressed.name, second.compressed.name) == ("int8", "again")
    assert first.baseline == second.baseline
    assert first.compressed.latencies == second.compressed.latencies
    assert {one.valid_windows for report in (first, second) for model in report.models for one in model.latencies} == {
        2
    }
    assert first.comparison == second.comparison


def test_where_every_round_is_void_the_numbers_say_so(measured: Measured, contestants: list[Contestant]) -> None:
    result = measured[1].of("bench")[1]
    found = replayed(measured, contestants, voided(result, (0, 0, 0), (0, 1, 1), (0, 0, 2)))
    latency = found.compressed.latencies[0]
    assert latency.valid_windows == 0
    assert latency.p50_us == np.median(latency.window_p50_us)
    assert "every round is void (load from others 34 %): times are shown, but measure again" in shown(found, 200)
    assert to_json(found)["compressed"]["latencies"][0]["valid_windows"] == 0
    assert to_json(found)["compressed"]["latencies"][0]["void_reasons"] == ("load from others 34 %",)
    first, second = to_json(found)["comparison"]["speedups"]
    assert (first["ratio"]["low"], first["ratio"]["high"]) == (None, None)
    assert second["ratio"]["low"] <= second["ratio"]["value"] <= second["ratio"]["high"], "its rounds are valid"
    one, two = (line for line in shown(found, 200).splitlines() if "times as fast" in line)
    assert f"is {first['ratio']['value']:.2f} times as fast by void rounds alone, so without an interval." in one
    assert "(95 % interval " in two


def test_report_is_json(report: Report) -> None:
    assert report.comparison is not None
    found = json.loads(json.dumps(to_json(report), allow_nan=False))
    assert found["schema"] == 2
    assert found["compressed"]["latencies"][1]["threads"] == 2
    assert set(found["comparison"]["paired"]) >= {"both", "only_baseline", "difference_points", "mcnemar_p"}
    by_class = found["comparison"]["classes"]
    assert sum(row["images"] for row in by_class) == report.images
    assert sum(row["only_baseline_right"] for row in by_class) == report.comparison.paired.only_baseline
    assert sum(row["compressed_recall"] * row["images"] for row in by_class) == pytest.approx(report.compressed.right)
    assert found["environment"]["runtime"] == "litert"
    assert found["environment"]["timer_ns"] >= 0
    assert len(found["eval_sha256"]) == 64
    assert found["compressed"]["latencies"][0]["valid_windows"] <= 3
    assert not {"answers", "labels"} & (set(found) | set(found["compressed"]) | set(found["baseline"]))


def shown(report: Report, width: int = 100) -> str:
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    with console.file:
        console.print(render(report))
    return console.export_text()


def test_report_for_people(report: Report) -> None:
    text = shown(report)
    for expected in ("accuracy", "raw bytes", "gzip bytes", "p50, 1 thread", "p50, 2 threads", "p90", "p99", "load"):
        assert expected in text
    assert "against float32" in text
    assert "whole calls a second" in text
    assert "ns of the timer's own" in " ".join(text.split())
    assert "x smaller" in text
    assert "exact McNemar test" in " ".join(text.split())
    assert "95 % interval" in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_class_that_loses_most_is_shown_and_warned_of(report: Report) -> None:
    """As if the compressed model never gave the fourth class."""
    assert report.baseline is not None
    assert report.comparison is not None
    fourth = report.labels == 3
    before = report.baseline.answers == report.labels
    changed = count_by_class(report.labels, before, before & ~fourth)
    worse = dataclasses.replace(
        report,
        comparison=dataclasses.replace(report.comparison, classes=changed),
        classes=("a", "b", "c", "a class whose name is far too long for a table"),
    )
    text = " ".join(shown(worse).split())
    assert "recall, worst class" in text
    assert "points: a class whose nam..." in text
    assert (
        "Warning: one class loses significantly more than the rest of the images: class a class whose name is far too"
        in text
    )
    assert max(map(len, shown(worse).splitlines())) <= 100
    assert "Warning" not in shown(report)


def test_alone_there_is_nothing_to_compare(tiny: Tiny) -> None:
    data = np.load(tiny["eval"])
    lines: list[str] = []
    found = bench(
        Contestant("uint8", tiny["uint8"]), None, ArrayImages(data["images"], data["labels"]), QUICK, lines.append
    )
    assert (found.baseline, found.comparison) == (None, None)
    assert found.compressed.right >= 90
    assert "McNemar" not in shown(found)
    assert to_json(found)["comparison"] is None
    assert any("window 2 of 2" in line for line in lines)


def test_a_model_from_elsewhere(tiny: Tiny) -> None:
    found = bench(Contestant("theirs", tiny["rgb"], "-1..1", (16, 16)), None, tiny["eval"], QUICK)
    assert found.compressed.input["channels"] == 3


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"threads": ()}, "threads: found"),
        ({"threads": (0,)}, "threads: found"),
        ({"threads": (1, 1)}, "different"),
        ({"windows": 0}, "at least 1"),
        ({"warmup_s": 0.4}, "0.5 s"),
        ({"pin": -1}, "--pin -1: give the number of a core"),
    ],
)
def test_settings_that_cannot_be(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        BenchSettings(**changed)


def test_errors_of_the_runner_are_errors_of_the_call(tiny: Tiny, tmp_path: Path) -> None:
    half = tmp_path / "half.tflite"
    half.write_bytes(tiny["int8"].read_bytes()[:2000])
    with pytest.raises(TfliteError, match="not a whole"):
        bench(Contestant("half", half), None, tiny["eval"], QUICK)
    with pytest.raises(TfliteError, match="say --resize 16x16"):
        bench(Contestant("rgb", tiny["rgb"]), None, tiny["eval"], QUICK)
    with pytest.raises(TfliteError, match="can't be read"):
        bench(Contestant("none", tmp_path / "none.tflite"), None, tiny["eval"], QUICK)
    with pytest.raises(DataError, match="not a readable"):
        bench(Contestant("int8", tiny["int8"]), None, half, QUICK)
    with pytest.raises(InputError, match=r"--scale: found '0\.\.2'; choose from 0\.\.1"):
        bench(Contestant("int8", tiny["int8"], "0..2"), None, tiny["eval"], QUICK)


def fake_python(folder: Path, script: str) -> Path:
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_a_crash_is_said_plainly(tmp_path: Path) -> None:
    python = fake_python(tmp_path, "echo window 3; echo INFO: hello >&2; kill -SEGV $$")
    with pytest.raises(EdgeDigitsError, match="ended by SIGSEGV while at: window 3; the interpreter crashed") as caught:
        RunnerProcess(python, tmp_path, lambda _: None).run("probe", {})
    assert "INFO" not in str(caught.value)
    python = fake_python(tmp_path, "echo Traceback >&2; echo 'OSError: disk' >&2; exit 1")
    with pytest.raises(EdgeDigitsError, match=r"exit code 1 and no result.* last words: OSError: disk"):
        RunnerProcess(python, tmp_path, lambda _: None).run("probe", {})


def test_an_older_runner_is_noticed(tmp_path: Path) -> None:
    python = fake_python(tmp_path, f"""echo '{{"schema": {SCHEMA + 1}, "kind": "probe"}}' > result.json""")
    with pytest.raises(InputError, match="schema 2, 1 is understood; use a runner and an edgedigits of one version"):
        RunnerProcess(python, tmp_path, lambda _: None).run("probe", {})


def test_a_result_that_is_no_json_is_said(tmp_path: Path) -> None:
    python = fake_python(tmp_path, "echo half > result.json")
    with pytest.raises(EdgeDigitsError, match="the runner's result is not JSON"):
        RunnerProcess(python, tmp_path, lambda _: None).run("probe", {})


def test_a_core_that_is_not_there_is_said(tiny: Tiny) -> None:
    with pytest.raises(InputError, match="pin: found core 4000, which this process can't use; choose from"):
        bench(Contestant("int8", tiny["int8"]), None, tiny["eval"], BenchSettings(windows=1, window_s=0.02, pin=4000))


def test_interrupting_ends_the_runner(tmp_path: Path) -> None:
    python = fake_python(tmp_path, "echo $$; exec sleep 60")
    pids: list[int] = []

    def interrupt(line: str) -> NoReturn:
        pids.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        RunnerProcess(python, tmp_path, interrupt).run("probe", {})
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_the_runner_sees_only_its_own_folder(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "numpy.py").write_text("raise ImportError('the wrong numpy')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.chdir(tmp_path)
    assert bench(Contestant("int8", tiny["int8"]), None, tiny["eval"], QUICK).images == tiny_tflite.COUNT
    assert not {"PYTHONPATH", "OMP_NUM_THREADS", "PYTHONWARNINGS"} & set(environments.clean_environment())


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (21.04, "21.0x faster"),
        (0.5, "2.00x slower"),
        (1.001, "the same"),
        (0.9999, "the same"),
        (2390.4, "2,390x faster"),
    ],
)
def test_times(ratio: float, said: str) -> None:
    assert word_ratio(ratio, ("faster", "slower")) == said


def test_mcnemar_in_plain_words() -> None:
    said = tell_mcnemar(Paired(9_900, 12, 9, 79), "float", "int8")
    assert said.startswith(
        "The difference of -0.03 points is not significant: 9,900 images both got right, 12 only float"
    )
    assert "p = 0.66" in said
    assert "is significant" in tell_mcnemar(Paired(9_000, 200, 100, 700), "float", "int8")
    assert "p < 0.001" in tell_mcnemar(Paired(9_000, 200, 100, 700), "float", "int8")


def test_each_runtime_has_its_python() -> None:
    for name in ("auto", "litert", "tensorflow"):
        assert str(environments.find_python_for(name, print)) == sys.executable
    with pytest.raises(InputError, match="--runtime onnx: unknown; choose from auto, litert"):
        environments.find_python_for("onnx", print)


def test_newer_pythons_look_for_an_older_one_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("shims", "real"):
        (tmp_path / name).mkdir()
    (tmp_path / "shims" / "python3.11").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "shims" / "python3.11").chmod(0o755)
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    monkeypatch.setenv("PATH", str(tmp_path / "shims"))
    with pytest.raises(InputError, match=r"Python 3\.9 to 3\.11 only.*or use --runtime litert"):
        environments.find_python("tflite-runtime")
    (tmp_path / "real" / "python3.11").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "real" / "python3.11").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'shims'}{os.pathsep}{tmp_path / 'real'}")
    assert environments.find_python("tflite-runtime") == (tmp_path / "real" / "python3.11", (3, 11))


def test_no_environment_is_left_half_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in makes a venv whose pip can't reach its index."""
    pip = 'echo "ERROR: No matching distribution found for tflite-runtime" >&2; exit 1'
    base = fake_python(
        tmp_path, f"mkdir -p $3/bin; printf '#!/bin/sh\\n{pip}\\n' > $3/bin/python; chmod +x $3/bin/python"
    )
    monkeypatch.setenv("EDGEDIGITS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(environments, "find_python", lambda _: (base, (3, 11)))
    lines: list[str] = []
    with pytest.raises(
        InputError, match=r"No matching distribution.*package index can be reached, or use --runtime litert"
    ):
        environments.find_python_for("tflite-runtime", lines.append)
    assert list((tmp_path / "cache" / "runtimes").iterdir()) == []
    assert "once, in" in lines[0]


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EDGEDIGITS_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(environments, "find_python", lambda _: (tmp_path, (3, 11)))
    with pytest.raises(InputError, match="EDGEDIGITS_CACHE"):
        environments.find_python_for("tflite-runtime", print)


@pytest.mark.network
@pytest.mark.skipif(os.environ.get("EDGEDIGITS_TEST_NETWORK") != "1", reason="set EDGEDIGITS_TEST_NETWORK=1")
def test_tflite_runtime_gets_its_environment_once(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEDIGITS_CACHE", str(tmp_path))
    lines: list[str] = []
    python = environments.find_python_for("tflite-runtime", lines.append)
    assert len(lines) == 2
    assert environments.find_python_for("tflite-runtime", lines.append) == python
    assert len(lines) == 2
    said = subprocess.run([python, "-c", "import numpy; print(numpy.__version__)"], capture_output=True, text=True)
    assert said.stdout.startswith("1.")
    settings = BenchSettings(runtime="tflite-runtime", windows=2, window_s=0.02, probes=1)
    found = bench(Contestant("int8", tiny["int8"]), Contestant("float32", tiny["float32"]), tiny["eval"], settings)
    assert found.environment["runtime_version"] == "2.14.0"
    assert found.environment["numpy"] == "1.26.4"
