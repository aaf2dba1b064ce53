"""benchmarks.document: what a result says of its making."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from benchmarks.document import document, find_commit, save_section


def test_the_commit_is_told_or_the_reason_why_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.delenv("EDGEDIGITS_COMMIT", raising=False)
    assert find_commit(tmp_path).startswith("unknown (fatal: not a git repository")
    monkeypatch.setenv("EDGEDIGITS_COMMIT", "abc")
    assert find_commit(tmp_path) == "abc"
    git = ["git", "-c", "user.name=n", "-c", "user.email=n@localhost", "-C", str(tmp_path)]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run([*git, *words], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert find_commit(tmp_path) == head
    monkeypatch.setenv("PATH", "")
    assert find_commit(tmp_path) == "abc"
    monkeypatch.delenv("EDGEDIGITS_COMMIT")
    assert find_commit(tmp_path) == "unknown (No such file or directory)"


def test_a_section_leaves_the_others(tmp_path: Path) -> None:
    file = tmp_path / "results" / "topic.json"
    save_section(file, "first", {"rows": [1]})
    save_section(file, "second", document("make second", []))
    save_section(file, "first", {"rows": [2]})
    whole = json.loads(file.read_text())
    assert whole["first"] == {"rows": [2]}
    assert whole["second"]["command"] == "make second"
