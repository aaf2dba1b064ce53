"""Which Pythons the package takes: said alike in every place, and tried; and the pure parts of the benchmark that tries them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from benchmarks.pages import README, read
from benchmarks.pythons.__main__ import RESULT, targets
from benchmarks.pythons.environment import LOCK
from benchmarks.pythons.interpreters import PROJECT, Interpreter, PythonError, came_from, declared, series
from benchmarks.pythons.story import counted
from benchmarks.pythons.table import pythons_table

TAKEN = declared()
NEXT = (3, TAKEN[-1][1] + 1)


def dotted(python: tuple[int, int]) -> str:
    return f"{python[0]}.{python[1]}"


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    tomllib = pytest.importorskip("tomllib")  # in the standard library from Python 3.11 on
    found: dict[str, Any] = tomllib.loads(PROJECT.read_text())["project"]
    return found


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(RESULT.read_text())["rows"]
    return found


def test_the_pythons_taken_are_those_of_requires_python(project: dict[str, Any]) -> None:
    allowed = SpecifierSet(project["requires-python"])
    assert [one for one in ((3, minor) for minor in range(6, 30)) if dotted(one) in allowed] == list(TAKEN)


def test_the_classifiers_name_them(project: dict[str, Any]) -> None:
    named = re.findall(r"^Programming Language :: Python :: (3\.\d+)$", "\n".join(project["classifiers"]), re.MULTILINE)
    assert named == [dotted(one) for one in TAKEN]


def test_the_readme_names_them_and_shows_what_was_tried(rows: list[dict[str, Any]]) -> None:
    text = read(README)
    assert f"It needs Python {dotted(TAKEN[0])} to {dotted(TAKEN[-1])} " in text
    assert pythons_table({"rows": rows}) in text


def test_each_was_tried_and_nothing_failed(rows: list[dict[str, Any]]) -> None:
    """With the TensorFlow and the Keras that the lock has."""
    locked = LOCK.read_text()
    tried = {series(row["python"]): row for row in rows if "story" in row}
    for python in TAKEN:
        assert python in tried, f"Python {dotted(python)} was not tried: python -m benchmarks.pythons"
        for name in ("tensorflow", "keras"):
            version = tried[python]["packages"][name]
            assert f"\n{name}=={version} " in locked, (
                f"the lock has another {name} than {version}: python -m benchmarks.pythons"
            )
    assert [one["got"] for one in targets(rows)] == [0] * len(TAKEN)


def test_one_tensorflow_is_asked_for_on_each_python_and_on_the_next(project: dict[str, Any]) -> None:
    """The next one needs no more than `requires-python`; those taken get the lock's."""
    asked = [Requirement(one) for one in project["dependencies"] if one.startswith("tensorflow")]
    (locked,) = re.findall(r"^tensorflow==([\d.]+)", LOCK.read_text(), re.MULTILINE)
    for python in (*TAKEN, NEXT):
        (one,) = [one for one in asked if one.marker is None or one.marker.evaluate({"python_version": dotted(python)})]
        assert (locked in one.specifier) is (python in TAKEN), one


def row(python: str, *codes: int, **tests: Any) -> dict[str, Any]:
    story = [{"command": f"number {at}", "code": code, "said": "so"} for at, code in enumerate(codes)]
    own = {"code": 0, "counts": {"passed": 3}, "fell": []} | tests
    packages = {"tensorflow": "2.21.0", "keras": "3.15.1"}
    return {"python": python, "from": "pyenv", "packages": packages, "story": story, "tests": own}


def test_what_fails_on_a_python_is_counted_and_one_that_is_missing_is_not_met() -> None:
    fell = {"code": 1, "counts": {"failed": 2}, "fell": ["a", "b"]}
    all_rows = [row("3.10.1", 0, 0), row("3.11.2", 1, 0, **fell), row("3.12.3", 0, code=3)]
    all_rows += [{"python": "3.13", "reason": "no such Python was at hand"}, row("3.14.0", 1)]
    found = {one["name"].split(":")[0]: (one["got"], one["met"]) for one in targets(all_rows)}
    assert found["Python 3.10"] == (0, True)
    assert found["Python 3.11"] == (3, False)
    assert found["Python 3.12"] == (1, False)
    assert found["Python 3.13"] == (None, False)


def test_the_table_says_what_failed_and_what_was_not_tried() -> None:
    missing = {"python": "3.12", "reason": "none here"}
    text = pythons_table({"rows": [row("3.10.1", 0, 0), row("3.11.2", 0, 2), missing, row("3.99.0", 0)]})
    assert text.splitlines()[2:] == [
        "| 3.10.1 | pyenv | 2.21.0 | 3.15.1 | 2 of 2 commands | 3 passed |",
        "| 3.11.2 | pyenv | 2.21.0 | 3.15.1 | 1 of 2 commands; `number 1`: so | 3 passed |",
        "| 3.12 |  |  |  | not tried here: none here |  |",
        "| 3.99.0, not taken yet | pyenv | 2.21.0 | 3.15.1 | 1 of 1 commands | 3 passed |",
    ]


def test_counts_are_those_of_the_last_line() -> None:
    out = "FAILED tests/a.py::one - no\nERROR tests/b.py::two\n1 failed, 20 passed, 2 skipped, 1 error in 3.00s\n"
    found = counted(subprocess.CompletedProcess([], 1, out, ""))
    assert found["counts"] == {"failed": 1, "passed": 20, "skipped": 2, "error": 1}
    assert found["fell"] == ["tests/a.py::one", "tests/b.py::two"]
    assert counted(subprocess.CompletedProcess([], 4, "", "no module named pytest"))["said"] == "no module named pytest"


@pytest.mark.parametrize(
    ("base", "origin"),
    [
        ("/usr", "Debian GNU/Linux 13 (trixie)"),
        ("/home/me/.pyenv/versions/3.12.1", "pyenv"),
        ("/home/me/.local/share/uv/python/cpython-3.13.5-linux-x86_64-gnu", "uv"),
        ("/opt/python", "a build by hand"),
    ],
)
def test_where_a_python_comes_from(base: str, origin: str) -> None:
    assert came_from(base, "Debian GNU/Linux 13 (trixie)") == origin


def test_a_python_is_asked_for_its_version_and_one_that_does_not_run_is_named(tmp_path: Path) -> None:
    assert series(Interpreter.read(sys.executable).facts()["python"]) == sys.version_info[:2]
    with pytest.raises(PythonError, match=r"python3\.19: No such file"):
        Interpreter.read(str(tmp_path / "python3.19")).facts()
    assert Interpreter.read("/srv/forky:/usr/bin/python3").root == Path("/srv/forky")
