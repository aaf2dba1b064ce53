"""A command as a user starts it: how it ended, how long it took, what its largest process took."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.attack.readers.calling import WrongEnd, judged
from benchmarks.attack.watching import MOST_BYTES, end_all, largest

HOST, RUNNER = "edgedigits.cli", "edgedigits_runner"


@dataclass(frozen=True)
class Ended:
    """`code` is the exit code, None of a command that was stopped for its time; `peak` is in bytes."""

    command: str
    code: int | None
    out: str
    said: str
    seconds: float
    peak: int

    @property
    def fault(self) -> str:
        """What is wrong with how it ended, whatever it was asked; empty where nothing is."""
        if self.code is None:
            return f"stopped after {self.seconds:.0f} s"
        if self.peak > MOST_BYTES:
            return f"took {self.peak / 2**30:.1f} GiB"
        if "Traceback (most recent call last)" in self.said:
            return "a traceback: " + self.said.strip().splitlines()[-1][:160]
        if self.code not in (0, 1, 2):
            return f"exit code {self.code}"
        try:
            return "" if self.code == 0 or judged(self.said) or self.out.strip() else "no word"
        except WrongEnd as end:
            return str(end)

    @property
    def sentence(self) -> str:
        """What it said where it did not go through."""
        if not self.code or self.fault:
            return self.fault
        return judged(self.said) or " ".join(self.out.split())[-300:]  # `doctor` gives its reasons as its result

    @property
    def all_words(self) -> str:
        """What it said, and the warnings in the document that it printed."""
        return "\n".join([self.said, *map(str, self.json().get("warnings", []))])

    def json(self) -> dict[str, Any]:
        """The document it printed; empty where it printed none."""
        try:
            found = json.loads(self.out)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def as_json(self) -> dict[str, Any]:
        return {
            "command": self.command,
            "exit_code": self.code,
            "seconds": round(self.seconds, 2),
            "peak_mib": round(self.peak / 2**20),
            "fault": self.fault,
            "sentence": self.sentence[:400],
        }


def run(words: Sequence[object], folder: Path, environment: dict[str, str], limit_s: float) -> Ended:
    """`python -m WORDS` in `folder`, ended after `limit_s` seconds or where a process of it takes too much."""
    command = [sys.executable, "-m", *map(str, words)]
    began = time.monotonic()
    peak = 0
    with tempfile.TemporaryFile("w+b") as out, tempfile.TemporaryFile("w+b") as said:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=said,
            start_new_session=True,
        )
        while process.poll() is None and time.monotonic() - began < limit_s and peak <= MOST_BYTES:
            peak = max(peak, largest(process.pid))
            time.sleep(0.05)
        code = process.poll()
        if code is None:
            end_all(process.pid)
            process.wait()
        return Ended(" ".join(map(str, words)), code, _text(out), _text(said), time.monotonic() - began, peak)


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode("utf-8", "replace"))
