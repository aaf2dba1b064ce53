"""NumPy's .npy files whose header promises something else than what follows it."""

from __future__ import annotations

import ast
import struct
from random import Random

from benchmarks.attack.mutations import blind

_MAGIC = b"\x93NUMPY"
_TYPES = (
    "|O", "<U5", "|S0", "|V3", "|V0", "<m8", "<M8[s]", "<c16", "<f2", ">i8", "<u8", "|b1", "<f8", "|i1", "<i8", "x", "",
    "<U536870911", "|S2147483647", "(2,3)<i4", "<f16", "|u1,|u1",
)  # fmt: skip
_SHAPES = (
    "()", "(0,)", "(-1,)", "(2147483647,)", "(4294967296, 4294967296)", "(9223372036854775807,)", "(12L, 8L)", "(1.5,)",
    "[3, 4]", "None", "(True, 2)", "(1,)*9", "(" * 200 + "1" + ",)" * 200, "(1e9,)", "('3',)", "(" + "1," * 70 + ")",
    "(100000, 100000)", "(60000, 28, 28, 1)", "(1," + "9" * 5000 + ")",
)  # fmt: skip
_HEADERS = (
    "{", "[]", "1", "'text'", "{'descr': '<f4'}", "{'shape': (1,), 'fortran_order': False, 'descr': [('a', '<i4')]}",
    "{'shape': (1,), 'fortran_order': 0, 'descr': '<f4', 'more': 1}", "(" * 3000, "{**{}}", "{'a': " * 300, "0" * 9000,
    "{'descr': '<f4', 'fortran_order': False, 'shape': (3, }", "'''", "\t\n  {\n   'x'\n 1}", "\\", "{'shape': (3,)}}",
    "{'descr': [('a', [('b', '<i4')])], 'fortran_order': True, 'shape': (3,), }", "{1: 2}", "{'descr': {}, 'shape': ()}",
    "{'descr': {'names': ['a'], 'formats': ['<i4']}, 'fortran_order': False, 'shape': (1,), }", "{'descr': None}",
)  # fmt: skip
_VALUES = (2**32 + 3, 2**31, 2**63 - 1, -1, -(2**31), 255, 256, 2**31 - 1)


def spoil(rng: Random, data: bytes) -> bytes:
    """A header with one part changed, the values changed, or bytes blindly."""
    found = _parts(data)
    if found is None or rng.random() < 0.15:
        return blind.spoil(rng, data)
    header, values = found
    if rng.random() < 0.2:
        return _numbers(rng, header)
    if rng.random() < 0.2:
        return _whole(rng, rng.choice(_HEADERS), values)
    texts = {key: repr(value) for key, value in header.items()}
    for key in rng.sample(("descr", "shape", "fortran_order"), rng.choice((1, 1, 2))):
        texts[key] = _other(rng, key)
    return _whole(rng, "{" + ", ".join(f"{key!r}: {text}" for key, text in texts.items()) + ", }", values)


def _other(rng: Random, key: str) -> str:
    if key == "descr":
        return repr(rng.choice(_TYPES))
    return rng.choice(_SHAPES) if key == "shape" else rng.choice(("True", "1", "None", "'no'"))


def _parts(data: bytes) -> tuple[dict[str, object], bytes] | None:
    """The header and what follows it; None where there is none."""
    if data[:6] != _MAGIC or len(data) < 10:
        return None
    (length,) = struct.unpack("<H", data[8:10])
    try:
        header = ast.literal_eval(data[10 : 10 + length].decode("latin1").strip())
    except (ValueError, SyntaxError):
        return None
    return (header, data[10 + length :]) if isinstance(header, dict) else None


def _numbers(rng: Random, header: dict[str, object]) -> bytes:
    """Whole numbers of eight bytes, one of them at a limit: labels that are another number once they are cast."""
    shape = header.get("shape")
    count = shape[0] if isinstance(shape, tuple) and shape and isinstance(shape[0], int) else 3
    numbers = [index % 3 for index in range(min(count, 4096))]
    if numbers:
        numbers[rng.randrange(len(numbers))] = rng.choice(_VALUES)
    kind = rng.choice(("<i8", "<u8"))
    raw = b"".join((number % 2**64).to_bytes(8, "little") for number in numbers)
    return _whole(rng, f"{{'descr': '{kind}', 'fortran_order': False, 'shape': ({len(numbers)},), }}", raw, lie=False)


def _whole(rng: Random, header: str, values: bytes, lie: bool = True) -> bytes:
    text = header.encode("latin1", "replace")
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    version = rng.choice(((1, 0), (1, 0), (1, 0), (2, 0), (3, 0), (9, 9))) if lie else (1, 0)
    width = "<H" if version == (1, 0) and len(text) < 2**16 else "<I"
    length = len(text) if not lie or rng.random() < 0.9 else rng.choice((0, 1, 65535))
    return _MAGIC + bytes(version if width == "<H" else (2, 0)) + struct.pack(width, length) + text + values
