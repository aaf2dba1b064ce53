"""Several workers on one machine: real processes on the same study. One that dies is replaced, and its trial tried again."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, Final

from edgedigits.errors import CheckError, EdgeDigitsError, InputError
from edgedigits.ground.facts import Say
from edgedigits.pipeline.search.worker import POLL_S, Errand, work

MOST_DEATHS: Final = 5
"""Of all workers together; more are no accident."""
_PATIENCE_S: Final = 15.0
_PROGRAM: Final = "import sys; sys.path[:] = {path!r}; from edgedigits.pipeline.search.crew import serve; serve()"
_REFUSED: Final = 3


@dataclass
class _Worker:
    errand: Errand
    process: subprocess.Popen[bytes]
    words: IO[bytes]

    def close(self) -> None:
        """The pipe to it and what it said, once it has ended."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.words.close()


def run_crew(errand: Errand, count: int, say: Say, poll: Callable[[], None]) -> None:
    """`count` workers until the search is over; `poll` is called meanwhile, about every second.

    Raises what a worker raises, CheckError where workers die again and again. Whatever is raised, no worker is left.
    """
    workers = [_start(errand.as_worker(number, count)) for number in range(count)]
    deaths = 0
    try:
        while workers:
            time.sleep(POLL_S)
            poll()
            for one in [each for each in workers if each.process.poll() is not None]:
                workers.remove(one)
                code, said = one.process.returncode, _read_words(one)
                one.close()
                if code == 0:
                    continue
                deaths += 1
                if code == _REFUSED or deaths > MOST_DEATHS:
                    raise (InputError if code == _REFUSED else CheckError)(
                        said or f"worker {one.errand.number + 1} failed"
                    )
                how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"failed ({said})"
                say(f"worker {one.errand.number + 1} {how}; another takes its place, and its trial is tried again")
                workers.append(_start(one.errand))
    finally:
        _end(workers)


def _start(errand: Errand) -> _Worker:
    words = tempfile.TemporaryFile()  # noqa: SIM115  # as long as the worker lives
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM.format(path=sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=words,
        start_new_session=True,  # Ctrl-C is for the one who coordinates
    )
    sent = pickle.dumps(errand)
    assert process.stdin is not None
    try:
        process.stdin.write(struct.pack("<Q", len(sent)) + sent)
        process.stdin.flush()
    except BrokenPipeError:
        pass  # it ended at once, which is seen where it is polled
    return _Worker(errand, process, words)


def _read_words(one: _Worker) -> str:
    one.words.seek(0)
    lines = one.words.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:500] if lines else ""


def _end(workers: list[_Worker]) -> None:
    """Interrupts those that are left, so that their trials are queued again; what does not end is killed."""
    for one in workers:
        one.process.send_signal(signal.SIGINT)
    until = time.monotonic() + _PATIENCE_S
    for one in workers:
        try:
            one.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            one.process.kill()
            one.process.wait()
        one.close()


def serve() -> None:
    """What a worker's process does: reads its errand, works, and ends with the process that started it, however that ends."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    source = sys.stdin.buffer
    (size,) = struct.unpack("<Q", source.read(8))
    errand: Any = pickle.loads(source.read(size))
    threading.Thread(target=_end_with, args=(source.fileno(),), daemon=True).start()
    try:
        work(errand)
        os._exit(0)  # at once: the thread waits in a system call, and there is nothing to tidy
    except KeyboardInterrupt:
        os._exit(130)
    except EdgeDigitsError as error:
        print(error, file=sys.stderr, flush=True)
        os._exit(_REFUSED if isinstance(error, InputError) else 1)


def _end_with(source: int) -> None:
    os.read(source, 1)
    os._exit(1)
