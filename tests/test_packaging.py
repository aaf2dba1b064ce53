"""What the wheel carries, and that the lock names exact versions with hashes and no package index."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_wheel_carries_recipes_runner_and_baselines(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in (ROOT / "recipes").rglob("*.yaml"):
        assert f"edgedigits/{path.relative_to(ROOT)}" in names
    for path in (ROOT / "device" / "edgedigits_runner").glob("*.py"):
        assert f"edgedigits_runner/{path.name}" in names
    for path in (ROOT / "artifacts" / "baselines").iterdir():
        assert f"edgedigits/baselines/{path.name}" in names
    templates = ROOT / "edgedigits" / "api" / "render" / "page" / "templates"
    assert {f"edgedigits/{path.relative_to(ROOT / 'edgedigits')}" for path in templates.iterdir()} <= names
    assert {"edgedigits/py.typed", "edgedigits_runner/py.typed"} <= names
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)


def test_lock_pins_everything_by_hash_and_names_no_index() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    pinned = re.split(r"\n(?=[a-z0-9])", text)[1:]
    assert len(pinned) > 60
    for entry in pinned:
        assert re.match(r"[a-z0-9._-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry
