"""Results of the device runner that were altered, cut short, or written by another version."""

from __future__ import annotations

import copy
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edgedigits_runner.arrays import encode

from edgedigits.errors import DataError, InputError, TfliteError
from edgedigits.measure.local_runner import RunnerProcess
from edgedigits.measure.result_check import check_result, read_result

GOLDEN = Path(__file__).parent / "golden" / "int8.tflite"
MODEL: dict[str, Any] = {"name": "m", "path": str(GOLDEN), "sha256": hashlib.sha256(GOLDEN.read_bytes()).hexdigest()}
MODEL |= {"scale": "0..1", "resize": None}
COUNT = 12
Done = dict[str, tuple[dict[str, Any], dict[str, Any]]]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """(job, result) by kind, from the runner itself."""
    folder = tmp_path_factory.mktemp("results")
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 8, 8, 1), np.uint8)
    np.savez(folder / "eval.npz", images=images, labels=np.arange(COUNT, dtype=np.int32) % 10)
    runner = RunnerProcess(Path(sys.executable), folder, lambda _: None)
    evaluate = {"runtime": "litert", "models": [MODEL, MODEL], "eval": "eval.npz", "threads": 1}
    probe = {"runtime": "litert", "model": MODEL, "threads": 1, "image_shape": [8, 8, 1]}
    windows = {"threads": [1], "windows": 2, "window_s": 0.01, "warmup_s": 0.5}
    jobs = {"bench": evaluate | windows, "evaluate": evaluate, "probe": probe}
    return {kind: (job, runner.run(kind, job)) for kind, job in jobs.items()}


def change(result: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """A copy with another value at a place like "models.0.answers.right"; ... takes the key out."""
    found = copy.deepcopy(result)
    last: Any
    *way, last = (int(step) if step.isdigit() else step for step in place.split("."))
    target: Any = found
    for step in way:
        target = target[step]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return found


@pytest.mark.parametrize("kind", ["bench", "evaluate", "probe"])
def test_what_the_runner_writes_passes(done: Done, kind: str, tmp_path: Path) -> None:
    job, result = done[kind]
    assert check_result(result, kind, job=job) == result
    (tmp_path / "result.json").write_text(json.dumps(result))
    assert read_result(tmp_path / "result.json") == result


FLOATS = np.zeros(COUNT, np.float32)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("schema", 3, "is of schema 3, 1 and 2 are understood; use a runner and an edgedigits of one version"),
        ("kind", "probe", "kind: found 'probe', 'bench' was expected"),
        ("labels", ..., "labels: missing"),
        ("surprise", 1, "surprise: unknown"),
        ("eval_sha256", "A" * 64, "eval_sha256: found 'AAA"),
        ("image_shape", [8, 8], "image_shape: found [8, 8]"),
        ("models", [], "models: found [], a list was expected"),
        ("models.0", "m", "models[0]: found 'm', an object was expected"),
        ("environment.cpus", 0, "environment.cpus: found 0"),
        ("environment.timer_ns", ..., "environment.timer_ns: missing"),
        ("environment.load_average", [1, 2, float("nan")], "environment.load_average[2]: found nan"),
        ("labels.zlib_base64", "eJz7", "labels: does not decode"),
        ("labels.shape", [COUNT + 1], "labels: does not decode"),
        ("labels", encode(np.full(COUNT, -1, np.int32)), "labels: some are negative"),
        ("labels", encode(FLOATS), "labels: found float32 [12], int32 [n] was expected"),
        ("labels", encode(np.zeros(0, np.int32)), "labels: found int32 [0]"),
        ("models.1.answers.class", encode(np.zeros(3, np.int32)), "found int32 [3], int32 [12] was expected"),
        ("models.1.answers.runner_up", encode(np.full(COUNT, 10, np.int32)), "some are not of the model's 10 classes"),
        ("models.1.answers.score", encode(FLOATS * np.nan), "some are not finite"),
        ("models.1.answers.right", COUNT + 5, "right: found 17, the answers say"),
        ("latency.0.models.1.name", "othe", "not the models that the accuracy is of"),
        ("latency.0.models.1.windows.0", ..., "models[1].windows: found 1, elsewhere 2"),
        ("latency.0.models.0.windows.1.laps_ns", encode(FLOATS), "laps_ns: found float32"),
        ("latency.0.models.0.windows.1.void", True, "windows[1].void: found True"),
        ("latency.0.models.0.windows.1.load", 1.5, "load: found 1.5"),
        ("latency.0.models.0.windows.1.before.throttled", "0x0", "before.throttled: found '0x0'"),
        ("latency.0.models.0.windows.1.after.celsius", {"cpu": "hot"}, "after.celsius.cpu: found 'hot'"),
    ],
)
def test_an_altered_result_is_refused_in_one_sentence(done: Done, place: str, value: Any, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)) as caught:
        check_result(change(done["bench"][1], place, value), "bench", "pi/result.json")
    assert str(caught.value).startswith("pi/result.json")
    assert "\n" not in str(caught.value)


def test_a_text_that_unpacks_to_more_than_its_shape_is_refused(done: Done) -> None:
    bomb = encode(np.zeros(50_000_000, np.uint8)) | {"dtype": "<i4", "shape": [COUNT]}
    with pytest.raises(InputError, match="labels: does not decode"):
        check_result(change(done["bench"][1], "labels", bomb), "bench")


def test_the_result_of_other_models_is_refused(done: Done) -> None:
    for kind, place in (("bench", "models.1.sha256"), ("evaluate", "models.0.sha256"), ("probe", "model_sha256")):
        job, result = done[kind]
        with pytest.raises(
            InputError, match=f"is of other models .*{'0' * 64}.* than the job asked for .*{MODEL['sha256']}"
        ):
            check_result(change(result, place, "0" * 64), kind, job=job)


def test_the_result_for_other_threads_is_refused(done: Done) -> None:
    job, result = done["bench"]
    with pytest.raises(InputError, match=r"latency: not for \[1, 2\] threads"):
        check_result(result, "bench", job=job | {"threads": [1, 2]})


def test_errors_of_the_runner_keep_their_kind() -> None:
    for kind, error in (("model", TfliteError), ("data", DataError), ("job", InputError), ("new", InputError)):
        with pytest.raises(error, match="said so") as caught:
            check_result({"schema": 1, "kind": "bench", "error": {"kind": kind, "message": "said so"}}, "bench")
        assert type(caught.value) is error
    with pytest.raises(InputError, match="error: found 5"):
        check_result({"schema": 1, "kind": "bench", "error": 5}, "bench")


@pytest.mark.parametrize("text", ["", "[1, 2", "[]", "5", '{"schema": 1}', '{"schema": 1, "kind": ["bench"]}'])
def test_files_that_are_no_results(tmp_path: Path, text: str) -> None:
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(InputError) as caught:
        read_result(tmp_path / "result.json")
    assert str(caught.value).startswith(str(tmp_path / "result.json"))
    with pytest.raises(InputError, match=r"none\.json: not a readable result"):
        read_result(tmp_path / "none.json")


def test_a_bench_by_hand_carries_its_probes(done: Done) -> None:
    result = done["bench"][1] | {"probes": [{"name": "m", **done["probe"][1]}]}
    assert check_result(result, "bench") == result
    with pytest.raises(InputError, match="peak_kib: found 'much'"):
        check_result(change(result, "probes.0.peak_kib", "much"), "bench")
