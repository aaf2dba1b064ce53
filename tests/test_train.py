"""The zoo, and training that can be interrupted."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from edgedigits.data.sources.named import load_data
from edgedigits.errors import InputError
from edgedigits.models.zoo import ZOO
from edgedigits.models.zoo.shipped import find_record_beside
from edgedigits.pipeline.baselines import save
from edgedigits.pipeline.train import Settings, train, write_history

SMALL = {"augment": "digits", "epochs": 3, "batch": 32, "rate": 1e-2}


def test_cnn_has_exactly_the_layers_of_the_reference() -> None:
    kinds = [type(layer).__name__ for layer in ZOO["cnn"]((28, 28, 1), 10).layers]
    block = ["Conv2D", "BatchNormalization", "ReLU", "Conv2D", "MaxPooling2D", "Dropout"]
    assert kinds == [*block, *block, "Flatten", "Dense", "Dropout", "Dense"]
    assert all(layer.padding == "valid" for layer in ZOO["cnn"]((28, 28, 1), 10).layers if hasattr(layer, "padding"))


def test_mobilenet_takes_width_and_refuses_small_images() -> None:
    assert ZOO["mobilenet_v2"]((32, 32, 3), 5, alpha=0.5).count_params() > 700_000
    with pytest.raises(InputError, match="at least 32x32"):
        ZOO["mobilenet_v2"]((28, 28, 1), 10)


def test_unknown_net_is_refused() -> None:
    with pytest.raises(InputError, match="no such net; nearest: cnn; choose from cbam_cnn"):
        Settings("cnnn")


class Interrupted(Exception):
    """Stands for a user's Ctrl-C."""


def test_an_interrupted_run_goes_on_and_ends_with_the_same_weights(shapes: Path, tmp_path: Path) -> None:
    data = load_data(str(shapes))
    settings = Settings("lenet5", **SMALL)  # type: ignore[arg-type]
    whole = train(settings, data, tmp_path / "whole")
    lines: list[str] = []

    def interrupt(line: str) -> None:
        lines.append(line)
        if len(lines) == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(settings, data, tmp_path / "cut", interrupt)
    later: list[str] = []
    resumed = train(settings, data, tmp_path / "cut", later.append)
    assert later[0] == "resuming after epoch 2"
    assert len(later) == 2
    assert [row.loss for row in resumed.history] == [row.loss for row in whole.history]
    for one, other in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        assert (one == other).all()


def test_training_learns_and_leaves_a_clean_model_with_card_and_history(shapes: Path, tmp_path: Path) -> None:
    import h5py
    import keras

    trained = train(Settings("lenet5", **SMALL), load_data(str(shapes)), tmp_path / "work")  # type: ignore[arg-type]
    assert trained.record["test_accuracy"] > 0.9
    path = tmp_path / "net.keras"
    save(trained.model, trained.record, path)
    write_history(trained.history, tmp_path / "net.csv")
    loaded = keras.models.load_model(path)
    assert not loaded.compiled
    import io
    import zipfile

    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as weights:
        assert "optimizer" not in weights
    assert {layer.dtype_policy.name for layer in loaded.layers} == {"float32"}
    with (tmp_path / "net.csv").open(newline="") as file:
        assert [int(row["epoch"]) for row in csv.DictReader(file)] == [1, 2, 3]
    record = find_record_beside(path)
    assert record is not None
    card = path.with_suffix(".md").read_text()
    assert f"{100 * record['test_accuracy']:.2f} %" in card
    path.write_bytes(path.read_bytes() + b" ")
    assert find_record_beside(path) is None, "a record of other bytes is not believed"


def test_early_stopping_and_other_settings_start_anew(shapes: Path, tmp_path: Path) -> None:
    data = load_data(str(shapes))
    settings = Settings("mlp", epochs=30, batch=32, rate=1e-9, patience=2, augment="none")
    run = train(settings, data, tmp_path)
    assert len(run.history) < 30
    state = json.loads((tmp_path / "state.json").read_text())
    assert state["identity"]["settings"]["seed"] == 0
    lines: list[str] = []
    train(Settings("mlp", epochs=1, batch=32, seed=4), data, tmp_path, lines.append)
    assert not lines[0].startswith("resuming")
