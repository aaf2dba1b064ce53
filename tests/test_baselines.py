"""The shipped baselines: their files are what their records say, and good enough on MNIST by those records."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgedigits.data.sources.named import load_data
from edgedigits.models.importer.loading import load
from edgedigits.models.zoo.shipped import find_shipped_folder, find_shipped_record
from edgedigits.pipeline import train
from edgedigits.pipeline.baselines import find_baseline
from edgedigits.pipeline.model_card import write_baseline_card

OUTPUTS = Path(__file__).parent / "golden" / "baseline_outputs.json"
"""What their float forms answered to noise when they were shipped, the three oldest when the stages stood on Keras 2."""
WANTED = {"cbam_cnn": 0.993, "cnn": 0.9955, "leaky_cnn": 0.9955, "mobilenet_v2": 0.993, "nano": 0.9935}


@pytest.mark.parametrize("name", WANTED)
def test_file_record_and_card_belong_together(name: str) -> None:
    record = find_shipped_record(name)
    assert record is not None, "the record is of other bytes"
    assert record["test_accuracy"] >= WANTED[name]
    assert record["data"]["name"] == "mnist"
    path = Path(find_shipped_folder() / f"{name}.keras")
    assert path.with_suffix(".md").read_text() == write_baseline_card(record)
    loaded = load(path)
    assert loaded.facts["parameters"] == record["parameters"]
    assert loaded.model.input_shape == (None, *record["input"]["shape"])
    pixels = np.random.default_rng(7).integers(0, 256, (8, *loaded.model.input_shape[1:])).astype(np.float32) / 255
    wanted = json.loads(OUTPUTS.read_text())[name]
    np.testing.assert_allclose(np.asarray(loaded.model(pixels, training=False)), wanted, rtol=0, atol=1e-5)


def test_training_one_on_the_way_tells_how_far_it_is(
    shapes: Path, fresh_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    told: list[tuple[str, float]] = []
    monkeypatch.setattr(train._Run, "epoch", stop)
    with pytest.raises(KeyboardInterrupt):
        find_baseline("mlp", load_data(str(shapes)), lambda _: None, lambda *one: told.append(one))
    assert told == [("train", 0.0)]
