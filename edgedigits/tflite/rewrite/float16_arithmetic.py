"""Leave to compute in float16, as a .tflite file gives it: one entry of its metadata, which XNNPACK reads.

XNNPACK computes the float operators of such a file in float16, sums too, on processors that have that arithmetic (arm64 from the
cortex-a75 on, so a Raspberry Pi 5's), at about twice the speed; on others in float32, as if the entry were not there. The kernels
of the interpreter itself never read it. TensorFlow's converter writes the entry beside float16 weights alone, where nothing is
asked with sums in float32, which XNNPACK does not take; Keras' export never does. So it is set in the bytes, whatever made them.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Final

import numpy as np
from ai_edge_litert import schema_py_generated as generated

from edgedigits.tflite import schema
from edgedigits.tflite.flatbuffer import FLOAT16_ENTRY, FLOAT16_LEAVE

_ENTRY: Final = FLOAT16_ENTRY.encode()
LARGEST: Final = float(np.finfo(np.float16).max)
"""What float16 can hold; more becomes infinity."""


def allow_float16(flat: bytes) -> bytes:
    """The same file with the entry, in place of one that it has. `flat` is an export of the toolkit's own: it is not checked."""
    model = schema.unpack(flat)
    value, entry = generated.BufferT(), generated.MetadataT()
    value.data = np.frombuffer(FLOAT16_LEAVE[0], np.uint8)
    model.buffers.append(value)
    entry.name, entry.buffer = _ENTRY, len(model.buffers) - 1
    kept = [one for one in model.metadata or [] if one.name != entry.name]
    model.metadata = [*kept, entry]
    return schema.pack(model)


def forbid_float16(flat: bytes) -> bytes:
    """The same file without the entry, as processors compute it that have no float16 arithmetic; itself where it has none."""
    if _ENTRY not in flat:
        return flat
    model = schema.unpack(flat)
    model.metadata = [one for one in model.metadata or [] if one.name != _ENTRY]
    return schema.pack(model)


def list_leave(model: schema.ModelTable) -> list[schema.EntryTable]:
    """The entries of a model's metadata that give leave: one or none."""

    def value(entry: schema.EntryTable) -> bytes:
        data = model.buffers[entry.buffer].data
        return b"" if data is None else np.asarray(data, np.uint8).tobytes()

    return [one for one in model.metadata or [] if one.name == _ENTRY and value(one) in FLOAT16_LEAVE]


def computes_in_float16() -> bool:
    """Whether this machine's processor has float16 arithmetic, and XNNPACK uses it."""
    if platform.machine().lower() not in ("aarch64", "arm64"):
        return False
    if sys.platform != "linux":
        return True  # Apple's all have it
    try:
        return "asimdhp" in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return False
