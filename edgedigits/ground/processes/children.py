"""Native code in processes of its own: what dies there is told in one sentence, and the process that asked lives on.

An errand is a function of this package and what it is given. It runs in a child that stays for the next one: `light` children
start in a fifth of a second, those for TensorFlow take seconds and can be started ahead (`warm`). A child that dies, says
nothing for too long or takes too much memory is ended; the next errand gets a new one. Children end with the process that
started them, however that ends.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from edgedigits import errors
from edgedigits.errors import CheckError, EdgeDigitsError
from edgedigits.ground.facts import JsonObject
from edgedigits.ground.processes import messages
from edgedigits.ground.processes.child import OUT_OF_MEMORY

Room = Literal["light", "tensorflow"]

PRELOADED: Final[dict[Room, str]] = {"light": "", "tensorflow": "edgedigits.backend"}
MOST_HELD_KIB: Final[dict[Room, int]] = {"light": 512 * 1024, "tensorflow": 1536 * 1024}
"""A child that holds more than this after an errand is replaced."""
START_S: Final = 180.0
MIB: Final = 2**20

_START: Final = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from edgedigits.ground.processes.child import serve
serve(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
"""
_MEMORY_WORDS: Final = ("bad_alloc", "Out of memory", "OOM when allocating", "MemoryError")
_MOST_WORDS: Final = 16384
_LOGGED: Final = ("INFO:", "WARNING:", "I0", "W0")


@dataclass(frozen=True)
class Errand:
    """What a child is to do. `function` is "room.module:name" of edgedigits; `doing` and `advice` begin and end the sentence that
    is said where the child fails: "{doing} was ended by SIGSEGV; {advice}".

    `most_s` is how long it may say nothing (see `child.beat`), `most_bytes` the memory it may take besides what it holds; None:
    as much as there is. `error` is raised where the child died, hung, or met something that nobody thought of.
    """

    function: str
    doing: str
    advice: str
    room: Room = "light"
    error: type[EdgeDigitsError] = CheckError
    most_s: float = 20.0
    most_bytes: int | None = 1024 * MIB


class _Gone(Exception):
    """How the child ended, as a part of the sentence."""


def ask(errand: Errand, **given: object) -> Any:
    """What the function returns; values travel as `messages` has them.

    Raises EdgeDigitsError's kinds as the function does, and `errand.error` where it fails in any other way.
    """
    room = _ROOMS[errand.room]
    with room.lock:
        child = room.child()
        try:
            return _answer(errand, child.do(errand, given))
        except _Gone as gone:
            child.end()
            raise errand.error(f"{errand.doing} {gone}; {errand.advice}") from None
        except EdgeDigitsError:
            raise
        except BaseException:  # interrupted, or out of step with the child: what it says next is of no use
            child.end()
            raise
        finally:
            room.look_after()


def warm(room: Room) -> None:
    """Starts the child in the background, where there is none yet, for an errand that will come."""
    with _ROOMS[room].lock:
        _ROOMS[room].child()


def _answer(errand: Errand, answer: JsonObject) -> object:
    if "error" not in answer:
        return answer["result"]
    if answer["error"] == OUT_OF_MEMORY:
        raise errand.error(f"{errand.doing} {_short_of(errand)}; {errand.advice}")
    kind = getattr(errors, answer["error"], None) if answer["error"] else None
    if isinstance(kind, type) and issubclass(kind, EdgeDigitsError):
        raise kind(answer["message"])
    raise errand.error(f"{errand.doing} failed ({answer['message']}); {errand.advice}")


def _short_of(errand: Errand) -> str:
    if errand.most_bytes is None:
        return "ran out of memory"
    return f"needs more than the {errand.most_bytes // MIB:,} MiB of memory that are allowed for it"


class _Child:
    """One process, its line, and what it writes to its standard error."""

    def __init__(self, room: Room) -> None:
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  # as long as the process lives
        self._line, theirs = socket.socketpair()
        reader, writer = os.pipe()
        self._lifeline = os.fdopen(writer, "wb", 0)
        fds = (theirs.fileno(), reader)
        search = json.dumps(sys.path)
        command = [sys.executable, "-c", _START, search, *map(str, fds), PRELOADED[room]]
        # A session of its own: Ctrl-C reaches the process that asked, which then ends this one.
        self._process = subprocess.Popen(
            command,
            pass_fds=fds,
            stdin=subprocess.DEVNULL,
            stdout=self._words,
            stderr=self._words,
            start_new_session=True,
        )
        theirs.close()
        os.close(reader)
        self._ready = False
        self._said = 0
        self.held_kib = 0
        self.process_id = self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None and self._process.poll() is None

    def do(self, errand: Errand, given: Mapping[str, object]) -> JsonObject:
        """The answer. Raises _Gone where there will be none."""
        if not self._ready:
            self._receive(errand, START_S)
            self._ready = True
        self._said = os.fstat(self._words.fileno()).st_size  # of earlier errands
        asked = {"function": errand.function, "given": given, "most_bytes": errand.most_bytes}
        try:
            messages.send(self._line, {**asked, "path": sys.path, "folder": str(Path.cwd())})
        except OSError:
            raise self._gone(errand) from None
        answer = self._receive(errand, START_S)  # it imports what it needs before it begins
        while "beat" in answer:
            answer = self._receive(errand, errand.most_s)
        self.held_kib = answer.get("held_kib", 0)
        return answer

    def _receive(self, errand: Errand, most_s: float) -> JsonObject:
        try:
            found: JsonObject = messages.receive(self._line, most_s)
        except messages.Silence:
            raise _Gone(f"gave no answer within {most_s:.0f} s") from None
        except (EOFError, OSError, ValueError):
            raise self._gone(errand) from None
        return found

    def _gone(self, errand: Errand) -> _Gone:
        code, last = self._process.wait(), self._last_words()
        if any(word in last for word in _MEMORY_WORDS):
            return _Gone(_short_of(errand))
        said = f" ({last[:300]})" if last else ""
        how = f"was ended by {_signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
        return _Gone(how + said)

    def _last_words(self) -> str:
        there = self._words.fileno()
        lines = (
            os.pread(there, _MOST_WORDS, max(self._said, os.fstat(there).st_size - _MOST_WORDS))
            .decode(errors="replace")
            .splitlines()
        )
        said = [line.strip() for line in lines if line.strip() and not line.startswith(_LOGGED)]
        return said[-1] if said else ""

    def end(self) -> None:
        """At once, and for good; without effect on one that has ended."""
        self._process.kill()
        self._process.wait()
        self._line.close()
        self._lifeline.close()
        self._words.close()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class _Room:
    """At most one child, and one errand at a time."""

    def __init__(self, name: Room) -> None:
        self.name: Room = name
        self.lock = threading.RLock()
        self._child: _Child | None = None
        self._owner = 0

    def child(self) -> _Child:
        """The one there is, else a new one; that of the process which this one was forked from is not ours."""
        if self._child is not None and self._owner == os.getpid() and self._child.alive:
            return self._child
        self.close()
        self._child, self._owner = _Child(self.name), os.getpid()
        return self._child

    def look_after(self) -> None:
        """Ends a child that holds too much; the next one is started at once, since starting takes seconds."""
        if self._child is not None and self._child.held_kib > MOST_HELD_KIB[self.name]:
            self.close()
            self.child()

    def close(self) -> None:
        if self._child is not None and self._owner == os.getpid():
            self._child.end()
        self._child = None


_ROOMS: Final[dict[Room, _Room]] = {name: _Room(name) for name in PRELOADED}


def end(room: Room) -> None:
    """Ends the child of that room, if there is one; a later errand gets a new one."""
    with _ROOMS[room].lock:
        _ROOMS[room].close()


@atexit.register
def _end_all() -> None:
    for room in _ROOMS.values():
        room.close()


def process_id(room: Room) -> int:
    """Of the child of that room, which is started where there is none."""
    with _ROOMS[room].lock:
        return _ROOMS[room].child().process_id
