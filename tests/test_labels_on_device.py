"""Several labels per image, from a file's bytes to the report: bench on the desktop, and the runner alone."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edgedigits_runner.golden import Measure, Softmax, compared, cuts_of, head, replay
from edgedigits_runner.interpreters import load_runtime
from edgedigits_runner.kept import sealed
from edgedigits_runner.release import read_release
from edgedigits_runner.tasks import Multilabel, multilabel

from edgedigits.cli.main import cli
from edgedigits.devices.runner_archive import NAME, write_runner
from edgedigits.errors import InputError
from edgedigits.measure.bench_job import is_sigmoid_at_end
from edgedigits.measure.local_runner import RunnerProcess
from edgedigits.measure.result_check import check_result, read_result
from tests import tiny_release

SIDE, COUNT = 8, 60
PLACES = (np.s_[4:, :4], np.s_[4:, 4:], np.s_[:4, :])
NAMES = ["left", "right", "top"]
TASK = Multilabel(("left", "right", "top"), (0.5, 0.4, 0.6))


def pictures() -> tuple[np.ndarray, np.ndarray]:
    """uint8 [n, 8, 8, 1], lit at any of three places; labels uint8 [n, 3]: which of them are."""
    random = np.random.default_rng(0)
    labels = (random.random((COUNT, 3)) < 0.5).astype(np.uint8)
    images = random.integers(0, 40, (COUNT, SIDE, SIDE, 1), np.uint8)
    for at, (rows, columns) in enumerate(PLACES):
        images[:, rows, columns] += (150 * labels[:, at])[:, None, None, None]
    return images, labels


def converted(kind: str, activation: str | None = "sigmoid") -> bytes:
    """A net that sees each place by hand-set weights: no training."""
    from edgedigits.backend import keras, tf

    inputs = keras.Input((SIDE, SIDE, 1))
    flat = keras.layers.Flatten()(inputs)
    net = keras.Model(inputs, keras.layers.Dense(3, activation=activation)(flat))
    kernel = np.zeros((SIDE, SIDE, 3), np.float32)
    for at, place in enumerate(PLACES):
        kernel[(*place, at)] = 16 / kernel[(*place, at)].size
    net.layers[-1].set_weights([kernel.reshape(-1, 3), np.full(3, -5.5, np.float32)])
    converter = tf.lite.TFLiteConverter.from_keras_model(net)
    if kind == "int8":
        samples = pictures()[0].astype("float32") / 255
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[None]] for image in samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the converter warns about its own defaults
        return bytes(converter.convert())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact folder as compress writes it, with the runner in it; five images have a wrong label."""
    from edgedigits.tflite.interpreter import TfliteModel

    made = tmp_path_factory.mktemp("labels") / "places-int8"
    made.mkdir()
    (made / "model.tflite").write_bytes(converted("int8"))
    (made / "float.tflite").write_bytes(converted("float32"))
    images, labels = pictures()
    labels[:5, 0] ^= 1
    np.savez_compressed(made / "eval.npz", images=images, labels=labels)
    net = TfliteModel((made / "model.tflite").read_bytes(), reference=True)
    inputs = net.inputs(images[:8], "0..1")
    arrays: dict[str, Any] = {"inputs": inputs, "outputs": net.raw(inputs), **head(TASK.as_json())}
    np.savez_compressed(made / "golden.npz", **arrays)
    write_manifest(made, task=TASK.as_json())
    write_runner(made / NAME)
    return made


def write_manifest(made: Path, **more: Any) -> None:
    files = {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in made.iterdir() if "." in each.name}
    files = {name: digest for name, digest in files.items() if name not in (NAME, "manifest.json")}
    manifest = {
        "schema": 1,
        "model": {"name": "places", "sha256": "0" * 64, "logits": False},
        "recipe": {"name": "places_int8"},
        "export": {"export": "int8"},
        "data": {"name": "places", "fingerprint": "0", "classes": NAMES},
        "input": {"shape": [SIDE, SIDE, 1], "scale": "0..1"},
        "files": files,
        **more,
    }
    (made / "manifest.json").write_text(json.dumps(sealed(manifest)))


def test_bench_on_the_desktop_counts_labels(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["bench", "--tflite", str(folder), "--windows", "2", "--window", "0.05", "--runtime", "litert", "--json"]
    assert not cli.main(call, standalone_mode=False)
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == 2
    assert found["compressed"]["task"] == TASK.as_json()
    assert found["compressed"]["scores"]["accuracy"] == found["compressed"]["accuracy"]["value"] == (COUNT - 5) / COUNT
    assert 0.9 < found["compressed"]["scores"]["f1_macro"] < 1
    assert found["comparison"]["f1"] == {"value": 0, "low": 0, "high": 0}
    assert found["comparison"]["paired"]["mcnemar_p"] == 1
    assert [each["class"] for each in found["comparison"]["classes"]] == NAMES


def test_the_runner_alone_counts_the_same(folder: Path, tmp_path: Path) -> None:
    done = tiny_release.run(folder, "evaluate", folder, "--out", tmp_path / "result.json")
    assert done.returncode == 0, done.stderr
    assert "places_int8: 91.67 % right of 60, F1 9" in done.stdout
    result = read_result(tmp_path / "result.json")
    assert result["schema"] == 2
    assert [model["task"] for model in result["models"]] == [TASK.as_json()] * 2
    assert result["models"][0]["scores"]["accuracy"] == 55 / 60


def test_predict_names_the_labels_above_their_thresholds(folder: Path, tmp_path: Path) -> None:
    images, labels = pictures()
    files = [tiny_release.write_pgm(tmp_path / f"{at}.pgm", images[at]) for at in range(12)]
    done = tiny_release.run(folder, "predict", "--in", folder, *files)
    assert done.returncode == 0, done.stderr
    for line, wanted in zip(map(json.loads, done.stdout.splitlines()), labels, strict=False):
        assert set(line) == {"file", "labels", "ms"}
        assert {each["label"] for each in line["labels"]} == set(wanted.nonzero()[0].tolist())
        shares = [each["probability"] for each in line["labels"]]
        assert shares == sorted(shares, reverse=True)
        assert all(each["name"] == NAMES[each["label"]] for each in line["labels"])


def test_the_doctor_compares_labels(folder: Path) -> None:
    done = tiny_release.run(folder, "doctor", folder, "--json")
    found = json.loads(done.stdout)
    assert found["ok"], found["reasons"]
    assert found["golden"]["answered"] == "labels"
    assert found["golden"]["reference"]["changed"] == 0
    assert "labels changed" in tiny_release.run(folder, "doctor", folder).stdout


def test_golden_vectors_of_another_task_are_refused(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    write_manifest(other, task=multilabel(NAMES).as_json())
    found = json.loads(tiny_release.run(other, "doctor", other, "--json").stdout)
    assert not found["ok"]
    assert "golden vectors of schema 2 and multilabel, not of this multilabel" in found["reasons"][0]


def test_a_model_that_answers_other_labels_than_the_manifest_names_is_refused(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    write_manifest(other, task=multilabel(["a", "b"]).as_json())
    done = tiny_release.run(
        other, "predict", "--in", other, tiny_release.write_pgm(tmp_path / "0.pgm", pictures()[0][0])
    )
    assert done.returncode == 2
    assert "3 outputs stand for 2 labels" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_manifest_with_a_task_that_is_none_is_refused(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    write_manifest(other, task={"name": "detection"})
    done = tiny_release.run(other, "predict", "--in", other, "x.png")
    assert done.returncode == 2
    assert "(task: found 'detection'; give an object whose name is one of classification, multilabel)" in done.stderr


def test_logits_are_told_from_probabilities_by_the_bytes() -> None:
    assert [is_sigmoid_at_end(converted(kind)) for kind in ("float32", "int8")] == [True, True]
    assert [is_sigmoid_at_end(converted(kind, None)) for kind in ("float32", "int8")] == [False, False]


def test_a_label_is_sure_by_its_distance_from_the_threshold() -> None:
    measure = Measure(1, 4, cuts=np.array([0.0, 10.0]))
    wanted = np.array([[3, 30], [-100, 8]], np.int8)
    found = compared(wanted, np.array([[-1, 28], [4, 12]], np.int8), measure)
    assert found == {"steps": 104, "unsound": 1, "changed": 3, "changed_sure": 1}


def test_behind_a_sigmoid_more_is_allowed_where_it_is_unsure() -> None:
    wanted = np.array([[0.0, 127.0, -128.0]])
    allowed = Measure(1, 2, Softmax(0.2, 1 / 256, -128, 8)).allowed(wanted)[0]
    assert allowed[0] == pytest.approx(256 * (1 / (1 + np.exp(-1.6)) - 0.5))
    assert allowed[1:].max() < 4


def test_results_of_labels_that_were_altered_are_refused(folder: Path, tmp_path: Path) -> None:
    from tests.test_result import change

    model = {"name": "m", "path": str(folder / "model.tflite"), "scale": "0..1", "resize": None, "task": TASK.as_json()}
    model["sha256"] = hashlib.sha256((folder / "model.tflite").read_bytes()).hexdigest()
    runner = RunnerProcess(Path(sys.executable), tmp_path, lambda _: None)
    result = runner.run(
        "evaluate", {"runtime": "litert", "models": [model], "eval": str(folder / "eval.npz"), "threads": 1}
    )
    assert check_result(result, "evaluate") == result
    for place, value, said in (
        ("models.0.task", {"name": "detection"}, r"models\[0\].task: found 'detection'"),
        ("models.0.task.labels", ["a"], r"models\[0\].task: thresholds: .* give 1 numbers"),
        ("models.0.task", {"name": "classification"}, r"labels: found uint8 \[60, 3\], int32 \[n\] was expected"),
        ("models.0.scores.f1_macro", 0.5, r"models\[0\].scores.f1_macro: found 0.5, the answers say 0.9"),
        ("models.0.scores", {"accuracy": 55 / 60}, r"scores: found \['accuracy'\], accuracy, f1_macro, f1_micro"),
        ("models.0.answers.right", 60, "right: found 60, the answers say 55"),
        ("models.0.answers.outputs", ..., r"models\[0\].answers.outputs: missing"),
    ):
        with pytest.raises(InputError, match=said):
            check_result(change(result, place, value), "evaluate")


def test_golden_vectors_are_replayed_by_their_task(folder: Path) -> None:
    found = replay(read_release(str(folder)), load_runtime("litert"))
    assert found["verdict"] in ("bit-identical", "within one step")


def test_thresholds_are_met_in_the_numbers_that_the_model_stores() -> None:
    class Stored:
        def get_output_details(self) -> list[dict[str, Any]]:
            return [{"quantization": (1 / 256, -128)}]

    cuts = cuts_of(Multilabel(("a", "b"), (0.5, 0.25)), Stored())
    assert cuts is not None
    assert cuts.tolist() == [0, -64]
