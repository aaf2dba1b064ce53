"""Packed models: .tflite.gz and .tflite.zst around spoiled bytes, spoiled themselves, or that open to gigabytes."""

from __future__ import annotations

import gzip
import zlib
from random import Random

import zstandard

from benchmarks.attack.mutations import blind, tflites

_GZIP = b"\x1f\x8b"


def spoil(rng: Random, data: bytes) -> bytes:
    """In the form that it comes in."""
    is_gzip = data.startswith(_GZIP)
    chance = rng.random()
    if chance < 0.5:
        return blind.spoil(rng, data)
    if chance < 0.6:
        return _bomb(is_gzip)
    flat = gzip.decompress(data) if is_gzip else zstandard.ZstdDecompressor().decompress(data)
    flat = tflites.spoil(rng, flat)
    return gzip.compress(flat, 1) if is_gzip else zstandard.ZstdCompressor(1).compress(flat)


def _bomb(is_gzip: bool) -> bytes:
    """Half a gigabyte of nothing."""
    if not is_gzip:
        return zstandard.ZstdCompressor(1).compress(bytes(2**29))
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(2**24)) for _ in range(32)) + packer.flush()
