"""The shipped baselines: their files are what their records say, and good enough on MNIST by those records."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgedigits.models.importer.loading import load
from edgedigits.models.zoo.shipped import find_shipped_folder, find_shipped_record
from edgedigits.pipeline.model_card import write_baseline_card

WANTED = {"cnn": 0.9955, "nano": 0.9935, "mobilenet_v2": 0.993}


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
