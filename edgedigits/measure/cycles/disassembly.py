"""Words of arm64 code as the assembly that `llvm-mca` reads."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

from edgedigits.errors import InputError
from edgedigits.measure.cycles.llvm import Tools, run_tool

_INVALID: Final = re.compile(r"^<stdin>:(\d+):\d+: warning: invalid instruction encoding", re.MULTILINE)
_BRANCHES: Final = (
    (re.compile(r"^(?:bl|b)\t.*"), "b\t#4"),
    (re.compile(r"^(?:blr|br)\t(.*)"), r"br\t\1"),
    (re.compile(r"^ret\b.*"), "br\tx30"),
)
"""A call is to LLVM a hundred cycles in a function that it does not see, but here the function's blocks were counted too."""


def disassemble(words: Collection[bytes], tools: Tools) -> dict[bytes, str | None]:
    """The assembly of each instruction of four bytes; None for one that this LLVM does not know.

    Raises InputError where llvm-mc fails.
    """
    ordered = sorted(words)
    text = "".join(" ".join(f"0x{byte:02x}" for byte in word) + "\n" for word in ordered)
    command: list[str | Path] = [tools.assembler, "--disassemble", "-triple=aarch64", "-mcpu=cortex-a76"]
    done = run_tool(command, text)
    unknown = {int(line) - 1 for line in _INVALID.findall(done.stderr)}
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip() and not line.strip().startswith(".")]
    known = [word for at, word in enumerate(ordered) if at not in unknown]
    if done.returncode or len(lines) != len(known):
        reason = (done.stderr.strip().splitlines() or [f"{len(lines)} lines for {len(known)} instructions"])[0]
        raise InputError(f"{tools.assembler.name} {tools.version} can't disassemble arm64 code: {reason}")
    return {**dict.fromkeys(ordered), **{word: _plain(line) for word, line in zip(known, lines, strict=True)}}


def _plain(line: str) -> str:
    """An instruction as it is scheduled where it stands: what a call calls is not part of it."""
    for pattern, instead in _BRANCHES:
        line = pattern.sub(instead, line)
    return line
