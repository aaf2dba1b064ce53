"""All readers, by name."""

from __future__ import annotations

from benchmarks.attack.readers import device, host, keras, processes
from benchmarks.attack.readers.calling import Reader

READERS: dict[str, Reader] = {
    one.name: one for one in (*host.READERS, *device.READERS, *keras.READERS, *processes.READERS)
}
