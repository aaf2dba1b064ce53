"""One ssh process with the agent at its other end."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterable
from functools import cache
from importlib import resources
from types import TracebackType
from typing import IO, Any

from edgedigits.devices.ssh import failures, messages
from edgedigits.devices.ssh.address import Address
from edgedigits.errors import DeployError, DeviceError, EdgeDigitsError
from edgedigits.ground.facts import JsonObject
from edgedigits.ground.foreign_json import Mismatch, make_plain, parse, shorten

_MARK = b"\x1eedgedigits "
_BEAT_S = 10.0
_CONTROLS = dict.fromkeys([*range(9), *range(10, 32), *range(127, 160)], "\ufffd")  # a terminal obeys them
_MOST_CHATTER = 1 << 20
_MOST_FRAME = 1 << 22  # bytes; the agent sends lines of a command of at most 256 KiB, which may grow sixfold in JSON
_MOST_VALUES = 1 << 20  # commas in a command's lines count
_MOST_NOTES = 1000
_MOST_ERROR_LINE = 1 << 16


class Channel:
    """Requests and answers; a context manager. Whatever way it ends, the agent ends with it."""

    def __init__(self, address: Address, note: Callable[[str], None]) -> None:
        """Connects and starts the agent. Raises DeviceError when that fails."""
        address.check()
        self.where, self._note = address.target, note
        self._said: deque[str] = deque(maxlen=50)
        self._broken: DeviceError | None = None
        self._writing = threading.Lock()
        self._process = self._start(address)
        self._in, self._out, errors = self._streams()
        self._reader = threading.Thread(target=self._collect, args=(errors,), daemon=True)
        self._reader.start()
        self._closed = threading.Event()
        try:
            self.python = self._greet()
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._beat, daemon=True).start()

    def __enter__(self) -> Channel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, request: JsonObject, on_line: Callable[[str], None] | None = None) -> JsonObject:
        """The answer to one request. Raises DeviceError, or DeployError where something was tried there and failed."""
        self.send(request)
        return self.answer(messages.name_kind(request), on_line)

    def send(self, frame: JsonObject, content: Iterable[bytes] = ()) -> None:
        """One frame and the bytes it announces."""
        try:
            with self._writing:
                self._in.write(json.dumps(frame).encode() + b"\n")
                for piece in content:
                    self._in.write(piece)
                self._in.flush()
        except OSError:
            self.answer()  # the agent may have said why it hangs up
            raise self._lost() from None

    def answer(
        self, kind: str = messages.DONE, on_line: Callable[[str], None] | None = None, most_notes: int = _MOST_NOTES
    ) -> JsonObject:
        """The next answer, of that kind; lines of a running command and notes are passed on before it."""
        while True:
            frame = self._frame()
            if "line" in frame and on_line is not None:
                on_line(self._text(frame["line"]).translate(_CONTROLS))
            elif "note" in frame and most_notes > 0:
                most_notes -= 1
                self._note(f"{self.where}: {make_plain(self._text(frame['note']))}")
            elif "error" in frame:
                raise self._failed(frame["error"])
            else:
                try:
                    return messages.look_at_answer(frame.get("ok", frame), kind)
                except Mismatch as error:
                    raise self.not_understood(str(error)) from error

    def not_understood(self, why: str) -> DeviceError:
        """The error about an answer that is none; nothing more is heard from there."""
        self._broken = DeviceError(
            f"{self.where}: what it answers can't be understood ({make_plain(why, 300)}); see what `ssh` leads to, and run again"
        )
        self._process.kill()
        return self._broken

    def content(self, size: int) -> bytes:
        """Exactly so many bytes that the agent announced."""
        content = self._out.read(size)
        if len(content) < size:
            raise self._lost()
        return content

    def close(self) -> None:
        """Hangs up. The agent kills what it runs; ssh gets a moment to end."""
        if hasattr(self, "_closed"):
            self._closed.set()
        with contextlib.suppress(OSError):
            self._in.close()
        try:
            self._process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(timeout=3)
        self._out.close()

    def _start(self, address: Address) -> subprocess.Popen[bytes]:
        environment = os.environ | {"LC_ALL": "C.UTF-8"}  # its messages are read by a program
        pipe = subprocess.PIPE
        try:
            return subprocess.Popen(address.command(), stdin=pipe, stdout=pipe, stderr=pipe, env=environment)
        except FileNotFoundError as error:
            raise DeviceError("ssh is not installed on this machine; install OpenSSH's client") from error
        except OSError as error:
            raise EdgeDigitsError(f"ssh can't be started: {error}") from error

    def _streams(self) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        return process.stdin, process.stdout, process.stderr

    def _greet(self) -> tuple[int, int, int]:
        """Sends the agent and waits for its mark; what a login script printed before is skipped."""
        with contextlib.suppress(OSError):
            self._in.write(pack_agent())
            self._in.flush()
        skipped = 0
        while skipped < _MOST_CHATTER:
            line = self._out.readline(_MOST_CHATTER)
            if not line:
                break
            _, mark, rest = line.partition(_MARK)
            if mark:
                major, minor, patch = self._greeting(rest)
                return major, minor, patch
            skipped += len(line)
        code = self._ended()
        raise failures.explain_no_connection(self.where, list(self._said), code)

    def _greeting(self, text: bytes) -> list[int]:
        try:
            python: list[int] = messages.look_at_answer(parse(text, _MOST_CHATTER), messages.GREETING)["python"]
        except ValueError as error:
            raise self.not_understood(str(error)) from error
        return python

    def _frame(self) -> JsonObject:
        line = self._out.readline(_MOST_FRAME + 1)
        if len(line) > _MOST_FRAME:
            raise self.not_understood(f"a line of more than {_MOST_FRAME} bytes")
        if not line.endswith(b"\n"):
            raise self._lost()
        try:
            found = parse(line, _MOST_FRAME, _MOST_VALUES)
        except ValueError as error:
            raise self.not_understood(f"{shorten(line[:60])}: {error}") from error
        if not isinstance(found, dict):
            raise self.not_understood(f"found {shorten(found)}, an object was expected")
        return found

    def _text(self, value: object) -> str:
        if not isinstance(value, str):
            raise self.not_understood(f"found {shorten(value)}, a text was expected")
        return value.encode("utf-8", "replace").decode()

    def _failed(self, error: Any) -> EdgeDigitsError:
        if not isinstance(error, dict) or not isinstance(error.get("message"), str):
            return self.not_understood(f"error: found {shorten(error)}")
        kind = DeployError if error.get("kind") == "work" else DeviceError
        return kind(f"{self.where}: {make_plain(error['message'])}")

    def _lost(self) -> DeviceError:
        self._ended()
        return self._broken or failures.explain_loss(self.where, list(self._said))

    def _ended(self) -> int:
        """ssh's exit code, its last words collected."""
        with contextlib.suppress(OSError):
            self._in.close()
        try:
            code = self._process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._reader.join(timeout=3)
        return code

    def _collect(self, stream: IO[bytes]) -> None:
        with stream:
            for line in iter(lambda: stream.readline(_MOST_ERROR_LINE), b""):
                self._said.append(line.decode("utf-8", "replace").rstrip())

    def _beat(self) -> None:
        """An empty line now and then: the agent ends when they stop, even where no one closed the connection."""
        while not self._closed.wait(_BEAT_S):
            try:
                with self._writing:
                    self._in.write(b"\n")
                    self._in.flush()
            except (OSError, ValueError):
                return


@cache
def pack_agent() -> bytes:
    """What is sent first: the program that boots, then the agent's modules, each counted."""
    folder = resources.files("edgedigits.devices") / "agent"
    texts = {item.name: item.read_text(encoding="utf-8") for item in folder.iterdir() if item.name.endswith(".py")}
    boot = texts.pop("boot.py").encode()
    names = {f"edgedigits_agent.{name[:-3]}".removesuffix(".__init__"): text for name, text in texts.items()}
    modules = json.dumps(names).encode()
    return b"%d\n%s%d\n%s" % (len(boot), boot, len(modules), modules)
