"""The command line, as a user's shell sees it: help, exit codes, one sentence for bad input, nothing half-written."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from edgedigits.cli.main import cli
from edgedigits.pipeline.recipe import list_shipped
from tests.conftest import shapes_npz
from tests.warm import edgedigits

GOLDEN = Path(__file__).parent / "golden" / "int8.tflite"
QUICK_RECIPE = """
stages:
  - prune: {min_weights: 500, epochs: 0.1, min_steps: 20, rate: 2e-3, batch: 32}
  - qat: {epochs: 0.1, min_steps: 10, batch: 32}
export: int8
"""


def refused(*words: object, **env: Any) -> str:
    """The one sentence of a call that must end with exit code 2; lines of progress may come before it."""
    done = edgedigits(*words, **env)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert [line for line in lines if line.startswith("edgedigits: ")] == lines[-1:]
    return lines[-1]


def commands() -> list[list[str]]:
    found = []
    for name, command in cli.commands.items():
        found.append([name])
        found += [[name, inner] for inner in getattr(command, "commands", {})]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_has_help(words: list[str]) -> None:
    done = edgedigits(*words, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("Usage:")
    assert len(done.stdout.splitlines()) > 4


@pytest.mark.parametrize("seed", ["-1", "4294967296", "1.5"])
@pytest.mark.parametrize("words", [["train", "mlp", "--out", "x.keras"], ["compress", "--recipe", "ptq_int8"]])
def test_seeds_that_cannot_be_are_refused(words: list[str], seed: str) -> None:
    done = CliRunner().invoke(cli, [*words, "--seed", seed])
    assert done.exit_code == 2
    assert "Invalid value for '--seed'" in done.output
    assert not list(Path.cwd().glob("x.keras*"))


def test_help_and_the_package_import_nothing_heavy() -> None:
    heavy = "{'tensorflow', 'keras', 'tf_keras', 'pandas', 'cv2', 'numpy', 'rich', 'sklearn', 'pydantic'}"
    for code in ("import edgedigits", "from edgedigits.cli.main import cli; cli(['--help'], standalone_mode=False)"):
        script = f"import sys; {code}; print(sorted({heavy} & set(sys.modules)), file=sys.stderr)"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stderr == "[]\n"


def test_a_run_from_training_to_bench(shapes: Path, tmp_path: Path) -> None:
    net, recipe, out = tmp_path / "net.keras", tmp_path / "quick.yaml", tmp_path / "out"
    recipe.write_text(QUICK_RECIPE)
    done = edgedigits("train", "lenet5", "--data", shapes, "--out", net, "--epochs", 3, "--batch", 32, "--rate", "0.01")
    assert done.returncode == 0, done.stderr
    assert "epoch 3/3" in done.stderr
    assert sorted(path.name for path in tmp_path.glob("net.*")) == ["net.csv", "net.json", "net.keras", "net.md"]
    done = edgedigits("compress", "--recipe", recipe, "--model", net, "--data", shapes, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert done.stderr.count("validation") == 2
    assert "cuda" not in done.stderr.lower(), "libraries' own logs are noise"
    done = edgedigits("inspect", Path(made["path"]) / "model.tflite", "--json")
    contents = json.loads(done.stdout)
    assert contents["size_bytes"] == made["export"]["size_bytes"]
    assert "FULLY_CONNECTED" in edgedigits("inspect", Path(made["path"]) / "model.tflite").stdout
    done = edgedigits("bench", "--tflite", made["path"], "--windows", 2, "--window", 0.05, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["baseline"]["name"] == "float"
    assert report["images"] == 90
    table = edgedigits("bench", "--tflite", made["path"], "--windows", 2, "--window", 0.05).stdout
    assert all(word in table for word in ("accuracy", "gzip", "p50"))


def test_recipes_list_show_check(tmp_path: Path) -> None:
    assert "prune80_int8" in edgedigits("recipes").stdout
    assert [one["name"] for one in json.loads(edgedigits("recipes", "--json").stdout)] == list_shipped()
    assert "sparsity: 0.8" in edgedigits("recipes", "show", "prune80_int8").stdout
    mine = tmp_path / "mine.yaml"
    mine.write_text(QUICK_RECIPE)
    assert edgedigits("recipes", "check", mine).stdout == f"{mine}: fine (prune > qat > int8)\n"
    mine.write_text(QUICK_RECIPE.replace("prune:", "prun:"))
    assert "stages[0]: unknown stage 'prun'; nearest: prune" in refused("recipes", "check", mine)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained Keras 3 classifier of the shapes."""
    import keras

    path = tmp_path_factory.mktemp("net") / "net.keras"
    layers = keras.layers
    keras.Sequential([layers.Input((12, 12, 1)), layers.Flatten(), layers.Dense(3, activation="softmax")]).save(path)
    return path


def test_bad_models_are_refused(net: Path, shapes: Path, tmp_path: Path) -> None:
    whole = net.read_bytes()
    (tmp_path / "cut.keras").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.keras").write_text("hello")
    (tmp_path / "cut.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(40))
    for model, says in (
        (tmp_path / "none.keras", "no such file"),
        (tmp_path / "cut.keras", "cut.keras"),
        (tmp_path / "text.keras", "text.keras"),
        (tmp_path / "cut.h5", "cut.h5"),
    ):
        line = refused(
            "compress", "--recipe", "ptq_int8", "--model", model, "--data", shapes, "--scale", "0..1", "--out", tmp_path
        )
        assert says in line
    line = refused("compress", "--recipe", "ptq_int8", "--model", net, "--data", shapes, "--out", tmp_path / "out")
    assert "--scale is missing" in line
    assert not list((tmp_path / "out").iterdir())


def test_a_model_with_two_outputs_is_refused(shapes: Path, tmp_path: Path) -> None:
    import keras

    image = keras.layers.Input((12, 12, 1))
    flat = keras.layers.Flatten()(image)
    outputs = [keras.layers.Dense(3, activation="softmax")(flat) for _ in range(2)]
    keras.Model(image, outputs).save(tmp_path / "two.keras")
    words = ("compress", "--recipe", "ptq_int8", "--model", tmp_path / "two.keras", "--data", shapes, "--scale", "0..1")
    assert "two.keras" in refused(*words, "--out", tmp_path)


def test_bad_data_and_recipes_are_refused(net: Path, tmp_path: Path) -> None:
    compress = ("compress", "--model", net, "--scale", "0..1", "--out", tmp_path)
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04")
    assert "not a readable .npz" in refused(*compress, "--recipe", "ptq_int8", "--data", tmp_path / "cut.npz")
    assert "no such file or folder" in refused(*compress, "--recipe", "ptq_int8", "--data", tmp_path / "none.npz")
    four = shapes_npz(tmp_path / "four.npz", classes=4)
    assert "has 4 classes" in refused(*compress, "--recipe", "ptq_int8", "--data", four)
    large = shapes_npz(tmp_path / "large.npz", size=15)
    assert "--resize 12x12" in refused(*compress, "--recipe", "ptq_int8", "--data", large)
    assert "nearest: ptq_int8" in refused(*compress, "--recipe", "ptq_int", "--data", four)
    (tmp_path / "bad.yaml").write_text("stages: [{prune: {sparsity: 80}}]\nexport: int8\n")
    assert "found 80" in refused(*compress, "--recipe", tmp_path / "bad.yaml", "--data", four)


def test_bad_tflite_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.tflite").write_bytes(GOLDEN.read_bytes()[:300])
    (tmp_path / "text.tflite").write_text("hello, this is no model")
    for name in ("none", "cut", "text"):
        assert f"{name}.tflite" in refused("inspect", tmp_path / f"{name}.tflite")
        assert f"{name}.tflite" in refused(
            "bench", "--tflite", tmp_path / f"{name}.tflite", "--scale", "0..1", "--data", "digits"
        )
    assert "--scale is missing" in refused("bench", "--tflite", GOLDEN)


def test_mistyped_options_end_with_2() -> None:
    for words in (
        ["compres"],
        ["bench", "--tflite", "x", "--threads", "0"],
        ["train", "cnn", "--out", "x.keras", "--resize", "3"],
    ):
        done = edgedigits(*words)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
    assert "nearest: cnn; choose from cbam_cnn" in refused("train", "cnnn", "--out", "x.keras")
    assert "ends in .keras" in refused("train", "cnn", "--out", "x.h5")
    assert "an option of mobilenet_v1, mobilenet_v2, mobilenet_v3_small, not of cnn" in refused(
        "train", "cnn", "--out", "x.keras", "--alpha", "0.5"
    )


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(net: Path, shapes: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    words = ("compress", "--recipe", "ptq_int8", "--model", net, "--data", shapes, "--scale", "0..1")
    assert "can't be written" in refused(*words, "--out", tmp_path / "file")
    assert "can't be written" in refused(*words, "--out", "/proc/nowhere")


def test_a_disk_that_fills_leaves_nothing_half_written(net: Path, shapes: Path, tmp_path: Path) -> None:
    """The file-size limit stands for a full disk: writing fails in the middle of a file."""
    words = ("compress", "--recipe", "ptq_int8", "--model", net, "--data", shapes, "--scale", "0..1", "--out", tmp_path)
    done = edgedigits(*words, limit=1500)
    assert done.returncode == 2, done.stderr
    assert "can't be written" in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_run_says_so_and_leaves_nothing_torn(shapes: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "edgedigits.cli",
        "train",
        "lenet5",
        "--data",
        str(shapes),
        "--out",
        str(tmp_path / "n.keras"),
    ]
    process = subprocess.Popen([*command, "--epochs", "500", "--patience", "500"], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "epoch 2/" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 130
    assert rest.splitlines()[-1].startswith("edgedigits: interrupted")
    assert not (tmp_path / "n.keras").exists()
    time.sleep(0.1)
    assert (tmp_path / "n.training" / "state.json").is_file()
    with np.load(next((tmp_path / "n.training").glob("last-*.npz"))) as kept:
        assert kept.files
