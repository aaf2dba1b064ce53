"""Asks the interpreter of whatever Python runs this which versions of each operator it has: MODULE, and the questions on stdin.

It imports NumPy and that interpreter alone. A question is a file that names one operator and computes nothing, which an
interpreter refuses, with a sentence that says so, where it has no such operator or not in that version.
"""

from __future__ import annotations

import importlib
import json
import struct
import sys
from typing import Any

LACKS = ("Didn't find op for builtin opcode", "builtin_code out of range")


def main(module: str) -> None:
    """For each operator a line of JSON as soon as it is known: its number, and the versions that are there."""
    asked = json.load(sys.stdin)
    interpreter = importlib.import_module(module).Interpreter
    for number in asked["operators"]:
        found = [version for version in range(1, asked["most"] + 1) if has(interpreter, asked, number, version)]
        print(json.dumps([number, found]), flush=True)


def has(interpreter: Any, asked: dict[str, Any], number: int, version: int) -> bool:
    """Whether it takes the file. Whatever else it says of it is raised."""
    content = bytearray.fromhex(asked["content"])
    struct.pack_into("<b", content, asked["short_place"], min(number, 127))
    struct.pack_into("<i", content, asked["number_place"], number)
    struct.pack_into("<i", content, asked["version_place"], version)
    try:
        interpreter(model_content=bytes(content))
    except (RuntimeError, ValueError) as error:
        if any(words in str(error) for words in LACKS):
            return False
        raise
    return True


if __name__ == "__main__":
    main(sys.argv[1])
