"""Processes that really die, hang and eat memory, and what is said of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedigits.errors import ModelError, TfliteError
from edgedigits.ground.processes import children
from edgedigits.ground.processes.child import read_status_kib
from edgedigits.ground.processes.children import MIB, Errand, ask


def errand(function: str, **more: Any) -> Errand:
    given: dict[str, Any] = {"error": TfliteError, "most_s": 1.0, "most_bytes": 200 * MIB, **more}
    return Errand(f"doomed_in_tests:{function}", "m.tflite: LiteRT", "export it again", **given)


@pytest.fixture(autouse=True)
def doomed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The functions of tests/doomed.py, found by a child as a module of the package."""
    import edgedigits

    (tmp_path / "sitecustomize.py").write_text(
        f"import sys, edgedigits\nedgedigits.__path__.append({str(tmp_path)!r})\n"
    )
    (tmp_path / "doomed_in_tests.py").write_text((Path(__file__).parent / "doomed.py").read_text())
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path(edgedigits.__file__).parent.parent)]))
    children.end("light")
    yield
    children.end("light")


def test_values_travel_as_they_are() -> None:
    given = {"a": np.arange(6, dtype=np.int8).reshape(2, 3), "b": b"\0\xff", "c": [1, {"d": None}], "e": np.float32(2)}
    found = ask(errand("same"), **given)
    np.testing.assert_array_equal(found["a"], given["a"])
    assert found["a"].dtype == np.int8
    assert (found["b"], found["c"], float(found["e"])) == (b"\0\xff", [1, {"d": None}], 2.0)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("crash", "was ended by SIGSEGV"),
        ("abort", "was ended by SIGABRT"),
        ("loop", "gave no answer within 1 s"),
        ("eat", "needs more than the 200 MiB of memory that are allowed for it"),
        ("stumble", "failed (an unknown kind of error)"),
    ],
)
def test_every_bad_end_is_one_sentence_and_the_next_errand_is_served(function: str, said: str) -> None:
    with pytest.raises(TfliteError) as caught:
        ask(errand(function))
    assert str(caught.value) == f"m.tflite: LiteRT {said}; export it again"
    assert ask(errand("same"), a=1) == {"a": 1}


def test_errors_of_ours_keep_their_kind_and_words() -> None:
    with pytest.raises(ModelError, match=r"^in its own words$"):
        ask(errand("refuse"))


def test_who_works_long_and_says_so_is_waited_for() -> None:
    assert ask(errand("slow")) == "done"


def test_one_child_serves_until_it_holds_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    first = ask(errand("who"))
    assert ask(errand("who")) == first
    monkeypatch.setitem(children.MOST_HELD_KIB, "light", read_status_kib("VmRSS:", first) + 40 * 1024)
    assert ask(errand("hold")) == first
    assert ask(errand("who")) != first
    assert not Path(f"/proc/{first}").exists()


_PARENT = """
import sys
sys.path[:0] = {path!r}
from edgedigits.ground.processes import children
from edgedigits.ground.processes.children import Errand, ask
print(children.process_id("light"), flush=True)
ask(Errand("doomed_in_tests:loop", "x", "y", most_s=60))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_child_ends_with_who_started_it(number: signal.Signals) -> None:
    """Though it is in code that looks at no signal, and though nothing was cleared up."""
    command = [sys.executable, "-c", _PARENT.format(path=sys.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        time.sleep(0.5)
        parent.send_signal(number)
        parent.wait(10)
    end = time.monotonic() + 5
    while _runs(child) and time.monotonic() < end:
        time.sleep(0.05)
    assert not _runs(child)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False
