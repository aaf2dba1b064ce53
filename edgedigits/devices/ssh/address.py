"""Where a device is, and how OpenSSH is asked to go there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgedigits.errors import InputError

_TARGET = re.compile(r"(?:[A-Za-z0-9_.][A-Za-z0-9_.+-]*\$?@)?[A-Za-z0-9_\[:][A-Za-z0-9_.:%\[\]-]*")

# What edgedigits needs from the connection, whatever the user's own configuration says about these points.
_OPTIONS = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "ConnectTimeout=10",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=2",
    "RequestTTY=no",
    "RemoteCommand=none",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "LogLevel=ERROR",
)

# Constant: nothing the user wrote is in it. It reads a program, its length on the first line, and becomes it.
_REMOTE = 'python3 -I -X utf8 -c "import sys;i=sys.stdin.buffer;exec(i.read(int(i.readline())))"'


@dataclass(frozen=True)
class Address:
    """`USER@HOST`, or a name from the user's ssh configuration; `config` stands in for that configuration."""

    target: str
    port: int | None = None
    identity: Path | None = None
    config: Path | None = None

    def check(self) -> None:
        """Raises InputError for what could be taken for something other than an address, a port or a file."""
        if not _TARGET.fullmatch(self.target):
            raise InputError(f"{self.target!r}: not USER@HOST; write it like pi@raspberrypi.local")
        if self.port is not None and not 0 < self.port < 65536:
            raise InputError(f"--port {self.port}: not a port; choose from 1 to 65535")
        for name, file in (("--identity", self.identity), ("ssh configuration", self.config)):
            if file is not None and not file.is_file():
                raise InputError(f"{name} {file}: no such file")

    def command(self) -> list[str]:
        """The whole ssh call."""
        options = [part for option in _OPTIONS for part in ("-o", option)]
        if self.config is not None:
            options += ["-F", str(self.config.absolute())]
        if self.port is not None:
            options += ["-p", str(self.port)]
        if self.identity is not None:
            options += ["-i", str(self.identity.absolute())]
        return ["ssh", "-T", *options, "--", self.target, _REMOTE]


def check_directory(directory: str) -> str:
    """`directory` on the device, as it is. InputError for what no path or unit file can hold."""
    if not directory.strip():
        raise InputError("--dir: empty; give the folder on the device, as in --dir edgedigits")
    if any(ord(character) < 32 or ord(character) == 127 for character in directory):
        raise InputError(f"--dir {directory!r}: holds a line break or another control character; choose a plain name")
    try:
        directory.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"--dir {directory!r}: not text; choose a plain name") from error
    return directory
