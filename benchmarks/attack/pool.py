"""A worker seen from outside: its time, its memory and that of all it starts, its death; replaced when it has to be."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.attack.watching import MOST_BYTES, end_all, largest
from benchmarks.attack.worker import sources

TABLE = "benchmarks.attack.readers.table"
CASES = 300
"""A worker is replaced after so many: what TensorFlow keeps of one model is no fault of the next."""
FRESH = 10
_ROOT = Path(__file__).parents[2]
_OURS = re.compile(rf'File "(?:{"|".join(map(re.escape, sources()))})([^"]+)", line (\d+)')


class Worker:
    """One process at a time; `ask` answers what became of a file, whatever happens to the process."""

    def __init__(self, corpus: Path, folder: Path, table: str = TABLE) -> None:
        self.corpus, self.folder, self.table = corpus, folder, table
        self.process: subprocess.Popen[str] | None = None
        self.cases = 0
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def is_fresh(self) -> bool:
        """Not started yet, or so new that most of what readers need is still to be imported."""
        return self.process is None or self.cases < FRESH

    def ask(self, reader: str, file: Path, limit_s: float) -> dict[str, Any]:
        """The outcome as the worker tells it, or `how`: hang, memory, died; `seconds` it took."""
        process = self._running()
        (self.folder / "log").write_bytes(b"")
        began = time.monotonic()
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps({"reader": reader, "file": str(file), "limit_s": limit_s}) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            return {**self._died(process), "seconds": 0.0}
        found = self._wait(process, began + limit_s)
        if found.get("peak", 0) > MOST_BYTES:
            found = {
                **found,
                "how": "memory",
                "what": f"{found['peak'] / 2**30:.1f} GiB",
                "where": found.get("where", ""),
            }
        return {**found, "seconds": time.monotonic() - began}

    def stop(self) -> None:
        """Ends the process, and all that it started."""
        if self.process is None:
            return
        end_all(self.process.pid)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
        self.process = None

    def _running(self) -> subprocess.Popen[str]:
        if self.cases >= CASES:
            self.stop()
        if self.process is None:
            self.cases = 0
            self.process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.attack.worker", str(self.corpus), str(self.folder), self.table],
                cwd=_ROOT,
                env={**os.environ, **self._environment()},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        self.cases += 1
        return self.process

    def _environment(self) -> dict[str, str]:
        cache = str((self.folder / "cache").absolute())
        return {"EDGEDIGITS_CACHE": cache, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1"}

    def _wait(self, process: subprocess.Popen[str], end: float) -> dict[str, Any]:
        assert process.stdout is not None
        pause = 0.02
        while time.monotonic() < end:
            ready, _, _ = select.select([process.stdout], [], [], pause)
            if ready:
                line = process.stdout.readline()
                found: dict[str, Any] = json.loads(line) if line.endswith("\n") else self._died(process)
                return found
            if largest(process.pid) > MOST_BYTES:
                self.stop()
                return {"how": "memory", "what": f"over {MOST_BYTES / 2**30:.0f} GiB", "where": self._place()}
            pause = min(0.1, 2 * pause)
        self.stop()
        return {"how": "hang", "what": "too long", "where": self._place()}

    def _died(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        code = process.wait()
        self.stop()
        what = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return {"how": "died", "what": what, "where": self._place(), "words": self._log()[-300:]}

    def _log(self) -> str:
        return (self.folder / "log").read_text(errors="replace") if (self.folder / "log").exists() else ""

    def _place(self) -> str:
        """File and line of the project's own where Python stood, as faulthandler wrote it down."""
        found = _OURS.search(self._log())
        return f"{Path(found[1]).name}:{found[2]}" if found else ""
