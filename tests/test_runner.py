"""The device runner: real files, a real interpreter, mostly as a subprocess."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from edgedigits_runner.arrays import decode, encode, encode_ns
from edgedigits_runner.bench import rotated
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.evaluation import judged, read_evaluation
from edgedigits_runner.forms import InputForm, input_form, open_shape, output_form
from edgedigits_runner.interpreters import Runtime, load_runtime, plain_errors
from edgedigits_runner.model_file import ModelFile
from edgedigits_runner.preprocess import prepare, prepared_chunks, resized, with_channels
from edgedigits_runner.session import classify, open_session
from edgedigits_runner.tasks import CLASSIFICATION

from edgedigits.backend import tf
from edgedigits.data.scale import SCALES, Scale, parse_scaling, scale_pixels
from edgedigits.measure.local_runner import find_runner_package
from tests import tiny_tflite

Tiny = dict[str, Path]
DEVICE = find_runner_package().parent

# What may be imported by a run besides the standard library.
ALLOWED = {"edgedigits_runner", "numpy", "ai_edge_litert", "flatbuffers", "_distutils_hack"}
WALL = """
import runpy, sys
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"tensorflow", "tf_keras", "keras", "pandas", "cv2", "edgedigits", "scipy", "click"}:
            raise ImportError(name + " is behind the wall")
sys.meta_path.insert(0, Wall())
try:
    runpy.run_module("edgedigits_runner", run_name="__main__", alter_sys=True)
finally:
    print("ROOTS", *{name.split(".")[0] for name in sys.modules})
"""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return tiny_tflite.make_all(tmp_path_factory.mktemp("tiny"))


def entry(path: Path, /, scale: Scale = "0..1", resize: list[int] | None = None, **changed: object) -> dict[str, Any]:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"name": path.stem, "path": str(path), "sha256": found, "scale": scale, "resize": resize} | changed


def bench_job(models: list[dict[str, Any]], eval_path: Path | str, /, **changed: Any) -> dict[str, Any]:
    job = {"schema": 1, "kind": "bench", "runtime": "litert", "models": models, "eval": str(eval_path)}
    return job | {"threads": [1], "windows": 2, "window_s": 0.02, "warmup_s": 0.5} | changed


def probe_job(model: dict[str, Any], **changed: Any) -> dict[str, Any]:
    job = {"schema": 1, "kind": "probe", "runtime": "litert", "model": model}
    return job | {"threads": 1, "image_shape": [8, 8, 1]} | changed


def run(
    folder: Path, job: Any, command: tuple[str, ...] = ("-m", "edgedigits_runner"), python: str = sys.executable
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    (folder / "job.json").write_text(json.dumps(job))
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    arguments = [python, *command, "job", "job.json", "result.json"]
    done = subprocess.run(
        arguments,
        cwd=folder,
        env=environment | {"PYTHONPATH": str(DEVICE)},
        capture_output=True,
        text=True,
        check=False,
    )
    result = folder / "result.json"
    return done, json.loads(result.read_text()) if result.exists() else {}


def failed(folder: Path, job: Any) -> tuple[str, str]:
    done, result = run(folder, job)
    assert done.returncode == 2
    assert json.loads(done.stderr.splitlines()[-1]) == result["error"]
    assert set(result) == {"schema", "kind", "error"}
    return result["error"]["kind"], result["error"]["message"]


def litert_answers(path: Path | str, tensors: np.ndarray) -> np.ndarray:
    """The independent way: the interpreter by hand."""
    from ai_edge_litert.interpreter import Interpreter

    net = Interpreter(model_path=str(path), num_threads=1)
    net.resize_tensor_input(0, [1, *tensors.shape[1:]])
    net.allocate_tensors()
    source, sink = net.get_input_details()[0], net.get_output_details()[0]
    answers = []
    for tensor in tensors:
        net.set_tensor(source["index"], tensor[None])
        net.invoke()
        answers.append(net.get_tensor(sink["index"])[0].argmax())
    return np.array(answers)


def test_bench_says_what_is_right_and_how_long_it_took(tiny: Tiny, tmp_path: Path) -> None:
    models = [entry(tiny["float32"]), entry(tiny["int8"]), entry(tiny["uint8"])]
    done, result = run(tmp_path, bench_job(models, tiny["eval"], threads=[1, 2]))
    assert done.returncode == 0, done.stderr
    about = {"schema", "kind", "environment", "pin", "eval_sha256", "labels", "image_shape"}
    assert set(result) == about | {"models", "latency"}
    assert result["eval_sha256"] == hashlib.sha256(tiny["eval"].read_bytes()).hexdigest()
    assert result["schema"] == 2
    assert result["image_shape"] == [8, 8, 1]
    assert result["environment"]["runtime"] == "litert"
    data = np.load(tiny["eval"])
    quantized = np.rint(data["images"] / 255 / result["models"][1]["input"]["step"])
    for model, tensors in zip(
        result["models"],
        (data["images"].astype("float32") / 255, (quantized - 128).astype(np.int8), quantized.astype(np.uint8)),
        strict=True,
    ):
        answers = litert_answers(next(one["path"] for one in models if one["name"] == model["name"]), tensors)
        np.testing.assert_array_equal(decode(model["answers"]["class"]), answers)
        assert model["answers"]["right"] == (answers == data["labels"]).sum()
    assert result["models"][0]["answers"]["right"] == tiny_tflite.COUNT - 20
    assert [latency["threads"] for latency in result["latency"]] == [1, 2]
    for latency in result["latency"]:
        assert [model["name"] for model in latency["models"]] == [model["name"] for model in models]
        for window in (window for model in latency["models"] for window in model["windows"]):
            laps = decode(window["laps_ns"])
            assert laps.dtype == np.uint32
            assert len(laps) >= 10
            assert window["call_p50_ns"] >= np.median(laps)
            assert window["calls_ns"] >= laps.sum()
            assert 1 <= window["tries"] <= 3
            assert set(window["before"]) == set(window["after"]) == {"clocks_khz", "governor", "celsius", "throttled"}
            assert window["load"] is None  # too short a window to tell


def test_scores_are_real_numbers_by_the_outputs_own_scale(tiny: Tiny, tmp_path: Path) -> None:
    _, result = run(tmp_path, bench_job([entry(tiny["float32"]), entry(tiny["int8"])], tiny["eval"]))
    floats, ints = (decode(model["answers"]["score"]) for model in result["models"])
    assert np.abs(floats - ints).max() < 0.05
    assert (decode(result["models"][1]["answers"]["runner_up_score"]) <= ints).all()


def test_grey_images_are_resized_and_coloured_for_a_model_from_elsewhere(tiny: Tiny, tmp_path: Path) -> None:
    models = [
        entry(tiny["rgb"], "-1..1", [16, 16]),
        entry(tiny["open"], "0..255"),
        entry(tiny["open"], "0..1", [12, 10]),
    ]
    done, result = run(tmp_path, bench_job(models, tiny["eval"]))
    assert done.returncode == 0, done.stderr
    grey = np.load(tiny["eval"])["images"].astype("float32")
    rgb = grey.repeat(3, axis=3)
    inputs = [tf.image.resize(rgb, (16, 16)).numpy() / 127.5 - 1, rgb, tf.image.resize(rgb, (12, 10)).numpy() / 255]
    for model, given, tensors in zip(result["models"], models, inputs, strict=True):
        np.testing.assert_array_equal(decode(model["answers"]["class"]), litert_answers(given["path"], tensors))


def test_paths_in_a_job_are_relative_to_it(tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(tiny["int8"].read_bytes())
    done, result = run(tmp_path, probe_job(entry(tiny["int8"], path="model.tflite")))
    assert done.returncode == 0, done.stderr
    assert result["kind"] == "probe"


def test_probe_measures_its_own_process_only(tiny: Tiny, tmp_path: Path) -> None:
    """The tests' own process holds TensorFlow; a child that read ru_maxrss would report that."""
    _, result = run(tmp_path, probe_job(entry(tiny["int8"])))
    assert 5 * 1024 < result["imported_kib"] <= result["peak_kib"] < 150 * 1024
    assert result["peak_source"] == "VmHWM"
    assert result["load_ns"] > 0
    assert result["first_ns"] > 0


def test_a_probe_says_what_was_in_memory(tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(tiny["int8"].read_bytes())
    model = entry(tiny["int8"], path="model.tflite")
    _, warm = run(tmp_path, probe_job(model))
    assert (warm["cold"], warm["model_resident_share"]) in [(False, 1.0), (False, None)]
    assert warm["steady_kib"] <= warm["peak_kib"]
    assert warm["model_sha256"] == model["sha256"]
    _, cold = run(tmp_path, probe_job(model, cold=True))
    assert cold["cold"] is True
    assert cold["model_resident_share"] in (0.0, 1.0, None)  # 1 where the folder is in memory itself, as tmpfs is


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system can't keep a process on a core")
def test_a_pinned_bench_still_counts_the_machines_cores(tiny: Tiny, tmp_path: Path) -> None:
    core = max(os.sched_getaffinity(0))
    _, result = run(tmp_path, bench_job([entry(tiny["int8"])], tiny["eval"], windows=1, pin=core))
    assert result["pin"] == core
    assert result["environment"]["cpus"] == len(os.sched_getaffinity(0))
    kind, message = failed(tmp_path, probe_job(entry(tiny["int8"]), pin=4000))
    assert kind == "job"
    assert message.startswith("pin: found core 4000, which this process can't use; choose from")


def test_evaluate_keeps_every_answer(tiny: Tiny, tmp_path: Path) -> None:
    models = [entry(tiny["float32"]), entry(tiny["int8"])]
    _, benched = run(tmp_path, bench_job(models, tiny["eval"], windows=1))
    job = {"schema": 1, "kind": "evaluate", "runtime": "litert", "models": models, "eval": str(tiny["eval"])}
    done, result = run(tmp_path, job | {"threads": 1})
    assert done.returncode == 0, done.stderr
    assert result["kind"] == "evaluate"
    for key in ("models", "labels", "image_shape", "eval_sha256"):
        assert result[key] == benched[key]
    assert "latency" not in result


def test_runner_imports_nothing_but_numpy_and_the_interpreter(tiny: Tiny, tmp_path: Path) -> None:
    job = bench_job([entry(tiny["int8"])], tiny["eval"], runtime="auto", windows=1)
    done, result = run(tmp_path, job, command=("-c", WALL))
    assert done.returncode == 0, done.stderr
    assert result["environment"]["runtime"] == "litert"
    roots = done.stdout.split("ROOTS", 1)[1].split()
    foreign = {name for name in roots if name not in sys.stdlib_module_names and not name.startswith("_")} - ALLOWED
    assert not foreign


def test_tensorflow_runs_it_when_asked(tiny: Tiny) -> None:
    """In this process, where TensorFlow is imported already."""
    runtime = load_runtime("tensorflow")
    assert str(runtime) == f"tensorflow {tf.__version__}"
    with pytest.warns(UserWarning, match="deprecated"):
        session = open_session(runtime, model_file(path=str(tiny["int8"])), 1, (8, 8, 1))
    tensors = prepare(tiny_tflite.pixels(), session.source, "0..1")
    answers = np.array([classify(session, tensor)[0].argmax() for tensor in tensors])
    assert (answers == litert_answers(tiny["int8"], tensors[:, 0])).mean() > 0.95


@pytest.mark.parametrize("path", sorted(find_runner_package().glob("*.py")), ids=lambda path: path.name)
def test_runner_is_python_3_9(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not any(
        isinstance(node, ast.keyword) and node.arg in {"strict", "slots", "kw_only"} for node in ast.walk(tree)
    )
    assert "ExceptionGroup" not in names


def form(**changed: Any) -> InputForm:
    values: dict[str, Any] = {
        "tensor": 0,
        "height": 2,
        "width": 2,
        "channels": 1,
        "channels_first": False,
        "dtype": "float32",
    }
    values |= {"tensor_shape": (1, 2, 2, 1), "step": 0.0, "zero_point": 0} | changed
    return InputForm(**values)


@pytest.mark.parametrize("scale", SCALES)
def test_prepare_scales_as_edgedigits_does(scale: Scale) -> None:
    images = tiny_tflite.pixels()
    found = prepare(images, form(height=8, width=8, tensor_shape=(1, 8, 8, 1)), parse_scaling(scale))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:, 0], scale_pixels(images, scale))


@pytest.mark.parametrize(
    ("dtype", "step", "zero_point", "stored"),
    [
        ("uint8", 2.0, 0, [0, 0, 2, 2]),  # 0.5 and 1.5 go to the even neighbour
        ("int8", 2.0, -128, [-128, -128, -126, -126]),
        ("int8", 0.01, 0, [0, 100, 127, 127]),  # clipped
        ("int16", 0.5, 0, [0, 2, 6, 8]),
        ("uint8", 0.0, 0, [0, 1, 3, 4]),  # no quantization: plain pixels
    ],
)
def test_prepare_quantizes_halves_to_even_and_clips(
    dtype: str, step: float, zero_point: int, stored: list[int]
) -> None:
    pixels = np.array([0, 1, 3, 4], np.uint8).reshape(1, 2, 2, 1)
    found = prepare(pixels, form(dtype=dtype, step=step, zero_point=zero_point), "0..255")
    assert found.dtype == dtype
    assert found.ravel().tolist() == stored


def test_prepare_lays_channels_first_and_flat() -> None:
    rgb = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    first = prepare(rgb, form(channels=3, channels_first=True, tensor_shape=(1, 3, 2, 2)), "0..255")
    np.testing.assert_array_equal(first[0, 0], rgb[0].transpose(2, 0, 1))
    assert prepare(rgb, form(channels=3, tensor_shape=(1, 12)), "0..255").shape == (1, 1, 12)


def test_chunks_are_the_whole() -> None:
    images = np.zeros((5, 600, 600, 3), np.uint8)
    images[:, 0, 0, 0] = range(5)
    chunks = list(prepared_chunks(images, form(height=600, width=600, tensor_shape=(1, 600, 600, 1)), "0..255"))
    assert len(chunks) > 1
    np.testing.assert_allclose(np.concatenate(chunks)[:, 0, 0, 0, 0], 0.299 * np.arange(5), rtol=1e-6)


def test_colours() -> None:
    grey = tiny_tflite.pixels()
    assert (with_channels(grey, 3) == grey).all()
    rgb = tiny_tflite.pixels(channels=3)
    expected = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in rgb])
    assert np.abs(with_channels(rgb, 1)[..., 0] - expected).max() < 0.51  # OpenCV rounds


@pytest.mark.parametrize("size", [(16, 16), (5, 7), (8, 8), (1, 1), (28, 3)])
def test_resize_is_tensorflows_and_opencvs(size: tuple[int, int]) -> None:
    images = tiny_tflite.pixels(channels=3, count=4).astype(np.float32)
    found = resized(images, *size)
    np.testing.assert_allclose(found, tf.image.resize(images, size).numpy(), atol=1e-3)
    opencv = np.stack([cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR) for image in images])
    np.testing.assert_allclose(found, opencv, atol=0.1)


def details(
    shape: tuple[int, ...],
    dtype: type[np.generic] = np.float32,
    quantization: tuple[float, int] = (0.0, 0),
    signature: Sequence[int] | None = None,
) -> dict[str, Any]:
    scales = [] if quantization[0] == 0 else [quantization[0]]
    return {
        "name": "x",
        "index": 7,
        "shape": np.array(shape),
        "shape_signature": np.array(signature or shape),
        "dtype": dtype,
        "quantization": quantization,
        "quantization_parameters": {"scales": np.array(scales)},
    }


def model_file(resize: tuple[int, int] | None = None, scale: Scale = "0..1", path: str = "m.tflite") -> ModelFile:
    return ModelFile("m", path, "", parse_scaling(scale), resize)


@pytest.mark.parametrize(
    ("shape", "image", "channels", "first"),
    [
        ((1, 28, 28, 1), (28, 28, 3), 1, False),
        ((1, 20, 30, 3), (20, 30, 1), 3, False),
        ((1, 3, 20, 30), (20, 30, 1), 3, True),
        ((1, 1, 28, 28), (28, 28, 1), 1, True),
        ((1, 28, 28), (28, 28, 1), 1, False),
        ((1, 784), (28, 28, 1), 1, False),
        ((1, 2352), (28, 28, 1), 3, False),
    ],
)
def test_input_forms(shape: tuple[int, ...], image: tuple[int, int, int], channels: int, first: bool) -> None:
    found = input_form(model_file(), [details(shape)], image)
    assert (found.height, found.width) == image[:2]
    assert (found.channels, found.channels_first, found.tensor_shape) == (channels, first, shape)


@pytest.mark.parametrize(
    ("given", "model", "said"),
    [
        ([details((1, 96, 96, 1))], model_file(), "takes images of 96x96, the images have 28x28; say --resize 96x96"),
        ([details((1, 96, 96, 1))], model_file((64, 64)), "--resize gives 64x64; say --resize 96x96"),
        ([details((4, 28, 28, 1))], model_file(), "4 images at a time"),
        ([details((1, 28, 28, 2))], model_file(), "no image of 28x28"),
        ([details((1, 700))], model_file(), "no image of 28x28"),
        ([details((1, 28, 28, 1))] * 2, model_file(), "takes 2 inputs"),
        ([details((1, 28, 28, 1), np.int32)], model_file(), "takes int32 input"),
        ([details((1, 28, 28, 1), np.uint8)], model_file(), "say --scale 0..255"),
        ([details((1, 28, 28, 1), np.int8)], model_file(scale="0..255"), "without a quantization scale"),
    ],
)
def test_input_forms_that_cannot_be(given: list[dict[str, Any]], model: ModelFile, said: str) -> None:
    with pytest.raises(RunnerError, match=said.replace(".", r"\.")):
        input_form(model, given, (28, 28, 1))


def test_sizes_left_open_are_the_images() -> None:
    assert open_shape(details((1, 1, 1, 3), signature=[-1, -1, -1, 3]), (20, 30)) == [1, 20, 30, 3]
    assert open_shape(details((1, 3, 1, 1), signature=[1, 3, -1, -1]), (20, 30)) == [1, 3, 20, 30]
    assert open_shape(details((1, 28, 28, 1), signature=[-1, 28, 28, 1]), (20, 30)) is None


def test_output_forms() -> None:
    assert output_form(model_file(), [details((1, 10))]).classes == 10
    assert output_form(model_file(), [details((1, 1, 1, 10), np.int8, (1 / 256, -128))]).zero_point == -128
    for wrong in ([details((1, 1))], [details((1, 10))] * 2, [details((1, 20, 4))], [details((10,))]):
        with pytest.raises(RunnerError, match=r"only \[1, classes\]"):
            output_form(model_file(), wrong)


def test_of_equal_scores_the_lower_class_counts() -> None:
    kept = CLASSIFICATION.keep(np.array([[1, 5, 5], [7, 7, 7], [0, 1, 9]], np.float32))
    told = judged(CLASSIFICATION, kept, np.array([1, 0, 0], np.int32))
    found = told["answers"]
    assert told["scores"] == {"accuracy": 2 / 3}
    assert decode(found["class"]).tolist() == [1, 0, 2]
    assert decode(found["runner_up"]).tolist() == [2, 1, 1]
    assert found["right"] == 2


def test_arrays_come_back_from_json() -> None:
    array = np.arange(12, dtype=">i4").reshape(3, 4)
    np.testing.assert_array_equal(decode(json.loads(json.dumps(encode(array)))), array)
    assert decode(encode_ns([5, 2**40])).tolist() == [5, 2**32 - 1]


def test_arrays_that_were_altered_do_not_decode() -> None:
    whole = encode(np.arange(5, dtype=np.int32))
    for changed in (
        {"shape": [4]},
        {"shape": [6]},
        {"zlib_base64": "AAAA"},
        {"dtype": "object"},
        {"dtype": "nonsense"},
    ):
        with pytest.raises((ValueError, TypeError)):
            decode(whole | changed)


def test_order_rotates() -> None:
    assert [rotated(2, by) for by in range(3)] == [[0, 1], [1, 0], [0, 1]]
    assert sorted(rotated(3, 4)) == [0, 1, 2]


def broken(folder: Path, flat: bytes) -> Path:
    path = folder / "broken.tflite"
    path.write_bytes(flat)
    return path


def test_files_that_are_no_models(tiny: Tiny, tmp_path: Path) -> None:
    whole = tiny["int8"].read_bytes()
    truncated = entry(broken(tmp_path, whole[: len(whole) // 2]))
    assert failed(tmp_path, bench_job([truncated], tiny["eval"]))[1].endswith("copy or export it again")
    kind, said = failed(tmp_path, bench_job([entry(broken(tmp_path, b"no model"))], tiny["eval"]))
    assert (kind, "not a .tflite file" in said) == ("model", True)
    kind, said = failed(tmp_path, bench_job([entry(tiny["int8"], sha256="0" * 64)], tiny["eval"]))
    assert (kind, "SHA-256" in said) == ("model", True)
    kind, said = failed(tmp_path, probe_job(entry(tiny["int8"], path="nowhere.tflite")))
    assert (kind, "nowhere.tflite: can't be read (No such file" in said) == ("model", True)


def test_a_size_that_does_not_fit_names_the_option(tiny: Tiny, tmp_path: Path) -> None:
    kind, said = failed(tmp_path, bench_job([entry(tiny["rgb"])], tiny["eval"]))
    assert kind == "model"
    assert said.endswith("rgb.tflite: takes images of 16x16, the images have 8x8; say --resize 16x16")


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"images": np.zeros((3, 8, 8, 1), np.float32), "labels": np.zeros(3, np.int32)}, "images are float32"),
        ({"images": np.zeros((3, 8, 8), np.uint8), "labels": np.zeros(3, np.int32)}, "give uint8"),
        ({"images": np.zeros((0, 8, 8, 1), np.uint8), "labels": np.zeros(0, np.int32)}, "images are uint8 [0,"),
        ({"images": np.zeros((3, 8, 8, 1), np.uint8), "labels": np.zeros(4, np.int32)}, "labels are int32 [4]"),
        ({"images": np.zeros((3, 8, 8, 1), np.uint8), "labels": np.zeros(3)}, "labels are float64"),
        ({"images": np.zeros((3, 8, 8, 1), np.uint8), "labels": np.full(3, -1)}, "none negative"),
        ({"images": np.zeros((3, 8, 8, 1), np.uint8), "labels": np.full(3, 4)}, "answers 4 classes"),
        ({"images": np.zeros((3, 8, 8, 1), np.uint8)}, "labels"),
        ({"images": np.array([{}], object), "labels": np.zeros(1, np.int32)}, "not a readable .npz"),
    ],
)
def test_data_that_does_not_fit(tiny: Tiny, tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    np.savez(tmp_path / "eval.npz", **arrays)
    kind, message = failed(tmp_path, bench_job([entry(tiny["int8"])], "eval.npz"))
    assert kind == "data"
    assert said in message


def test_images_are_read_some_at_a_time(tiny: Tiny) -> None:
    evaluation = read_evaluation(tiny["eval"])
    images = np.load(tiny["eval"])["images"]
    np.testing.assert_array_equal(evaluation.images, images)
    np.testing.assert_array_equal(evaluation.first(7), images[:7])
    assert evaluation.first(10_000).shape == images.shape
    np.testing.assert_array_equal(np.concatenate(list(evaluation.chunks())), images)


def test_chunks_of_a_compressed_file_are_the_whole(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (9, 200, 200, 3), np.uint8)
    np.savez_compressed(tmp_path / "eval.npz", images=images, labels=np.zeros(9, np.int64))
    chunks = list(read_evaluation(tmp_path / "eval.npz").chunks())
    assert len(chunks) > 1
    np.testing.assert_array_equal(np.concatenate(chunks), images)


def test_data_that_was_altered(tiny: Tiny, tmp_path: Path) -> None:
    flat = bytearray(tiny["eval"].read_bytes())
    flat[1_000] ^= 1  # a pixel; the file still unpacks, its checksum does not fit
    (tmp_path / "eval.npz").write_bytes(flat)
    kind, message = failed(tmp_path, bench_job([entry(tiny["int8"])], "eval.npz"))
    assert kind == "data"
    assert "not a readable .npz file (wrong checksum: altered, or cut short)" in message


def test_data_that_is_no_npz(tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "eval.npz").write_bytes(tiny["eval"].read_bytes()[:300])
    assert "not a readable .npz" in failed(tmp_path, bench_job([entry(tiny["int8"])], "eval.npz"))[1]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"schema": 2}, "schema: found 2; give 1"),
        ({"kind": "bench", "threads": [0]}, "threads: found [0]"),
        ({"windows": "five"}, "windows: found 'five'; give a whole number"),
        ({"warmup_s": 0.1}, "warmup_s: found 0.1; give a number of at least 0.5"),
        ({"runtime": "onnx"}, "one of auto, litert, tflite-runtime, tensorflow"),
        ({"models": []}, "a list of at least one model"),
        ({"models": [{"name": "x"}]}, "models[0]: resize is missing"),
        ({"pin": -1}, "pin: found -1; give the number of a core, or null"),
        ({"kind": "evaluate"}, "threads: found [1]; give a whole number"),
        ({"kind": "probe", "image_shape": [8, 8]}, "image_shape: found [8, 8]; give 3 whole numbers"),
    ],
)
def test_jobs_that_are_wrong(tiny: Tiny, tmp_path: Path, changed: Any, said: str) -> None:
    kind, message = failed(tmp_path, bench_job([entry(tiny["int8"])], tiny["eval"], **changed))
    assert kind == "job"
    assert said in message


def test_a_kind_that_is_none_names_those_there_are(tmp_path: Path) -> None:
    kind, message = failed(tmp_path, {"schema": 1, "kind": "dance"})
    assert (kind, "kind: found 'dance'; give one of bench, evaluate, probe, doctor" in message) == ("job", True)
    assert failed(tmp_path, [])[1].startswith("job.json: kind: found None")


def test_missing_runtimes_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("ai_edge_litert.interpreter", "tflite_runtime.interpreter", "tensorflow.lite.python.interpreter"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(RunnerError, match=r"litert: .*; tflite-runtime: .*numpy < 2.*; tensorflow: "):
        load_runtime("auto")


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (
            "Didn't find op for builtin opcode 'FULLY_CONNECTED' version '12'. An older version of this",
            "m.tflite: tflite-runtime 2.14.0 lacks the operator FULLY_CONNECTED version 12; ",
        ),
        ("Encountered unresolved custom op: FlexErf.\nSee", "lacks the custom operator FlexErf"),
        ("Select TensorFlow op(s), included. Node number 0 (FlexErf) failed", "lacks the custom operator FlexErf"),
        ("The model is not a valid Flatbuffer buffer", "not a whole .tflite file"),
        ("failed to\nprepare", "can't run it: failed to prepare"),
    ],
)
def test_what_an_interpreter_says_in_plain_words(raised: str, said: str) -> None:
    with (
        pytest.raises(RunnerError) as caught,
        plain_errors(Path("m.tflite"), Runtime("tflite-runtime", "2.14.0", None)),
    ):
        raise RuntimeError(raised)
    assert caught.value.kind == "model"
    assert said in caught.value.message
