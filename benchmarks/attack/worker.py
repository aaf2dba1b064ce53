"""A process in which readers are called, one file after another: a line of JSON in, a line of JSON out.

    python -m benchmarks.attack.worker CORPUS FOLDER MODULE

MODULE holds the table of the readers. What they print, and what libraries log, goes to FOLDER/log, as does where Python
stands when it dies or takes too long.
"""

from __future__ import annotations

import faulthandler
import importlib.util
import json
import os
import shutil
import sys
import traceback
from pathlib import Path
from typing import Any, TextIO

from benchmarks.attack.readers.calling import Case, Reader, WrongEnd


def sources() -> tuple[str, ...]:
    """The folders of the project's own code, with a slash behind."""
    specs = map(importlib.util.find_spec, ("edgedigits", "edgedigits_runner"))
    return tuple(f"{Path(spec.origin).parent}/" for spec in specs if spec and spec.origin)


def main(corpus: Path, folder: Path, module: str) -> None:
    readers: dict[str, Reader] = importlib.import_module(module).READERS
    answers = _answers_apart(folder / "log")
    work = folder / "case"
    for line in sys.stdin:
        asked = json.loads(line)
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        faulthandler.dump_traceback_later(0.8 * asked["limit_s"])
        _forget_peak()
        found = _outcome(readers[asked["reader"]], Case(Path(asked["file"]), work, corpus))
        faulthandler.cancel_dump_traceback_later()
        answers.write(json.dumps({**found, "peak": _peak()}) + "\n")
        answers.flush()
        os.chdir(folder)


def _answers_apart(log: Path) -> TextIO:
    """Where answers go: what was standard output, which from now on is the log, as standard error is."""
    answers = os.fdopen(os.dup(1), "w")
    kept = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(kept, 1)
    os.dup2(kept, 2)
    faulthandler.enable()
    os.chdir(log.parent)
    return answers


def _outcome(reader: Reader, case: Case) -> dict[str, Any]:
    """`how` it ended: fine, refused, ended (wrongly), raised; with `what`, `where` and `words`."""
    try:
        refused = reader.read(case)
    except WrongEnd as end:
        return {"how": "ended", "what": str(end).partition(":")[0], "where": "", "words": str(end)}
    except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever a reader lets through is what is looked for
        return {"how": "raised", "what": type(error).__name__, "where": _place(error), "words": _words(error)}
    if refused is None:
        return {"how": "fine"}
    return {"how": "refused", "words": refused.words}


def _place(error: BaseException) -> str:
    """File and line of the project's own that is nearest to where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(sources())]
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""


def _words(error: BaseException) -> str:
    try:
        return " ".join(str(error).split())[:300]
    except (RecursionError, MemoryError):
        return ""


def _forget_peak() -> None:
    """From here on the peak of this process's memory counts anew."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    """Bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute(), sys.argv[3])
