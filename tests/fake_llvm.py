"""Programs for PATH that speak as LLVM's llvm-mc and llvm-mca do, and know three instructions."""

from __future__ import annotations

import sys
from pathlib import Path

WORDS = {"add": b"\x01\x00\x00\x0b", "odd": b"\x02\x00\x00\x0b", "call": b"\x03\x00\x00\x94"}
"""Of `odd` no core has a model; what is not here is no instruction."""
COSTS = {"add\tw0, w0": 1, "b\t#4": 2}
"""Cycles of what llvm-mca is given."""

_ASSEMBLER = """
import sys
words = {words!r}
print("\\t.text")
for number, line in enumerate(sys.stdin, 1):
    word = " ".join(line.split())
    if word in words:
        print("\\t" + words[word])
    else:
        print(f"<stdin>:{{number}}:1: warning: invalid instruction encoding", file=sys.stderr)
"""
_ANALYZER = """
import sys
if "--version" in sys.argv:
    sys.exit(print("  Debian LLVM version {version}"))
costs, width = {costs!r}, {width}
region, cycles, number = "", 0, 0
for line in [*sys.stdin.read().splitlines(), "# LLVM-MCA-END"]:
    if line.startswith("# LLVM-MCA-BEGIN"):
        region, cycles = line.split()[-1], 0
    elif line.startswith("# LLVM-MCA-END"):
        if cycles:
            print(f"[{{number}}] Code Region - {{region}}\\n\\nTotal Cycles:      {{cycles}}\\n\\nDispatch Width:    {{width}}")
            number, cycles = number + 1, 0
    elif line == "nop":
        print(f"Total Cycles:      1\\n\\nDispatch Width:    {{width}}")
    elif line in costs:
        cycles += 100 * costs[line]
    else:
        print("error: found an unsupported instruction in the input assembly sequence.", file=sys.stderr)
        sys.exit(1)
"""


def write_program(path: Path, python: str) -> Path:
    """A program that runs that Python."""
    path.write_text(f"#!{sys.executable} -I\n{python}")
    path.chmod(0o755)
    return path


def write_llvm(folder: Path, version: str = "19.1.7", width: int = 3, suffix: str = "") -> None:
    """Both, in `folder`; `width` is that of every core's model, so it tells which core they have a model of."""
    spoken = {"add": "add\tw0, w0", "odd": "odd\tw0", "call": "bl\t#400"}
    words = {" ".join(f"0x{byte:02x}" for byte in word): spoken[name] for name, word in WORDS.items()}
    write_program(folder / f"llvm-mc{suffix}", _ASSEMBLER.format(words=words))
    write_program(folder / f"llvm-mca{suffix}", _ANALYZER.format(version=version, costs=COSTS, width=width))
