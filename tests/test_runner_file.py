"""edgedigits-runner.pyz: one small file that starts on its own, and quickly from the second time on."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from edgedigits.devices.runner_archive import NAME, RUNNER_BYTES, build_runner, strip_comments, write_runner
from edgedigits.errors import ArtifactError
from edgedigits.measure.local_runner import find_runner_package
from tests.tiny_release import environment


@pytest.fixture
def runner(tmp_path: Path) -> Path:
    return write_runner(tmp_path / NAME)


def start(runner: Path, *flags: str) -> str:
    command = [sys.executable, *flags, str(runner), "--help"]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=True).stdout


def test_it_is_small_and_always_the_same() -> None:
    flat = build_runner()
    assert len(flat) < RUNNER_BYTES
    assert flat == build_runner()
    assert flat.startswith(b"#!/usr/bin/env python3\n")


def test_it_holds_the_whole_package_in_python_3_9(runner: Path) -> None:
    with zipfile.ZipFile(runner) as archive:
        names = archive.namelist()
        assert set(names) == {
            "__main__.py",
            *(f"edgedigits_runner/{path.name}" for path in find_runner_package().glob("*.py")),
        }
        for name in names:
            ast.parse(archive.read(name), feature_version=(3, 9))


def test_it_starts_as_a_program_of_its_own(runner: Path) -> None:
    done = subprocess.run([str(runner), "--help"], env=environment(), capture_output=True, text=True, check=True)
    assert "COMMAND --help tells more" in done.stdout


def test_code_keeps_its_lines_without_docstrings() -> None:
    source = (
        '"""Module."""\n\ndef f():\n    """Two\n    lines."""\n    return 1\n\n\ndef g():\n    """All there is."""\n'
    )
    found = strip_comments(source)
    assert found == '\n\ndef f():\n\n\n    return 1\n\n\ndef g():\n    """All there is."""\n'
    annotated = (
        "def f(a: int, *b: str, c: list[int] = (), d: int | None = None) -> list[\n    int\n]:\n    e: int = 1\n"
    )
    assert strip_comments(annotated) == "def f(a, *b, c = (), d = None) -> list[\n    int\n]:\n    e: int = 1\n"
    assert strip_comments("def f(\n    a: int,\n) -> int:\n    return a\n") == "def f(\n    a,\n):\n    return a\n"


@pytest.mark.parametrize("path", sorted(find_runner_package().glob("*.py")), ids=lambda path: path.name)
def test_every_module_keeps_its_code_without_docstrings(path: Path) -> None:
    def statements(source: str) -> list[tuple[int, str]]:
        tree = ast.parse(source)
        tree.body = [node for node in tree.body if not ast.unparse(node).startswith("if TYPE_CHECKING:")]
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
        plain = [node for node in nodes if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
        return sorted((node.lineno, type(node).__name__) for node in plain)

    source = path.read_text()
    assert statements(strip_comments(source)) == statements(source)


def test_it_keeps_bytecode_beside_itself(runner: Path) -> None:
    first = start(runner)
    (folder,) = (runner.parent / "__pycache__").iterdir()
    kept = {path.name.split(".")[0] for path in folder.rglob("*.pyc")}
    assert {"command_line", "errors"} <= kept
    assert "predict" not in kept, "only what was imported"
    assert start(runner) == first
    assert [path.name for path in (runner.parent / "__pycache__").iterdir()] == [folder.name]


def test_it_starts_where_nothing_can_be_kept(runner: Path) -> None:
    wanted = start(runner, "-B")
    assert not (runner.parent / "__pycache__").exists(), "-B: no bytecode is wanted"
    (runner.parent / "__pycache__").write_text("a file where the folder would be")
    assert start(runner) == wanted


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_sources_that_another_put_there_are_not_run(runner: Path) -> None:
    start(runner)
    (folder,) = (runner.parent / "__pycache__").iterdir()
    (folder / "edgedigits_runner" / "command_line.py").write_text("raise SystemExit('planted')")
    os.chown(folder, 12345, 12345)
    assert "COMMAND --help tells more" in start(runner)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="can't be written"):
        write_runner(tmp_path / "file" / NAME)
