"""The systemd user unit of a release that serves HTTP on loopback or watches a folder.

Hardened as far as an ordinary user's systemd can: since version 252 it gives a unit a read-only view of the disk when the
unit has a user namespace of its own (systemd.exec(5), PrivateUsers=). Where the kernel forbids those to ordinary users, the
settings that need one are left out.
"""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass

from edgedigits.errors import InputError
from edgedigits.ground.foreign_json import is_name, look, parse

DEFAULT_PORT = 8765
_MARK = "# edgedigits: "

_ALWAYS = """\
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0077
TasksMax=64
# `serve` takes less by its own limits (runner's serve.py), and refuses the one image that is too much.
MemoryMax=512M
# Counts where the kernel was started without the memory cgroup, as Raspberry Pi OS is; half of it is never touched.
LimitDATA=1G
"""

_NAMESPACED = """\
PrivateUsers=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=read-only
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
"""


@dataclass(frozen=True)
class Service:
    """What runs: HTTP on a port of 127.0.0.1, or (port None) a watch on a folder, which counts from the home there."""

    port: int | None = None
    folder: str | None = None

    @property
    def words(self) -> str:
        return f"http:{self.port}" if self.port else f"watch:{self.folder}"

    def watched(self, home: str) -> str | None:
        """The watched folder's full path."""
        return None if self.folder is None else posixpath.normpath(posixpath.join(home, self.folder.removeprefix("~/")))


def parse_service(text: str) -> Service:
    """`http`, `http:PORT` or `watch:FOLDER`. Raises InputError for anything else."""
    kind, _, rest = text.partition(":")
    if kind == "http" and (text == "http" or (rest.isdecimal() and 1024 <= int(rest) < 65536)):
        return Service(port=int(rest or DEFAULT_PORT))
    if kind == "http":
        raise InputError(f"--service {text}: {rest!r} is no port for an ordinary user; choose from 1024 to 65535")
    if kind != "watch" or not rest.strip():
        raise InputError(f"--service {text!r}: unknown; give http, http:PORT or watch:FOLDER")
    if any(ord(character) < 32 or ord(character) == 127 for character in rest):
        raise InputError(f"--service {text!r}: the folder's name holds a control character; choose a plain name")
    return Service(folder=rest)


def write_unit(service: Service, root: str, home: str, user_namespaces: bool) -> str:
    """The unit's file. It follows `current`, so a new release needs a restart and no new unit."""
    # systemd takes no quotes in the name of a program: so it is named from the working directory, by env.
    program = ["/usr/bin/env", "./venv/bin/python", "-I", "edgedigits-runner.pyz"]
    watched = service.watched(home)
    arguments = ["predict", "--in", ".", "--watch", watched] if watched else ["serve", ".", "--port", str(service.port)]
    families = "AF_UNIX" if watched else "AF_INET AF_INET6 AF_UNIX"
    lines = [
        _MARK + json.dumps({"dir": root, "service": service.words}),
        "[Unit]",
        f"Description=edgedigits, {'watching a folder' if watched else f'http://127.0.0.1:{service.port}'}",
        # No limit: whatever made it end five times may be over at the sixth, and nobody is there to start it by hand.
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        f"WorkingDirectory={_percent(root)}/current",
        # The colon keeps $ as it is.
        "ExecStart=:" + " ".join([*program, *map(_quoted, arguments)]),
        "Restart=on-failure",
        "RestartSec=5",
        f"RestrictAddressFamilies={families}",
        _ALWAYS + (_NAMESPACED if user_namespaces else "") + _private_tmp(root, watched, user_namespaces),
        "[Install]",
        "WantedBy=default.target",
    ]
    return "\n".join(lines) + "\n"


def parse_unit(unit: str | None, root: str) -> Service | None:
    """What a unit found on the device runs, if it was written for this folder; None where its mark says nothing usable."""
    first = (unit or "").split("\n", 1)[0]
    if not first.startswith(_MARK):
        return None
    try:
        about = parse(first.removeprefix(_MARK), 2**16)
        look(about, {"dir": is_name, "service": is_name})
        return parse_service(about["service"]) if about["dir"] == root else None
    except (ValueError, InputError):
        return None


def _private_tmp(root: str, watched: str | None, user_namespaces: bool) -> str:
    """A /tmp of its own would hide what lies in the common one."""
    common = any(path.startswith(("/tmp/", "/var/tmp/")) for path in (root, watched or ""))
    return "PrivateTmp=yes\n" if user_namespaces and not common else ""


def _quoted(text: str) -> str:
    """One word of ExecStart (systemd.service(5), Command lines)."""
    escaped = _percent(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _percent(text: str) -> str:
    return text.replace("%", "%%")
