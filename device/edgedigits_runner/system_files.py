"""What Linux tells in small text files; None where it does not."""

from __future__ import annotations

from pathlib import Path


def text(path: str) -> str | None:
    """The content without the blanks around it."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip("\0 \n") or None
    except OSError:
        return None


def field(path: str, key: str) -> str | None:
    """The value of the first line `key: value`."""
    lines = (text(path) or "").splitlines()
    return next(
        (line.split(":", 1)[1].strip() for line in lines if ":" in line and line.split(":")[0].strip() == key), None
    )


def board() -> str | None:
    """The model of a Raspberry Pi; an emulated one has no device tree."""
    return text("/proc/device-tree/model") or field("/proc/cpuinfo", "Model")
