"""What a device is, as it told."""

from __future__ import annotations

from dataclasses import dataclass, fields

from edgedigits.ground.facts import JsonObject


@dataclass(frozen=True)
class DeviceFacts:
    """`machine` is what programs are made for there: a 32-bit system on a 64-bit kernel says armv7l. Sizes in bytes."""

    system: str
    python: tuple[int, int, int]
    machine: str = ""
    libc: str = ""
    libc_version: tuple[int, ...] = ()
    board: str | None = None
    os: str | None = None
    uid: int = 1000
    user: str = ""
    home: str = ""
    root: str = ""
    free_bytes: int = 0
    numpy: str | None = None
    systemd_user: bool = False
    user_namespaces: bool = False
    memory_limits: bool = False
    unit: str | None = None

    @classmethod
    def of(cls, told: JsonObject) -> DeviceFacts:
        """From the agent's answer; what a later agent may add is left out."""
        known = {item.name: told[item.name] for item in fields(cls) if item.name in told}
        major, minor, patch = told["python"]
        return cls(**known | {"python": (major, minor, patch), "libc_version": tuple(told.get("libc_version", ()))})

    @property
    def python_minor(self) -> str:
        return f"{self.python[0]}.{self.python[1]}"

    @property
    def named(self) -> str:
        """The machine in words: board or architecture, system, Python."""
        parts = [self.board or self.machine, self.os or self.system, "Python " + ".".join(map(str, self.python))]
        return ", ".join(part for part in parts if part)
