"""benchmarks.faults: how a command's end is judged, and how the document is put together."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.document import target
from benchmarks.faults.__main__ import composed
from benchmarks.faults.broken import broken
from benchmarks.faults.running import Ended, run
from benchmarks.faults.scene import Scene, close, printed
from edgedigits.pipeline.recipe import find_shipped_folder


def _python(statement: str, folder: Path, limit_s: float = 20) -> Ended:
    return run(("timeit", "-n", "1", "-r", "1", statement), folder, dict(os.environ), limit_s)


def test_wrong_ends_are_told_from_right_ones(tmp_path: Path) -> None:
    assert _python("pass", tmp_path).fault == ""
    assert "traceback" in _python("raise ValueError(3)", tmp_path).fault
    assert "exit code 3" in _python("import os; os._exit(3)", tmp_path).fault
    assert "exit code -9" in _python("import os; os.kill(os.getpid(), 9)", tmp_path).fault
    assert "stopped after" in _python("import time; time.sleep(30)", tmp_path, limit_s=1).fault
    said = _python("import os; os.write(2, b'edgedigits: no such file'); os._exit(1)", tmp_path)
    assert (said.code, said.fault, said.sentence) == (1, "", "edgedigits: no such file")


def test_a_broken_recipe_is_tried_and_judged(tmp_path: Path) -> None:
    (tmp_path / "cases" / "broken").mkdir(parents=True)
    (tmp_path / "cases" / "broken" / "open.yaml").write_text("stages: [")
    (tmp_path / "recipe").mkdir()
    (tmp_path / "recipe" / "ptq_int8.yaml").write_bytes((find_shipped_folder() / "ptq_int8.yaml").read_bytes())
    targets, rows = broken(Scene(tmp_path / "work", tmp_path / "cases", lambda _: None), tmp_path)
    assert [(row["reader"], row["exit_code"], row["fault"]) for row in rows] == [
        ("recipes check", 2, ""),
        ("recipes show", 2, ""),
    ]
    assert "open.yaml" in rows[0]["sentence"]
    assert targets[0]["met"]


def test_sections_that_were_not_measured_stay() -> None:
    def section(got: int) -> dict[str, object]:
        return {"command": "c", "targets": [target("t", "0", got, "", got == 0)], "raw": {}}

    whole = composed({"cases": section(1), "attack": section(2)}, {"attack": section(0)}, "c")
    assert [row["got"] for row in whole["targets"]] == [1, 0]
    assert list(whole["sections"]) == ["cases", "attack"]


def test_accuracy_is_read_from_what_a_case_prints() -> None:
    assert printed("noise\nelu_01 0.9629\nelu_half_01 0.95\n", "elu_half_01") == 0.95
    assert printed("keras [1.0] 0.5\n", "keras [1.0]") == 0.5
    with pytest.raises(SystemExit):
        printed("nothing", "elu")
    assert close("x", 96.0, 0.5, 95.5)["met"]
    assert not close("x", 96.0, 0.5, 95.4)["met"]
    assert not close("x", 96.0, 0.5, None)["met"]
