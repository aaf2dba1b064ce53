"""Documents of this version and of older ones, kept whole in tests/golden."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from edgedigits_runner.manifest import read_manifest
from edgedigits_runner.release import read_release
from edgedigits_runner.tasks import CLASSIFICATION

from edgedigits.measure.bench_result import compute_accuracy, find_task, read_answers, read_scores
from edgedigits.measure.result_check import read_result
from tests import tiny_release
from tests.golden_documents import DOCUMENTS, FIRST, bench_report, keys


def test_a_result_of_schema_1_is_read_as_classification() -> None:
    result = read_result(FIRST)
    assert result["schema"] == 1
    assert find_task(result, 0) == CLASSIFICATION
    assert len(read_answers(result, 1)) == 12
    assert read_scores(result, 0) == {"accuracy": compute_accuracy(result, 0).value}


def test_the_bench_report_is_the_golden_one() -> None:
    golden = json.loads((DOCUMENTS / "bench-report.json").read_text())
    found = bench_report()
    speedups = [each["comparison"].pop("speedups")[0]["ratio"] for each in (golden, found)]
    assert speedups[1] == pytest.approx(speedups[0])
    assert found == golden


def test_the_golden_manifest_is_read(tmp_path: Path) -> None:
    golden = read_manifest(str(DOCUMENTS / "manifest.json"))
    assert golden["task"] == {"name": "classification"}
    (tmp_path / "manifest.json").write_text(json.dumps(golden))
    assert read_release(str(tmp_path)).task == CLASSIFICATION


def test_a_manifest_of_today_holds_what_the_golden_one_holds(shapes: Path) -> None:
    made = json.loads((tiny_release.made(shapes) / "manifest.json").read_text())
    golden = json.loads((DOCUMENTS / "manifest.json").read_text())
    assert keys(made) == keys(golden)
