"""How commands end: one sentence and the right exit code, whatever comes up and whatever a library makes of Ctrl-C."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from edgedigits.api.calls import was_interrupted
from edgedigits.api.progress import telling
from edgedigits.cli import endings, main
from edgedigits.cli.endings import INTERRUPTED, end_of, escape_controls
from edgedigits.errors import DataError, ParityError
from edgedigits.ground.processes.interrupts import raise_noted

QUICK = """
stages:
  - prune: {min_weights: 100, epochs: 0.1, min_steps: 6, batch: 32}
export: int8
"""


@pytest.fixture(autouse=True)
def _own_handler() -> Any:
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def raising(error: BaseException, context: BaseException | None = None) -> Callable[[], int]:
    def work() -> int:
        if context is None:
            raise error
        try:
            raise context
        except BaseException:  # noqa: BLE001
            raise error  # noqa: B904  # as libraries do: the interrupt is the context only

    return work


@pytest.mark.parametrize(
    ("error", "context", "code", "says"),
    [
        (DataError("data x: empty"), None, 2, "data x: empty"),
        (ParityError("differs"), None, 1, "differs"),
        (KeyboardInterrupt(), None, 130, INTERRUPTED),
        (
            ValueError("Can't close the ZIP file while there is an open writing handle on it."),
            KeyboardInterrupt(),
            130,
            INTERRUPTED,
        ),
        (DataError("not a readable .npz"), KeyboardInterrupt(), 130, INTERRUPTED),
        (SystemExit(0), KeyboardInterrupt(), 130, INTERRUPTED),
        (
            EOFError("No data left in file"),
            None,
            1,
            "this should not have happened: EOFError: No data left in file; please",
        ),
        (
            RuntimeError("a\nb"),
            None,
            1,
            "this should not have happened: RuntimeError: a b; please report it with the traceback that",
        ),
        (ValueError("x" * 5000), None, 1, "x..."),
        (ValueError(), None, 1, "this should not have happened: ValueError; please"),
        (MemoryError(), None, 1, "there is not enough memory"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "y" * 300), None, 2, "too long for a file's name or path"),
        (OSError(errno.ENOSPC, "No space left on device", "z"), None, 1, "z: there is no room left"),
        (DataError("bad \x1b[31m\u202e\ud800 name"), None, 2, "bad \\x1b[31m\\u202e\\ud800 name"),
    ],
)
def test_every_error_is_a_sentence_and_a_code(
    error: BaseException, context: BaseException | None, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert end_of(raising(error, context)) == code
    said = capsys.readouterr().err
    assert says in said
    assert said.startswith("edgedigits: ")
    assert said.count("\n") == 1
    assert len(said) < 500


def test_the_traceback_is_there_for_who_wants_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(endings.TRACEBACK, "1")
    assert end_of(raising(RuntimeError("odd"))) == 1
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert said.splitlines()[-1].startswith("edgedigits: this should not have happened: RuntimeError: odd")


def test_an_interrupt_is_found_through_causes_contexts_and_circles() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__context__ = other, one
    assert not was_interrupted(one)
    other.__cause__ = KeyboardInterrupt()
    assert was_interrupted(one)


def test_an_interrupt_that_a_library_makes_something_else_of_or_swallows_is_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def hidden() -> int:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            pass
        raise RuntimeError("UnknownError: a Python function failed")

    def swallowed() -> int:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            return 0
        return 3

    for work in (hidden, swallowed):
        assert end_of(work) == 130
        assert capsys.readouterr().err == f"edgedigits: {INTERRUPTED}\n"


def script(code: str) -> subprocess.Popen[str]:
    head = "import sys, time, signal\nfrom edgedigits.cli import endings\nfrom edgedigits.cli.endings import end_of\n"
    return subprocess.Popen(
        [sys.executable, "-c", head + code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


CLINGING = """
def work():
    print("there", flush=True)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            time.sleep(30)
        except BaseException:
            print("again", flush=True)
    return 0
endings.LONGEST_S = float(sys.argv[1]) if len(sys.argv) > 1 else 0.3
sys.exit(end_of(work))
"""


def test_work_that_goes_on_all_the_same_is_ended_by_a_second_interrupt_or_by_the_clock() -> None:
    for interrupts, code in ((1, CLINGING), (2, CLINGING.replace("0.3", "20"))):
        process = script(code)
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        for _ in range(interrupts):
            process.send_signal(signal.SIGINT)
            if interrupts == 2:
                process.stdout.readline()
        _, said = process.communicate(timeout=10)
        assert (process.returncode, said) == (130, f"edgedigits: {INTERRUPTED}\n")


def test_where_interrupts_are_ignored_they_stay_so() -> None:
    process = script(
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\nsys.exit(end_of(lambda: signal.raise_signal(2) or 7))"
    )
    process.communicate(timeout=10)
    assert process.returncode == 7


def test_an_end_of_file_is_no_interrupt_for_click(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """click takes EOFError, which NumPy raises for an empty file, for Ctrl-C."""

    @main.cli.command("odd")
    def odd() -> None:
        raise EOFError("No data left in file")

    monkeypatch.setattr(sys, "argv", ["edgedigits", "odd"])
    try:
        with pytest.raises(SystemExit) as ended:
            main.main()
    finally:
        del main.cli.commands["odd"]
    assert ended.value.code == 1
    assert "this should not have happened: EOFError" in capsys.readouterr().err
    assert isinstance(odd, click.Command)


def test_a_reader_that_leaves_gets_no_traceback() -> None:
    code = "sys.exit(end_of(lambda: print('x' * 200_000) or 0))"
    process = script("time.sleep(0.3)\n" + code)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 1
    assert said == "edgedigits: what read the output stopped reading before its end; nothing else went wrong\n"


def test_text_of_any_script_is_shown_as_it_is() -> None:
    cut = escape_controls("x.keras: it was saved by Keras '" + "n" * 70_000 + "'; Keras 2 and Keras 3 can be read.")
    assert len(cut) < 2100
    assert cut.startswith("x.keras: it was saved by Keras 'nn")
    assert cut.endswith("nn'; Keras 2 and Keras 3 can be read.")
    assert escape_controls("Größe 手書き\tמספר\n") == "Größe 手書き\tמספר\n"


def test_a_real_interrupt_of_compress_ends_with_130_and_a_sentence(tmp_path: Path) -> None:
    """At a random moment from when it has begun its work; `train` is interrupted in test_cli."""
    images, labels = np.random.default_rng(0).integers(0, 255, (60, 8, 8, 1), np.uint8), np.arange(60) % 3
    np.savez(tmp_path / "data.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    (tmp_path / "quick.yaml").write_text(QUICK)
    words = ["compress", "--recipe", "quick.yaml", "--zoo", "mlp", "--data", "data.npz", "--out", "out"]
    command = [sys.executable, "-m", "edgedigits.cli", *words]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "no shipped" not in (line := process.stderr.readline()):
        assert line, "ended before it was interrupted"
    time.sleep(random.Random(4).random())
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said.splitlines()[-1] == f"edgedigits: {INTERRUPTED}"
    assert "Traceback" not in said
    assert list((tmp_path / "out").iterdir()) == []


def test_an_interrupt_that_a_library_swallows_is_heard_at_the_next_sign_of_progress(
    capsys: pytest.CaptureFixture[str],
) -> None:
    went_on = []

    class Loud:
        def __del__(self) -> None:
            raise KeyboardInterrupt

    def work() -> int:
        with telling(True) as told:
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                sys.excepthook(*sys.exc_info())  # as TensorFlow does, where it takes it for "no"
            try:
                raise SystemError("<built-in function __import__> returned a result with an exception set")
            except SystemError:
                sys.excepthook(*sys.exc_info())  # the same, where it came while TensorFlow was importing
            del [Loud()][0]  # and where nothing can be raised
            went_on.append("past it")
            told.progress("stage", 0.5)
            went_on.append("to the end")
        return 0

    before, shown, ignored = signal.getsignal(signal.SIGINT), sys.excepthook, sys.unraisablehook
    try:
        assert end_of(work) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert went_on == ["past it"]
    assert capsys.readouterr().err == f"edgedigits: {INTERRUPTED}\n"
    assert (sys.excepthook, sys.unraisablehook) == (shown, ignored)
    raise_noted()  # the next work is another one's
