"""Zip archives (.npz, .keras) that lie: in their directory, their names, their methods; or whose members were spoiled first."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Callable
from random import Random

from benchmarks.attack.mutations import blind

Spoil = Callable[[Random, bytes], bytes]

# Offset and width of a field of the directory's entry, and of the header before the data (APPNOTE.TXT 4.3).
_FIELDS = {
    "version": (6, 4, 2),
    "flags": (8, 6, 2),
    "method": (10, 8, 2),
    "crc": (16, 14, 4),
    "packed": (20, 18, 4),
    "size": (24, 22, 4),
    "name": (28, 26, 2),
    "extra": (30, 28, 2),
    "header": (42, None, 4),
}
_METHODS = (0, 8, 12, 14, 9, 93, 95, 99)
_NAMES = ("../../outside", "/outside", "", "x\0y", "n" * 60_000, "con", "\u202egnp.npy", "..\\..\\x", "a//b", "é" * 300)


def spoil(rng: Random, data: bytes, member: Callable[[str], Spoil]) -> bytes:
    """The archive changed; `member` tells for a name in it how what it holds is spoiled."""
    try:
        parts = _read(data)
    except (zipfile.BadZipFile, ValueError):
        return blind.spoil(rng, data)
    way = rng.randrange(8)
    if way == 0 or not parts:
        return blind.spoil(rng, data)
    if way <= 4:
        return _write(rng, _with_spoiled(rng, parts, member))
    if way == 5:
        return _write(rng, _renamed(rng, parts))
    return _lying(rng, _write(rng, parts))


def _read(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _with_spoiled(rng: Random, parts: dict[str, bytes], member: Callable[[str], Spoil]) -> list[tuple[str, bytes]]:
    name = rng.choice(list(parts))
    return list({**parts, name: member(name)(rng, parts[name])}.items())


def _renamed(rng: Random, parts: dict[str, bytes]) -> list[tuple[str, bytes]]:
    """A member under another name, twice, missing, or with another's content."""
    items = list(parts.items())
    name, content = items.pop(rng.randrange(len(items)))
    other = rng.choice(_NAMES)
    return rng.choice(
        (
            items,
            [*items, (other, content)],
            [*items, (name, content), (other, b"")],
            [*items, (name, content), (name, content)],
            [*items, (name, rng.choice(list(parts.values())))],
            [],
            [*items, (name, content), *((f"{number}.npy", b"") for number in range(2000))],
        )
    )


def _write(rng: Random, parts: dict[str, bytes] | list[tuple[str, bytes]]) -> bytes:
    items = list(parts.items()) if isinstance(parts, dict) else parts
    kept = io.BytesIO()
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
    method = zipfile.ZIP_LZMA if rng.random() < 0.1 else method
    with warnings.catch_warnings(), zipfile.ZipFile(kept, "w", method) as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, content in items:
            entry = zipfile.ZipInfo("x")
            entry.filename, entry.compress_type = (
                name,
                method,
            )  # as it stands: ZipInfo would end a name at its first NUL
            archive.writestr(entry, content)
    return kept.getvalue()


def _lying(rng: Random, data: bytes) -> bytes:
    """One field of one entry says something else; mostly the header before the data says the same."""
    found = bytearray(data)
    entries = [at for at in range(len(data) - 46) if data[at : at + 4] == b"PK\x01\x02"]
    if not entries:
        return blind.spoil(rng, data)
    entry = rng.choice(entries)
    kind = rng.choice(list(_FIELDS))
    far, near, width = _FIELDS[kind]
    number = rng.choice(_METHODS if kind == "method" else (1, 8, 2048) if kind == "flags" else blind.LIMITS)
    raw = (number % (1 << 8 * width)).to_bytes(width, "little")
    header = int.from_bytes(data[entry + 42 : entry + 46], "little")
    found[entry + far : entry + far + width] = raw
    if near is not None and rng.random() < 0.7:
        found[header + near : header + near + width] = raw
    return bytes(found)
