"""The agent's loop: one request, one answer, until the host hangs up."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from . import services, venvs
from .facts import facts
from .files import get, put
from .folder import Folder, remove
from .frames import Gone, HostLine, Message, OutOfStep, Refusal
from .processes import run
from .requests import check, check_first

_WORDS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "this user's share of the disk is full",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "this user may not write there",
    errno.EPERM: "this user may not write there",
    errno.ENOTDIR: "a file stands where a folder is wanted",
    errno.EEXIST: "a file stands where a folder is wanted",
    errno.ENAMETOOLONG: "the name is too long for the disk",
}


def main() -> None:
    host = HostLine()
    try:
        first = host.receive()
        check_first(first)
        session = Session(host, Folder(_root(first["dir"])), first["lock_wait_s"])
        host.send(ok={"root": str(session.folder.root)})
        while True:
            _answer(host, session, host.receive())
    except Gone:
        return
    except (OutOfStep, Refusal) as error:
        with contextlib.suppress(Gone):
            host.send(error=_sentence(_cause(error)))


def _root(directory: str) -> Path:
    """`directory`, from the home when relative; links in it are followed now, once."""
    path = Path(directory[2:] or ".") if directory.startswith("~/") else Path(directory)
    return Path(os.path.realpath(Path.home() / path))


def _answer(host: HostLine, session: Session, request: Message) -> None:
    try:
        check(request)
        answer: Message = {"ok": session.do(request)}
    except OutOfStep as error:
        host.send(error=_sentence(_cause(error)))
        raise Gone from error
    except (OSError, Refusal) as error:
        answer = {"error": _sentence(error)}
    host.send(**answer)


def _cause(error: OutOfStep | Refusal) -> OSError | Refusal:
    cause = error.__cause__ if isinstance(error, OutOfStep) else error
    return cause if isinstance(cause, (OSError, Refusal)) else Refusal("failed")


def _sentence(error: OSError | Refusal) -> dict[str, str]:
    if isinstance(error, Refusal):
        return {"kind": error.kind, "message": str(error)}
    words = _WORDS.get(error.errno or 0) or error.strerror or str(error)
    kind = "input" if error.errno in _WORDS else "work"
    return {"kind": kind, "message": f"{error.filename}: {words}" if error.filename else words}


class Session:
    """What the host may ask for."""

    def __init__(self, host: HostLine, folder: Folder, lock_wait_s: float) -> None:
        self.host, self.folder, self._lock_wait_s = host, folder, lock_wait_s

    def do(self, request: Message) -> Message:
        if request["do"] in _READING:
            return _READING[request["do"]](self, request)
        self.folder.lock(self._lock_wait_s, lambda line: self.host.send(note=line))
        return _WRITING[request["do"]](self, request)

    def facts(self, _request: Message) -> Message:
        return facts(self.folder.root) | {"unit": services.read()}

    def state(self, _request: Message) -> Message:
        return self.folder.state()

    def get(self, request: Message) -> Message:
        get(self.host, self.folder.inside(request["path"]))
        return {}

    def put(self, request: Message) -> Message:
        return put(self.host, self.folder, request)

    def venv(self, request: Message) -> Message:
        return venvs.make(self.host, self.folder, request)

    def run(self, request: Message) -> Message:
        cwd = self.folder.inside(request["cwd"])
        program, *arguments = request["argv"]
        if "/" in program:
            program = os.path.normpath(cwd / program)
        code, errors = run(self.host, [program, *arguments], cwd, lambda line: self.host.send(line=line))
        return {"code": code, "errors": errors}

    def release(self, request: Message) -> Message:
        """The filled folder becomes a release: its link to the environment first, then the name."""
        filled, whole = self.folder.inside(request["filled"]), self.folder.inside(f"releases/{request['name']}")
        link = filled / "venv"
        link.unlink(missing_ok=True)
        link.symlink_to(f"../../{request['venv']}")
        if filled != whole:
            filled.replace(whole)
        return {}

    def remove(self, request: Message) -> Message:
        path = self.folder.inside(request["path"])
        if path.exists() or path.is_symlink():
            remove(path)
        return {}

    def switch(self, request: Message) -> Message:
        self.folder.switch(request["name"]) if request["name"] else self.folder.unset()
        return {}

    def prune(self, _request: Message) -> Message:
        return {"removed": self.folder.prune()}

    def start_service(self, request: Message) -> Message:
        return services.start(request)

    def stop_service(self, _request: Message) -> Message:
        services.stop()
        return {}

    def healthy(self, request: Message) -> Message:
        return services.healthy(self.host, request)


_READING = {"facts": Session.facts, "state": Session.state, "get": Session.get}
_WRITING = {
    "put": Session.put,
    "venv": Session.venv,
    "run": Session.run,
    "release": Session.release,
    "remove": Session.remove,
    "switch": Session.switch,
    "prune": Session.prune,
    "start_service": Session.start_service,
    "stop_service": Session.stop_service,
    "healthy": Session.healthy,
}
