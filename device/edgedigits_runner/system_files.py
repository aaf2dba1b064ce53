"""What Linux tells in small text files; None where it does not."""

from __future__ import annotations

from pathlib import Path

INSTRUCTION_SETS = {
    "flags": (
        *("avx", "f16c", "fma", "avx2", "avx512f", "avx512_fp16", "avx512_bf16"),
        *("avx_vnni", "avx512_vnni", "avx_vnni_int8", "amx_int8"),
    ),
    "Features": ("neon", "asimd", "asimdhp", "asimddp", "i8mm", "sve", "sve2"),
}
"""What /proc/cpuinfo calls the instructions that kernels are chosen by, under the key that lists them: x86, then Arm."""


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


def instruction_sets() -> list[str] | None:
    """Those of `INSTRUCTION_SETS` that the first core has; None where the system does not tell."""
    for key, known in INSTRUCTION_SETS.items():
        listed = field("/proc/cpuinfo", key)
        if listed is not None:
            has = set(listed.split())
            return [name for name in known if name in has]
    return None
