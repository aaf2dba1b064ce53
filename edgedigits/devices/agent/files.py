"""Files from the host and back: only what is missing is sent, a half-sent file is gone on with, each is whole or absent."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .folder import Folder, remove, sha256, sync_folder
from .frames import CHUNK, Gone, HostLine, Message, OutOfStep, Refusal
from .requests import check_file


def put(host: HostLine, folder: Folder, request: Message) -> Message:
    """Answers which files it lacks and how many bytes of each it has; takes those; every one ends with its hash checked."""
    into = folder.inside(request["folder"])
    into.mkdir(parents=True, exist_ok=True)
    wanted = [item for item in request["files"] if not _there(folder, into, item)]
    host.send(need=[{"name": item["name"], "have": _have(into, item)} for item in wanted])
    try:
        for item in wanted:
            _take(host, into, item)
    except (OSError, Refusal) as error:
        if not (into / "release.json").exists():
            remove(into)  # a full disk would stay full: give back what was taken
        raise OutOfStep from error
    sync_folder(into)
    return {}


def get(host: HostLine, path: Path) -> None:
    """Sends a whole file."""
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        host.send(size=size)
        while size > 0:
            piece = stream.read(min(CHUNK, size))
            if not piece:
                raise Gone
            host.send_bytes(piece)
            size -= len(piece)


def _there(folder: Folder, into: Path, item: Message) -> bool:
    """Whether the file is here already, or can be copied from another release on this device."""
    target = _plain(into, item["name"])
    if _same(target, item):
        return True
    for release in sorted(folder.root.glob("releases/*")):
        if _same(release / item["name"], item):
            shutil.copyfile(release / item["name"], _part(target))
            _part(target).replace(target)
            return True
    return False


def _have(into: Path, item: Message) -> int:
    part = _part(into / item["name"])
    have = part.stat().st_size if part.is_file() else 0
    return have if have <= item["size"] else 0


def _take(host: HostLine, into: Path, item: Message) -> None:
    """The bytes that were missing, appended; a part of another content is told by the hash and dropped."""
    target = into / item["name"]
    head = host.receive()
    check_file(head, item["size"])
    if head["name"] != item["name"]:
        raise Refusal(f"{item['name']} was expected, {head['name']} came", "work")
    with _part(target).open("r+b" if head["have"] else "wb") as stream:
        stream.seek(head["have"])
        for piece in host.body(item["size"] - head["have"]):
            stream.write(piece)
        stream.truncate()
        stream.flush()
        os.fsync(stream.fileno())
    if sha256(_part(target)) != item["sha256"]:
        _part(target).unlink()
        raise Refusal(f"{target} arrived altered; run again", "work")
    _part(target).replace(target)


def _plain(into: Path, name: str) -> Path:
    if name != Path(name).name or name in ("", ".", ".."):
        raise Refusal(f"{name!r}: not a plain file name")
    return into / name


def _part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _same(path: Path, item: Message) -> bool:
    return path.is_file() and path.stat().st_size == item["size"] and sha256(path) == item["sha256"]
