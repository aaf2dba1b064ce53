"""A reader that falls as its file says, so that the attack can be seen to notice."""

from __future__ import annotations

import os
import signal
import time

from benchmarks.attack.readers.calling import Case, Reader, Refused, WrongEnd


def _read(case: Case) -> Refused | None:
    way = case.file.read_text()
    if way == "raise":
        raise ValueError("of a kind that nobody translated")
    if way == "end":
        raise WrongEnd("exit code 3: no")
    if way == "hang":
        time.sleep(30)
    if way == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if way == "fill":
        bytearray(2**29)
    return Refused("no", 2) if way == "refuse" else None


READERS = {"fallible": Reader("fallible", ("model",), "host", _read)}
