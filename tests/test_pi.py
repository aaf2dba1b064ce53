"""Raspberry Pis under emulation, reached as a user reaches them: ssh, no network there, both runtimes. Run by `make pi`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import platformdirs
import pytest

from benchmarks.pi_story import RESULT, Chapter, Story, artifact, quick, rows, stories
from edgedigits.devices.remote_bench import compare_reports
from edgedigits.errors import InputError
from edgedigits.measure.bench_job import bench_here
from edgedigits.measure.bench_result import Report
from tests.pi import cannot

pytestmark = pytest.mark.pi


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return artifact(tmp_path_factory.mktemp("artifact"))


@pytest.fixture(scope="module")
def told(made: Path, identity: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Story]:
    """What happened on all of them; packages may come from the cache of an earlier run."""
    own = os.environ["EDGEDIGITS_CACHE"]
    os.environ["EDGEDIGITS_CACHE"] = platformdirs.user_cache_dir("edgedigits", appauthor=False)
    try:
        return stories(made, identity, tmp_path_factory.mktemp("story"), print)
    except InputError as error:
        cannot(str(error))
    finally:
        os.environ["EDGEDIGITS_CACHE"] = own


@pytest.fixture(scope="module")
def here(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    return bench_here(quick(made, tmp_path_factory.mktemp("here")), print)


def measured(told: list[Story]) -> list[tuple[Chapter, Report]]:
    return [(one, one.report) for story in told for one in story.chapters if one.report is not None]


def test_systems_are_as_the_readme_says(told: list[Story]) -> None:
    kept = json.loads(RESULT.read_text(encoding="utf-8"))["rows"]
    key = ("suite", "runtime", "verdict", "refused")
    assert [[row[name] for name in key] for row in rows(told)] == [[row[name] for name in key] for row in kept]


def test_every_doctor_says_bit_identical(told: list[Story]) -> None:
    found = measured(told)
    assert len(found) == 3
    for one, _ in found:
        assert one.first is not None
        assert one.first.changed
        assert one.first.doctor is not None
        assert one.doctor is not None
        assert one.first.doctor["verdict"] == one.doctor["verdict"] == "bit-identical"
        assert one.first.doctor["environment"]["board"].startswith("Raspberry Pi")


def test_a_second_deploy_does_nothing(told: list[Story]) -> None:
    for one, _ in measured(told):
        assert one.again is not None
        assert not one.again.changed
        assert one.again.sent_bytes == 0


def test_xnnpack_is_applied_by_litert(told: list[Story]) -> None:
    applied = {one.runtime: one.doctor["xnnpack"]["applied"] for one, _ in measured(told) if one.doctor}
    assert applied == {"litert": True, "tflite-runtime": False}


def test_both_machines_give_the_same_answers(told: list[Story], here: Report) -> None:
    for one, there in measured(told):
        if one.runtime == "litert":  # like with like: another runtime has other kernels
            assert [each.otherwise for each in compare_reports("pi", here, there, {}).agreement] == [0, 0]
        assert abs(there.compressed.right - here.compressed.right) <= 1


def test_a_runtime_without_packages_is_refused_in_one_sentence(told: list[Story]) -> None:
    (refused,) = (one for story in told for one in story.chapters if one.refused)
    assert refused.runtime == "tflite-runtime"
    assert refused.refused.count("\n") == 0
    assert "use --runtime litert" in refused.refused
