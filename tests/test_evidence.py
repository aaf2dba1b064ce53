"""benchmarks.sections, by benchmarks.evidence: sections beside each other, targets in front."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks.evidence import __main__ as evidence
from benchmarks.evidence.verify_table import verify_table


def test_a_section_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "evidence.json"
    row = {"name": "n", "wanted": "= 1", "got": 1, "unit": "", "met": True}
    monkeypatch.setattr(
        evidence, "SECTIONS", {"one": lambda: ([row], {"a": 1}), "two": lambda: ([{**row, "met": False}], {})}
    )
    for words, code in ((["--only", "one"], 0), (["--only", "two"], 1)):
        monkeypatch.setattr(sys, "argv", ["evidence", *words, "--out", str(out)])
        assert evidence.main() == code
    found = json.loads(out.read_text())
    assert [one["met"] for one in found["targets"]] == [True, False]
    assert found["sections"]["one"]["raw"] == {"a": 1}
    assert found["sections"]["two"]["command"] == "python -m benchmarks.evidence --only two"


def test_an_unknown_section_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["evidence", "--only", "three"])
    with pytest.raises(SystemExit, match="no section three"):
        evidence.main()


def test_the_table_says_what_was_not_found() -> None:
    row = {"net": "plain", "fault": "bias_overflow", "layer": "c", "found": False, "first_layer": "d", "sentence": "s"}
    table = verify_table({"sections": {"verify": {"raw": {"rows": [row, {**row, "found": True}]}}}})
    assert "| bias overflow | plain | `c` | **no**: d | s |" in table
    assert table.endswith("| yes | s |")
