"""How a command ends: every error becomes one sentence and an exit code here, and nowhere else.

0 fine, 1 the work failed or a check did, 2 the call was wrong, 130 interrupted. Ctrl-C is Ctrl-C whatever a library makes of it:
an interrupt inside `numpy.savez` comes out as ValueError, one inside TensorFlow as UnknownError or not at all.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import threading
import traceback
import unicodedata
from collections.abc import Callable
from types import FrameType, TracebackType

from edgedigits.api.calls import was_interrupted
from edgedigits.errors import EdgeDigitsError
from edgedigits.ground.processes import interrupts

INTERRUPTED = "interrupted; finished stages are kept, run the same command again to go on"
TRACEBACK = "EDGEDIGITS_TRACEBACK"
"""Set to anything, the traceback of an error that should not have happened is shown."""
LONGEST_S = 10.0
"""After Ctrl-C the work has so long to end by itself; a library may have swallowed the interrupt."""


class Interrupts:
    """Notes that Ctrl-C came, then interrupts as usual; a second one ends the process at once."""

    def __init__(self) -> None:
        self.noted = False
        self._ended = False
        self._show, self._show_ignored = sys.excepthook, sys.unraisablehook

    def watch(self) -> None:
        """From now on; not where interrupts are ignored, as in a shell's background jobs, or another thread asks."""
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._interrupt)
            sys.excepthook, sys.unraisablehook = self._show_others, self._show_others_ignored

    def end(self) -> None:
        """What comes after this, while Python takes itself down, changes nothing any more."""
        self._ended = True
        interrupts.note(False)
        sys.excepthook, sys.unraisablehook = self._show, self._show_ignored

    def _show_others(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Not what a library that swallowed the interrupt prints of it; it may have become another error on its way."""
        if not self.noted:
            self._show(kind, error, trace)

    def _show_others_ignored(self, unraisable: sys.UnraisableHookArgs) -> None:
        if not self.noted:
            self._show_ignored(unraisable)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self._ended:
            return
        if self.noted:
            _end_at_once()
        self.noted = True
        interrupts.note(True)
        timer = threading.Timer(LONGEST_S, self._too_long)
        timer.daemon = True
        timer.start()
        raise KeyboardInterrupt

    def _too_long(self) -> None:
        if not self._ended:
            _end_at_once()


def _end_at_once() -> None:
    os.write(2, f"edgedigits: {INTERRUPTED}\n".encode())
    os._exit(130)


def end_of(work: Callable[[], int]) -> int:
    """The exit code of `work`, whose errors are said in one sentence on standard error."""
    watched = Interrupts()
    try:
        watched.watch()
        code = work()
        sys.stdout.flush()
        sentence = ""
    except BaseException as error:  # noqa: BLE001  # whatever it is, it ends here, in a sentence
        code, sentence = _told(error, watched.noted)
    if watched.noted and code != 130:
        code, sentence = 130, INTERRUPTED
    watched.end()
    if sentence:
        _say(sentence)
    return code


def _told(error: BaseException, noted: bool) -> tuple[int, str]:
    if noted or was_interrupted(error):
        return 130, INTERRUPTED
    if isinstance(error, SystemExit):
        code = error.code
        return (code, "") if isinstance(code, int) else (int(code is not None), str(code or ""))
    if isinstance(error, EdgeDigitsError):
        return error.exit_code, str(error)
    if isinstance(error, BrokenPipeError) and _nobody_reads():
        return 1, "what read the output stopped reading before its end; nothing else went wrong"
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return 2, f"{_short(error.filename)}: too long for a file's name or path; choose a shorter one"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return 1, f"{error.filename or 'the output'}: there is no room left; make some, or choose another place"
    if isinstance(error, MemoryError):
        return 1, "there is not enough memory for this; close other programs, or give smaller or fewer images"
    return 1, _unexpected(error)


def _unexpected(error: BaseException) -> str:
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
        more = "please report it with the traceback above"
    else:
        more = f"please report it with the traceback that {TRACEBACK}=1 shows"
    words = _short(" ".join(str(error).split()))
    return f"this should not have happened: {type(error).__name__}{words and ': '}{words}; {more}"


def _short(text: object) -> str:
    shown = str(text)
    return shown if len(shown) <= 200 else shown[:197] + "..."


def _nobody_reads() -> bool:
    """True where standard output is a pipe without a reader; what is left for it goes nowhere then."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    if not any(found & select.POLLERR for _, found in poll.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def _say(sentence: str) -> None:
    try:
        print(f"edgedigits: {escape_controls(sentence)}", file=sys.stderr, flush=True)
    except OSError:  # nobody reads that either
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


_MOST_SHOWN, _LAST_SHOWN = 1900, 500  # characters of a sentence


def escape_controls(text: str) -> str:
    """The text with everything that would steer a terminal or turn its writing round shown as an escape instead, and without
    its middle where a name or a value in it is so long that nobody reads it."""
    shown = "".join(_shown(character) for character in text)
    return shown if len(shown) <= _MOST_SHOWN else f"{shown[: _MOST_SHOWN - _LAST_SHOWN]} ... {shown[-_LAST_SHOWN:]}"


def _shown(character: str) -> str:
    kind = unicodedata.category(character)
    plain = kind not in ("Cc", "Cf", "Cs") or character in "\n\t"
    return character if plain else ascii(character)[1:-1]
